//! Proposals on their way into the log.
//!
//! They are gathered until the node is polled, so that those that come together go into consensus
//! together; while no leader is known they wait, as etcd's do, until whoever proposed them gives
//! up.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use consensus::Refused;
use units::Term;

use crate::{Ticket, Urgency};

/// How many proposals may wait. More than a leaderless second of a busy member brings, few enough
/// that answering them all when a leader appears is one breath.
pub const PROPOSALS_WAITING_MAX: usize = 8192;

/// How many bytes of proposals may wait: what the queue may hold of a member's memory when each is
/// as large as etcd's request limit (1.5 MiB).
pub const PROPOSALS_WAITING_BYTES_MAX: usize = 64 << 20;

/// How many bytes are proposed in one call, but for a single command that is larger: what etcd puts
/// into one message, as a follower forwards the call as one.
const GROUP_BYTES_MAX: usize = 1 << 20;

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// An encoded command.
    Command(Bytes),
    /// An encoded configuration change.
    Change(Bytes),
}

/// A proposal that was not yet taken by consensus.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) ticket: Ticket,
    pub(crate) payload: Payload,
    pub(crate) urgency: Urgency,
    /// The only term in which it may be proposed, and by its leader alone.
    pub(crate) term: Option<Term>,
}

/// What goes into consensus with one call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Commands(Vec<Bytes>),
    Change(Bytes),
}

/// The queue. Its front is offered to consensus by [`group`](Self::group), and what came of that is
/// told by [`settle`](Self::settle).
///
/// Invariants:
/// - Proposals leave in the order they came.
/// - Never above the two limits.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    queue: VecDeque<Proposal>,
    bytes: usize,
    /// The lowest ticket since the queue was empty. Tickets are drawn in ascending order, so that
    /// of a lower one it is known at once that it does not wait here.
    lowest: Option<Ticket>,
    /// Consensus could not take any; until something changes there is no use in asking again.
    held: bool,
    /// A group was too much for consensus: offer single ones until the queue is empty.
    one_by_one: bool,
}

impl Proposals {
    /// Adds one; `false` when the queue is full.
    pub(crate) fn push(&mut self, proposal: Proposal) -> bool {
        let bytes = proposal.payload.len();
        if self.queue.len() >= PROPOSALS_WAITING_MAX
            || self.bytes.saturating_add(bytes) > PROPOSALS_WAITING_BYTES_MAX
        {
            return false;
        }
        self.bytes += bytes;
        let lowest = self.lowest.filter(|_| !self.queue.is_empty());
        self.lowest = Some(lowest.map_or(proposal.ticket, |lowest| lowest.min(proposal.ticket)));
        self.queue.push_back(proposal);
        true
    }

    /// Something has changed: a leader, or the time.
    pub(crate) fn release(&mut self) {
        self.held = false;
    }

    /// Whether there is something to offer.
    pub(crate) fn is_ready(&self) -> bool {
        !self.held && !self.queue.is_empty()
    }

    /// The longest front that goes into one call.
    pub(crate) fn group(&self) -> Option<Group> {
        if self.held {
            return None;
        }
        let mut commands = Vec::new();
        let mut bytes = 0;
        for proposal in &self.queue {
            match &proposal.payload {
                Payload::Change(change) if commands.is_empty() => {
                    return Some(Group::Change(change.clone()));
                }
                Payload::Command(command)
                    if commands.is_empty()
                        || !self.one_by_one && bytes + command.len() <= GROUP_BYTES_MAX =>
                {
                    bytes += command.len();
                    commands.push(command.clone());
                }
                Payload::Change(_) | Payload::Command(_) => break,
            }
        }
        (!commands.is_empty()).then_some(Group::Commands(commands))
    }

    /// What consensus said to a group of this many; the tickets of those that are refused.
    pub(crate) fn settle(&mut self, count: usize, result: Result<(), Refused>) -> Vec<Ticket> {
        assert!(count <= self.queue.len(), "{count} settled of {}", self.queue.len());
        match result {
            Ok(()) => {
                self.take(count).for_each(drop);
                self.one_by_one &= !self.queue.is_empty();
                Vec::new()
            }
            Err(Refused::NoLeader | Refused::Transferring) => {
                self.held = true;
                Vec::new()
            }
            Err(Refused::TooMuchUncommitted) if count > 1 => {
                self.one_by_one = true;
                Vec::new()
            }
            Err(_) => {
                let refused = self.take(count).map(|proposal| proposal.ticket).collect();
                self.one_by_one &= !self.queue.is_empty();
                refused
            }
        }
    }

    /// Takes out those that shall not stay; their tickets.
    pub(crate) fn shed(&mut self, stays: impl Fn(&Proposal) -> bool) -> Vec<Ticket> {
        let mut shed = Vec::new();
        let bytes = &mut self.bytes;
        self.queue.retain(|proposal| {
            let stays = stays(proposal);
            if !stays {
                *bytes -= proposal.payload.len();
                shed.push(proposal.ticket);
            }
            stays
        });
        shed
    }

    /// Forgets a proposal if it still waits. Those who give up came first, so it is near the front.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> bool {
        if self.lowest.is_none_or(|lowest| ticket < lowest) {
            return false;
        }
        let Some(place) = self.queue.iter().position(|proposal| proposal.ticket == ticket) else {
            return false;
        };
        if let Some(proposal) = self.queue.remove(place) {
            self.bytes -= proposal.payload.len();
        }
        true
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    fn take(&mut self, count: usize) -> impl Iterator<Item = Proposal> + '_ {
        let bytes = &mut self.bytes;
        self.queue.drain(..count).inspect(move |proposal| *bytes -= proposal.payload.len())
    }
}

impl Payload {
    pub(crate) fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    fn len(&self) -> usize {
        let (Self::Command(data) | Self::Change(data)) = self;
        data.len()
    }
}

impl Group {
    /// How many proposals are in it.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Commands(commands) => commands.len(),
            Self::Change(_) => 1,
        }
    }
}
