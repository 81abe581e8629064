//! What happens to a node.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use consensus::{Marker, WriteTicket};
use units::{ConfChange, Entry, Index, NodeId, Term};

use crate::Intake;

/// Names a request of this member: the id in the header of its command, so that the committed entry
/// finds whoever waits for it. Never used twice, on any member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a snapshot that was received and is kept until the node says what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpoolTicket(pub u64);

/// Something that happened. What the world answers comes in the order it was asked for.
#[derive(Clone, Debug)]
pub enum Event {
    /// The state machine has applied everything up to the index, which ends an [`Effect::Apply`]
    /// (several may be answered at once).
    ///
    /// [`Effect::Apply`]: crate::Effect::Apply
    Applied {
        /// Up to where.
        index: Index,
        /// The configuration changes among them, in order, and whether each was accepted.
        changes: Vec<(Index, Verdict)>,
    },
    /// The engine would still hold everything up to the index after a crash.
    Durable {
        /// Up to where.
        index: Index,
    },
    /// The answer to the oldest unanswered [`Effect::ReadLog`](crate::Effect::ReadLog) for `first`.
    EntriesRead {
        /// Where it begins.
        first: Index,
        /// As many as were read; empty when they are trimmed away.
        entries: Vec<Entry>,
    },
    /// The member has just started and can reach others by now: if it has not heard of a leader, it
    /// waits less for one, by so much.
    HastenElection {
        /// Most of an election timeout.
        by: Duration,
    },
    /// From now on commands may enter the log, or not; at the start they may.
    Intake(Intake),
    /// Everything given to the log up to and including the ticket is durable.
    Persisted {
        /// Of the newest such [`Effect::Append`](crate::Effect::Append).
        ticket: WriteTicket,
    },
    /// Somebody wants the command in the log. It waits while no leader is known. The answer is the
    /// committed entry, or [`Effect::Refused`](crate::Effect::Refused), or nothing at all when it
    /// was lost on its way to a leader.
    Propose {
        /// The id in the command's header.
        ticket: Ticket,
        /// The encoded command.
        command: Bytes,
        /// How far behind the state machine may be.
        urgency: Urgency,
        /// If given, only the leader of this term may propose it, and it is refused if that is not
        /// this member (any more): what a leader concluded by itself is worth nothing after it.
        by_leader_of: Option<Term>,
    },
    /// Somebody wants the configuration changed; as [`Propose`](Self::Propose). If another change
    /// may still be unapplied, it is lost without a word.
    ProposeChange {
        /// Replaces the change's `id`.
        ticket: Ticket,
        /// What to change.
        change: ConfChange,
    },
    /// Somebody wants to read what is true now; answered by
    /// [`Effect::ReadDone`](crate::Effect::ReadDone) or
    /// [`Effect::Refused`](crate::Effect::Refused).
    Read {
        /// Names the answer.
        ticket: Ticket,
    },
    /// A frame from a peer.
    Receive {
        /// Who sent it, by the transport's word.
        from: NodeId,
        /// What.
        frame: Bytes,
    },
    /// The snapshot of [`Effect::InstallSnapshot`](crate::Effect::InstallSnapshot) is durable in
    /// engine and log.
    SnapshotInstalled {
        /// Its place.
        marker: Marker,
    },
    /// A snapshot has arrived whole and is kept; answered at once by
    /// [`Effect::InstallSnapshot`](crate::Effect::InstallSnapshot) or
    /// [`Effect::DiscardSnapshot`](crate::Effect::DiscardSnapshot).
    SnapshotReceived {
        /// Who sent it.
        from: NodeId,
        /// The header that came before it.
        header: Bytes,
        /// Names what is kept.
        spool: SpoolTicket,
    },
    /// A snapshot given to the transport, or asked for by
    /// [`Effect::SnapshotWanted`](crate::Effect::SnapshotWanted), has come to an end.
    SnapshotSent {
        /// To whom.
        to: NodeId,
        /// Whether it arrived whole.
        arrived: bool,
    },
    /// A consistent state was taken to be sent; answered by
    /// [`Effect::SendSnapshot`](crate::Effect::SendSnapshot) or
    /// [`Effect::ForgoSnapshot`](crate::Effect::ForgoSnapshot).
    SnapshotTaken {
        /// For whom.
        to: NodeId,
        /// What has been applied in it.
        marker: Marker,
    },
    /// Leadership shall go to the voter. Whether it did is seen in
    /// [`Effect::Leadership`](crate::Effect::Leadership).
    Transfer {
        /// Names the refusal, if it comes to that.
        ticket: Ticket,
        /// To whom.
        to: NodeId,
    },
    /// The log's head is gone, as [`Effect::Trim`](crate::Effect::Trim) wanted.
    Trimmed {
        /// Up to where.
        marker: Marker,
    },
    /// Frames to the peer were lost.
    Unreachable {
        /// Which.
        peer: NodeId,
    },
    /// Whoever waited for the ticket does not any more. What waits here is forgotten; what is on
    /// its way may still happen.
    Withdraw {
        /// Of a proposal or a read.
        ticket: Ticket,
    },
}

/// What the state machine said of a configuration change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes effect.
    Accepted,
    /// It is void; only its place in the log is left.
    Rejected,
}

/// How far behind the state machine may be when a proposal comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// As far as clients may drive it.
    Ordinary,
    /// Twice as far: what frees space or time, such as the end of a lease, must not be shut out by
    /// clients.
    Urgent,
}
