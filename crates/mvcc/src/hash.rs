//! etcd's hash of the keyspace, by which members are compared.

use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

use backend::{Direction, Fault, Part, Step};
use units::Revision;

use crate::crc::Crc32c;
use crate::interval::Interval;
use crate::reader::{Reader, Refused, Walk};
use crate::revision::RevisionKey;
use crate::scan::scan;
use crate::tables::{REVISIONS, Version, damaged};

/// What every hash begins with.
const SEED: &[u8] = b"key";

/// A hash, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash {
    /// CRC-32C of the records.
    pub hash: u32,
    /// What was taken as compacted.
    pub compacted: Revision,
    /// Up to where.
    pub revision: Revision,
}

/// What is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashScope {
    /// Up to a revision; 0 means the newest. Below it there is nothing, and what nothing hashes to
    /// is the answer, as in etcd.
    Revision(Revision),
    /// Up to a revision that a compaction is about to drop history below, as it was before: what
    /// members compare, since all of them compact at the same place in the log. To be asked between
    /// the scheduling and the first step.
    BeforeCompaction {
        /// What was compacted before.
        former: Revision,
        /// What is compacted now.
        to: Revision,
    },
}

impl Reader<'_> {
    /// Hashes every version up to a revision, with etcd's rules for what a compaction may or may
    /// not have dropped already. Reads it all: for a background thread.
    ///
    /// # Errors
    ///
    /// A fault of the engine; inside, a revision that cannot be read.
    pub fn hash(&self, scope: HashScope) -> Result<Result<Hash, Refused>, Fault> {
        let (revision, compacted) = match scope {
            HashScope::Revision(asked) if asked.0 < 0 => {
                let mut crc = Crc32c::new();
                crc.update(SEED);
                let compacted = self.store.compacted;
                return Ok(Ok(Hash { hash: crc.finish(), compacted, revision: asked }));
            }
            HashScope::Revision(asked) => match self.resolve(asked) {
                Ok(revision) => (revision, self.store.compacted),
                Err(refused) => return Ok(Err(refused)),
            },
            HashScope::BeforeCompaction { former, to } => (to, former),
        };
        let keeps = match scope {
            HashScope::Revision(_) => self.lives_any(revision)?,
            // A compaction keeps the tombstone at its own revision, so then too it keeps something.
            HashScope::BeforeCompaction { to, .. } => {
                self.lives_any(revision)? || self.ends_with_tombstone(to)?
            }
        };
        // With nothing that lives etcd hashes what it finds. That is what a compaction leaves, and
        // here too before it has come to its end, so that its progress does not show.
        let by = if keeps { revision } else { compacted.max(Revision(0)) };
        let mut superseded = self.superseded_up_to(by, compacted)?.into_iter().peekable();
        let mut crc = Crc32c::new();
        crc.update(SEED);
        let end = RevisionKey::last(revision).encode();
        let bounds = (Bound::Unbounded, Bound::Included(&end[..]));
        let how = (Direction::Ascending, Part::Records);
        scan(self.view, REVISIONS, bounds, how, &mut |key, value| {
            let at = revision_key(key)?;
            let version = Version::read(value)?;
            while superseded.next_if(|one| *one < at).is_some() {}
            let kept = !version.tombstone && superseded.peek() != Some(&at);
            let dropped = at.main <= compacted && !kept;
            if !(dropped || version.tombstone && at.main == compacted) {
                let (etcd_key, length) = at.etcd_key(version.tombstone);
                crc.update(&etcd_key[..length]);
                crc.update(version.record());
            }
            Ok(Step::Next)
        })?;
        Ok(Ok(Hash { hash: crc.finish(), compacted, revision }))
    }

    /// The versions up to `compacted` that others up to `revision` superseded, sorted. Those that
    /// an older compaction dropped need no looking for.
    fn superseded_up_to(
        &self,
        revision: Revision,
        compacted: Revision,
    ) -> Result<Vec<RevisionKey>, Fault> {
        let mut superseded = Vec::new();
        let (start, end) = (
            RevisionKey::first(self.store.finished.min(compacted).next()).encode(),
            RevisionKey::last(revision).encode(),
        );
        let bounds = if self.store.finished.min(compacted).0 < 0 {
            (Bound::Unbounded, Bound::Included(&end[..]))
        } else {
            (Bound::Included(&start[..]), Bound::Included(&end[..]))
        };
        let how = (Direction::Ascending, Part::Records);
        scan(self.view, REVISIONS, bounds, how, &mut |_, value| {
            let previous = Version::read(value)?.previous;
            superseded.extend(previous.filter(|previous| previous.main <= compacted));
            Ok(Step::Next)
        })?;
        superseded.sort_unstable();
        Ok(superseded)
    }

    fn lives_any(&self, at: Revision) -> Result<bool, Fault> {
        let mut any = false;
        let walk = Walk { order: Direction::Ascending, part: Part::Keys, ahead: 1 };
        self.scan(&Interval::all(), at, walk, &mut |_| {
            any = true;
            ControlFlow::Break(())
        })?;
        Ok(any)
    }

    fn ends_with_tombstone(&self, at: Revision) -> Result<bool, Fault> {
        let mut any = false;
        let (start, end) = (RevisionKey::first(at).encode(), RevisionKey::last(at).encode());
        let bounds = (Bound::Included(&start[..]), Bound::Included(&end[..]));
        let how = (Direction::Ascending, Part::Records);
        scan(self.view, REVISIONS, bounds, how, &mut |_, value| {
            any |= Version::read(value)?.tombstone;
            Ok(if any { Step::Stop } else { Step::Next })
        })?;
        Ok(any)
    }
}

fn revision_key(key: &[u8]) -> Result<RevisionKey, Fault> {
    RevisionKey::decode(key).ok_or_else(|| damaged(REVISIONS, "a revision cannot be read"))
}
