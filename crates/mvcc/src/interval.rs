//! Which keys a request means.

use core::ops::Bound;

use backend::Bounds;
use bytes::Bytes;

use crate::tables::KEY_BYTES_MAX;

/// An interval of keys, said as etcd's requests say it.
///
/// # Invariants
///
/// - Neither start nor end is longer than [`KEY_BYTES_MAX`] and one byte. Requests may say longer
///   ones, which no engine could look for; no key is so long, so how they go on tells no two keys
///   apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    start: Bytes,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// Only keys below this one. If it is not above the start, the interval is empty.
    Before(Bytes),
    /// To the last key there is.
    Open,
    /// The start alone.
    Single,
}

impl Interval {
    /// `range_end` as on etcd's wire: empty means the key alone, a zero byte means to the end, else
    /// it is the first key that is not meant.
    #[must_use]
    pub fn new(key: Bytes, range_end: Bytes) -> Self {
        let end = match &range_end[..] {
            [] => End::Single,
            [0] => End::Open,
            _ => End::Before(curtailed(range_end)),
        };
        Self { start: curtailed(key), end }
    }

    /// One key.
    #[must_use]
    pub fn single(key: Bytes) -> Self {
        Self { start: curtailed(key), end: End::Single }
    }

    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self { start: Bytes::new(), end: End::Open }
    }

    /// The key, if it is one by construction.
    #[must_use]
    pub fn as_single(&self) -> Option<&Bytes> {
        matches!(self.end, End::Single).then_some(&self.start)
    }

    /// The first key that may be in it.
    #[must_use]
    pub fn start(&self) -> &Bytes {
        &self.start
    }

    /// The same interval from this key on, which is in it. One key stays one key.
    #[must_use]
    pub fn from(&self, key: Bytes) -> Self {
        Self { start: curtailed(key), end: self.end.clone() }
    }

    /// Whether the key is in it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        match &self.end {
            End::Before(end) => self.start <= key && key < &end[..],
            End::Open => self.start <= key,
            End::Single => self.start == key,
        }
    }

    /// The same for an engine.
    #[must_use]
    pub fn bounds(&self) -> Bounds<'_> {
        let end = match &self.end {
            End::Before(end) => Bound::Excluded(&end[..]),
            End::Open => Bound::Unbounded,
            End::Single => Bound::Included(&self.start[..]),
        };
        (Bound::Included(&self.start[..]), end)
    }
}

/// As much of a bound as tells keys apart. What is longer than any key stays so: a key that is
/// equal to its beginning lies before it, and no key is equal to it.
fn curtailed(mut bound: Bytes) -> Bytes {
    bound.truncate(KEY_BYTES_MAX + 1);
    bound
}
