//! A durable raft log by means of `sled`.
//!
//! ```text
//!   append ──► group in memory ──► sync ──► one batch: entries, hard state ──► file ──► disk
//!   trim ──► the marker, in such a batch; then the entries before it go, chunk by chunk
//!   install ──► the marker of the next generation; then the entries of the one before go
//! ```
//!
//! In the directory:
//!
//! | name | what |
//! |---|---|
//! | `log` | says that this is ours, and complete |
//! | `lock` | held by the log that has the directory open, and by its readers |
//! | `sled` | `sled`'s files |
//! | `synced` | how many groups were synced |
//!
//! # What it is good for
//!
//! To show that a log may be kept in an engine, and to be compared with `raftlog-wal`, which writes
//! less and needs one sync where this one needs two system calls that wait for the disk. It is the
//! last release of `sled` that is not an alpha, of 2021, by its authors' word a beta that is not to
//! be trusted with what matters most; nobody mends it any more, nor some of what it depends on.
//!
//! # Invariants
//!
//! - A group is one batch to `sled`: entries, what they replace, and the hard state behind them are
//!   there together or not at all. So what a crash takes from the end is whole groups.
//! - A marker is in the batch that raises the commit index to it.
//! - Entries are contiguous, and each is checked against its place and term when it is read.
//! - A log whose last group is not as new as the last that is known to be synced is damaged, and
//!   refused. `sled` by itself takes a log for finished where it cannot be read.
//!
//! # Known limits
//!
//! - **A power failure may cost the log, and with it what the member has promised to others.** On
//!   Linux `sled` only hands pages to the disk (`sync_file_range`), which makes neither the disk's
//!   cache durable nor where in the file they are; and it writes over older ones as if they were
//!   safe. A sync of ours does make durable what is in the file by then, but not the order in which
//!   `sled` wrote between two of them. What is lost is seen at the start, which then refuses; but
//!   for what was synced in the seconds before, as the number of groups is not synced itself. So
//!   whoever opens one has to say that this is known: [`PowerFailure`].
//! - A fault that is found at a start names `sled`'s directory, and no offset: `sled` has none.
//! - It takes several times the room of what is in it, and gives none back to the disk.
//! - A group holds up everything else that is done by means of `sled` in the same process.
//! - A start reads all entries, to learn their terms; `raftlog-wal` does so, too.
//!
//! # What it does not know
//!
//! What entries mean, when to sync, how far to trim.
//!
//! # Where to start
//!
//! [`SledLog`]; `codec.rs` for what lies where.

mod codec;
mod contents;
mod directory;
mod fault;
mod log;
mod open;
mod reader;
mod store;
mod tally;

pub use log::SledLog;
pub use open::{Options, PowerFailure};
