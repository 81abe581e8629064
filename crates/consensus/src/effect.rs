//! What the machine wants done.

use alloc::vec::Vec;

use units::{Entry, HardState, Index, NodeId, Term};

use crate::{Marker, Message, Role};

/// Something to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write to the log: the entries (truncating what is held from the first one on), then the hard
    /// state. Answered by `persisted` once it is durable; writes may be durable in groups. Without
    /// `sync` it may wait for the next write that needs one: only the commit index moved.
    Append {
        /// Names the write; tickets ascend.
        ticket: WriteTicket,
        /// Contiguous; may be empty.
        entries: Vec<Entry>,
        /// The new hard state, if it changed.
        hard_state: Option<HardState>,
        /// Whether somebody waits for its durability.
        sync: bool,
    },
    /// Hand the entries to the state machine. They follow those of the `Apply` before without a
    /// gap, are committed, and are durable here. Answered by `applied`; entries of a configuration
    /// change by `apply_change` too.
    Apply {
        /// At least one.
        entries: Vec<Entry>,
    },
    /// Who leads, or this member's part in it, has changed.
    Changed(Leadership),
    /// A leader's snapshot is newer than this log: make the engine hold it and the log go on after
    /// it, then answer by `snapshot_installed`. Until then no `Apply` comes. The one who brought
    /// the message holds the content.
    InstallSnapshot {
        /// Where the snapshot was taken.
        marker: Marker,
    },
    /// Read entries that are no longer in memory, to send or to apply them; answered by
    /// `entries_read`.
    ReadLog {
        /// The first.
        first: Index,
        /// The last that is of use.
        last: Index,
        /// As many as fit into this, but at least one.
        bytes_max: usize,
    },
    /// The read's answer may come from any state that has applied the index.
    ReadReady {
        /// The question.
        ticket: ReadTicket,
        /// What must be applied.
        index: Index,
    },
    /// The read will not be answered, as leadership changed: ask again.
    ReadLost {
        /// The question.
        ticket: ReadTicket,
    },
    /// Give this to the peer. It may get lost; what it says is durable.
    Send(Message),
    /// The peer needs entries that are gone: send it a snapshot of the applied state, and say so by
    /// `snapshot_started` and `snapshot_ended`. Asked again only after that.
    SnapshotWanted {
        /// Who needs one.
        to: NodeId,
    },
}

/// Names a write to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteTicket(pub u64);

/// Names a linearizable read. The node chooses them; never the same one twice, on any member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadTicket(pub u64);

/// Who leads, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The term.
    pub term: Term,
    /// The leader of it, if known.
    pub leader: Option<NodeId>,
    /// What this member is.
    pub role: Role,
}
