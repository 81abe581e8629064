//! Who wants to hear of which keys, and from which revision on.
//!
//! ```text
//!   Create, Cancel, Progress (clients) ──┐           ┌─► Deliver (to a stream, in order)
//!   Changed, Compacted, Restored (state)─┼──► Hub ───┤
//!   Taken (a stream took a response) ────┘           └─► Read (off the write path) ─► ReadDone
//! ```
//!
//! In go what clients ask for and what the state machine changed; out come responses, each for one
//! stream. A watcher that is up to date is *live*: a change is matched once against all watchers
//! and handed to those it concerns, who share it. One that is not catches up in steps, first from a
//! ring of recent changes and, where that does not reach, from the engine.
//!
//! # Invariants
//!
//! - A watcher hears of every matching event from its start on, once, in order of revisions, and of
//!   a revision's events together.
//! - A stream's responses are delivered in the order in which they are to be sent: a watcher's
//!   creation before its events, nothing of it after its cancellation, and a progress response
//!   after all events up to its revision.
//! - What waits for a stream is bounded: a stream that takes nothing gets nothing, and its watchers
//!   fall behind without costing more than their place.
//! - Telling of a change never waits for anybody.
//!
//! # What it does not know
//!
//! Sockets, tasks, and how a response is encoded.
//!
//! # Where to start
//!
//! [`Hub`]; what goes in and out is in [`Event`] and [`Effect`].

#![no_std]

extern crate alloc;

mod event;
mod hub;
mod matching;
mod response;
mod ring;
mod stream;
mod watcher;

#[cfg(test)]
mod tests;

pub use event::{Create, Effect, Event, Filters, ReadOutcome, ReadRequest, StreamId, WatchId};
pub use hub::{Config, Hub};
pub use response::{Body, Delivery, Picked, Refusal, Response};
