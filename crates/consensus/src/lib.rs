//! The contract for consensus: what orders entries, and what a node may ask of it.
//!
//! ```text
//!   propose, propose_change, read_index, transfer ─┐            ┌─► Append ──► log ──► persisted
//!   step (messages of peers) ──────────────────────┼─► machine ─┼─► Send ────► peers
//!   handle_timeout (time) ─────────────────────────┘            ├─► Apply ───► state ─► applied
//!                                                               └─► ReadLog, ReadReady, Changed, …
//! ```
//!
//! A machine without clock, disk, socket or thread: time and messages go in, [`Effect`]s come out
//! of [`Consensus::poll`], to be carried out in order. Writing the log is an effect like sending
//! is; its durability comes back as an event, so that disk and network work at the same time.
//!
//! # Invariants
//!
//! - Entries are handed out by [`Effect::Apply`] once, in order, without gaps, and never change.
//! - What a peer is told (a vote, an acknowledgement) is durable here before the message goes out.
//! - A read index is never below the commit index of any write that completed before it was asked.
//!
//! # What it does not know
//!
//! What entries mean, how members are reached, and which parts implement it.
//!
//! # Where to start
//!
//! [`Consensus`], then [`Effect`]; [`Solo`] is the simplest part. Whoever writes one finds in
//! [`kit`] what keeps its log in order. Feature `suite` adds the tests that every part must pass.

#![no_std]

extern crate alloc;

mod contract;
mod effect;
pub mod kit;
mod message;
mod solo;
mod start;
mod status;
#[cfg(feature = "suite")]
pub mod suite;

pub use contract::{Change, ChangeStep, Consensus, Refused, Transition};
pub use effect::{Effect, Leadership, ReadTicket, WriteTicket};
pub use message::{Body, Message};
pub use solo::Solo;
pub use start::{Config, Limits, Misfit, ReadPolicy, Start};
pub use status::{PeerState, PeerStatus, Role, Status};

// Re-exported because the trait speaks of them.
pub use raftlog::{Marker, TermRun};
