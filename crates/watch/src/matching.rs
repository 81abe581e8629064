//! Which watchers a key concerns.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;
use mvcc::Interval;

use crate::watcher::WatcherKey;

/// Watchers by what they watch. Single keys are looked up; ranges stand in a tree of intervals that
/// is laid anew, when it has changed, by the next key that is asked about: ranges come and go far
/// less often than keys change.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    keys: BTreeMap<Bytes, BTreeSet<WatcherKey>>,
    ranges: BTreeMap<Range, BTreeSet<WatcherKey>>,
    tree: Option<Vec<Branch>>,
}

/// The keys from the first on and before the second; without it, all from the first on.
type Range = (Bytes, Option<Bytes>);

/// One range in the tree. The tree is a sorted array: the root is the middle of it, its children
/// the middles of the two halves, and so on.
#[derive(Debug)]
struct Branch {
    range: Range,
    /// The furthest end in this subtree; `None` if some range in it has no end.
    reach: Option<Bytes>,
}

impl Matching {
    pub(crate) fn insert(&mut self, interval: &Interval, watcher: WatcherKey) {
        if let Some(key) = interval.as_single() {
            self.keys.entry(key.clone()).or_default().insert(watcher);
            return;
        }
        let watchers = self.ranges.entry(range(interval)).or_insert_with(|| {
            self.tree = None;
            BTreeSet::new()
        });
        watchers.insert(watcher);
    }

    pub(crate) fn remove(&mut self, interval: &Interval, watcher: WatcherKey) {
        if let Some(key) = interval.as_single() {
            if let Some(watchers) = self.keys.get_mut(key) {
                watchers.remove(&watcher);
                if watchers.is_empty() {
                    self.keys.remove(key);
                }
            }
            return;
        }
        let range = range(interval);
        if let Some(watchers) = self.ranges.get_mut(&range) {
            watchers.remove(&watcher);
            if watchers.is_empty() {
                self.ranges.remove(&range);
                self.tree = None;
            }
        }
    }

    /// Shows each watcher that the key concerns, once.
    pub(crate) fn visit(&mut self, key: &[u8], visit: &mut dyn FnMut(WatcherKey)) {
        if let Some(watchers) = self.keys.get(key) {
            watchers.iter().copied().for_each(&mut *visit);
        }
        if self.ranges.is_empty() {
            return;
        }
        let ranges = &self.ranges;
        let tree = self.tree.get_or_insert_with(|| {
            let mut tree: Vec<Branch> =
                ranges.keys().map(|range| Branch { range: range.clone(), reach: None }).collect();
            lay(&mut tree);
            tree
        });
        stab(tree, key, &mut |range| {
            ranges[range].iter().copied().for_each(&mut *visit);
        });
    }
}

/// A watched interval of more than one key, which starts at a key and is not empty.
fn range(interval: &Interval) -> Range {
    let (start, end) = interval.bounds();
    let end = match end {
        Bound::Excluded(end) => Some(Bytes::copy_from_slice(end)),
        Bound::Included(_) | Bound::Unbounded => None,
    };
    assert!(start != Bound::Unbounded, "an interval has a first key");
    (interval.start().clone(), end)
}

/// Fills in how far each subtree reaches; returns the whole tree's.
fn lay(tree: &mut [Branch]) -> Option<Bytes> {
    let middle = tree.len() / 2;
    let (left, rest) = tree.split_at_mut(middle);
    let (branch, right) = rest.split_first_mut().expect("a subtree that is laid is not empty");
    let mut reach = branch.range.1.clone();
    for side in [left, right] {
        if !side.is_empty() {
            reach = further(reach, lay(side));
        }
    }
    branch.reach.clone_from(&reach);
    reach
}

fn further(one: Option<Bytes>, other: Option<Bytes>) -> Option<Bytes> {
    Some(one?.max(other?))
}

/// Shows each range of the tree that holds the key, in order.
fn stab(tree: &[Branch], key: &[u8], visit: &mut dyn FnMut(&Range)) {
    let middle = tree.len() / 2;
    let Some(branch) = tree.get(middle) else {
        return;
    };
    if branch.reach.as_ref().is_some_and(|reach| reach.as_ref() <= key) {
        return;
    }
    stab(&tree[..middle], key, visit);
    let (start, end) = &branch.range;
    if start.as_ref() <= key {
        if end.as_ref().is_none_or(|end| key < end.as_ref()) {
            visit(&branch.range);
        }
        stab(&tree[middle + 1..], key, visit);
    }
}
