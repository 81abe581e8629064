//! A client for etcd's API.
//!
//! ```text
//!   Get, Put, Txn ──► call: pick a member, send, repeat only what may be ──┐
//!   Watcher ◄── session: one stream for all watchers, again and again ─────┼─► Pool ─► members
//!   Keeper ◄── a renewal every third of the TTL, from whoever answers ─────┘
//! ```
//!
//! In go endpoints and what is wanted of them; out come etcd's own messages, or an [`Error`] that
//! says what is known of the request's fate.
//!
//! # Invariants
//!
//! - A request that may have changed something is sent again only if it is certain that the first
//!   one did nothing: no connection came about, or a member refused it before looking at it.
//! - A [`Watcher`] yields every event from its start on, each once and in order, over any number of
//!   broken connections; or it ends with an error that says why it cannot.
//! - A [`Keeper`] says that its lease is lost not later than the lease's TTL after its last
//!   renewal.
//! - Nothing here waits longer than the client's timeout, but for what is meant to last: watches,
//!   keepers and snapshots.
//!
//! # What it does not know
//!
//! The server: this speaks to whatever speaks etcd's API.
//!
//! # Where to start
//!
//! [`Client`]; then `call.rs` for the rules of repeating and `watch/session.rs` for resuming.

mod call;
mod client;
mod cluster;
mod error;
mod keeper;
mod keys;
mod kv;
mod lease;
mod maintenance;
mod pool;
mod reason;
mod txn;
mod watch;

#[cfg(test)]
mod tests;

pub use tonic::Code;

pub use self::client::{Client, Options};
pub use self::cluster::{Consistency, Role};
pub use self::error::Error;
pub use self::keeper::{Keeper, Lost};
pub use self::keys::{Keys, prefix_end};
pub use self::kv::{Compaction, Delete, Get, Order, Put, RangeStream, SortBy};
pub use self::maintenance::Snapshot;
pub use self::reason::Reason;
pub use self::txn::{Compare, Operation, Relation, Txn};
pub use self::watch::{Watch, Watcher};
