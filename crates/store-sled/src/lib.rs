//! A database of `sled` in a directory, for `backend-sled` and `raftlog-sled`: opened, written to,
//! made durable, closed.
//!
//! In come a path and batches; out come records, in `sled`'s own types, and faults.
//!
//! # Invariants
//!
//! - What was written before a [`Store::sync`] is in files that were given to the disk with it, big
//!   values included, which `sled` itself does not see to.
//! - When a [`Store`] has been dropped, its database can be opened again.
//!
//! # Known limits
//!
//! `sled` only hands pages to the disk (`sync_file_range`), which makes neither the disk's cache
//! durable nor where in the file they are; and it writes over older ones as if they were safe. A
//! sync of ours does make durable what is in the file by then, but not the order in which `sled`
//! wrote between two of them. So a power failure may make all of it unreadable.
//!
//! # What it does not know
//!
//! What is kept in it.
//!
//! # Where to start
//!
//! [`Store`].

mod store;

pub use store::{Store, fault};
