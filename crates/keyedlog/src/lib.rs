//! A raft log in an ordered store of keys.
//!
//! ```text
//!   append ──► group in memory ──► sync ──► one batch: entries, hard state ──► store ──► disk
//!   trim ──► the marker, in such a batch; then the entries before it go
//!   install ──► the marker of the next generation; then the entries of the one before go
//! ```
//!
//! A part brings a [`Store`]; [`KeyedLog`] makes a [`RaftLog`](raftlog::RaftLog) of it, in a
//! [`Home`](home::Home) of its own:
//!
//! | name | what |
//! |---|---|
//! | `log` | says whose this is, and that it is complete |
//! | `lock` | held by the log that has the directory open, and by its readers |
//! | `content-1/store` | the store's files |
//! | `content-1/synced` | how many groups were synced |
//!
//! # Invariants
//!
//! - A group is one batch to the store: entries, what they replace, and the hard state behind them
//!   are there together or not at all. So what a crash takes from the end is whole groups.
//! - A marker is in the batch that raises the commit index to it.
//! - Entries are contiguous, and each is checked against its place and term when it is read.
//! - A log whose last group is not as new as the last that is known to be synced is damaged, and
//!   refused: many a store takes what it has for finished where it cannot be read.
//!
//! # Known limits
//!
//! - A fault that is found at a start names the store's directory, and no offset: stores have none.
//! - The number of synced groups is not synced itself, so that a group costs one sync: a power
//!   failure may take it back by some seconds, and with it what could be missed.
//! - A start reads all entries, to learn their terms; `raftlog-wal` does so, too.
//!
//! # What it does not know
//!
//! What entries mean, when to sync, how far to trim; what the store is.
//!
//! # Where to start
//!
//! [`KeyedLog`]; `codec.rs` for what lies where. `testing` (feature `testing`) is what parts are
//! tested with.

mod codec;
mod contents;
mod fault;
mod log;
mod open;
mod reader;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use log::KeyedLog;
pub use store::{Group, Key, Store, Visit};
