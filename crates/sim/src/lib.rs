//! Many nodes in a seeded world, with every fault we can name.
//!
//! ```text
//!   seed ──► parameters ──► World ──┬── members: node, raft, raftlog-wal, state, …, watch
//!                                   ├── network: loses, doubles, replays, delays, falls apart
//!                                   ├── disks: forget, tear, fail, fill up, rot
//!                                   ├── nemesis: what goes wrong, operators in the middle
//!                                   ├── workload: clients that ask, retry elsewhere, and watch
//!                                   ├── model: what must come out, as naive as can be
//!                                   └── checks, after every event ──► Report | Failure
//! ```
//!
//! In goes a seed; out comes what happened, or what must never happen and did. The members are the
//! real ones; what is simulated lies below them: time, network, disks. One loop pumps everything,
//! so the same seed gives the same world, down to a fingerprint of all that happened. Each consumer
//! of randomness (network, nemesis, disk, member, client) has a stream of its own, drawn from the
//! seed, so that a new one does not shift what the others see.
//!
//! The engine is the one in memory, which loses its unsynced tail as real ones do, batch by batch;
//! its rot is played at the engine's seam: whoever reads a damaged record gets the fault that a
//! checksum would have given.
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
//! `host`: threads, sockets and real disks are the other world. What `host` decides by itself is
//! not tried here: when a disk counts as full, and how requests go on from member to member.
//!
//! # Where to start
//!
//! [`run`], then `world.rs` for what can happen, `member/running.rs` for how a member is pumped,
//! `checks.rs` for what must hold and `kinds.rs` for what goes wrong.

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
mod part;
mod random;
#[cfg(test)]
mod stories;
mod story;
mod tally;
mod trace;
mod workload;
mod world;

pub use checks::Violation;
pub use kinds::{Kind, Kinds};
pub use part::Part;
pub use tally::Tally;
pub use world::{Failure, Judge, Options, Report, run};
