//! Dropping history that nobody may read any more.

use alloc::vec::Vec;
use core::ops::Bound;

use backend::{Direction, Fault, Part, Step};
use bytes::Bytes;
use units::{Revision, planted};

use crate::group::Group;
use crate::revision::RevisionKey;
use crate::scan::scan;
use crate::store::Store;
use crate::tables::{
    COMPACT_FINISHED, HISTORY, KEYSPACE, REVISIONS, Version, damaged, history_key,
};

/// A compaction on its way: what has been superseded between the compaction before and this one is
/// dropped, in small steps between other work. Its cost is that of what was written in between.
///
/// Of each key stay the versions above the revision and the newest up to it; of a deleted key
/// nothing, unless the tombstone is at the very revision, so that a watch from there hears of it.
///
/// Where it stands is kept in memory alone: dropping again what is gone does nothing, so after a
/// crash it begins anew.
#[derive(Clone, Debug)]
pub struct Compaction {
    /// What was finished before.
    from: Revision,
    to: Revision,
    /// The next place to look at.
    next: RevisionKey,
}

/// How much one step may look at.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Versions.
    pub versions_max: usize,
    /// Bytes of them; one version may exceed it.
    pub bytes_max: usize,
}

/// A version that takes others' places, or is a tombstone.
struct Passed {
    at: RevisionKey,
    key: Bytes,
    tombstone: bool,
    previous: Option<RevisionKey>,
}

impl Compaction {
    /// The compaction that is scheduled but not finished, if there is one.
    #[must_use]
    pub fn pending(store: &Store) -> Option<Self> {
        let (from, to) = (store.finished, store.compacted);
        let next = RevisionKey::first(Revision(from.0.max(0)));
        (from < to).then_some(Self { from, to, next })
    }

    /// The revision below which history is dropped.
    #[must_use]
    pub fn to(&self) -> Revision {
        self.to
    }

    /// Does a part of it, as changes of the group. Returns whether it is finished with this.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn step(&mut self, group: &mut Group, budget: Budget) -> Result<bool, Fault> {
        let (passed, done) = self.pass(group, budget)?;
        for version in passed {
            self.drop_behind(group, &version)?;
        }
        if done {
            group.store.finished = self.to;
            let to = self.to.0.to_be_bytes().to_vec();
            group.overlay.put(KEYSPACE, COMPACT_FINISHED, to);
        }
        Ok(done)
    }

    /// Walks on, and collects what drops something.
    fn pass(&mut self, group: &Group, budget: Budget) -> Result<(Vec<Passed>, bool), Fault> {
        let mut passed = Vec::new();
        let (mut versions, mut bytes) = (0, 0);
        let mut done = true;
        let to = if planted!(CompactionOffByOne) { self.to.next() } else { self.to };
        let (from, to) = (self.next.encode(), RevisionKey::last(to).encode());
        let bounds = (Bound::Included(&from[..]), Bound::Included(&to[..]));
        let how = (Direction::Ascending, Part::Records);
        scan(&group.overlay, REVISIONS, bounds, how, &mut |key, value| {
            let at = RevisionKey::decode(key)
                .ok_or_else(|| damaged(REVISIONS, "a revision cannot be read"))?;
            if versions == budget.versions_max || bytes >= budget.bytes_max {
                (self.next, done) = (at, false);
                return Ok(Step::Stop);
            }
            (versions, bytes) = (versions + 1, bytes + value.len());
            let version = Version::read(value)?;
            if version.tombstone || version.previous.is_some() {
                let key = Bytes::copy_from_slice(version.meta()?.key(version.record()));
                let (tombstone, previous) = (version.tombstone, version.previous);
                passed.push(Passed { at, key, tombstone, previous });
            }
            Ok(Step::Next)
        })?;
        Ok((passed, done))
    }

    fn drop_behind(&self, group: &mut Group, version: &Passed) -> Result<(), Fault> {
        let Passed { at, key, tombstone, previous } = version;
        // What versions up to `from` superseded went with the compaction before.
        if let Some(previous) = previous.filter(|_| at.main > self.from) {
            drop_superseded(group, key, previous);
        }
        if !tombstone || at.main >= self.to {
            return Ok(());
        }
        if group.reader().head(key)?.is_some_and(|head| head.at == *at) {
            group.overlay.delete(REVISIONS, at.encode().to_vec());
            group.bury(key)?;
        } else {
            drop_superseded(group, key, *at);
        }
        Ok(())
    }
}

fn drop_superseded(group: &mut Group, key: &[u8], at: RevisionKey) {
    group.overlay.delete(REVISIONS, at.encode().to_vec());
    group.overlay.delete(HISTORY, history_key(key, at));
}
