//! Raft as a machine: messages and elapsed time in, things to do out.
//!
//! ```text
//!   step ──► raft (by term and kind) ──┬──► election: votes, who leads
//!                                      ├──► following: entries, heartbeats   snapshot   transfer
//!                                      └──► leading: proposals, commit   replication   reads
//!   poll ──► gather ──► Changed · Send · Append · Apply · ReadLog · …
//! ```
//!
//! The default part of the contract [`consensus`], with etcd's raft semantics and messages. Calls
//! change what is in memory; effects are gathered when the first of a round is polled, so that
//! whatever came in between goes into one write and one message per peer. Writing the log runs
//! beside sending (§10.2.1 of Ongaro's dissertation, which all § here mean): a promise that depends
//! on a write (a vote, an acknowledgement, the member's own vote and its own place in the quorum)
//! is held back until the write's ticket came back.
//!
//! Two things are not etcd's, which waits for ever for a vote if a crash came at the wrong moment
//! of a change among two voters: a leader tells of a commit that changes who takes part once that
//! is durable here, and whoever wants a vote or refuses one says what is committed.
//!
//! # What it is good for
//!
//! Members, and clusters of up to seven of them. It keeps nothing itself: durable is what the log
//! holds that its effects are written to.
//!
//! # Invariants
//!
//! Beside those of the contract, which [`Raft`] lists in its terms:
//!
//! - Election safety, leader append-only, log matching, leader completeness (figure 3.2).
//! - No message of a peer, however stale or made up, panics; a call that breaks the contract does.
//!
//! # Known limits
//!
//! - A member is told of a peer's failure by its silence alone, so an election timeout must be
//!   longer than the longest pause.
//! - Reads by a lease, which spare the round of heartbeats, hold only where clocks run alike: they
//!   are off unless asked for.
//!
//! # What it does not know
//!
//! What entries mean, the disk, sockets, the clock (time is told), entropy (a seed is given).
//!
//! # Where to start
//!
//! [`Raft`], its `step` and `gather`; then `election`, `following`, `leading`, `replication`.

#![no_std]

extern crate alloc;

mod election;
mod following;
mod leading;
mod membership;
mod outbox;
mod progress;
mod quorum;
mod raft;
mod reads;
mod replication;
mod snapshot;
mod transfer;

pub use crate::raft::Raft;
