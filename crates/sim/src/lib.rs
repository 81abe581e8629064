//! Many nodes in a seeded world, with every fault we can name.
//!
//! ```text
//!   seed ──► parameters ──► World ──┬── members: node, raft, raftlog-wal, state, mvcc, lease
//!                                   ├── network: loses, doubles, delays, falls apart
//!                                   ├── disks: forget what was not synced
//!                                   ├── clients, trouble
//!                                   └── checks, after every event ──► Report | Violation
//! ```
//!
//! In goes a seed; out comes what happened, or what must never happen and did. The members are the
//! real ones; what is simulated lies below them: time, network, disks. One loop pumps everything,
//! so the same seed gives the same world, down to a fingerprint of all that happened.
//!
//! # Invariants
//!
//! - Nothing here depends on anything but the seed: no clock, no threads, no hashing by address.
//! - What is checked is checked after every event, not at the end alone.
//! - A run has two phases: in the first anything may be down; in the second everything is healed,
//!   and all that is owed must be done within a bounded time.
//!
//! # What it does not know
//!
//! `host`: threads, sockets and real disks are the other world.
//!
//! # Where to start
//!
//! [`run`], then `member.rs` for how a member is pumped and `checks.rs` for what must hold.

mod checks;
mod clock;
mod disk;
mod ending;
mod engine;
mod kinds;
mod machine;
mod member;
mod model;
mod nemesis;
mod network;
mod parameters;
mod random;
mod story;
mod trace;
mod workload;
mod world;

pub use checks::Violation;
pub use kinds::{Kind, Kinds};
pub use world::{Failure, Options, Report, run};
