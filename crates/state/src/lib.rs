//! The replicated state machine: commands in, outcomes out, one batch for each group of them.
//!
//! ```text
//!   committed entries ──► Machine::apply ──► engine ──► Published ──► read::range, read::txn, …
//!                             │                                       (any thread)
//!                             ├──► completions     what came of each command
//!                             ├──► events          what watchers hear
//!                             └──► changes         which members' changes count
//! ```
//!
//! In go entries in the order of the log, the same on every member; out comes, on every member, the
//! same state. Keys belong to `mvcc`, deadlines to `lease`; this crate says what a command does to
//! them, and keeps members, alarms and versions itself.
//!
//! # Invariants
//!
//! - The applied position is written in the batch that holds what the entries did, for every entry:
//!   normal, empty, refused or a change of members. So a crash neither skips nor repeats one.
//! - What an entry does depends on the entries before it alone: not on clocks, sizes or this
//!   member.
//! - A command is refused before it has changed anything, or it succeeds.
//!
//! # What it does not know
//!
//! Peers, how entries were ordered, who waits for what.
//!
//! # Where to start
//!
//! [`Machine`], then [`read`].

#![no_std]

extern crate alloc;

pub mod check;
pub mod describe;
pub mod read;

mod alarm;
mod bootstrap;
mod closed;
mod command;
mod compare;
mod export;
mod keys;
mod leases;
mod machine;
mod members;
mod outcome;
mod published;
mod quota;
mod range;
mod stream;
mod tables;
mod txn;
mod version;

#[cfg(test)]
mod tests;

pub use alarm::Alarms;
pub use backend::Fault;
pub use bootstrap::bootstrap;
pub use export::{Export, TABLES};
pub use leases::TimeToLive;
pub use machine::{Applied, Compacted, Config, Machine};
pub use members::{Member, MemberChange, Members};
pub use outcome::{Completion, Outcome, Refusal};
pub use published::Published;
pub use quota::{Quota, cost};
pub use stream::{RangeStream, StreamRefusal};
pub use txn::{is_read_only, is_serializable};
pub use version::Version;

/// A command, as a log entry holds it.
pub use proto::etcdserverpb::InternalRaftRequest as Command;

// Re-exported because the machine speaks of them.
pub use lease::{Config as LeaseConfig, Remaining, Renewal};
pub use mvcc::Budget;
