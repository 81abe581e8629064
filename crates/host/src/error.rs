//! Why a request came to nothing, and why a member came to an end.

use std::fmt;

use state::Refusal;

/// Why a request was not done, or why nobody knows whether it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The member that shall lead is no voter, or is not known.
    BadTransferee,
    /// Another leader was elected meanwhile; the request did nothing and may be tried again.
    LeaderChanged,
    /// The learner has too little of the leader's log to vote.
    LearnerNotReady,
    /// No leader was known from the request's beginning to its end.
    NoLeader,
    /// What this member is put together from cannot do this.
    NotCapable,
    /// Too few members have ever started for the change to be safe.
    NotEnoughStarted,
    /// Only the leader can do this.
    NotLeader,
    /// This member's word on leases does not count any more.
    NotPrimary,
    /// The state machine turned it down.
    Refused(Refusal),
    /// This member has stopped.
    Stopped,
    /// There was no answer in time; a write may or may not have been done.
    TimedOut(Cause),
    /// The command is larger than a request may be.
    TooLarge,
    /// Too much is under way already.
    TooManyRequests,
    /// Too few members are connected for the change to be safe.
    Unhealthy,
}

/// What an answer that did not come may have waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The state machine, which has not applied everything that is committed.
    Applying,
    /// A quorum, or a leader, that this member is not connected to.
    ConnectionLost,
    /// A new leader, after the former one was lost.
    LeaderFailed,
    /// The new leader, as leadership was handed over.
    Transfer,
    /// Not known.
    Unknown,
}

/// Why a member has stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Log and engine, each sound for itself, do not belong together: what parts them.
    Apart(String),
    /// It was asked to.
    Asked,
    /// An invariant is broken: this is what the assertion says.
    Bug(String),
    /// The engine cannot be trusted any more.
    Engine(backend::Fault),
    /// The log cannot be trusted any more.
    Log(raftlog::Fault),
    /// It was removed from the cluster.
    Removed,
    /// What it is put together from cannot serve its cluster: why.
    Unfit(String),
}

impl From<node::Refusal> for Error {
    fn from(refusal: node::Refusal) -> Self {
        match refusal {
            node::Refusal::BadTransferee => Self::BadTransferee,
            node::Refusal::LeaderChanged => Self::LeaderChanged,
            node::Refusal::NoLeader => Self::NoLeader,
            node::Refusal::NoSpace => Self::Refused(Refusal::NoSpace),
            node::Refusal::NotLeader => Self::NotLeader,
            node::Refusal::Removed => Self::Stopped,
            node::Refusal::TooManyRequests => Self::TooManyRequests,
            node::Refusal::Transferring => Self::TimedOut(Cause::Transfer),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadTransferee => "the member cannot become leader",
            Self::LeaderChanged => "another leader was elected",
            Self::LearnerNotReady => "the learner is not in sync with the leader",
            Self::NoLeader => "no leader was known in time",
            Self::NotCapable => "this member's parts cannot do that",
            Self::NotEnoughStarted => "too few members have started",
            Self::NotLeader => "this member does not lead",
            Self::NotPrimary => "this member's word on leases does not count",
            Self::Refused(refusal) => return refusal.fmt(f),
            Self::Stopped => "the member has stopped",
            Self::TimedOut(Cause::Applying) => "timed out waiting for the state machine",
            Self::TimedOut(Cause::ConnectionLost) => "timed out, perhaps as a connection was lost",
            Self::TimedOut(Cause::LeaderFailed) => "timed out, perhaps as the leader had failed",
            Self::TimedOut(Cause::Transfer) => "timed out while leadership was handed over",
            Self::TimedOut(Cause::Unknown) => "timed out",
            Self::TooLarge => "the command is too large",
            Self::TooManyRequests => "too many requests",
            Self::Unhealthy => "too few members are connected",
        })
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(why) => f.write_str(why),
            Self::Apart(what) => write!(f, "the raft log does not fit the engine: {what}"),
            Self::Asked => f.write_str("the member was asked to stop"),
            Self::Bug(what) => write!(f, "a bug: {what}"),
            Self::Engine(fault) => write!(f, "the engine: {fault}"),
            Self::Log(fault) => write!(f, "the raft log: {fault}"),
            Self::Removed => f.write_str("the member was removed from the cluster"),
        }
    }
}

impl std::error::Error for Ending {}

impl From<backend::Fault> for Ending {
    fn from(fault: backend::Fault) -> Self {
        Self::Engine(fault)
    }
}

impl From<raftlog::Fault> for Ending {
    fn from(fault: raftlog::Fault) -> Self {
        Self::Log(fault)
    }
}
