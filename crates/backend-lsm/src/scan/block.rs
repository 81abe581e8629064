//! A block of records, unpacked.

use std::ops::Range;

use lsm_tree::table::{Block, DataBlock};
use lsm_tree::{SeqNo, Slice};

use super::Record;
use crate::bounds::Within;

/// The records of a block with their keys in full, side by side in memory that the next block uses
/// again: so a walk costs nothing but the parsing, either way, and a seek is a binary search.
#[derive(Default)]
pub(super) struct Unpacked {
    data: Slice,
    keys: Vec<u8>,
    records: Vec<Place>,
}

/// Where a record lies.
struct Place {
    key: Range<usize>,
    seqno: SeqNo,
    /// Where in the data; none of a tombstone.
    value: Option<Range<usize>>,
}

impl Unpacked {
    /// Holds the records of this block now; `base` is added to their numbers.
    pub(super) fn fill(&mut self, block: Block, base: SeqNo) {
        self.keys.clear();
        self.records.clear();
        let block = DataBlock::new(block);
        let data = block.as_slice();
        for item in block.iter() {
            let start = self.keys.len();
            if let Some(prefix) = item.prefix {
                self.keys.extend_from_slice(&data[prefix.0..prefix.1]);
            }
            self.keys.extend_from_slice(&data[item.key.0..item.key.1]);
            self.records.push(Place {
                key: start..self.keys.len(),
                seqno: item.seqno + base,
                value: item.value.map(|value| value.0..value.1),
            });
        }
        self.data = block.inner.data;
    }

    pub(super) fn record(&self, at: usize) -> Record<'_> {
        let place = &self.records[at];
        Record {
            key: &self.keys[place.key.clone()],
            seqno: place.seqno,
            value: place.value.clone().map(|value| &self.data[value]),
        }
    }

    /// A record's key and number.
    pub(super) fn place(&self, at: usize) -> (&[u8], SeqNo) {
        let place = &self.records[at];
        (&self.keys[place.key.clone()], place.seqno)
    }

    /// The records within the bounds.
    pub(super) fn within(&self, within: &Within) -> Range<usize> {
        let point = |is: &dyn Fn(&[u8]) -> bool| {
            self.records.partition_point(|place| is(&self.keys[place.key.clone()]))
        };
        let (Some(first), Some(last)) = (self.records.first(), self.records.last()) else {
            return 0..0;
        };
        // Most blocks lie within as a whole.
        let low = match within.is_below(&self.keys[first.key.clone()]) {
            true => point(&|key| within.is_below(key)),
            false => 0,
        };
        let high = match within.is_above(&self.keys[last.key.clone()]) {
            true => point(&|key| !within.is_above(key)),
            false => self.records.len(),
        };
        low.min(high)..high
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
}
