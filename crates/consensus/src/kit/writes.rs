//! What was given to the log to write, and what of it is durable.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::{Effect, WriteTicket};
use units::{HardState, Index, planted};

use super::log::Log;

/// Writes run beside everything else (§10.2.1), so a promise must know which one it waits for.
///
/// # Invariants
///
/// - Tickets ascend; `durable < next`.
/// - `persisted <= given <= ` the log's last entry; entries up to `persisted` are on disk as they
///   are in memory, also after a truncation.
#[derive(Clone, Debug)]
pub struct Writes {
    next: WriteTicket,
    /// The newest write that somebody waits for.
    newest_sync: WriteTicket,
    durable: WriteTicket,
    state: HardState,
    given: Index,
    persisted: Index,
    /// The commit index that a start would find.
    commit: Index,
    under_way: VecDeque<UnderWay>,
}

/// A write on the way, and what it makes durable.
#[derive(Clone, Debug)]
struct UnderWay {
    ticket: WriteTicket,
    last: Index,
    commit: Index,
}

impl Writes {
    /// Nothing is on the way.
    pub fn new(state: HardState, last: Index) -> Self {
        Self {
            next: WriteTicket(1),
            newest_sync: WriteTicket(0),
            durable: WriteTicket(0),
            state,
            given: last,
            persisted: last,
            commit: state.commit,
            under_way: VecDeque::new(),
        }
    }

    /// Up to where the log is durable.
    pub fn persisted(&self) -> Index {
        self.persisted
    }

    /// The commit index that is durable. It lags: mostly nobody waits for it.
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The newest write that is durable, with all before it.
    pub fn durable(&self) -> WriteTicket {
        self.durable
    }

    /// The write after which everything that is in memory now is durable; `None` if it is already.
    /// The commit index does not count: it is a hint.
    pub fn barrier(&self, state: &HardState, last: Index) -> Option<WriteTicket> {
        if self.promises_something(state) || self.given < last {
            Some(self.next)
        } else {
            (self.newest_sync > self.durable).then_some(self.newest_sync)
        }
    }

    /// The next write, if there is anything to write. `urgent` says that somebody waits for the
    /// commit index.
    pub fn write(&mut self, state: &HardState, log: &Log, urgent: bool) -> Option<Effect> {
        let last = log.last().index;
        let entries: Vec<_> = if self.given < last {
            log.cached(self.given.next(), last).cloned().collect()
        } else {
            Vec::new()
        };
        if entries.is_empty() && self.state == *state {
            return None;
        }
        let ticket = self.next;
        let urgent = urgent && self.state.commit != state.commit;
        let sync = !entries.is_empty() || self.promises_something(state) || urgent;
        let mut hard_state = (self.state != *state).then_some(*state);
        if planted!(ForgottenVote) {
            hard_state = hard_state.map(|state| HardState { vote: None, ..state });
        }
        if sync {
            self.newest_sync = ticket;
        }
        self.next = WriteTicket(ticket.0 + 1);
        self.state = *state;
        self.given = last;
        self.under_way.push_back(UnderWay { ticket, last, commit: state.commit });
        Some(Effect::Append { ticket, entries, hard_state, sync })
    }

    /// The write and all before it are durable.
    pub fn done(&mut self, ticket: WriteTicket) {
        assert!(ticket < self.next, "{ticket:?} was never given out; next is {:?}", self.next);
        let ticket = if planted!(SyncCoversLater) { WriteTicket(self.next.0 - 1) } else { ticket };
        self.durable = self.durable.max(ticket);
        while let Some(done) = self.under_way.pop_front_if(|write| write.ticket <= ticket) {
            self.persisted = self.persisted.max(done.last);
            self.commit = self.commit.max(done.commit);
        }
    }

    /// Entries after `last` were replaced in memory: what was or will be durable of them is void.
    pub fn truncated(&mut self, last: Index) {
        self.given = self.given.min(last);
        self.persisted = self.persisted.min(last);
        for write in &mut self.under_way {
            write.last = write.last.min(last);
        }
    }

    /// The log goes on after a snapshot, which is durable.
    pub fn reset(&mut self, head: Index) {
        self.truncated(Index(0));
        self.given = head;
        self.persisted = head;
        self.commit = self.commit.max(head);
    }

    fn promises_something(&self, state: &HardState) -> bool {
        (self.state.term, self.state.vote) != (state.term, state.vote)
    }
}
