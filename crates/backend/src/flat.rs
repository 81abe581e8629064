//! All tables in one ordered map, for parts whose means know keys only: a record's key there is its
//! table's number and its own key, behind what tells records from what else the part keeps.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;

use crate::{Batch, Bounds, Direction, Fault, KEY_BYTES_MAX, Operation, Records, Table};

/// Where records lie.
#[derive(Clone, Copy, Debug)]
pub struct Flat {
    before: &'static [u8],
}

/// What a batch makes of each key: a value, or nothing.
pub type Changes = BTreeMap<Vec<u8>, Option<Bytes>>;

impl Flat {
    /// Keys of records begin with these bytes.
    #[must_use]
    pub const fn behind(before: &'static [u8]) -> Self {
        Self { before }
    }

    /// How many bytes come before a record's own key.
    #[must_use]
    pub const fn prefix_bytes(self) -> usize {
        self.before.len() + 1
    }

    /// The key as it lies in the map.
    #[must_use]
    pub fn key(self, table: Table, key: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.prefix_bytes() + key.len());
        bytes.extend_from_slice(self.before);
        bytes.push(table.id);
        bytes.extend_from_slice(key);
        bytes
    }

    /// The key as it is looked for. How one goes on that is longer than any key there is makes no
    /// difference.
    #[must_use]
    pub fn target(self, table: Table, key: &[u8]) -> Vec<u8> {
        self.key(table, &key[..key.len().min(KEY_BYTES_MAX + 1)])
    }

    /// The bounds in a table; `None` if nothing can be within.
    #[must_use]
    pub fn within(self, table: Table, (low, high): Bounds<'_>) -> Option<Within> {
        let bound = |bound: Bound<&[u8]>| bound.map(|key| self.target(table, key));
        let low = match low {
            Bound::Unbounded => Bound::Included(self.key(table, &[])),
            low => bound(low),
        };
        let high = match high {
            Bound::Unbounded => after(self.key(table, &[])),
            high => bound(high),
        };
        let within = Within { low, high };
        (!within.is_empty()).then_some(within)
    }

    /// From where to where a range of a table's keys is to be deleted; `None` if there is nothing.
    #[must_use]
    pub fn range(self, table: Table, start: &[u8], end: Option<&[u8]>) -> Option<Within> {
        let high = end.map_or(Bound::Unbounded, Bound::Excluded);
        self.within(table, (Bound::Included(start), high))
    }

    /// What a batch makes of each key, for parts that delete no ranges: they are asked for the keys
    /// that they have within one.
    ///
    /// # Errors
    ///
    /// What they answer.
    pub fn changes<F>(
        self,
        batch: Batch,
        mut keys: impl FnMut(&Within) -> Result<Vec<Vec<u8>>, F>,
    ) -> Result<Changes, F> {
        let mut changes = Changes::new();
        for (table, operation) in batch.into_operations() {
            match operation {
                Operation::Put { key, value } => {
                    changes.insert(self.key(table, &key), Some(value));
                }
                Operation::Delete { key } => {
                    changes.insert(self.key(table, &key), None);
                }
                Operation::DeleteRange { start, end } => {
                    let Some(within) = self.range(table, &start, end.as_deref()) else { continue };
                    let own = changes.range_mut::<[u8], _>(within.range());
                    own.for_each(|(_, value)| *value = None);
                    changes.extend(keys(&within)?.into_iter().map(|key| (key, None)));
                }
            }
        }
        Ok(changes)
    }

    /// The records of a source as they lie in the map.
    pub fn ascending(self, records: &mut dyn Records) -> Ascending<'_> {
        Ascending { flat: self, records, last: Vec::new() }
    }
}

/// Records on their way into an empty map, in the order of their keys there.
pub struct Ascending<'a> {
    flat: Flat,
    records: &'a mut dyn Records,
    last: Vec<u8>,
}

impl Ascending<'_> {
    /// The next record, or `None` after the last.
    ///
    /// # Errors
    ///
    /// A fault of the source, which is also to give them in order.
    #[expect(clippy::should_implement_trait, reason = "what it shows ends with the next call")]
    pub fn next(&mut self) -> Result<Option<(&[u8], Bytes)>, Fault> {
        let Some((table, key, value)) = self.records.next()? else { return Ok(None) };
        let key = self.flat.key(table, &key);
        if self.last >= key {
            let what = alloc::format!("records of {} are not in order", table.name);
            return Err(Fault::Corrupt { file: "the replacement".to_string(), what });
        }
        self.last = key;
        Ok(Some((&self.last, value)))
    }
}

/// From where to where in the map; something can be within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

impl Within {
    /// What is left of it from here on, the way of a scan; `None` if that is nothing.
    #[must_use]
    pub fn from(mut self, near: Bound<Vec<u8>>, direction: Direction) -> Option<Self> {
        match direction {
            Direction::Ascending => self.low = near,
            Direction::Descending => self.high = near,
        }
        (!self.is_empty()).then_some(self)
    }

    /// As a range of a map.
    #[must_use]
    pub fn range(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.low.as_ref().map(Vec::as_slice), self.high.as_ref().map(Vec::as_slice))
    }

    /// The lower bound and the upper one.
    #[must_use]
    pub fn into_bounds(self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        (self.low, self.high)
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
#[must_use]
pub fn is_beyond(sought: &[u8], key: &[u8], direction: Direction) -> bool {
    match direction {
        Direction::Ascending => sought > key,
        Direction::Descending => sought < key,
    }
}

/// Before the first key that does not begin with these bytes.
fn after(mut bytes: Vec<u8>) -> Bound<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            return Bound::Excluded(bytes);
        }
    }
    Bound::Unbounded
}

#[cfg(test)]
mod tests;
