//! Every version of every key, over an ordered engine.
//!
//! ```text
//!   View ──► Snapshot ──► Reader: get, scan, count, hash       (any thread, any revision)
//!                │
//!                └──────► Group: put, delete_range, end ──► Changes   (one owner, sees its writes)
//!                Heads ─────►│
//!                           └──► finish ──► Batch, Store, Heads      (written, then published)
//! ```
//!
//! In go an engine's view and the commands' changes; out come records as they are stored, so that
//! they are spliced into answers, one batch for a whole group of commands, and what changed.
//!
//! # Invariants
//!
//! - A command that changes something raises the revision by one; one that does not raises nothing.
//! - The revision never goes down, whatever is deleted, compacted or crashed.
//! - A read at a revision that is not compacted shows all of it, while a compaction runs too.
//! - Memory holds no key but a fence for some 512 neighbours, and a bounded number of those that
//!   were written last; a start reads nothing but the fences.
//!
//! # What it does not know
//!
//! Leases as anything but a number, requests, and who agreed on the commands.
//!
//! # Where to start
//!
//! `tables.rs`, which says how it lies in the engine; then [`Reader`] and [`Group`].

#![no_std]

extern crate alloc;

mod arena;
mod change;
mod compaction;
mod count;
mod crc;
mod fences;
mod group;
mod hash;
mod heads;
mod interval;
mod lately;
mod overlay;
mod reader;
mod record;
mod revision;
mod scan;
mod store;
mod stretch;
mod tables;
mod tally;

#[cfg(test)]
mod tests;

pub use arena::Arena;
pub use change::{Changes, Event, EventKind, Previous};
pub use compaction::{Budget, Compaction};
pub use group::Group;
pub use hash::{Hash, HashScope};
pub use heads::Heads;
pub use interval::Interval;
pub use overlay::Overlay;
pub use reader::{Former, Found, Reader, Refused, Walk};
pub use record::{Meta, Record};
pub use revision::RevisionKey;
pub use store::{Snapshot, Store};
pub use tables::{KEY_BYTES_MAX, KEY_TABLES};
pub use tally::Tally;
