//! Linearizable reads, grouped.
//!
//! ```text
//!   waiting ──► round: asks consensus for an index ──► confirmed: waits for that index ──► done
//!               (one at a time, however many share it)   (then the next round may begin)
//! ```
//!
//! Who comes while a round is under way waits for the next: the index of a round is only good for
//! those who asked before it began.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use consensus::{ReadTicket, Refused};
use units::{Index, Time, planted};

use crate::Ticket;

/// How many reads may be under way; beyond it they are refused. A read costs a few bytes here, so
/// this bounds time rather than memory: what one round can release in a millisecond or two.
pub const READS_MAX: usize = 65_536;

/// After this time a question is asked again, as it may have been lost (etcd: 500 ms).
pub const READ_RETRY: Duration = Duration::from_millis(500);

/// All reads under way.
///
/// Invariants:
/// - A ticket is in one place, and `wanted` unless it was withdrawn.
/// - `held` counts the tickets in all places, withdrawn ones too, so that these are bounded as
///   well.
#[derive(Debug)]
pub(crate) struct Reads {
    /// The name of the next question.
    next: ReadTicket,
    waiting: Vec<Ticket>,
    round: Option<Round>,
    /// In the order of their rounds.
    confirmed: VecDeque<(Index, Vec<Ticket>)>,
    held: usize,
    wanted: BTreeSet<Ticket>,
}

/// Those who share a question. Any answer to a question asked in this round is good for all of
/// them.
#[derive(Debug)]
struct Round {
    tickets: Vec<Ticket>,
    /// The first question of this round; later ones are its repeats.
    first: ReadTicket,
    /// Whether anybody took one of its questions.
    asked: bool,
    ask_at: Time,
}

impl Reads {
    /// No reads; questions are named from `first` on.
    pub(crate) fn new(first: ReadTicket) -> Self {
        Self {
            next: first,
            waiting: Vec::new(),
            round: None,
            confirmed: VecDeque::new(),
            held: 0,
            wanted: BTreeSet::new(),
        }
    }

    /// Adds one; `false` when there are too many.
    pub(crate) fn push(&mut self, ticket: Ticket) -> bool {
        if self.held >= READS_MAX {
            return false;
        }
        self.held += 1;
        self.waiting.push(ticket);
        self.wanted.insert(ticket);
        true
    }

    /// The question to ask now, if any: of a new round, or again. What consensus says to it is told
    /// by [`asked`](Self::asked).
    pub(crate) fn question(&mut self, now: Time) -> Option<ReadTicket> {
        if let Some(mut round) = self.round.take_if(|round| round.ask_at <= now) {
            self.forget_withdrawn(&mut round.tickets);
            self.round = (!round.tickets.is_empty()).then_some(round);
        }
        if self.round.is_none() {
            let mut tickets = mem::take(&mut self.waiting);
            self.forget_withdrawn(&mut tickets);
            let round = Round { tickets, first: self.next, asked: false, ask_at: now };
            self.round = (!round.tickets.is_empty()).then_some(round);
        }
        self.round.as_ref().filter(|round| round.ask_at <= now)?;
        let question = self.next;
        self.next = ReadTicket(question.0.wrapping_add(1));
        Some(question)
    }

    /// What consensus said to the question; those of its round, if it can never be answered.
    pub(crate) fn asked(&mut self, now: Time, result: Result<(), Refused>) -> Vec<Ticket> {
        let Some(round) = &mut self.round else { return Vec::new() };
        round.ask_at = now + READ_RETRY;
        match result {
            Ok(()) => round.asked = true,
            Err(Refused::NoLeader | Refused::Transferring | Refused::TooMuchUncommitted) => {}
            Err(Refused::BadTransferee | Refused::NotLeader | Refused::Removed) => {
                return self.abandon();
            }
        }
        Vec::new()
    }

    /// An answer: states that have applied the index may be read. Answers to questions of earlier
    /// rounds are too old and ignored.
    pub(crate) fn confirm(&mut self, answer: ReadTicket, index: Index) {
        let is_ours = |round: &mut Round| round.first <= answer && answer < self.next;
        if let Some(round) = self.round.take_if(|round| is_ours(round)) {
            self.confirmed.push_back((index, round.tickets));
        }
    }

    /// A question was lost: it is asked again at once.
    pub(crate) fn lost(&mut self, now: Time, question: ReadTicket) {
        if let Some(round) = &mut self.round
            && round.first <= question
        {
            round.ask_at = now;
        }
    }

    /// There is a new leader: what was asked of the one before is refused, as in etcd; what could
    /// not be asked of anybody is asked now.
    pub(crate) fn leader_elected(&mut self, now: Time) -> Vec<Ticket> {
        match &mut self.round {
            Some(round) if round.asked => self.abandon(),
            Some(round) => {
                round.ask_at = now;
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Everything up to the index is applied; those who waited for that.
    pub(crate) fn applied(&mut self, index: Index) -> Vec<Ticket> {
        let mut done = Vec::new();
        let may_read = |wanted: Index| wanted <= index || planted!(ReadBeforeApplied);
        while let Some((_, tickets)) = self.confirmed.pop_front_if(|(wanted, _)| may_read(*wanted))
        {
            done.append(&mut self.release(tickets));
        }
        done
    }

    /// Forgets a read.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.wanted.remove(&ticket);
    }

    /// When [`question`](Self::question) has something to say by itself.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.round.as_ref().map(|round| round.ask_at)
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
    }

    fn abandon(&mut self) -> Vec<Ticket> {
        let tickets = self.round.take().map(|round| round.tickets).unwrap_or_default();
        self.release(tickets)
    }

    fn forget_withdrawn(&mut self, tickets: &mut Vec<Ticket>) {
        let before = tickets.len();
        tickets.retain(|ticket| self.wanted.contains(ticket));
        self.held -= before - tickets.len();
    }

    /// Lets go of tickets; those that are still wanted.
    fn release(&mut self, mut tickets: Vec<Ticket>) -> Vec<Ticket> {
        self.held -= tickets.len();
        tickets.retain(|ticket| self.wanted.remove(ticket));
        tickets
    }
}
