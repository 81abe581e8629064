//! A node in the real world: threads, clock, disk, sockets.
//!
//! ```text
//!   propose, linearize, watch (Tokio) ─┐           ┌─► order  owns Node ────┐
//!   frames, snapshots (transport) ─────┼─► desks ──┼─► keep   owns RaftLog ─┼─► waiters, views,
//!   time ──────────────────────────────┘           └─► apply  owns Machine ─┘   streams, transport
//! ```
//!
//! In go requests of clients and what the transport delivers; out come outcomes, and views that
//! anybody may read. Three machines have an owner each, who does what lies on its desk: `order`
//! decides what happens in which order, `keep` writes the log, everything that lies there with one
//! sync, and `apply` changes the state and tells watchers. An idle owner is borrowed by whoever
//! comes with work, so that a single request need not wake three threads.
//!
//! # Invariants
//!
//! - A request is answered once: with what came of it, or that nobody knows.
//! - Who reads after [`Handle::linearize`] sees every write that was completed before.
//! - A watcher hears of a revision before anybody can read it.
//! - Nothing that is written is acknowledged before it is durable; a disk that fails ends the
//!   member. One that is full does not fail: nothing is begun then that takes space.
//! - The engine is replaced by a snapshot durably before the log forgets its entries.
//!
//! # What it does not know
//!
//! gRPC, etcd's error texts, and which parts exist.
//!
//! # Where to start
//!
//! [`start()`], then `order`; [`Handle`] for what it offers.

mod apply;
mod ask;
mod clock;
mod config;
mod content;
mod desk;
mod durable;
mod ear;
mod error;
mod found;
mod handle;
mod ids;
mod keep;
mod leading;
mod leases;
mod members;
mod on_the_spot;
mod order;
mod pace;
mod pause;
mod questions;
mod reading;
mod requests;
mod running;
mod shared;
mod sizes;
mod space;
mod spool;
mod start;
mod streams;
#[cfg(feature = "testing")]
pub mod testing;
mod versions;
mod waiters;

pub use config::{Config, Inline, MakeConsensus, MakeTransport, Parts};
pub use error::{Cause, Ending, Error};
pub use found::found;
pub use handle::{Handle, Hashed};
pub use leading::Leading;
pub use leases::Keys;
pub use space::{Disk, Look, Room, Space};
pub use start::start;
pub use streams::WatchStream;
