//! What a node wants done.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use consensus::{Leadership, Marker, WriteTicket};
use units::{Entry, HardState, Index, NodeId, Term};

use crate::{Lane, SpoolTicket, Ticket};

/// Something to do. What goes to the same place (log, state machine, peer) goes there in the order
/// given; different places need not wait for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write to the log; answered by [`Event::Persisted`](crate::Event::Persisted), once for all
    /// that became durable together.
    Append {
        /// Names the write; tickets ascend.
        ticket: WriteTicket,
        /// Contiguous; may be empty.
        entries: Vec<Entry>,
        /// The new hard state, if it changed.
        hard_state: Option<HardState>,
        /// Whether somebody waits for its durability; else it may go with the next write.
        sync: bool,
    },
    /// Hand the entries to the state machine; answered by
    /// [`Event::Applied`](crate::Event::Applied).
    Apply {
        /// At least one; they follow those before without a gap.
        entries: Vec<Entry>,
    },
    /// What is kept of a received snapshot is of no use.
    DiscardSnapshot {
        /// Which.
        spool: SpoolTicket,
    },
    /// The snapshot that was taken for the peer is not needed any more.
    ForgoSnapshot {
        /// Whom it was for.
        to: NodeId,
    },
    /// Make the engine hold the snapshot, then the log go on after it, both durable; answered by
    /// [`Event::SnapshotInstalled`](crate::Event::SnapshotInstalled). Until then no `Apply`
    /// or `Trim` comes, and no `Append` with entries.
    InstallSnapshot {
        /// What is kept of it.
        spool: SpoolTicket,
        /// Where it was taken.
        marker: Marker,
    },
    /// This member leads, and has applied the first entry of its term, and so everything of the
    /// terms before: what only a leader does may begin.
    LeaderReady {
        /// The term.
        term: Term,
    },
    /// Who leads, or this member's part in it, has changed.
    Leadership(Leadership),
    /// The read's answer may come from any state published from now on, or at present.
    ReadDone {
        /// The read.
        ticket: Ticket,
    },
    /// Read entries from the log; answered by [`Event::EntriesRead`](crate::Event::EntriesRead).
    ReadLog {
        /// The first.
        first: Index,
        /// The last that is of use.
        last: Index,
        /// As many as fit into this, but at least one.
        bytes_max: usize,
    },
    /// It will not be done.
    Refused {
        /// The proposal, read or transfer.
        ticket: Ticket,
        /// Why.
        why: Refusal,
    },
    /// This member is no longer part of the configuration: let what was said go out, then stop.
    Removed,
    /// Give this to the peer; it may get lost.
    Send {
        /// To whom.
        to: NodeId,
        /// Where in the traffic.
        lane: Lane,
        /// What.
        frame: Bytes,
    },
    /// Send the snapshot that was taken for the peer; answered by
    /// [`Event::SnapshotSent`](crate::Event::SnapshotSent).
    SendSnapshot {
        /// To whom.
        to: NodeId,
        /// What goes before it.
        header: Bytes,
    },
    /// Take a consistent state for the peer; answered by
    /// [`Event::SnapshotTaken`](crate::Event::SnapshotTaken), or by
    /// [`Event::SnapshotSent`](crate::Event::SnapshotSent) when none can be had.
    SnapshotWanted {
        /// For whom.
        to: NodeId,
    },
    /// The log need not hold entries up to the marker any more; answered by
    /// [`Event::Trimmed`](crate::Event::Trimmed).
    Trim {
        /// Up to where, and who took part there.
        marker: Marker,
    },
}

/// Why something will not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The member that shall lead is no voter, or is not known at all.
    BadTransferee,
    /// Another leader was elected while the read was under way; it may be tried again.
    LeaderChanged,
    /// Leadership cannot be handed over, as nobody is known to lead.
    NoLeader,
    /// This member's disk has no room for commands: its [`Intake`](crate::Intake) is closed.
    NoSpace,
    /// Only the leader can do this.
    NotLeader,
    /// This member is not part of the cluster (any more).
    Removed,
    /// Too much waits already: here, for a quorum, or for the state machine.
    TooManyRequests,
    /// Leadership is already being handed over.
    Transferring,
}

impl From<consensus::Refused> for Refusal {
    fn from(refused: consensus::Refused) -> Self {
        match refused {
            consensus::Refused::BadTransferee => Self::BadTransferee,
            consensus::Refused::NoLeader => Self::NoLeader,
            consensus::Refused::NotLeader => Self::NotLeader,
            consensus::Refused::Removed => Self::Removed,
            consensus::Refused::TooMuchUncommitted => Self::TooManyRequests,
            consensus::Refused::Transferring => Self::Transferring,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadTransferee => "the member cannot become leader",
            Self::LeaderChanged => "another leader was elected",
            Self::NoLeader => "no leader is known",
            Self::NoSpace => "the disk is full",
            Self::NotLeader => "this member does not lead",
            Self::Removed => "this member is not part of the cluster",
            Self::TooManyRequests => "too many requests",
            Self::Transferring => "leadership is being handed over",
        })
    }
}

impl core::error::Error for Refusal {}
