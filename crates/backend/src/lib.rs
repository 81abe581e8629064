//! The contract for an ordered storage engine.
//!
//! ```text
//!   Batch ──► write ──► visible to later views ──► sync ──► durable
//!   view ──► View: get, scan            stable, whatever is written later
//! ```
//!
//! In go batches; out come consistent views. The raft log is the truth and is trimmed only behind
//! what the engine holds durably, so an engine may lose its unsynced tail in a crash.
//!
//! # Invariants
//!
//! - A batch is atomic over all tables: a view, and a reopened engine, holds all of it or nothing.
//! - Batches become durable in the order they were written: a reopened engine holds a prefix of
//!   them that is not shorter than at the last successful `sync`.
//! - A view never changes.
//! - Damage is found by checksum and is a [`Fault`]; it is never served.
//!
//! # What it does not know
//!
//! What keys and values mean, and which parts implement it.
//!
//! # Where to start
//!
//! [`Backend`]; [`flat`] is for parts whose means know no tables; `MemBackend` (feature `memory`)
//! is the simplest part, `suite` (feature `suite`) is what every part must pass.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "memory", feature = "suite"))]
extern crate std;

mod batch;
mod contract;
mod fault;
pub mod flat;
#[cfg(any(test, feature = "memory"))]
mod memory;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

pub use batch::{Batch, Operation, Table};
pub use contract::{Backend, Bounds, Direction, KEY_BYTES_MAX, Part, Records, Stats, Step, View};
pub use fault::Fault;
#[cfg(any(test, feature = "memory"))]
pub use memory::{MemBackend, MemDisk};
