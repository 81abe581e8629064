//! One member without the world: proposals, reads, membership and snapshots around a consensus
//! machine.
//!
//! ```text
//!   Propose, Read, …  (clients) ─┐                  ┌─► Append, Trim, ReadLog ► log ► Persisted, …
//!   Receive           (peers) ───┼─► Node ── owns ──┼─► Send, SendSnapshot ──► peers
//!   handle_timeout    (time) ────┘     Consensus    ├─► Apply, Install ► state ► Applied, …
//!                                                   └─► ReadDone, Refused, Leadership ─► clients
//! ```
//!
//! A machine: [`Event`]s with the time go in, [`Effect`]s come out of [`Node::poll`]. What is fed
//! between two polls to the end is handled together: proposals go into consensus as one batch,
//! reads share one question.
//!
//! # Invariants
//!
//! - A read is done only when a state is published that shows every write completed before it
//!   began.
//! - The log is trimmed only behind what the engine holds durably, and never past where a snapshot
//!   was taken that is on its way, or that its receiver has to install yet.
//! - A configuration change takes effect when the state machine has applied and accepted it.
//! - Every queue is bounded; what does not fit is refused, and whoever asked is told.
//!
//! # What it does not know
//!
//! What a command means, which consensus it drives, how frames travel, and where anything is
//! stored.
//!
//! # Where to start
//!
//! [`Node`], then [`Event`] and [`Effect`].

#![no_std]

extern crate alloc;

mod effect;
mod event;
pub mod frame;
mod intake;
mod lane;
mod membership;
mod node;
mod proposals;
mod reads;
mod snapshots;
mod trim;

pub use effect::{Effect, Refusal};
pub use event::{Event, SpoolTicket, Ticket, Urgency, Verdict};
pub use intake::Intake;
pub use lane::Lane;
pub use membership::{MalformedChange, decode_change, encode_change};
pub use node::{Config, LAG_MAX, Node, Start, Status};
pub use proposals::{PROPOSALS_WAITING_BYTES_MAX, PROPOSALS_WAITING_MAX};
pub use reads::{READ_RETRY, READS_MAX};
pub use snapshots::SNAPSHOTS_SENDING_MAX;
pub use trim::TrimPolicy;

// Re-exported because events and effects speak of them.
pub use consensus::{Leadership, Marker, ReadTicket, Role, WriteTicket};
