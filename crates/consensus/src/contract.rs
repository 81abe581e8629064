//! The machine.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use units::{ConfChangeKind, ConfState, Entry, EntryKind, Index, NodeId, Time};

use crate::{Effect, Marker, Message, ReadTicket, Status, WriteTicket};

/// Orders entries among members. One owner; calls, of which several may come together, are followed
/// by [`poll`](Self::poll) until it returns `None`, and the effects are carried out in the order
/// they came.
pub trait Consensus: Send {
    /// A message from a peer. Messages may be lost, doubled, late and out of order; none may break
    /// an invariant.
    fn step(&mut self, now: Time, message: Message);

    /// Puts commands into the log: here if this member leads, else by forwarding them to the
    /// leader, after which they may still be lost without a word.
    ///
    /// # Errors
    ///
    /// Nothing was taken, see [`Refused`].
    fn propose(&mut self, now: Time, commands: Vec<Bytes>) -> Result<(), Refused>;

    /// Puts a configuration change into the log; `data` is the encoded change and `kind` says in
    /// which form. If another one may still be unapplied, an empty normal entry takes its place, as
    /// in etcd, and whoever waits for it waits in vain.
    ///
    /// # Errors
    ///
    /// Nothing was taken, see [`Refused`].
    fn propose_change(&mut self, now: Time, kind: EntryKind, data: Bytes) -> Result<(), Refused>;

    /// A committed configuration change takes effect: the node has applied the entry that holds it.
    /// A change that turned out to be invalid is applied as one without steps.
    fn apply_change(&mut self, now: Time, change: &Change) -> ConfState;

    /// Asks for an index such that a state that has applied it shows every write completed before
    /// this call. The answer is [`Effect::ReadReady`] with the ticket, or
    /// [`Effect::ReadLost`]; a question forwarded to a leader may be lost without a word.
    ///
    /// # Errors
    ///
    /// Nothing was asked, see [`Refused`].
    fn read_index(&mut self, now: Time, ticket: ReadTicket) -> Result<(), Refused>;

    /// Hands leadership to a voter: it is brought up to date and told to campaign at once.
    /// Proposals are refused meanwhile; after an election timeout the attempt is given up. A
    /// follower passes the wish on to its leader, as in etcd, where it may be lost without a word.
    ///
    /// # Errors
    ///
    /// Nothing was begun, see [`Refused`].
    fn transfer(&mut self, now: Time, to: NodeId) -> Result<(), Refused>;

    /// Everything that [`Effect::Append`] gave out up to and including this ticket is durable.
    fn persisted(&mut self, now: Time, ticket: WriteTicket);

    /// The answer to the oldest unanswered [`Effect::ReadLog`] for `first`: the entries from there
    /// on, or as many of them as were read. Empty when they are trimmed away by now.
    fn entries_read(&mut self, now: Time, first: Index, entries: Vec<Entry>);

    /// The state machine has applied everything up to here.
    fn applied(&mut self, now: Time, index: Index);

    /// The log's head up to the marker is gone: peers that need it need a snapshot.
    fn trimmed(&mut self, marker: &Marker);

    /// A snapshot taken at the marker is ready for the peer, as answer to
    /// [`Effect::SnapshotWanted`]. If the peer still needs it, an [`Effect::Send`] of
    /// [`Body::Snapshot`](crate::Body::Snapshot) follows at once and the content goes with that
    /// message; if none follows, the snapshot is of no use any more. Either way `snapshot_ended`
    /// comes last.
    fn snapshot_started(&mut self, to: NodeId, marker: &Marker);

    /// The snapshot wanted for the peer arrived whole, or did not, or could not even be started.
    fn snapshot_ended(&mut self, now: Time, to: NodeId, arrived: bool);

    /// The snapshot of [`Effect::InstallSnapshot`] is durable in engine and log.
    fn snapshot_installed(&mut self, now: Time, marker: &Marker);

    /// A message to the peer was lost, as the transport noticed.
    fn unreachable(&mut self, peer: NodeId);

    /// The member has just started and can reach others by now, so that it need not wait for a
    /// leader as long as if it had lost one: an election timeout is shorter by so much for its next
    /// campaign, with all that is drawn by it, unless it has heard of a leader.
    fn hasten_election(&mut self, now: Time, by: Duration);

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    fn deadline(&self) -> Option<Time>;

    /// Time has passed.
    fn handle_timeout(&mut self, now: Time);

    /// The next thing to do.
    fn poll(&mut self) -> Option<Effect>;

    /// What there is to know about it.
    fn status(&self) -> Status;
}

/// A configuration change, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// How to get from the old configuration to the new one.
    pub transition: Transition,
    /// What happens to whom, in order. No steps and [`Transition::Auto`] leaves a joint
    /// configuration, if in one, and is nothing otherwise.
    pub steps: Vec<ChangeStep>,
}

/// What happens to one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeStep {
    /// What.
    pub kind: ConfChangeKind,
    /// To whom.
    pub node: NodeId,
}

/// How a configuration change is carried out (§4.3 of the Raft dissertation); the numbers are
/// raftpb's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Transition {
    /// In one step if at most one voter changes, else jointly, left automatically.
    #[default]
    Auto = 0,
    /// Jointly, left automatically.
    JointImplicit = 1,
    /// Jointly, left by a change without steps.
    JointExplicit = 2,
}

/// Why a question or proposal was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The member to become leader is no voter, or is not known at all.
    BadTransferee,
    /// Nobody is known to lead.
    NoLeader,
    /// Only the leader can do this.
    NotLeader,
    /// This member is not part of the configuration (any more).
    Removed,
    /// Too many bytes wait for a quorum.
    TooMuchUncommitted,
    /// Leadership is being handed over.
    Transferring,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadTransferee => "the member cannot become leader",
            Self::NoLeader => "no leader is known",
            Self::NotLeader => "this member does not lead",
            Self::Removed => "this member is not part of the cluster",
            Self::TooMuchUncommitted => "too many bytes wait for a quorum",
            Self::Transferring => "leadership is being handed over",
        })
    }
}

impl core::error::Error for Refused {}
