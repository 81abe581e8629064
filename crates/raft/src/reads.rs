//! Linearizable reads without the log (§6.4).
//!
//! A leader notes its commit index, makes sure that it still leads, and answers with that index. It
//! makes sure by a round of heartbeats: they carry the round's number, followers echo it, and once
//! a quorum has echoed it every question asked before the round is answered. One round serves all
//! questions that came since the last one.
//!
//! The weaker way is a lease (§6.4.1): a quorum that echoed a round does not elect anybody else for
//! an election timeout from when the round was sent, so until then nothing need be asked. That
//! holds as long as no member's clock runs much slower than the others'; who cannot promise it must
//! not choose it. A lease counts from the sending, is void once leadership was offered to another,
//! and a member that restarts keeps quiet for an election timeout, because it may have echoed
//! something.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use consensus::{Body, Effect, ReadTicket};
use units::{Index, NodeId, Time, planted};

use crate::leading::Part;
use crate::outbox::Outbox;
use crate::quorum;
use crate::raft::Raft;

/// Questions that may wait on a leader. A node asks few at a time (it lets many reads wait for one
/// question), so this is reached only when no quorum answers or a peer floods.
const WAITING_MAX: usize = 65_536;

/// A question and who asked it: a peer, or this member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) ticket: ReadTicket,
    pub(crate) peer: Option<NodeId>,
}

/// A leader's unanswered reads.
///
/// # Invariants
///
/// - Rounds and indexes ascend in `waiting`; no round there is above `round + 1`.
/// - `early` is empty once an entry of the term is committed.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    /// Asked before an entry of the term was committed: until then the leader does not know what is
    /// committed (§6.4, step 1).
    early: Vec<Question>,
    /// Each with the round that confirms it and the commit index when it was asked.
    waiting: VecDeque<(u64, Index, Question)>,
    /// The newest round begun.
    round: u64,
    lease: Option<Lease>,
}

#[derive(Clone, Debug, Default)]
struct Lease {
    /// When the rounds that are not confirmed yet were begun.
    begun: VecDeque<(u64, Time)>,
    until: Time,
    void: bool,
}

impl Reads {
    /// Nothing is asked yet.
    pub(crate) fn new(by_lease: bool) -> Self {
        let lease = by_lease.then(Lease::default);
        Self { early: Vec::new(), waiting: VecDeque::new(), round: 0, lease }
    }

    /// Whether somebody waits for a round that was not begun.
    pub(crate) fn wants_round(&self) -> bool {
        self.waiting.back().is_some_and(|(round, ..)| *round > self.round)
    }

    /// What the next heartbeats carry: the newest round that is not confirmed, a new one if
    /// somebody waits for it. With a lease every heartbeat is a round.
    pub(crate) fn begin_round(&mut self, now: Time, span: Duration) -> Bytes {
        if self.wants_round() || self.lease.is_some() {
            self.round += 1;
        }
        if let Some(lease) = &mut self.lease {
            lease.begun.push_back((self.round, now));
            while lease.begun.front().is_some_and(|(_, at)| now.since(*at) >= span) {
                lease.begun.pop_front();
            }
        }
        if self.waiting.is_empty() && self.lease.is_none() {
            return Bytes::new();
        }
        Bytes::copy_from_slice(&self.round.to_le_bytes())
    }

    /// The round that an echoed context names; `None` if it names none that was begun.
    pub(crate) fn echoed(&self, context: &[u8]) -> Option<u64> {
        let round = u64::from_le_bytes(context.try_into().ok()?);
        (round <= self.round).then_some(round)
    }

    /// Leadership was offered to somebody, who may campaign whatever his peers promised.
    pub(crate) fn forfeit_lease(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.void = true;
        }
    }

    /// The voters changed: those who promised may not be a quorum any more.
    pub(crate) fn doubt_lease(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.until = Time::ZERO;
        }
    }

    /// Leadership ended: those who asked here ask again, others notice by themselves.
    pub(crate) fn lost(self, outbox: &mut Outbox) {
        let waiting = self.waiting.into_iter().map(|(_, _, question)| question);
        for question in self.early.into_iter().chain(waiting) {
            if question.peer.is_none() {
                outbox.push(Effect::ReadLost { ticket: question.ticket });
            }
        }
    }

    fn confirmed(&mut self, round: u64, span: Duration) -> Vec<(Index, Question)> {
        if let Some(lease) = &mut self.lease {
            while lease.begun.front().is_some_and(|(begun, _)| *begun <= round) {
                let (_, at) = lease.begun.pop_front().expect("the front was just looked at");
                lease.until = at + span;
            }
        }
        let count = self.waiting.iter().take_while(|(wanted, ..)| *wanted <= round).count();
        self.waiting.drain(..count).map(|(_, index, question)| (index, question)).collect()
    }

    fn lease_holds(&self, now: Time) -> bool {
        self.lease.as_ref().is_some_and(|lease| now < lease.until && !lease.void)
    }
}

impl Raft {
    /// A question came to this leader.
    pub(crate) fn ask(&mut self, question: Question) {
        let Part::Leader(leading) = &mut self.part else { return };
        let reads = &mut leading.reads;
        if reads.early.len() + reads.waiting.len() >= WAITING_MAX {
            if question.peer.is_none() {
                self.outbox.push(Effect::ReadLost { ticket: question.ticket });
            }
            return;
        }
        let commit = self.state.commit;
        if commit < leading.opened && !planted!(ReadBeforeOpened) {
            reads.early.push(question);
        } else if planted!(StaleRead)
            || reads.lease_holds(self.now)
            || quorum::holds(&self.conf, |voter| voter == self.config.id)
        {
            self.answer(question, commit);
        } else {
            reads.waiting.push_back((reads.round + 1, commit, question));
        }
    }

    /// Something that questions wait for may have happened: an entry of the term was committed,
    /// rounds were confirmed, or the voters changed.
    pub(crate) fn answer_reads(&mut self) {
        let me = self.config.id;
        let span = self.config.election_timeout;
        let Part::Leader(leading) = &mut self.part else { return };
        if self.state.commit < leading.opened {
            return;
        }
        let early = core::mem::take(&mut leading.reads.early);
        let peers = &leading.peers;
        let confirmed = quorum::reached(&self.conf, |voter| {
            if voter == me { u64::MAX } else { peers.get(&voter).map_or(0, |peer| peer.round) }
        });
        let answered = leading.reads.confirmed(confirmed, span);
        for (index, question) in answered {
            self.answer(question, index);
        }
        for question in early {
            self.ask(question);
        }
    }

    fn answer(&mut self, question: Question, index: Index) {
        let ticket = question.ticket;
        match question.peer {
            None => self.outbox.push(Effect::ReadReady { ticket, index }),
            Some(peer) => {
                let body = Body::ReadIndexAnswer { ticket, index };
                self.outbox.send(peer, Some(self.state.term), body);
            }
        }
    }
}
