//! Bounds as they lie in the tree, walked in a direction.

use std::ops::Bound;

use backend::flat::Flat;
use backend::{Bounds, Direction, Table};

/// Where the records lie.
pub(crate) const FLAT: Flat = Flat::behind(b"");

/// From where to where in the tree, and which way.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    pub(crate) direction: Direction,
    /// Where it begins: the lower bound of what ascends, the upper one of what descends.
    near: Bound<Vec<u8>>,
    far: Bound<Vec<u8>>,
}

impl Within {
    /// The bounds of a table; `None` if nothing can be within.
    pub(crate) fn of(table: Table, bounds: Bounds<'_>, direction: Direction) -> Option<Self> {
        let (low, high) = FLAT.within(table, bounds)?.into_bounds();
        let (near, far) = match direction {
            Direction::Ascending => (low, high),
            Direction::Descending => (high, low),
        };
        Some(Self { direction, near, far })
    }

    /// Begins at this key, which must not lie before the present beginning.
    pub(crate) fn begin_at(&mut self, key: Vec<u8>) {
        assert!(!self.is_before(&key), "a seek goes on");
        self.near = Bound::Included(key);
    }

    /// Whether nothing can be within.
    pub(crate) fn is_empty(&self) -> bool {
        match (self.low(), self.high()) {
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (
                Bound::Included(low) | Bound::Excluded(low),
                Bound::Included(high) | Bound::Excluded(high),
            ) => low >= high,
            _ => false,
        }
    }

    /// The key to look for when it begins.
    pub(crate) fn start(&self) -> Option<&[u8]> {
        match &self.near {
            Bound::Included(key) | Bound::Excluded(key) => Some(key),
            Bound::Unbounded => None,
        }
    }

    /// Whether a walk in its direction has yet to come to its beginning.
    pub(crate) fn is_before(&self, key: &[u8]) -> bool {
        match self.direction {
            Direction::Ascending => is_below(key, &self.near),
            Direction::Descending => is_above(key, &self.near),
        }
    }

    pub(crate) fn is_below(&self, key: &[u8]) -> bool {
        is_below(key, self.low())
    }

    pub(crate) fn is_above(&self, key: &[u8]) -> bool {
        is_above(key, self.high())
    }

    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        !self.is_below(key) && !self.is_above(key)
    }

    pub(crate) fn low(&self) -> &Bound<Vec<u8>> {
        match self.direction {
            Direction::Ascending => &self.near,
            Direction::Descending => &self.far,
        }
    }

    pub(crate) fn high(&self) -> &Bound<Vec<u8>> {
        match self.direction {
            Direction::Ascending => &self.far,
            Direction::Descending => &self.near,
        }
    }
}

fn is_below(key: &[u8], low: &Bound<Vec<u8>>) -> bool {
    match low {
        Bound::Included(low) => key < low.as_slice(),
        Bound::Excluded(low) => key <= low.as_slice(),
        Bound::Unbounded => false,
    }
}

fn is_above(key: &[u8], high: &Bound<Vec<u8>>) -> bool {
    match high {
        Bound::Included(high) => key > high.as_slice(),
        Bound::Excluded(high) => key >= high.as_slice(),
        Bound::Unbounded => false,
    }
}
