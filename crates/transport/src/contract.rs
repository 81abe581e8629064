//! The transport, and where it delivers.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use units::NodeId;

/// Carries frames to members. Shared by whoever sends.
pub trait Transport: Send + Sync {
    /// Sends a frame, or drops it when the lane to the peer is full or the peer is not known; a
    /// drop is told to [`Sink::unreachable`]. Never waits.
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes);

    /// Asks the peer something. The answer comes to [`Sink::called`], exactly once, at the latest
    /// after a time that the transport sets.
    fn call(&self, to: NodeId, ticket: CallTicket, request: Bytes);

    /// Sends a snapshot: the header, then everything the source yields, at a bounded rate and
    /// beside all lanes. How it ended comes to [`Sink::snapshot_sent`], exactly once. One at a time
    /// per peer; a second one ends at once, not delivered.
    fn send_snapshot(&self, to: NodeId, header: Bytes, source: Box<dyn Source>);

    /// From now on these are the peers. One that was a peer and is none any more has been removed
    /// from the cluster, see [`set_removed`](Self::set_removed).
    ///
    /// A member of the same cluster that is not among them may still speak, and is answered where
    /// it says that it listens: this member may be behind and not have heard of it yet.
    fn set_peers(&self, peers: &[Peer]);

    /// These were removed from the cluster, for good: connections to them end, and when they speak
    /// they are refused and told why, see [`Sink::removed`].
    fn set_removed(&self, members: &[NodeId]);

    /// For how long frames have been able to reach the peer without a break, or `None` when they
    /// cannot just now.
    fn connected(&self, peer: NodeId) -> Option<Duration>;
}

/// Where a transport delivers. Called from its threads; must not wait for long.
pub trait Sink: Send + Sync {
    /// A frame from a peer.
    fn frame(&self, from: NodeId, lane: Lane, frame: Bytes);

    /// A peer asks something; the answer may be given later and from elsewhere. Dropping it tells
    /// the peer that there will be none.
    fn call(&self, from: NodeId, request: Bytes, answer: Box<dyn Answer>);

    /// What became of a question asked here.
    fn called(&self, ticket: CallTicket, result: Result<Bytes, CallError>);

    /// A snapshot from a peer; reads the source to its end on the calling thread, which is made for
    /// waiting. `Ok` tells the sender that it arrived whole.
    ///
    /// # Errors
    ///
    /// When it could not be taken in; the sender is told that it did not arrive.
    fn snapshot(
        &self,
        from: NodeId,
        header: Bytes,
        source: &mut dyn Source,
    ) -> Result<(), UnreadableSnapshot>;

    /// What became of a snapshot sent from here.
    fn snapshot_sent(&self, to: NodeId, arrived: bool);

    /// Frames to the peer were dropped or lost.
    fn unreachable(&self, peer: NodeId);

    /// The peer says that this member was removed from the cluster.
    fn removed(&self, by: NodeId);
}

/// Content too large to be held: pulled in chunks.
pub trait Source: Send {
    /// The next chunk, of a size that can be held; `None` after the last.
    ///
    /// # Errors
    ///
    /// When the source cannot go on; what was read so far is worth nothing.
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot>;
}

/// Answers one question.
pub trait Answer: Send {
    /// Gives the answer.
    fn give(self: Box<Self>, answer: Bytes);
}

/// Where in the traffic a frame belongs. A lane never waits behind another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Small and urgent: heartbeats, votes and their answers.
    Heartbeat,
    /// Entries and their acknowledgements, in order.
    Append,
    /// Whatever is large and can wait: forwarded proposals.
    Bulk,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Heartbeat, Self::Append, Self::Bulk];
}

/// A member and where it listens for members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who.
    pub id: NodeId,
    /// Where, best first.
    pub urls: Vec<String>,
}

/// Names a question that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallTicket(pub u64);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The peer took the question and gave no answer.
    NoAnswer,
    /// The peer did not answer in time; it may have acted.
    TimedOut,
    /// The peer could not be reached, or is not known.
    Unreachable,
}

/// A snapshot that cannot be read to its end, or cannot be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableSnapshot(pub String);

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => "the peer gave no answer",
            Self::TimedOut => "the peer did not answer in time",
            Self::Unreachable => "the peer cannot be reached",
        })
    }
}

impl fmt::Display for UnreadableSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for CallError {}
impl core::error::Error for UnreadableSnapshot {}
