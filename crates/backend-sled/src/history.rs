//! What views see that the tree does not hold any more.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use sled::IVec;

/// A key's value; `None` if there is none.
pub(crate) type Value = Option<IVec>;

/// The views that are held, and what batches have written over since.
///
/// # Invariants
///
/// - A key that batch `n` changed is in `former` with what it was before, if a view of a batch
///   before `n` is held.
/// - `changed` names the keys in `former` by the batches that changed them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The last batch.
    newest: u64,
    /// How many views of a batch are held.
    views: BTreeMap<u64, usize>,
    /// Of each key what it was before which batch, oldest first.
    former: BTreeMap<IVec, VecDeque<(u64, Value)>>,
    changed: VecDeque<(u64, IVec)>,
    /// Bytes of keys and values in it.
    bytes: usize,
}

impl History {
    /// Of a tree that so many batches made.
    pub(crate) fn since(newest: u64) -> Self {
        Self { newest, ..Self::default() }
    }

    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Bytes of memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A view of the last batch, which must be closed. Answers with its number.
    pub(crate) fn open_view(&mut self) -> u64 {
        *self.views.entry(self.newest).or_default() += 1;
        self.newest
    }

    pub(crate) fn close_view(&mut self, number: u64) {
        let held = self.views.get_mut(&number).expect("it is closed once");
        *held -= 1;
        if *held == 0 {
            self.views.remove(&number);
            self.forget();
        }
    }

    /// Whether anybody would miss what a batch changes now.
    pub(crate) fn is_watched(&self) -> bool {
        !self.views.is_empty()
    }

    /// What the next batch is about to change was this before. Once for a key and a batch.
    pub(crate) fn remember(&mut self, key: &[u8], before: Value) {
        assert!(self.is_watched(), "nobody would forget it");
        let (number, key) = (self.newest + 1, IVec::from(key));
        self.bytes += key.len() + before.as_ref().map_or(0, |value| value.len());
        let former = self.former.entry(key.clone()).or_default();
        assert!(former.back().is_none_or(|(last, _)| *last < number), "once for a batch");
        former.push_back((number, before));
        self.changed.push_back((number, key));
    }

    /// The next batch is in the tree. Answers with its number.
    pub(crate) fn advance(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    /// What a view of that number sees, if it is not what is in the tree.
    pub(crate) fn seen(&self, key: &[u8], number: u64) -> Option<&Value> {
        at(self.former.get(key)?, number)
    }

    /// The keys in a range of which a view of that number sees something else than what is in the
    /// tree, with what it sees.
    pub(crate) fn range(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        number: u64,
    ) -> impl DoubleEndedIterator<Item = (&IVec, &Value)> {
        let former = self.former.range::<[u8], _>(range);
        former.filter_map(move |(key, former)| Some((key, at(former, number)?)))
    }

    /// Drops what no view sees: those of batch `n` and later do not need what was before `n`.
    fn forget(&mut self) {
        let oldest = self.views.keys().next().copied().unwrap_or(u64::MAX);
        while let Some((number, _)) = self.changed.front()
            && *number <= oldest
        {
            let (number, key) = self.changed.pop_front().expect("it was looked at");
            let former = self.former.get_mut(&key).expect("what changed was something before");
            let (first, before) = former.pop_front().expect("what changed was something before");
            assert_eq!(first, number, "both are in the order of batches");
            self.bytes -= key.len() + before.map_or(0, |value| value.len());
            if former.is_empty() {
                self.former.remove(&key);
            }
        }
    }
}

/// What was before the first batch that a view of that number does not see.
fn at(former: &VecDeque<(u64, Value)>, number: u64) -> Option<&Value> {
    let nth = former.partition_point(|(batch, _)| *batch <= number);
    former.get(nth).map(|(_, before)| before)
}

#[cfg(test)]
mod tests;
