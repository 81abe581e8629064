//! The contract for carrying frames between members.
//!
//! ```text
//!   send(to, lane, frame) ──────►  Sink::frame      lost when the lane is full or the peer is away
//!   call(to, ticket, request) ──►  Sink::call        answered by Sink::called on the caller's side
//!   send_snapshot(to, …) ───────►  Sink::snapshot    ended by Sink::snapshot_sent on the sender's
//! ```
//!
//! In go frames for members, by their ids; out come frames from members. Nothing waits: what cannot
//! be sent now is dropped and said to be, and results arrive in the [`Sink`] given at the start.
//!
//! # Invariants
//!
//! - Frames on one lane to one peer arrive in the order they were sent, some perhaps missing, as
//!   long as the connection lasts.
//! - A lane never waits behind another.
//! - Every queue is bounded.
//! - Frames of another cluster, frames for another member and frames of removed members never reach
//!   the sink.
//!
//! # What it does not know
//!
//! What frames, requests and snapshots hold, and which parts implement it.
//!
//! # Where to start
//!
//! [`Transport`] and [`Sink`]. Feature `memory` brings the simplest part, a network inside the
//! process; feature `suite` brings what every part must pass.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "memory", feature = "suite"))]
extern crate std;

mod contract;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "suite")]
pub mod suite;

pub use contract::{
    Answer, CallError, CallTicket, Lane, Peer, Sink, Source, Transport, UnreadableSnapshot,
};
