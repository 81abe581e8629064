//! What there is to know about a machine.

use alloc::vec::Vec;

use units::{ConfState, Index, NodeId, Position, Term};

/// A look at the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Who this is.
    pub id: NodeId,
    /// The term.
    pub term: Term,
    /// Who got this member's vote in it.
    pub vote: Option<NodeId>,
    /// Who leads it, if known.
    pub leader: Option<NodeId>,
    /// What this member is.
    pub role: Role,
    /// Up to where the log is committed.
    pub commit: Index,
    /// Up to where the state machine has it.
    pub applied: Index,
    /// The end of the log, durable or not.
    pub last: Position,
    /// Up to where the log is durable here.
    pub persisted: Index,
    /// Who takes part.
    pub conf_state: ConfState,
    /// Who is to become leader, while leadership is being handed over.
    pub transferee: Option<NodeId>,
    /// On a leader, each member but itself, by id; else empty.
    pub peers: Vec<PeerStatus>,
}

/// What a member is in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows, or waits for somebody to follow.
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// What a leader knows of another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who.
    pub id: NodeId,
    /// Up to where its log is known to match, durably.
    pub matched: Index,
    /// What is sent next.
    pub next: Index,
    /// How it is fed.
    pub state: PeerState,
    /// Whether it was heard of since the last check of the quorum.
    pub active: bool,
    /// Whether it counts for nothing.
    pub learner: bool,
}

/// How a peer is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Where its log ends is not known: one message at a time.
    Probe,
    /// Entries are sent without waiting for answers.
    Replicate,
    /// It gets a snapshot, and nothing else until that has ended, one way or the other, and, if it
    /// arrived, the peer has said what became of it.
    Snapshot,
}
