//! Counting the keys of an interval of which somebody reads the first anyway: a page of a list.

use alloc::vec::Vec;
use core::ops::Bound;

use backend::Fault;
use units::Revision;

use crate::fences::Block;
use crate::interval::Interval;
use crate::reader::Reader;

/// Counts an interval, and is shown its keys from the first one on, in order, by whoever reads
/// them. Once they have passed the first fence, no other key of theirs has to be looked at.
pub struct Tally<'a> {
    /// The block behind that of the first key.
    second: Block<'a>,
    /// The block that the interval's end lies in, if there is an end.
    last: Option<Block<'a>>,
    /// Keys that were shown and lie before the second block.
    met: u64,
    /// The newest of them.
    newest: Vec<u8>,
    passed: bool,
}

impl Tally<'_> {
    /// A key of the interval that lives; not one was left out before it.
    pub fn meet(&mut self, key: &[u8]) {
        if self.passed {
            return;
        }
        self.passed = key >= self.second.start;
        if !self.passed {
            self.met += 1;
            self.newest.clear();
            self.newest.extend_from_slice(key);
        }
    }
}

impl Reader<'_> {
    /// A tally of an interval at a resolved revision; `None` where it would be of no use.
    #[must_use]
    pub fn tally(&self, keys: &Interval, at: Revision) -> Option<Tally<'_>> {
        if at < self.newest() || keys.as_single().is_some() {
            return None;
        }
        let fences = &self.store.fences;
        let first = fences.block(keys.start());
        let last = match keys.bounds().1 {
            Bound::Excluded(end) | Bound::Included(end) => Some(fences.block(end)),
            Bound::Unbounded => None,
        };
        if last.as_ref().is_some_and(|last| last.start <= first.start) {
            return None;
        }
        let second = fences.after(&first)?;
        Some(Tally { second, last, met: 0, newest: Vec::new(), passed: false })
    }

    /// What [`count`](Self::count) says of the tally's interval.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn count_on(&self, keys: &Interval, tally: &Tally<'_>) -> Result<u64, Fault> {
        let Tally { second, last, met, newest, passed } = tally;
        let begun = if *passed {
            *met
        } else if *met == 0 {
            self.walked((Bound::Included(keys.start()), Bound::Excluded(&second.start[..])))?
        } else {
            let behind = (Bound::Excluded(&newest[..]), Bound::Excluded(&second.start[..]));
            met + self.walked(behind)?
        };
        let ended = match last {
            Some(last) => self.begin_of(last, keys.bounds().1)?,
            None => 0,
        };
        Ok(begun + self.store.fences.living(second, last.as_ref()) + ended)
    }
}
