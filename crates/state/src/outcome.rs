//! What comes of a command.

use alloc::sync::Arc;
use core::fmt;

use proto::etcdserverpb::{
    AlarmResponse, CompactionResponse, LeaseGrantResponse, LeaseRevokeResponse, ResponseHeader,
};
use proto::spliced::{DeleteRangeResponse, PutResponse, RangeResponse, TxnResponse};
use units::{Index, Revision};

use crate::members::Members;

/// The end of a command, for whoever waits for it.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The entry that held it.
    pub index: Index,
    /// The command's number, never 0: a command without one has nobody waiting.
    pub request: u64,
    /// What came of it.
    pub result: Result<Outcome, Refusal>,
}

/// What a command answers. Headers hold the revision alone; who answers adds the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// To an alarm request: the alarms that it is about.
    Alarm(AlarmResponse),
    /// To a compaction. It has begun; it has ended when the published store's `finished` says so.
    Compact(CompactionResponse),
    /// To a deletion.
    DeleteRange(DeleteRangeResponse),
    /// Done, and nothing to say.
    Done,
    /// To the granting of a lease.
    LeaseGrant(LeaseGrantResponse),
    /// To the revoking of a lease.
    LeaseRevoke(LeaseRevokeResponse),
    /// To a change of members: who they are now.
    Members(Arc<Members>),
    /// To a put.
    Put(PutResponse),
    /// To a range that went through the log.
    Range(RangeResponse),
    /// To a transaction.
    Txn(TxnResponse),
}

/// Understood and turned down; the same on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The alarm request asks for something that is not known.
    AlarmAction,
    /// The revision has been compacted.
    Compacted,
    /// The cluster is corrupt: an alarm says so.
    Corrupt,
    /// The revision is not there yet.
    Future,
    /// The key is empty, or longer than [`mvcc::KEY_BYTES_MAX`].
    KeyLength,
    /// The key whose value or lease is to be kept does not live.
    KeyNotFound,
    /// The last voter cannot leave: nobody could decide anything any more.
    LastVoter,
    /// The lease's id is taken.
    LeaseExists,
    /// There is no such lease.
    LeaseNotFound,
    /// The TTL is too large.
    LeaseTtlTooLarge,
    /// The member is there already.
    MemberExists,
    /// There is no such member, or it was removed; a removed one never comes back.
    MemberNotFound,
    /// The member to promote is no learner.
    MemberNotLearner,
    /// The engine is, or is about to be, larger than its quota. If this member found so while it
    /// applied the command, the write stands nevertheless.
    NoSpace,
    /// A peer URL belongs to another member.
    PeerUrlExists,
    /// There would be more learners than may be.
    TooManyLearners,
    /// The command is not understood here.
    Unsupported,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlarmAction => "the alarm request asks for something that is not known",
            Self::Compacted => "the revision has been compacted",
            Self::Corrupt => "the cluster is corrupt",
            Self::Future => "the revision is not there yet",
            Self::KeyLength => "the key is empty or too long",
            Self::KeyNotFound => "the key does not live",
            Self::LastVoter => "the last voter cannot leave",
            Self::LeaseExists => "the lease is there already",
            Self::LeaseNotFound => "there is no such lease",
            Self::LeaseTtlTooLarge => "the TTL is too large",
            Self::MemberExists => "the member is there already",
            Self::MemberNotFound => "there is no such member",
            Self::MemberNotLearner => "the member is no learner",
            Self::NoSpace => "the engine has reached its quota",
            Self::PeerUrlExists => "a peer URL belongs to another member",
            Self::TooManyLearners => "there are too many learners",
            Self::Unsupported => "the command is not understood",
        })
    }
}

impl core::error::Error for Refusal {}

impl From<mvcc::Refused> for Refusal {
    fn from(refused: mvcc::Refused) -> Self {
        match refused {
            mvcc::Refused::Compacted => Self::Compacted,
            mvcc::Refused::Future => Self::Future,
        }
    }
}

impl From<lease::Refusal> for Refusal {
    fn from(refusal: lease::Refusal) -> Self {
        match refusal {
            lease::Refusal::Exists => Self::LeaseExists,
            lease::Refusal::NotFound => Self::LeaseNotFound,
            lease::Refusal::TtlTooLarge => Self::LeaseTtlTooLarge,
        }
    }
}

/// A header with its revision.
pub(crate) fn header(revision: Revision) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision: revision.0, ..ResponseHeader::default() })
}
