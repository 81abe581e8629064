//! What the log holds, in memory: the terms of all entries, and those that are not in the store
//! yet. Shared between the owner and its readers.

use std::collections::VecDeque;

use raftlog::{ReadError, TermRun};
use units::{Entry, Index, Position, Term};

use crate::codec::Generation;

/// # Invariants
///
/// - Entries from `first` to before `unwritten` are in the store under the generation; `group` has
///   those from `unwritten` on. `runs` has the term of each.
/// - An empty log's next entry is `first`, the one after `before`.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) generation: Generation,
    first: Index,
    /// The entry that an empty log goes on after.
    before: Position,
    unwritten: Index,
    group: Vec<Entry>,
    runs: VecDeque<TermRun>,
    /// How often entries were replaced, or all forgotten: what was read before may not go together
    /// with what is read after.
    changes: u64,
}

impl Contents {
    /// No entries; the next comes after the position given.
    pub(crate) fn empty(generation: Generation, before: Position) -> Self {
        let first = before.index.next();
        Self {
            generation,
            first,
            before,
            unwritten: first,
            group: Vec::new(),
            runs: VecDeque::new(),
            changes: 0,
        }
    }

    pub(crate) fn first(&self) -> Index {
        self.first
    }

    pub(crate) fn last(&self) -> Position {
        let last = Index(self.unwritten.0 + self.group.len() as u64).previous();
        match self.runs.back() {
            Some(run) => Position { term: run.term, index: last },
            None => self.before,
        }
    }

    pub(crate) fn group(&self) -> &[Entry] {
        &self.group
    }

    pub(crate) fn unwritten(&self) -> Index {
        self.unwritten
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn runs(&self) -> Vec<TermRun> {
        self.runs.iter().copied().collect()
    }

    /// The term of an entry that is held.
    pub(crate) fn term(&self, index: Index) -> Option<Term> {
        if index < self.first || index > self.last().index {
            return None;
        }
        let after = self.runs.partition_point(|run| run.first <= index);
        Some(self.runs[after - 1].term)
    }

    /// An entry is in the store, as a start finds it: the next one, or the first.
    pub(crate) fn find(&mut self, position: Position) {
        if self.runs.is_empty() {
            self.first = position.index;
            self.unwritten = position.index;
        }
        assert_eq!(position.index, self.unwritten, "a start finds entries one after the other");
        self.unwritten = position.index.next();
        self.extend_runs(position);
    }

    /// Entries are appended: what is held from the first one on is forgotten.
    pub(crate) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        self.truncate(first.index);
        for entry in entries {
            assert_eq!(entry.index, self.last().index.next(), "entries are contiguous");
            self.group.push(entry.clone());
            self.extend_runs(Position { term: entry.term, index: entry.index });
        }
    }

    /// The group is in the store.
    pub(crate) fn settle(&mut self) {
        self.unwritten = Index(self.unwritten.0 + self.group.len() as u64);
        self.group.clear();
    }

    /// Forgets entries up to this one, which is in the store.
    pub(crate) fn trim(&mut self, last: Position) {
        assert!(last.index < self.unwritten, "what is trimmed is written");
        self.before = last;
        self.first = last.index.next();
        if self.first == self.unwritten && self.group.is_empty() {
            self.runs.clear();
        }
        while self.runs.get(1).is_some_and(|run| run.first <= self.first) {
            self.runs.pop_front();
        }
        if let Some(run) = self.runs.front_mut() {
            run.first = self.first;
        }
    }

    /// Goes on after a snapshot.
    pub(crate) fn install(&mut self, generation: Generation, before: Position) {
        let changes = self.changes + 1;
        *self = Self { changes, ..Self::empty(generation, before) };
    }

    /// Where a read may begin.
    pub(crate) fn check(&self, first: Index) -> Result<(), ReadError> {
        let last = self.last().index;
        if first < self.first {
            return Err(ReadError::Trimmed { first: self.first });
        }
        if first > last {
            return Err(ReadError::Missing { last });
        }
        Ok(())
    }

    fn truncate(&mut self, from: Index) {
        if from > self.last().index {
            return;
        }
        self.changes += 1;
        let kept = from.0.saturating_sub(self.unwritten.0);
        self.group.truncate(usize::try_from(kept).expect("counted in memory"));
        self.unwritten = self.unwritten.min(from);
        while self.runs.back().is_some_and(|run| run.first >= from) {
            self.runs.pop_back();
        }
    }

    fn extend_runs(&mut self, position: Position) {
        if self.runs.back().is_none_or(|run| run.term != position.term) {
            self.runs.push_back(TermRun { first: position.index, term: position.term });
        }
    }
}
