//! Counting keys.

use core::ops::Bound;

use backend::{Bounds, Direction, Fault, Part, Step};
use units::Revision;

use crate::fences::Block;
use crate::interval::Interval;
use crate::reader::Reader;
use crate::revision::RevisionKey;
use crate::scan::scan;
use crate::tables::{HEADS, Head, REVISIONS, Version};

/// Changes since a revision up to which a count there is the count now, corrected by them. Reading
/// one costs about as much as looking at a key.
const CORRECTIONS_MAX: u64 = 16 << 10;

/// Heads that are looked at first in either part of a block. Small in tests, so that both are.
const FEW: u64 = if cfg!(test) { 1 } else { 16 };

impl Reader<'_> {
    /// How many keys of an interval live at a resolved revision.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn count(&self, keys: &Interval, at: Revision) -> Result<u64, Fault> {
        if let Some(key) = keys.as_single() {
            return Ok(u64::from(self.lives(key, at)?));
        }
        if at >= self.newest() {
            return self.count_now(keys);
        }
        let estimate = self.count_now(keys)?;
        if let Some(lives) = self.store.lately.above(at) {
            let (mut born, mut died) = (0, 0);
            for life in lives.filter(|life| keys.contains(&life.key)) {
                (born, died) = (born + u64::from(life.born), died + u64::from(!life.born));
            }
            return Ok(estimate + died - born);
        }
        let since = (self.newest().0 - at.0).unsigned_abs();
        if since < estimate.min(CORRECTIONS_MAX)
            && let Some(count) = self.corrected(keys, at, estimate)?
        {
            return Ok(count);
        }
        self.walked_at(keys.bounds(), at)
    }

    fn lives(&self, key: &[u8], at: Revision) -> Result<bool, Fault> {
        match self.head(key)? {
            Some(head) if head.at.main > at => self.lived(key, at),
            Some(head) => Ok(head.lives()),
            None => Ok(false),
        }
    }

    /// Whole blocks by their fences; only the blocks around the ends are walked.
    fn count_now(&self, keys: &Interval) -> Result<u64, Fault> {
        let fences = &self.store.fences;
        let (start, end) = keys.bounds();
        let first = fences.block(keys.start());
        let last = match end {
            Bound::Excluded(end) | Bound::Included(end) => Some(fences.block(end)),
            Bound::Unbounded => None,
        };
        let Some(second) = fences.after(&first) else {
            return self.walked_block(&first, keys.bounds());
        };
        // An interval that ends before it starts holds nothing, and the engine says so.
        if last.as_ref().is_some_and(|last| last.start <= first.start) {
            return self.walked_block(&first, keys.bounds());
        }
        let begun = if first.start == keys.start() {
            first.living
        } else {
            let outside = (Bound::Included(&first.start[..]), Bound::Excluded(&keys.start()[..]));
            self.part_of(&first, (start, Bound::Excluded(&second.start[..])), outside)?
        };
        let ended = match &last {
            Some(last) => self.begin_of(last, end)?,
            None => 0,
        };
        Ok(begun + fences.living(&second, last.as_ref()) + ended)
    }

    /// The living keys of a block up to an end in it.
    pub(crate) fn begin_of(&self, block: &Block<'_>, end: Bound<&[u8]>) -> Result<u64, Fault> {
        let next = self.store.fences.after(block);
        let behind = match end {
            Bound::Excluded(end) => Bound::Included(end),
            Bound::Included(end) => Bound::Excluded(end),
            Bound::Unbounded => return Ok(block.living),
        };
        let rest = next.map_or(Bound::Unbounded, |next| Bound::Excluded(&next.start[..]));
        self.part_of(block, (Bound::Included(&block.start[..]), end), (behind, rest))
    }

    /// The living keys of a part of a block, of which another part is the rest. Both are looked at
    /// in turns, a little further each time, as one of them is often short: behind the end of a
    /// prefix there is mostly nothing.
    fn part_of(&self, block: &Block<'_>, part: Bounds<'_>, rest: Bounds<'_>) -> Result<u64, Fault> {
        if !block.all_live {
            return self.walked_block(block, part);
        }
        let mut few = FEW;
        while few < block.living {
            if let Some(count) = self.few(rest, few)? {
                return Ok(block.living - count);
            }
            if let Some(count) = self.few(part, few)? {
                return Ok(count);
            }
            few *= 4;
        }
        self.walked_block(block, part)
    }

    /// How many heads there are within the bounds, unless there are more than a few.
    fn few(&self, bounds: Bounds<'_>, few: u64) -> Result<Option<u64>, Fault> {
        let mut count = 0;
        self.view.scan(HEADS, bounds, Direction::Ascending, Part::Keys, &mut |_, _| {
            count += 1;
            if count > few { Step::Stop } else { Step::Next }
        })?;
        Ok((count <= few).then_some(count))
    }

    /// The living keys of a part of a block. What is dead among them must be looked at; mostly
    /// nothing is.
    fn walked_block(&self, block: &Block<'_>, bounds: Bounds<'_>) -> Result<u64, Fault> {
        if !block.all_live {
            return self.walked_at(bounds, self.newest());
        }
        Ok(self.few(bounds, u64::MAX)?.unwrap_or(u64::MAX))
    }

    /// The living keys within the bounds, one by one.
    pub(crate) fn walked(&self, bounds: Bounds<'_>) -> Result<u64, Fault> {
        self.walked_at(bounds, self.newest())
    }

    /// One by one.
    fn walked_at(&self, bounds: Bounds<'_>, at: Revision) -> Result<u64, Fault> {
        let mut count = 0;
        let how = (Direction::Ascending, Part::Records);
        scan(self.view, HEADS, bounds, how, &mut |key, value| {
            let head = Head::read(value)?;
            let lives = if head.at.main > at { self.lived(key, at)? } else { head.lives() };
            count += u64::from(lives);
            Ok(Step::Next)
        })?;
        Ok(count)
    }

    /// The count now without what was born since, and with what died, by the log: for revisions
    /// that are no longer known from memory. `None` if too much happened.
    fn corrected(&self, keys: &Interval, at: Revision, now: u64) -> Result<Option<u64>, Fault> {
        let (mut born, mut died, mut seen) = (0, 0, 0);
        let from = RevisionKey::first(at.next()).encode();
        let bounds = (Bound::Included(&from[..]), Bound::Unbounded);
        let how = (Direction::Ascending, Part::Records);
        scan(self.view, REVISIONS, bounds, how, &mut |_, value| {
            seen += 1;
            if seen > CORRECTIONS_MAX {
                return Ok(Step::Stop);
            }
            let version = Version::read(value)?;
            let begins = !version.tombstone && version.previous.is_none();
            if (begins || version.tombstone) && keys.contains(version.meta()?.key(version.record()))
            {
                (born, died) = (born + u64::from(begins), died + u64::from(version.tombstone));
            }
            Ok(Step::Next)
        })?;
        Ok((seen <= CORRECTIONS_MAX).then(|| now + died - born))
    }
}
