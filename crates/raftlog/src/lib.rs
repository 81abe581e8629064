//! The contract for a durable raft log.
//!
//! ```text
//!   append (entries, hard state) ──► sync ──► durable
//!   trim (marker) drops the head;  install (marker) drops everything;  reader reads beside it all
//! ```
//!
//! In go entries in the order of their indexes; out come the same entries, also after a crash.
//!
//! # Invariants
//!
//! - Entries are contiguous. Appending at an index that is held truncates from there on first.
//! - What `sync` covered survives a crash; what it did not cover is lost from the end only, and an
//!   entry is never shown in part.
//! - The newest appended hard state that `sync` covered survives; it is never shown before the
//!   entries appended with it. One that `sync` did not cover may be lost though entries appended
//!   after it are not.
//! - What a start shows is durable, so that it may be acknowledged without another sync.
//! - Damage before the end is refused with a [`Fault`] that names file and offset; it is never cut
//!   off silently.
//!
//! # What it does not know
//!
//! What entries mean, who orders them, and which parts implement it.
//!
//! # Where to start
//!
//! [`RaftLog`], and [`Opened`] for what a start finds. Feature `memory` adds `memory`, a log that
//! is lost with the process, and `suite` the tests that every log must pass; both need `std`.

#![no_std]

extern crate alloc;
#[cfg(feature = "memory")]
extern crate std;

mod contract;
mod fault;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "suite")]
pub mod suite;

pub use contract::{Identity, LogReader, Marker, Opened, RaftLog, TermRun};
pub use fault::{Fault, ReadError};
