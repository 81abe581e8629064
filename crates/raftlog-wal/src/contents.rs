//! What the log holds and where, in memory: some twelve bytes for an entry on disk, and the entries
//! themselves until they are there. Shared between the owner and its readers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftlog::{ReadError, TermRun};
use units::{Entry, Index, Position, Term};

use crate::segment::Segment;

/// Where an entry is on disk. Small, since there is one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The segment's sequence number.
    segment: u32,
    /// Of its frame.
    offset: u32,
    /// That of the record before, which the entry's own continues.
    checksum: u32,
}

/// # Invariants
///
/// - Entry `first + n` is at `places[n]`, or in `group` behind those; `runs` has the term of each.
/// - Places ascend by segment and offset, and their segments are in `segments`.
/// - An empty log's next entry is `first`, the one after `before`.
pub(crate) struct Contents {
    /// In the order of their sequence numbers, without a gap, each with the end of what is written;
    /// the last is written to.
    segments: VecDeque<(Arc<Segment>, u64)>,
    first: Index,
    /// The entry that an empty log goes on after.
    before: Position,
    places: VecDeque<Place>,
    /// Appended, and not yet on disk.
    group: Vec<Entry>,
    runs: VecDeque<TermRun>,
}

/// The contents between their owner and their readers. Held for short work in memory only.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Contents>>);

/// Entries that are next to each other in one segment.
pub(crate) struct Span {
    pub(crate) segment: Arc<Segment>,
    /// Each with what it must be.
    pub(crate) entries: Vec<(Place, Position)>,
    /// Where the last one ends, or little behind that.
    pub(crate) end: u64,
}

impl Place {
    /// `None` if it is beyond what fits into a place.
    pub(crate) fn new(sequence: u64, offset: u64, checksum: u32) -> Option<Self> {
        let (segment, offset) = (u32::try_from(sequence).ok()?, u32::try_from(offset).ok()?);
        Some(Self { segment, offset, checksum })
    }

    pub(crate) fn sequence(self) -> u64 {
        self.segment.into()
    }

    pub(crate) fn offset(self) -> u64 {
        self.offset.into()
    }

    pub(crate) fn checksum(self) -> u32 {
        self.checksum
    }
}

impl Shared {
    pub(crate) fn new(contents: Contents) -> Self {
        Self(Arc::new(Mutex::new(contents)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Contents> {
        // Whoever panicked with it stops the member; a reader may still look.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    /// No entries; the next comes after the position given.
    pub(crate) fn empty(before: Position) -> Self {
        Self {
            segments: VecDeque::new(),
            first: before.index.next(),
            before,
            places: VecDeque::new(),
            group: Vec::new(),
            runs: VecDeque::new(),
        }
    }

    pub(crate) fn first(&self) -> Index {
        self.first
    }

    pub(crate) fn last(&self) -> Position {
        let length = (self.places.len() + self.group.len()) as u64;
        match self.runs.back() {
            Some(run) => Position { term: run.term, index: Index(self.first.0 + length - 1) },
            None => self.before,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The term of an entry that is held.
    pub(crate) fn term(&self, index: Index) -> Option<Term> {
        if index < self.first || index > self.last().index {
            return None;
        }
        let after = self.runs.partition_point(|run| run.first <= index);
        Some(self.runs[after - 1].term)
    }

    pub(crate) fn runs(&self) -> Vec<TermRun> {
        self.runs.iter().copied().collect()
    }

    /// The lowest index of an entry that may be in the second segment: what is below it is in the
    /// first, and nothing else is.
    pub(crate) fn second_begins(&self) -> Option<Index> {
        self.segments.get(1).map(|(segment, _)| segment.name.first)
    }

    /// The index after the last entry on disk.
    pub(crate) fn unwritten(&self) -> Index {
        Index(self.first.0 + self.places.len() as u64)
    }

    pub(crate) fn into_segments(self) -> impl Iterator<Item = Arc<Segment>> {
        self.segments.into_iter().map(|(segment, _)| segment)
    }

    /// The one that is written to, and the end of what is written.
    pub(crate) fn last_segment(&self) -> (&Arc<Segment>, u64) {
        let (segment, end) = self.segments.back().expect("there is one to write to");
        (segment, *end)
    }

    /// The log goes on in this segment, of which so many bytes are written.
    pub(crate) fn push_segment(&mut self, segment: Arc<Segment>, end: u64) {
        if let Some((last, _)) = self.segments.back() {
            assert_eq!(last.name.sequence + 1, segment.name.sequence, "no gap between segments");
        }
        self.segments.push_back((segment, end));
    }

    /// Forgets the first segment and the entries in it.
    pub(crate) fn pop_segment(&mut self) -> Arc<Segment> {
        assert!(self.segments.len() > 1, "the last segment is written to");
        let (gone, _) = self.segments.pop_front().expect("there are several");
        let kept = self.places.iter().take_while(|place| place.sequence() == gone.name.sequence);
        let dropped = kept.count();
        if dropped == 0 {
            return gone;
        }
        let last = Index(self.first.0 + dropped as u64 - 1);
        let term = self.term(last).expect("it is held");
        self.before = Position { term, index: last };
        self.first = last.next();
        self.places.drain(..dropped);
        if self.places.is_empty() && self.group.is_empty() {
            self.runs.clear();
        }
        while self.runs.get(1).is_some_and(|run| run.first <= self.first) {
            self.runs.pop_front();
        }
        if let Some(run) = self.runs.front_mut() {
            run.first = self.first;
        }
        gone
    }

    /// An entry is on disk, as a start finds it: what is held from there on is forgotten.
    pub(crate) fn find(&mut self, position: Position, place: Place) {
        assert!(self.group.is_empty(), "a start finds only what is on disk");
        self.truncate(position.index);
        self.places.push_back(place);
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

    /// What was appended is on disk, up to `end` of the last segment.
    pub(crate) fn settle(&mut self, places: &[Place], end: u64) {
        assert_eq!(places.len(), self.group.len(), "a group is written as a whole");
        self.places.extend(places);
        self.group.clear();
        self.segments.back_mut().expect("there is one to write to").1 = end;
    }

    /// The entries from one index to another, as far as they may fit into so many bytes of data:
    /// those on disk, then those in memory.
    pub(crate) fn plan(
        &self,
        first: Index,
        last: Index,
        bytes_max: usize,
    ) -> Result<(Vec<Span>, Vec<Entry>), ReadError> {
        /// What is beside the data of an entry on disk: its own frame, and a hard state's.
        const OVERHEAD_MAX: u64 = 256;
        /// What is planned at once, so that the lock is held shortly.
        const ENTRIES_MAX: u64 = 1 << 15;
        let end = self.last().index;
        if first < self.first {
            return Err(ReadError::Trimmed { first: self.first });
        }
        if first > end {
            return Err(ReadError::Missing { last: end });
        }
        let last = last.min(end).min(Index(first.0.saturating_add(ENTRIES_MAX)));
        let (begin, end) = (self.nth(first), self.nth(last) + 1);
        let written = self.places.len();
        let (mut spans, mut data_min): (Vec<Span>, u64) = (Vec::new(), 0);
        for nth in begin..end.min(written) {
            let (place, index) = (self.places[nth], Index(self.first.0 + nth as u64));
            let term = self.term(index).expect("entries have terms");
            let (segment, segment_end) = self.segment(place.sequence());
            let next = self.places.get(nth + 1).filter(|next| next.segment == place.segment);
            let after = next.map_or(segment_end, |next| next.offset());
            match spans.last_mut().filter(|span| Arc::ptr_eq(&span.segment, segment)) {
                Some(span) => {
                    span.entries.push((place, Position { term, index }));
                    span.end = after;
                }
                None => spans.push(Span {
                    segment: Arc::clone(segment),
                    entries: vec![(place, Position { term, index })],
                    end: after,
                }),
            }
            data_min += (after - place.offset()).saturating_sub(OVERHEAD_MAX);
            if data_min > bytes_max as u64 {
                return Ok((spans, Vec::new()));
            }
        }
        let in_memory = begin.saturating_sub(written)..end.saturating_sub(written);
        Ok((spans, self.group[in_memory].to_vec()))
    }

    fn truncate(&mut self, from: Index) {
        let kept = self.nth(from);
        self.group.truncate(kept.saturating_sub(self.places.len()));
        self.places.truncate(kept);
        while self.runs.back().is_some_and(|run| run.first >= from) {
            self.runs.pop_back();
        }
    }

    fn extend_runs(&mut self, position: Position) {
        if self.runs.back().is_none_or(|run| run.term != position.term) {
            self.runs.push_back(TermRun { first: position.index, term: position.term });
        }
    }

    fn segment(&self, sequence: u64) -> (&Arc<Segment>, u64) {
        let nth = sequence - self.segments[0].0.name.sequence;
        let (segment, end) = &self.segments[usize::try_from(nth).expect("counted in memory")];
        (segment, *end)
    }

    /// How many entries are before an index, which is not below the first.
    fn nth(&self, index: Index) -> usize {
        usize::try_from(index.0 - self.first.0).expect("entries are counted in memory")
    }
}
