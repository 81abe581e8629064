//! What peers say to each other.

use alloc::vec::Vec;

use bytes::Bytes;
use units::{Entry, EntryKind, Index, NodeId, Position, Term};

use crate::{Marker, ReadTicket};

/// A message between members. Each body is one of raftpb's message types, so that a message can be
/// carried as raftpb.Message without loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// The sender's term; for a pre-vote and its granting the term that would follow. `None` for
    /// what carries no term: forwarded proposals and read questions.
    pub term: Option<Term>,
    /// What is said.
    pub body: Body,
}

/// What is said. §: of the Raft dissertation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The leader's log after `previous` continues with these entries (§3.5; MsgApp).
    Append {
        /// The entry before the first one sent.
        previous: Position,
        /// May be empty: only the commit index is told.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: Index,
    },
    /// The follower's log matches the leader's up to here, durably (MsgAppResp).
    AppendAccepted {
        /// The last index known to match.
        matched: Index,
    },
    /// The follower does not hold the entry before those sent (MsgAppResp, reject).
    AppendRejected {
        /// The index of the entry that it does not hold.
        refused: Index,
        /// The place from where on the leader should try, with the follower's term there.
        hint: Position,
    },
    /// The sender leads (MsgHeartbeat).
    Heartbeat {
        /// The commit index, as far as the receiver's log is known to match.
        commit: Index,
        /// Echoed; confirms reads up to this number (§6.4). Empty when none waits.
        context: Bytes,
    },
    /// The sender follows (MsgHeartbeatResp).
    HeartbeatAnswer {
        /// As it came.
        context: Bytes,
    },
    /// Would you vote for me (§9.6; MsgPreVote)?
    PreVote {
        /// The end of the candidate's log.
        last: Position,
        /// The leader asked for this campaign: leases of leaders do not count (§4.2.3).
        transfer: bool,
        /// As in [`Vote`](Self::Vote).
        committed: Position,
    },
    /// MsgPreVoteResp.
    PreVoteAnswer {
        /// Whether.
        granted: bool,
        /// As in [`VoteAnswer`](Self::VoteAnswer).
        committed: Position,
    },
    /// Commands for the leader, forwarded (MsgProp).
    Propose {
        /// Kind and data of each entry.
        entries: Vec<(EntryKind, Bytes)>,
    },
    /// A read question, forwarded to the leader (MsgReadIndex).
    ReadIndex {
        /// The asker's name for it.
        ticket: ReadTicket,
    },
    /// The leader's answer (MsgReadIndexResp).
    ReadIndexAnswer {
        /// As asked.
        ticket: ReadTicket,
        /// What must be applied.
        index: Index,
    },
    /// A snapshot goes with this (§5; MsgSnap); its content travels beside it.
    Snapshot {
        /// Where it was taken.
        marker: Marker,
    },
    /// Campaign now (§3.10; MsgTimeoutNow).
    TimeoutNow,
    /// Somebody asked this follower to have leadership handed over (MsgTransferLeader).
    TransferLeader {
        /// To whom.
        transferee: NodeId,
    },
    /// Vote for me (§3.4; MsgVote).
    Vote {
        /// The end of the candidate's log.
        last: Position,
        /// The leader asked for this campaign: leases of leaders do not count (§4.2.3).
        transfer: bool,
        /// The last entry that the candidate knows to be committed: whoever is asked may hold it
        /// and not know that. Nothing, hence entry 0, of etcd's members, who do not tell, nor look
        /// at it.
        committed: Position,
    },
    /// MsgVoteResp.
    VoteAnswer {
        /// Whether.
        granted: bool,
        /// Of one that refuses, the last entry it knows to be committed: the candidate may hold it
        /// and not know that. Nothing, hence entry 0, of any other, and of etcd's members, who do
        /// not tell, nor look at it.
        committed: Position,
    },
}
