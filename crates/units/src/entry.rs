//! What consensus writes down.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{Index, NodeId, Term};

/// One entry of the log. Its data is opaque to everyone who orders, stores or carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the data is for.
    pub kind: EntryKind,
    /// The term of the leader that made it.
    pub term: Term,
    /// Its place.
    pub index: Index,
    /// An encoded command, an encoded configuration change, or nothing: the empty normal entry with
    /// which a leader opens its term.
    pub data: Bytes,
}

/// What an entry is for; the numbers are raftpb's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EntryKind {
    /// A command for the state machine, or nothing.
    Normal = 0,
    /// A single-step configuration change (raftpb.ConfChange).
    ConfChange = 1,
    /// A change of several members at once (raftpb.ConfChangeV2).
    ConfChangeV2 = 2,
}

/// An entry's place and term, which together name it (Log Matching, §5.3 of the Raft paper).
/// Ordered as logs are compared in elections: by term first, then by index (§5.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The term of the entry.
    pub term: Term,
    /// Its place.
    pub index: Index,
}

/// What a member must not forget about elections, beside its log. `commit` is a hint that saves
/// time after a start; losing it costs no safety.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The newest term seen.
    pub term: Term,
    /// Who got this member's vote in that term.
    pub vote: Option<NodeId>,
    /// Up to where the log is known to be committed.
    pub commit: Index,
}

/// Who takes part, as raftpb.ConfState. Each list is sorted and without repeats. While
/// `voters_outgoing` is not empty the configuration is joint: a decision needs a majority of
/// `voters` *and* one of `voters_outgoing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfState {
    /// Those whose votes and acknowledgements count (the incoming half while joint).
    pub voters: Vec<NodeId>,
    /// Those who get everything and count for nothing.
    pub learners: Vec<NodeId>,
    /// The outgoing half while joint, else empty.
    pub voters_outgoing: Vec<NodeId>,
    /// Voters of the outgoing half who become learners when the joint configuration is left.
    pub learners_next: Vec<NodeId>,
    /// Whether the leader leaves the joint configuration by itself once it is committed.
    pub auto_leave: bool,
}

/// A single-step configuration change, as raftpb.ConfChange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfChange {
    /// The request that asked for it; whoever proposed it waits for this number.
    pub id: u64,
    /// What happens to the member.
    pub kind: ConfChangeKind,
    /// The member; `None` when the change was found to be invalid and only its place in the log is
    /// left.
    pub node: Option<NodeId>,
    /// What the state machine wants to know about the member; opaque to consensus.
    pub context: Bytes,
}

/// What a configuration change does; the numbers are raftpb's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ConfChangeKind {
    /// The member becomes a voter, from nothing or from a learner.
    AddNode = 0,
    /// The member is gone.
    RemoveNode = 1,
    /// The member's context changed, its part in consensus did not.
    UpdateNode = 2,
    /// The member becomes a learner.
    AddLearnerNode = 3,
}

impl ConfState {
    /// Whether a decision needs two majorities just now.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.voters_outgoing.is_empty()
    }

    /// Whether the member is named at all, in any role.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        [&self.voters, &self.learners, &self.voters_outgoing, &self.learners_next]
            .iter()
            .any(|role| role.binary_search(&node).is_ok())
    }
}
