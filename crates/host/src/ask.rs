//! What members ask each other beside raft: questions and answers on the wire.
//!
//! One byte of version, then protobuf. A question that the other side does not know reads as none,
//! and is answered as not understood, so that versions may mix.

use prost::Message;
use units::{LeaseId, NodeId, Revision};

use crate::{Cause, Error};
use state::Refusal;

/// The version of what is said.
const VERSION: u8 = 1;

/// Something to ask a member.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(crate) enum Question {
    /// Renew the lease; only the leader can.
    #[prost(int64, tag = "1")]
    KeepAlive(i64),
    /// What is left of the lease; only the leader knows.
    #[prost(message, tag = "2")]
    TimeToLive(LeaseAsked),
    /// Make the learner a voter; only the leader knows whether it is ready.
    #[prost(uint64, tag = "3")]
    Promote(u64),
    /// What do you speak?
    #[prost(message, tag = "4")]
    Versions(Nothing),
    /// Hash your keyspace as of the revision; 0 is the newest.
    #[prost(int64, tag = "5")]
    Hash(i64),
}

/// What a member answers.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(crate) enum Answer {
    /// It was not done; see [`Error`].
    #[prost(uint32, tag = "1")]
    Refused(u32),
    /// The lease has so many seconds again.
    #[prost(int64, tag = "2")]
    Renewed(i64),
    /// This is left of the lease.
    #[prost(message, tag = "3")]
    Left(LeaseLeft),
    /// It is done.
    #[prost(message, tag = "4")]
    Done(Nothing),
    /// This is spoken here.
    #[prost(string, tag = "5")]
    Version(String),
    /// This is the keyspace.
    #[prost(message, tag = "6")]
    Hashed(Hashed),
}

/// Which lease, and what of it.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct LeaseAsked {
    #[prost(int64, tag = "1")]
    pub(crate) id: i64,
    #[prost(bool, tag = "2")]
    pub(crate) keys: bool,
}

/// What is left of a lease.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct LeaseLeft {
    /// Whether there is such a lease; if not, the rest says nothing.
    #[prost(bool, tag = "1")]
    pub(crate) known: bool,
    #[prost(int64, tag = "2")]
    pub(crate) remaining_s: i64,
    #[prost(int64, tag = "3")]
    pub(crate) ttl_s: i64,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(crate) keys: Vec<bytes::Bytes>,
}

/// A keyspace in short.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct Hashed {
    #[prost(uint32, tag = "1")]
    pub(crate) hash: u32,
    /// What was hashed, and from where on.
    #[prost(int64, tag = "2")]
    pub(crate) revision: i64,
    #[prost(int64, tag = "3")]
    pub(crate) compacted: i64,
    /// The newest revision there.
    #[prost(int64, tag = "4")]
    pub(crate) newest: i64,
}

/// Nothing more to say.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(oneof = "Question", tags = "1, 2, 3, 4, 5")]
    question: Option<Question>,
}

#[derive(Clone, PartialEq, Message)]
struct Answered {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6")]
    answer: Option<Answer>,
}

impl Question {
    /// Whether a lease can be renewed.
    pub(crate) fn keep_alive(id: LeaseId) -> Self {
        Self::KeepAlive(id.0)
    }

    /// What is left of a lease, and what hangs on it.
    pub(crate) fn time_to_live(id: LeaseId, keys: bool) -> Self {
        Self::TimeToLive(LeaseAsked { id: id.0, keys })
    }

    /// Whether a learner may become a voter.
    pub(crate) fn promote(id: NodeId) -> Self {
        Self::Promote(id.0)
    }

    /// What a keyspace hashes to.
    pub(crate) fn hash(revision: Revision) -> Self {
        Self::Hash(revision.0)
    }

    /// On the wire.
    pub(crate) fn into_wire(self) -> bytes::Bytes {
        frame(&Asked { question: Some(self) })
    }

    /// Off the wire; `None` if it is not understood.
    pub(crate) fn from_wire(bytes: &[u8]) -> Option<Self> {
        unframe::<Asked>(bytes)?.question
    }
}

impl Answer {
    /// On the wire.
    pub(crate) fn into_wire(self) -> bytes::Bytes {
        frame(&Answered { answer: Some(self) })
    }

    /// Off the wire; `None` if it is not understood.
    pub(crate) fn from_wire(bytes: &[u8]) -> Option<Self> {
        unframe::<Answered>(bytes)?.answer
    }
}

fn frame(message: &impl Message) -> bytes::Bytes {
    let mut bytes = vec![VERSION];
    message.encode(&mut bytes).expect("a vector grows");
    bytes.into()
}

fn unframe<M: Message + Default>(bytes: &[u8]) -> Option<M> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => M::decode(rest).ok(),
        _ => None,
    }
}

/// Errors that another member may give as an answer, with their numbers on the wire. Others are of
/// no use to whoever asks.
const ERRORS: [(u32, Error); 13] = [
    (1, Error::NotPrimary),
    (2, Error::NotLeader),
    (3, Error::NoLeader),
    (4, Error::LeaderChanged),
    (5, Error::LearnerNotReady),
    (6, Error::NotEnoughStarted),
    (7, Error::TooManyRequests),
    (8, Error::TimedOut(Cause::Applying)),
    (9, Error::Refused(Refusal::MemberNotFound)),
    (10, Error::Refused(Refusal::MemberNotLearner)),
    (11, Error::Refused(Refusal::Compacted)),
    (12, Error::Refused(Refusal::Future)),
    (13, Error::Unhealthy),
];

/// What stands for every other error: nobody knows whether it was done.
const OTHER: u32 = 0;

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let known = ERRORS.iter().find(|(_, one)| *one == error);
        Self::Refused(known.map_or(OTHER, |(number, _)| *number))
    }
}

/// The error that a number stands for.
pub(crate) fn from_number(number: u32) -> Error {
    let known = ERRORS.iter().find(|(one, _)| *one == number);
    known.map_or(Error::TimedOut(Cause::Unknown), |(_, error)| *error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_come_back_as_they_were() {
        let questions = [
            Question::keep_alive(LeaseId(-5)),
            Question::time_to_live(LeaseId(7), true),
            Question::promote(NodeId(u64::MAX)),
            Question::Versions(Nothing {}),
            Question::hash(Revision(9)),
        ];
        for question in questions {
            assert_eq!(Question::from_wire(&question.clone().into_wire()), Some(question));
        }
        let keys = vec!["a".into(), "b".into()];
        let answers = [
            Answer::from(Error::NotPrimary),
            Answer::Renewed(60),
            Answer::Left(LeaseLeft { known: true, remaining_s: -1, ttl_s: 60, keys }),
            Answer::Done(Nothing {}),
            Answer::Version("3.7.0".into()),
            Answer::Hashed(Hashed { hash: 1, revision: 2, compacted: 3, newest: 4 }),
        ];
        for answer in answers {
            assert_eq!(Answer::from_wire(&answer.clone().into_wire()), Some(answer));
        }
    }

    #[test]
    fn errors_come_back_as_they_were_or_as_uncertainty() {
        for (number, error) in ERRORS {
            assert_eq!(Answer::from(error), Answer::Refused(number));
            assert_eq!(from_number(number), error);
        }
        assert_eq!(Answer::from(Error::Stopped), Answer::Refused(OTHER));
        assert_eq!(from_number(OTHER), Error::TimedOut(Cause::Unknown));
    }

    #[test]
    fn what_is_not_known_is_not_understood() {
        let unknown = [&b""[..], b"\x02", b"\x01\xff", b"\x01", b"\x01\x7a\x00"];
        for bytes in unknown {
            assert_eq!(Question::from_wire(bytes), None);
            assert_eq!(Answer::from_wire(bytes), None);
        }
    }
}
