//! What is known beside the engine, and a view with it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

use backend::{Direction, Fault, Part, Step, View};
use bytes::Bytes;
use units::Revision;

use crate::change::{Changes, Event, Previous};
use crate::fences::Fences;
use crate::lately::Lately;
use crate::reader::Reader;
use crate::revision::RevisionKey;
use crate::scan::scan;
use crate::tables::{
    COMPACT_FINISHED, COMPACT_SCHEDULED, CURRENT, KEYSPACE, REVISIONS, Version, damaged,
};

/// The revision of a store that was never written.
const FIRST: Revision = Revision(1);

/// What is compacted in a store that never was.
const NOTHING: Revision = Revision(-1);

/// What is known of the keyspace beside what the engine holds: small, and cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// The newest revision.
    pub revision: Revision,
    /// Reads below are refused; −1 if nothing was ever compacted.
    pub compacted: Revision,
    /// Up to where history is really gone; below `compacted` while a compaction runs.
    pub finished: Revision,
    pub(crate) fences: Fences,
    pub(crate) lately: Lately,
}

impl Store {
    /// Reads what the engine holds; no key is read.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn open(view: &dyn View) -> Result<Self, Fault> {
        let scheduled = named(view, COMPACT_SCHEDULED)?.unwrap_or(NOTHING);
        let finished = named(view, COMPACT_FINISHED)?.unwrap_or(NOTHING);
        let compacted = scheduled.max(finished);
        // The name says it all; the rest is for an engine that somebody filled by other means.
        let current = named(view, CURRENT)?.unwrap_or(FIRST);
        let revision = current.max(last_written(view)?).max(compacted);
        let (fences, lately) = (Fences::open(view)?, Lately::new(revision));
        Ok(Self { revision, compacted, finished, fences, lately })
    }
}

/// A revision that has a name.
fn named(view: &dyn View, name: &[u8]) -> Result<Option<Revision>, Fault> {
    let Some(bytes) = view.get(KEYSPACE, name)? else {
        return Ok(None);
    };
    let bytes = <[u8; 8]>::try_from(&bytes[..])
        .map_err(|_| damaged(KEYSPACE, "a revision cannot be read"))?;
    Ok(Some(Revision(i64::from_be_bytes(bytes))))
}

/// The main revision of the newest record.
fn last_written(view: &dyn View) -> Result<Revision, Fault> {
    let mut last = FIRST;
    let every = (Bound::Unbounded, Bound::Unbounded);
    scan(view, REVISIONS, every, (Direction::Descending, Part::Keys), &mut |key, _| {
        let at = RevisionKey::decode(key)
            .ok_or_else(|| damaged(REVISIONS, "a revision cannot be read"))?;
        last = at.main;
        Ok(Step::Stop)
    })?;
    Ok(last)
}

/// The keyspace at one moment, for as long as it is held. Cheap to clone, to be read on any thread.
#[derive(Clone)]
pub struct Snapshot {
    view: Arc<dyn View>,
    store: Arc<Store>,
}

impl Snapshot {
    /// The view, and what is known beside it.
    #[must_use]
    pub fn new(view: Arc<dyn View>, store: Arc<Store>) -> Self {
        Self { view, store }
    }

    /// The keyspace as an engine holds it.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn open(view: Arc<dyn View>) -> Result<Self, Fault> {
        let store = Arc::new(Store::open(&*view)?);
        Ok(Self { view, store })
    }

    /// The view, for the tables of others.
    #[must_use]
    pub fn view(&self) -> &Arc<dyn View> {
        &self.view
    }

    /// What is known beside it.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.store.revision
    }

    /// Reads below are refused; −1 if nothing was ever compacted.
    #[must_use]
    pub fn compacted(&self) -> Revision {
        self.store.compacted
    }

    /// Reads.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&*self.view, &self.store, self.store.revision)
    }

    /// What changed in the revisions `from..=to`, in order: whole revisions, at least one if there
    /// is any, and no more once they exceed `bytes_max`. Only what is not compacted; `from` is to
    /// be compared with [`compacted`](Self::compacted) first.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn changes(
        &self,
        from: Revision,
        to: Revision,
        bytes_max: usize,
    ) -> Result<Vec<Arc<Changes>>, Fault> {
        self.reader().changes(from, to, bytes_max)
    }

    /// What an event's key held before the event's revision, as an encoded `KeyValue`; nothing if
    /// it did not live, or if that is compacted.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn previous(&self, revision: Revision, event: &Event) -> Result<Option<Bytes>, Fault> {
        // etcd reads at the revision before, which must not be compacted. A change that is still in
        // memory must not know more than one that is read.
        if revision.0 - 1 < self.store.compacted.0 {
            return Ok(None);
        }
        let mut at = match &event.previous {
            Previous::None => return Ok(None),
            Previous::Record(record) => return Ok(Some(record.clone())),
            Previous::At(at) => *at,
        };
        loop {
            let Some(value) = self.view.get(REVISIONS, &at.encode())? else {
                return Ok(None);
            };
            let version = Version::read(&value)?;
            if at.main < revision {
                return Ok(Some(version.share(&value)));
            }
            match version.previous {
                Some(previous) => at = previous,
                None => return Ok(None),
            }
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("store", &self.store).finish_non_exhaustive()
    }
}
