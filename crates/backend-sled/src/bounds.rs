//! Keys and bounds as they lie in the tree.

use std::ops::Bound;

use backend::{Bounds, Direction, KEY_BYTES_MAX, Table};

/// Where the number of the last batch lies: before all records.
pub(crate) const COUNT: &[u8] = b"c";
/// What the key of a record begins with. Its table comes next.
const RECORD: u8 = b'r';
/// What comes before a record's own key.
pub(crate) const PREFIX_BYTES: usize = 2;

/// The key as it lies in the tree.
pub(crate) fn prefixed(table: Table, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + PREFIX_BYTES);
    bytes.push(RECORD);
    bytes.push(table.id);
    bytes.extend_from_slice(key);
    bytes
}

/// The key as it is looked for. How one goes on that is longer than any key there is makes no
/// difference.
pub(crate) fn target(table: Table, key: &[u8]) -> Vec<u8> {
    prefixed(table, &key[..key.len().min(KEY_BYTES_MAX + 1)])
}

/// From where to where in the tree.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

impl Within {
    /// The bounds of a table; `None` if nothing can be within.
    pub(crate) fn of(table: Table, (low, high): Bounds<'_>) -> Option<Self> {
        let bound = |bound: Bound<&[u8]>| bound.map(|key| target(table, key));
        let low = match low {
            Bound::Unbounded => Bound::Included(vec![RECORD, table.id]),
            low => bound(low),
        };
        let high = match (high, table.id.checked_add(1)) {
            (Bound::Unbounded, Some(next)) => Bound::Excluded(vec![RECORD, next]),
            (Bound::Unbounded, None) => Bound::Excluded(vec![RECORD + 1]),
            (high, _) => bound(high),
        };
        let this = Self { low, high };
        (!this.is_empty()).then_some(this)
    }

    /// What is left of it from here on, the way of the scan; `None` if that is nothing.
    pub(crate) fn from(mut self, near: Bound<Vec<u8>>, direction: Direction) -> Option<Self> {
        match direction {
            Direction::Ascending => self.low = near,
            Direction::Descending => self.high = near,
        }
        (!self.is_empty()).then_some(self)
    }

    /// As a range of a tree.
    pub(crate) fn range(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.low.as_ref().map(Vec::as_slice), self.high.as_ref().map(Vec::as_slice))
    }

    fn is_empty(&self) -> bool {
        match self.range() {
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (
                Bound::Included(low) | Bound::Excluded(low),
                Bound::Included(high) | Bound::Excluded(high),
            ) => low >= high,
            _ => false,
        }
    }
}

/// Whether a scan that is at one key goes on when it seeks the other.
pub(crate) fn is_beyond(sought: &[u8], key: &[u8], direction: Direction) -> bool {
    match direction {
        Direction::Ascending => sought > key,
        Direction::Descending => sought < key,
    }
}
