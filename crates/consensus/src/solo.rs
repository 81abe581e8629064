//! The simplest part: one member, which needs nobody's vote.
//!
//! It is good for embedding, and as the floor in benchmarks: what is left is the log's sync.
//! Durable is what the log holds. It is for a cluster of one: a configuration of more is refused at
//! the start, whoever would be added is refused (`not capable`), and so are learners and a transfer
//! of leadership, as there is nobody to transfer it to. Another consensus can take over its log.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use units::{ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term, Time};

use crate::{
    Change, Config, Consensus, Effect, Leadership, Limits, Marker, Message, ReadTicket, Refused,
    Role, Start, Status, WriteTicket,
};

/// Consensus of one: what is durable is committed. It leads from the start, in a new term at each
/// one, so that the entries of two starts can be told apart; it sends no messages and ignores those
/// that come, and configuration changes pass through its log without changing who takes part.
///
/// # Invariants
///
/// - `applied <= handed <= commit <= last`, and `commit` is what is durable here.
/// - `recent` holds the entries up to `last` without a gap; what is handed out and not in it is
///   read from the log.
pub struct Solo {
    id: NodeId,
    limits: Limits,
    hard_state: HardState,
    /// The hard state as last given to the log.
    written: HardState,
    last: Position,
    /// Up to where entries were given to the log.
    appended: Index,
    /// The writes on their way: the last entry of each and the bytes of its commands.
    writes: VecDeque<(WriteTicket, Index, usize)>,
    next_ticket: WriteTicket,
    recent: VecDeque<Entry>,
    recent_bytes: usize,
    unwritten_bytes: usize,
    uncommitted_bytes: usize,
    handed: Index,
    applied: Index,
    /// The bytes of each group handed out and not yet applied, with its last entry.
    applying: VecDeque<(Index, usize)>,
    /// An unanswered [`Effect::ReadLog`].
    reading: Option<Index>,
    effects: VecDeque<Effect>,
}

impl Solo {
    /// A member that starts from what its log and engine hold, and leads.
    #[must_use]
    pub fn new(config: &Config, start: &Start) -> Self {
        assert!(
            start.marker.position.index <= start.applied && start.applied <= start.last.index,
            "the engine has applied {} of a log from {} to {}",
            start.applied,
            start.marker.position.index,
            start.last.index
        );
        let term = start.hard_state.term.max(start.last.term).next();
        let mut solo = Self {
            id: config.id,
            limits: config.limits,
            hard_state: HardState { term, vote: Some(config.id), commit: start.last.index },
            written: start.hard_state,
            last: start.last,
            appended: start.last.index,
            writes: VecDeque::new(),
            next_ticket: WriteTicket(1),
            recent: VecDeque::new(),
            recent_bytes: 0,
            unwritten_bytes: 0,
            uncommitted_bytes: 0,
            handed: start.applied,
            applied: start.applied,
            applying: VecDeque::new(),
            reading: None,
            effects: VecDeque::new(),
        };
        solo.effects.push_back(Effect::Changed(Leadership {
            term,
            leader: Some(config.id),
            role: Role::Leader,
        }));
        solo.push(EntryKind::Normal, Bytes::new());
        solo
    }

    fn push(&mut self, kind: EntryKind, data: Bytes) {
        let term = self.hard_state.term;
        self.last = Position { term, index: self.last.index.next() };
        self.unwritten_bytes += data.len();
        self.uncommitted_bytes += data.len();
        let entry = Entry { kind, term, index: self.last.index, data };
        self.recent_bytes += weight(&entry);
        self.recent.push_back(entry);
    }

    fn admit(&self, bytes: usize) -> Result<(), Refused> {
        let waiting = self.uncommitted_bytes;
        if waiting > 0 && bytes > 0 && waiting + bytes > self.limits.uncommitted_bytes_max {
            return Err(Refused::TooMuchUncommitted);
        }
        Ok(())
    }

    fn recent_first(&self) -> Index {
        Index(self.last.index.0 + 1 - self.recent.len() as u64)
    }

    /// The entries from `first` to `last` that fit into the bytes, at least one.
    fn recent_slice(&self, first: Index, last: Index, bytes_max: usize) -> Vec<Entry> {
        let skip = (first.0 - self.recent_first().0) as usize;
        let mut bytes = 0;
        self.recent
            .iter()
            .skip(skip)
            .take_while(|entry| {
                let fits = bytes == 0 || bytes + weight(entry) <= bytes_max;
                bytes += weight(entry);
                entry.index <= last && fits
            })
            .cloned()
            .collect()
    }

    /// Entries that are durable can be read from the log again, if they must.
    fn forget_old(&mut self) {
        while self.recent_bytes > self.limits.cached_bytes_max
            && self.recent.front().is_some_and(|entry| entry.index <= self.hard_state.commit)
        {
            let entry = self.recent.pop_front().expect("the front was just looked at");
            self.recent_bytes -= weight(&entry);
        }
    }

    fn write(&mut self) {
        if self.appended == self.last.index && self.written == self.hard_state {
            return;
        }
        let entries = if self.appended < self.last.index {
            self.recent_slice(self.appended.next(), self.last.index, usize::MAX)
        } else {
            Vec::new()
        };
        let state = self.hard_state;
        let sync = !entries.is_empty() || (state.term, state.vote) != self.written_vote();
        let ticket = self.next_ticket;
        self.next_ticket = WriteTicket(ticket.0 + 1);
        self.writes.push_back((ticket, self.last.index, self.unwritten_bytes));
        self.unwritten_bytes = 0;
        let hard_state = (state != self.written).then_some(state);
        self.effects.push_back(Effect::Append { ticket, entries, hard_state, sync });
        self.appended = self.last.index;
        self.written = state;
    }

    fn written_vote(&self) -> (Term, Option<NodeId>) {
        (self.written.term, self.written.vote)
    }

    /// Hands out what is committed, as far as it is not too much at once.
    fn hand_out(&mut self) {
        let mut waiting: usize = self.applying.iter().map(|(_, bytes)| bytes).sum();
        while self.handed < self.hard_state.commit
            && self.reading.is_none()
            && (self.applying.is_empty() || waiting < self.limits.apply_bytes_max)
        {
            let room = self.limits.apply_bytes_max - waiting.min(self.limits.apply_bytes_max);
            let first = self.handed.next();
            if first < self.recent_first() {
                let last = self.recent_first().previous().min(self.hard_state.commit);
                self.reading = Some(first);
                self.effects.push_back(Effect::ReadLog { first, last, bytes_max: room });
                return;
            }
            let entries = self.recent_slice(first, self.hard_state.commit, room);
            waiting += self.apply(entries);
        }
    }

    fn apply(&mut self, entries: Vec<Entry>) -> usize {
        let last = entries.last().expect("a slice of committed entries has at least one").index;
        let bytes = entries.iter().map(weight).sum();
        self.handed = last;
        self.applying.push_back((last, bytes));
        self.effects.push_back(Effect::Apply { entries });
        bytes
    }
}

/// What an entry weighs in memory.
fn weight(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.data.len()
}

impl Consensus for Solo {
    fn step(&mut self, _now: Time, _message: Message) {}

    fn propose(&mut self, _now: Time, commands: Vec<Bytes>) -> Result<(), Refused> {
        self.admit(commands.iter().map(Bytes::len).sum())?;
        for command in commands {
            self.push(EntryKind::Normal, command);
        }
        Ok(())
    }

    fn propose_change(&mut self, _now: Time, kind: EntryKind, data: Bytes) -> Result<(), Refused> {
        self.admit(data.len())?;
        self.push(kind, data);
        Ok(())
    }

    fn apply_change(&mut self, _now: Time, _change: &Change) -> ConfState {
        self.status().conf_state
    }

    fn read_index(&mut self, _now: Time, ticket: ReadTicket) -> Result<(), Refused> {
        let index = self.hard_state.commit;
        self.effects.push_back(Effect::ReadReady { ticket, index });
        Ok(())
    }

    fn transfer(&mut self, _now: Time, to: NodeId) -> Result<(), Refused> {
        if to == self.id { Ok(()) } else { Err(Refused::BadTransferee) }
    }

    fn persisted(&mut self, _now: Time, ticket: WriteTicket) {
        assert!(ticket < self.next_ticket, "{ticket:?} was never given out");
        while self.writes.front().is_some_and(|(written, ..)| *written <= ticket) {
            let (_, last, bytes) = self.writes.pop_front().expect("the front was just looked at");
            self.hard_state.commit = last;
            self.uncommitted_bytes -= bytes;
        }
        self.forget_old();
    }

    fn entries_read(&mut self, _now: Time, first: Index, entries: Vec<Entry>) {
        if self.reading != Some(first) {
            return;
        }
        self.reading = None;
        if entries.first().is_some_and(|entry| entry.index == self.handed.next()) {
            self.apply(entries);
        }
    }

    fn applied(&mut self, _now: Time, index: Index) {
        assert!(index <= self.handed, "{index} is applied, but {} was handed out", self.handed);
        self.applied = self.applied.max(index);
        while self.applying.front().is_some_and(|(last, _)| *last <= index) {
            self.applying.pop_front();
        }
    }

    fn trimmed(&mut self, _marker: &Marker) {}

    fn snapshot_started(&mut self, _to: NodeId, _marker: &Marker) {}

    fn snapshot_ended(&mut self, _now: Time, _to: NodeId, _arrived: bool) {}

    fn snapshot_installed(&mut self, _now: Time, _marker: &Marker) {}

    fn unreachable(&mut self, _peer: NodeId) {}

    fn hasten_election(&mut self, _now: Time, _by: Duration) {}

    fn deadline(&self) -> Option<Time> {
        None
    }

    fn handle_timeout(&mut self, _now: Time) {}

    fn poll(&mut self) -> Option<Effect> {
        if self.effects.is_empty() {
            self.write();
            self.hand_out();
        }
        self.effects.pop_front()
    }

    fn status(&self) -> Status {
        Status {
            id: self.id,
            term: self.hard_state.term,
            vote: self.hard_state.vote,
            leader: Some(self.id),
            role: Role::Leader,
            commit: self.hard_state.commit,
            applied: self.applied,
            last: self.last,
            persisted: self.hard_state.commit,
            conf_state: ConfState { voters: vec![self.id], ..ConfState::default() },
            transferee: None,
            peers: Vec::new(),
        }
    }
}
