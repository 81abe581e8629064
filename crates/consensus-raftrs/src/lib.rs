//! Consensus by means of the registry's `raft` crate, the one that TiKV runs: a second opinion on
//! ours.
//!
//! ```text
//!   step ──► guard ──► translate ─► library ─► Ready ─┬─► messages, held until durable ─► Send
//!   propose ──► proposals ────────────┘ ▲             └─► entries, term and vote ───────► Append
//!   handle_timeout ──► timer ───────────┴── persisted, applied
//! ```
//!
//! Good for comparison, in tests and in benchmarks, and for whoever trusts that crate more than
//! ours: it decides who leads, what is committed, what peers are sent and who takes part. Around it
//! stands what the contract asks for beyond it. Of one cluster some members may run this part and
//! others `raft`, for as long as one likes: they speak the same messages, and their worlds of tests
//! are run mixed, too.
//!
//! # Invariants
//!
//! Beside those of the contract, which [`Raftrs`] lists in its terms, the rules of durability:
//!
//! - An acknowledgement of entries goes out when all of them are durable, one of a snapshot when it
//!   is installed; any other message when the newest term and vote are. The library would wait with
//!   all messages of a follower and with none of a leader.
//! - An entry is handed out when it is durable here; a change of who takes part also only when it
//!   is durably known to be committed, and not before that do peers hear that it is.
//! - Votes are asked for only while everything that this member holds is durable.
//! - The library is told of a write when it is durable, and never of one that was replaced since.
//!
//! And no message of a peer, however stale or made up, panics, though the library does where one
//! contradicts what it takes for granted: `guard` looks at each first. A call that breaks the
//! contract panics.
//!
//! # Where the library differs
//!
//! Found by reading it, by the contract's suite and by seeded worlds over both. In all of these
//! cases `raft` was right, and the library is held to the contract here.
//!
//! - It lets the only voter lead before its own vote is durable, and send and write entries: after
//!   a crash it leads the same term with others. Here nothing is said or written in a term that may
//!   be forgotten.
//! - It takes a snapshot's configuration at once, and makes changes that were handed out before the
//!   snapshot to that one. Here they are made to the configuration of their own time.
//! - It hands out a change of who takes part, and tells of it, when it is committed, though a crash
//!   may make the member forget that it is. Here the commit index is durable first.
//! - It panics when a leader that removed itself counts who holds what. Here such a leader goes on
//!   only if all of its log is committed, so that there is nothing to count.
//! - It elects a candidate that lost its vote meanwhile, and panics. Here that one steps down.
//! - It keeps a leader's lease for up to two election timeouts, while followers keep to it for one.
//!   Here reads are confirmed by a quorum, also if leases are asked for.
//! - It drops questions asked of a leader that has not committed anything in its term, and forgets
//!   those that wait when leadership ends. Here they wait, or are said to be lost.
//! - It counts an answer to an older request for a pre-vote as one to the newest. Here the term
//!   must be the one that was asked for.
//! - It is silent to a candidate, or the sender of a snapshot, of an older term. Here it learns of
//!   the newer one.
//! - It sends a peer that is busy with a snapshot the next one. Here that one is asked first what
//!   became of it.
//! - It tells of its leaving a joint configuration with the next heartbeats; here it does at once.
//!
//! # Limits
//!
//! | what | how it is |
//! |---|---|
//! | leases | every read takes a round of heartbeats; promises to others' leases are kept |
//! | bytes on the way to a peer | so many messages are allowed as fit if each is full |
//! | a transfer to who gets it already | is not begun anew before it has failed |
//! | a quorum that is missed | shows up to a heartbeat later |
//! | priorities, group commit | are not used |
//! | building it | runs a `protoc`: the one on the path, or one that a dependency brings |
//!
//! # What it does not know
//!
//! Our `raft`; what entries mean, the disk, sockets, the clock. The library draws election timeouts
//! from entropy; nothing depends on what it draws.
//!
//! # Where to start
//!
//! [`Raftrs`], its `gather` and `take_ready`; then `guard`, `store`, `snapshots`.

mod configuration;
mod guard;
mod outbox;
mod proposals;
mod raftrs;
mod reads;
mod snapshots;
mod store;
mod timer;
mod translate;

pub use crate::raftrs::Raftrs;
