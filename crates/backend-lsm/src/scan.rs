//! Scans: the records of memtables and files in one order, of each key the newest that is visible.
//!
//! ```text
//!   memtables ── Memory ──┐
//!   level 0   ── Run  ────┼── Scan ──► visitor
//!   level n   ── Run  ────┘
//!                 └── Blocks (of a file, by its index) ── Unpacked (a block)
//! ```
//!
//! Sources that cannot hold anything within the bounds are left out. The one whose record is next
//! leads; as the others stand still meanwhile, a step is one comparison with the second, and none
//! if there is no other.

mod block;
mod file;
mod memory;
mod run;

use backend::{Direction, Part, Step};
use lsm_tree::{Result, SeqNo, Table, TreeId};

use crate::bounds::Within;
use crate::memtable::Memtable;
use memory::Memory;
use run::Run;

/// A version of a key.
#[derive(Clone, Copy)]
struct Record<'a> {
    key: &'a [u8],
    seqno: SeqNo,
    /// None of a tombstone.
    value: Option<&'a [u8]>,
}

/// Sees a key, without what tells tables apart, and a value.
pub(crate) type Visitor<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Step;

/// A walk over several sources at once.
pub(crate) struct Scan<'a> {
    within: Within,
    /// The first number that is not visible.
    seqno: SeqNo,
    /// None is exhausted.
    sources: Vec<Source<'a>>,
    /// Whose record is next, and whose would be without it.
    leader: usize,
    second: Option<usize>,
}

enum Source<'a> {
    Memory(Memory<'a>),
    Run(Box<Run<'a>>),
}

impl<'a> Scan<'a> {
    pub(crate) fn new(within: Within, seqno: SeqNo) -> Self {
        Self { within, seqno, sources: Vec::new(), leader: 0, second: None }
    }

    pub(crate) fn add_memtable(&mut self, memtable: &'a Memtable) {
        if memtable.meets(&self.within) {
            self.sources.push(Source::Memory(Memory::open(memtable, &self.within)));
        }
    }

    /// Adds files whose keys do not overlap.
    pub(crate) fn add_run(&mut self, files: &'a [Table], tree: TreeId) -> Result<()> {
        let run = Run::open(files, tree, &self.within)?;
        self.sources.extend(run.map(|run| Source::Run(Box::new(run))));
        Ok(())
    }

    /// Shows the visitor what there is until it stops.
    pub(crate) fn run(mut self, part: Part, visit: Visitor<'_>) -> Result<()> {
        self.elect();
        let mut show = |key: &[u8], value: &[u8]| match part {
            Part::Keys => visit(&key[1..], &[]),
            Part::Records => visit(&key[1..], value),
        };
        match self.within.direction {
            Direction::Ascending => self.ascend(&mut show),
            Direction::Descending => self.descend(&mut show),
        }
    }

    /// Of a key's versions the newest comes first: of those that are visible it is shown.
    fn ascend(&mut self, show: &mut impl FnMut(&[u8], &[u8]) -> Step) -> Result<()> {
        // No key is empty.
        let mut last = Vec::new();
        while let Some(record) = self.record() {
            let mut step = Step::Next;
            if record.seqno < self.seqno && record.key != last {
                last.clear();
                last.extend_from_slice(record.key);
                if let Some(value) = record.value {
                    step = show(record.key, value);
                }
            }
            match step {
                Step::Next => self.advance()?,
                Step::Seek(to) => self.go_on(&last, &to)?,
                Step::Stop => return Ok(()),
            }
        }
        Ok(())
    }

    /// Of a key's versions the newest comes last: what is visible is held until the next key.
    fn descend(&mut self, show: &mut impl FnMut(&[u8], &[u8]) -> Step) -> Result<()> {
        let mut held = Held::default();
        loop {
            let next = self.record();
            if next.is_none_or(|record| record.key != held.key) {
                let step = if held.is_value { show(&held.key, &held.value) } else { Step::Next };
                held.is_value = false;
                match step {
                    Step::Next => {}
                    Step::Seek(to) => {
                        self.seek(&held.key, &to)?;
                        held.key.clear();
                        continue;
                    }
                    Step::Stop => return Ok(()),
                }
            }
            let Some(record) = next else { return Ok(()) };
            if record.seqno < self.seqno {
                held.take(record);
            }
            self.advance()?;
        }
    }

    fn record(&self) -> Option<Record<'_>> {
        self.sources.get(self.leader)?.record(self.within.direction)
    }

    fn advance(&mut self) -> Result<()> {
        self.sources[self.leader].advance(&self.within)?;
        let leads_on = match self.second {
            None => self.sources[self.leader].place(self.within.direction).is_some(),
            Some(second) => self.leads(self.leader, second),
        };
        if !leads_on {
            self.elect();
        }
        Ok(())
    }

    /// Goes on from the last key that was shown, which the leader is at.
    fn go_on(&mut self, last: &[u8], to: &[u8]) -> Result<()> {
        if to <= &last[1..] { self.advance() } else { self.seek(last, to) }
    }

    /// Goes on with what is at or beyond a key, if that is ahead of the last one that was shown.
    fn seek(&mut self, last: &[u8], to: &[u8]) -> Result<()> {
        let mut key = Vec::with_capacity(to.len() + 1);
        key.push(last[0]);
        key.extend_from_slice(to);
        if self.within.is_before(&key) {
            return Ok(());
        }
        self.within.begin_at(key);
        if self.within.is_empty() {
            self.sources.clear();
            return Ok(());
        }
        for source in &mut self.sources {
            let place = source.place(self.within.direction);
            if place.is_some_and(|(key, _)| self.within.is_before(key)) {
                source.seek(&self.within)?;
            }
        }
        self.elect();
        Ok(())
    }

    /// Lets go of what is exhausted, and finds out who leads.
    fn elect(&mut self) {
        let direction = self.within.direction;
        self.sources.retain(|source| source.place(direction).is_some());
        (self.leader, self.second) = (0, None);
        for at in 1..self.sources.len() {
            if self.leads(at, self.leader) {
                self.second = Some(self.leader);
                self.leader = at;
            } else if self.second.is_none_or(|second| self.leads(at, second)) {
                self.second = Some(at);
            }
        }
    }

    fn leads(&self, one: usize, other: usize) -> bool {
        let direction = self.within.direction;
        let place = |at: usize| self.sources[at].place(direction);
        let (Some(one), other) = (place(one), place(other)) else { return false };
        other.is_none_or(|other| {
            // Of a key's versions the newest is lowest.
            let order = one.0.cmp(other.0).then_with(|| other.1.cmp(&one.1));
            match direction {
                Direction::Ascending => order.is_lt(),
                Direction::Descending => order.is_gt(),
            }
        })
    }
}

/// The newest visible version of a key so far.
#[derive(Default)]
struct Held {
    key: Vec<u8>,
    value: Vec<u8>,
    /// Whether there is something to show.
    is_value: bool,
}

impl Held {
    /// The record is newer than what is held, if that is of the same key.
    fn take(&mut self, record: Record<'_>) {
        self.key.clear();
        self.key.extend_from_slice(record.key);
        self.value.clear();
        self.value.extend_from_slice(record.value.unwrap_or_default());
        self.is_value = record.value.is_some();
    }
}

impl Source<'_> {
    fn record(&self, direction: Direction) -> Option<Record<'_>> {
        match self {
            Self::Memory(memory) => memory.record(),
            Self::Run(run) => run.record(direction),
        }
    }

    /// The key and the number of the record.
    fn place(&self, direction: Direction) -> Option<(&[u8], SeqNo)> {
        match self {
            Self::Memory(memory) => memory.place(),
            Self::Run(run) => run.place(direction),
        }
    }

    fn advance(&mut self, within: &Within) -> Result<()> {
        match self {
            Self::Memory(memory) => memory.advance(),
            Self::Run(run) => run.advance(within)?,
        }
        Ok(())
    }

    fn seek(&mut self, within: &Within) -> Result<()> {
        match self {
            Self::Memory(memory) => memory.seek(within),
            Self::Run(run) => run.seek(within)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
