//! The words everything in etcdd is said in.
//!
//! Plain values without behaviour: the numbers that order things ([`Term`], [`Index`],
//! [`Revision`]), the names of things ([`NodeId`], [`ClusterId`], [`LeaseId`]), a point in time
//! ([`Time`]), and what consensus writes down ([`Entry`], [`HardState`], [`ConfState`]).
//!
//! # Invariants
//!
//! A number of one kind is never compared with one of another: every kind is its own type.
//!
//! # What it does not know
//!
//! Anything: it is the bottom of the house. ([`mod@planted`] names bugs of other rooms, for tests.)
//!
//! # Where to start
//!
//! [`Entry`], the unit of the log.

#![no_std]

extern crate alloc;

mod entry;
mod number;
pub mod planted;
mod time;

pub use entry::{ConfChange, ConfChangeKind, ConfState, Entry, EntryKind, HardState, Position};
pub use number::{ClusterId, Index, LeaseId, NodeId, Revision, Term};
pub use time::Time;
