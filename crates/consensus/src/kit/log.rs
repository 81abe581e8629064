//! The log as far as it must be in memory: the term of every entry, and the newest entries.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::TermRun;
use units::{Entry, Index, Position, Term};

/// Terms are few and entries many, so terms are kept as runs; entries only as far as peers that are
/// close behind and the state machine need them. Older ones are read from disk.
///
/// # Invariants
///
/// - `runs` covers the entries after `head` up to `last`, its firsts and terms ascend.
/// - `cache` ends at `last` and has no gaps; what is not in it is durable.
#[derive(Clone, Debug)]
pub struct Log {
    /// The entry before the first readable one.
    head: Position,
    runs: VecDeque<TermRun>,
    last: Position,
    cache: VecDeque<Entry>,
    cached_bytes: usize,
}

/// What an entry counts against limits: its data, and what holds it in memory.
pub fn weight(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.data.len()
}

impl Log {
    /// A log on disk from after `head` to `last`.
    pub fn new(head: Position, runs: Vec<TermRun>, last: Position) -> Self {
        let log = Self { head, runs: runs.into(), last, cache: VecDeque::new(), cached_bytes: 0 };
        let first = log.runs.front().map_or(head.index.next(), |run| run.first);
        assert!(
            first == head.index.next()
                && log.runs.is_empty() == (head == last)
                && log.runs.back().is_none_or(|run| run.term == last.term)
                && log.runs.iter().is_sorted_by(|a, b| a.first < b.first && a.term < b.term),
            "a log from {head:?} to {last:?} cannot have these terms: {:?}",
            log.runs
        );
        log
    }

    /// The entry before the first readable one.
    pub fn head(&self) -> Position {
        self.head
    }

    /// The last entry.
    pub fn last(&self) -> Position {
        self.last
    }

    /// The term of the entry, if it is readable or the head.
    pub fn term(&self, index: Index) -> Option<Term> {
        if index < self.head.index || index > self.last.index {
            return None;
        }
        if index == self.head.index {
            return Some(self.head.term);
        }
        let after = self.runs.partition_point(|run| run.first <= index);
        Some(self.runs[after - 1].term)
    }

    /// Whether the log holds this very entry, and so equals any log that does up to it (§3.5).
    pub fn matches(&self, position: Position) -> bool {
        self.term(position.index) == Some(position.term)
    }

    /// The last place not above `from.index` whose term is not above `from.term`: everything after
    /// it cannot match a log whose entry at `from.index` is of that term. So a leader and a
    /// follower find where their logs part in about one message per term (the end of §3.5, refined
    /// as in etcd by telling a term each way).
    pub fn not_above(&self, from: Position) -> Position {
        let index = from.index.min(self.last.index);
        let above = self.runs.partition_point(|run| run.term <= from.term);
        let index = match self.runs.get(above) {
            Some(run) => index.min(run.first.previous()),
            None => index,
        };
        let index = index.max(self.head.index);
        Position { term: self.term(index).expect("between head and last"), index }
    }

    /// Adds an entry to the end.
    pub fn push(&mut self, entry: Entry) {
        assert!(
            entry.index == self.last.index.next() && entry.term >= self.last.term,
            "{} of term {} does not follow {:?}",
            entry.index,
            entry.term,
            self.last
        );
        if self.runs.back().is_none_or(|run| run.term < entry.term) {
            self.runs.push_back(TermRun { first: entry.index, term: entry.term });
        }
        self.last = Position { term: entry.term, index: entry.index };
        self.cached_bytes += weight(&entry);
        self.cache.push_back(entry);
    }

    /// Forgets what comes after `last`.
    pub fn truncate(&mut self, last: Index) {
        let term = self.term(last).expect("a log is truncated to a place that it holds");
        while self.cache.back().is_some_and(|entry| entry.index > last) {
            let entry = self.cache.pop_back().expect("the back was just looked at");
            self.cached_bytes -= weight(&entry);
        }
        while self.runs.back().is_some_and(|run| run.first > last) {
            self.runs.pop_back();
        }
        self.last = Position { term, index: last };
    }

    /// The head moved up to here.
    pub fn trim(&mut self, index: Index) {
        if index <= self.head.index {
            return;
        }
        let term = self.term(index).expect("a log is trimmed to a place that it holds");
        self.evict_while(|entry, _| entry.index <= index);
        while self.runs.get(1).is_some_and(|run| run.first <= index.next()) {
            self.runs.pop_front();
        }
        if index == self.last.index {
            self.runs.clear();
        } else if let Some(run) = self.runs.front_mut() {
            run.first = index.next();
        }
        self.head = Position { term, index };
    }

    /// The log goes on after a snapshot.
    pub fn reset(&mut self, head: Position) {
        *self = Self::new(head, Vec::new(), head);
    }

    /// Forgets the oldest cached entries, as long as they are too many bytes and not above `until`.
    pub fn evict(&mut self, until: Index, bytes_max: usize) {
        self.evict_while(|entry, bytes| bytes > bytes_max && entry.index <= until);
    }

    fn evict_while(&mut self, goes: impl Fn(&Entry, usize) -> bool) {
        while self.cache.front().is_some_and(|entry| goes(entry, self.cached_bytes)) {
            let entry = self.cache.pop_front().expect("the front was just looked at");
            self.cached_bytes -= weight(&entry);
        }
    }

    /// The first entry that is in memory; one above the last if none is.
    pub fn cache_first(&self) -> Index {
        Index(self.last.index.0 + 1 - self.cache.len() as u64)
    }

    /// The cached entries from `first` to `last`, which must be cached.
    pub fn cached(&self, first: Index, last: Index) -> impl Iterator<Item = &Entry> {
        assert!(
            first >= self.cache_first() && last <= self.last.index,
            "{first} to {last} are not cached: {} to {} are",
            self.cache_first(),
            self.last.index
        );
        let skip = (first.0 - self.cache_first().0) as usize;
        let take = (last.0 + 1).saturating_sub(first.0) as usize;
        self.cache.range(skip..skip + take)
    }

    /// As many of the leading entries as go on from `first` and are still those of this log.
    pub fn genuine<'a>(&self, first: Index, entries: &'a [Entry]) -> &'a [Entry] {
        let follows = |(n, entry): &(usize, &Entry)| {
            entry.index.0 == first.0 + *n as u64 && self.term(entry.index) == Some(entry.term)
        };
        let count = entries.iter().enumerate().take_while(follows).count();
        &entries[..count]
    }
}

/// As many of the entries as weigh no more than `bytes_max`, but at least one; and their weight.
pub fn fitting<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    bytes_max: usize,
) -> (Vec<Entry>, usize) {
    let mut taken = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        if !taken.is_empty() && bytes + weight(entry) > bytes_max {
            break;
        }
        bytes += weight(entry);
        taken.push(entry.clone());
    }
    (taken, bytes)
}

#[cfg(test)]
mod tests;
