//! Which leases exist, and when they are due.
//!
//! ```text
//!   grant, revoke, checkpoint (applied commands) ─┐            ┌─► Expire      propose revokes
//!   promote, demote (leadership) ─────────────────┼─► Lessor ──┤
//!   renew (keep-alives, leader only) ─────────────┘            └─► Checkpoint  propose those
//! ```
//!
//! Every member holds every lease; only the leader's deadlines are real. In go applied commands,
//! leadership and time; out come the leases to revoke and to checkpoint, which are then proposed
//! like any other command, so that all members revoke at the same place in the log.
//!
//! # Invariants
//!
//! - A lease is not reported as expired before its TTL has passed on the leader's own clock,
//!   counted from its granting, its last renewal, or the promotion of the leader, whichever came
//!   last.
//! - A lease past its deadline is never revived by the same leader.
//! - A change of leader never shortens a lease below what was checkpointed of it.
//!
//! # What it does not know
//!
//! The clock, and which keys hang on a lease: those lie in the engine, since they may be many.
//!
//! # Where to start
//!
//! [`Lessor`].

#![no_std]

extern crate alloc;

mod lessor;
mod record;
mod schedule;

#[cfg(test)]
mod tests;

pub use lessor::{Config, Effect, Lessor, Remaining, Renewal};
pub use record::{Record, Refusal, TTL_MAX_S};
