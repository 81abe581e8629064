//! What a machine starts from.

use alloc::vec::Vec;
use core::time::Duration;

use raftlog::Opened;
use units::{HardState, Index, NodeId, Position};

use crate::{Marker, TermRun};

/// How a member takes part; the same on all members but for `id` and `seed`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who this is.
    pub id: NodeId,
    /// How often a leader lets itself be heard (etcd: 100 ms).
    pub heartbeat: Duration,
    /// How long a leader may be silent at least (etcd: 1 s); drawn from one to two of these.
    pub election_timeout: Duration,
    /// Whether to ask before campaigning, so that a returning member disturbs nobody (§9.6).
    pub pre_vote: bool,
    /// Whether a leader that does not hear from a quorum steps down, and followers of a live leader
    /// ignore candidates (§6.2).
    pub check_quorum: bool,
    /// How reads are confirmed.
    pub reads: ReadPolicy,
    /// Bounds on what is in memory and on the way.
    pub limits: Limits,
    /// Where the randomness of election timeouts comes from.
    pub seed: u64,
}

/// How a leader makes sure that it still leads before it answers a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadPolicy {
    /// By a round of heartbeats (§6.4); what etcd does.
    Quorum,
    /// By its clock: a quorum was heard within the election timeout. Weaker: a member whose clock
    /// stops or slows can answer from the past. Needs `check_quorum`.
    Lease,
}

/// Bounds on what is in memory and on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of entries in one message (etcd: 1 MiB); one entry may exceed it.
    pub message_bytes_max: usize,
    /// Messages with entries on the way to one peer (etcd: 512).
    pub inflight_messages_max: usize,
    /// Bytes of entries on the way to one peer.
    pub inflight_bytes_max: usize,
    /// Bytes of entries that wait for a quorum; beyond it proposals are refused, but never the only
    /// one.
    pub uncommitted_bytes_max: usize,
    /// Bytes of entries kept in memory for peers that are close behind; older ones are read from
    /// the log.
    pub cached_bytes_max: usize,
    /// Bytes of entries handed to the state machine at once.
    pub apply_bytes_max: usize,
}

/// What the log and the engine hold at a start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Where the readable log begins, and who took part *as of `applied`* — the engine's word, not
    /// the log's.
    pub marker: Marker,
    /// The last hard state.
    pub hard_state: HardState,
    /// The terms of the readable entries.
    pub runs: Vec<TermRun>,
    /// The end of the log.
    pub last: Position,
    /// What the engine has applied; not below the marker and not above `last`, but for a crash in
    /// the middle of installing a snapshot, which whoever starts the member mends first.
    pub applied: Index,
}

/// What a log and an engine that do not fit together say of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The engine holds a snapshot of which the log does not know: the crash came between the two.
    /// The log is to be told of it by `install`, and opened again.
    EngineAhead,
    /// The log was trimmed further than the engine holds: entries are lost.
    LogAhead,
}

impl Start {
    /// What a member starts from, given its opened log and what its engine has applied.
    ///
    /// # Errors
    ///
    /// When the two do not fit together; nothing can be started from them as they are.
    pub fn of(opened: &Opened, engine: &Marker) -> Result<Self, Misfit> {
        let (head, applied) = (opened.marker.position, engine.position);
        if applied.index < head.index {
            return Err(Misfit::LogAhead);
        }
        // What can still be read before the marker is for readers; a machine starts behind it.
        let first = head.index.next();
        let covering = opened.runs.iter().rposition(|run| run.first <= first).unwrap_or(0);
        let after = opened.runs[covering..].iter().filter(|_| opened.last.index >= first);
        let runs: Vec<TermRun> =
            after.map(|run| TermRun { first: run.first.max(first), ..*run }).collect();
        let term = match runs.iter().rev().find(|run| run.first <= applied.index) {
            Some(run) => run.term,
            None => head.term,
        };
        if applied.index > opened.last.index || applied.term != term {
            return Err(Misfit::EngineAhead);
        }
        Ok(Self {
            marker: Marker { position: head, conf_state: engine.conf_state.clone() },
            hard_state: opened.hard_state,
            runs,
            last: opened.last,
            applied: applied.index,
        })
    }
}
