//! One content: a store, the number of its last batch, and what its views see.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use backend::{Batch, Fault, Operation, Records};
use bytes::Bytes;

use crate::bounds::{COUNT, Within, prefixed};
use crate::directory::{Home, bytes_below};
use crate::fault::{self, guarded};
use crate::history::History;
use crate::store::Store;
use crate::tally::Tally;
use crate::view::SledView;

const FILES: &str = "sled";
const SYNCED: &str = "synced";
/// Bytes of records that a replacement gives to the store at once.
const CHUNK_BYTES: usize = 1 << 20;
/// The number of the batch that made the content.
const FIRST: u64 = 1;

/// A store in a directory of its own. Views keep it, and with it its lock.
///
/// # Invariants
///
/// - Every batch has the number of the one before and one more; the tree has the last one's.
/// - Whoever has the history finds no batch half in the tree.
pub(crate) struct Content {
    store: Store,
    tally: Tally,
    history: RwLock<History>,
    /// Dropped last, when no file is open any more.
    pub(crate) home: Home,
}

impl Content {
    /// Makes one with the records given, which ascend; durable.
    pub(crate) fn create(
        home: Home,
        cache_bytes: u64,
        records: &mut dyn Records,
    ) -> Result<Self, Fault> {
        let store = Store::open(&home.path.join(FILES), cache_bytes)?;
        fill(&store, records)?;
        store.sync()?;
        sync_directories(&home.path)?;
        let tally = Tally::create(&home.path.join(SYNCED), FIRST)?;
        Ok(Self { store, tally, history: RwLock::new(History::since(FIRST)), home })
    }

    /// Opens one that is there, if it has all that was synced.
    pub(crate) fn open(home: Home, cache_bytes: u64) -> Result<Self, Fault> {
        let tally = Tally::open(&home.path.join(SYNCED))?;
        let store = Store::open(&home.path.join(FILES), cache_bytes)?;
        let count = guarded(store.path(), || {
            let count = store.tree().get(COUNT);
            count.map_err(|error| fault::of_sled("reading", store.path(), &error))
        })?;
        let written = match count.as_deref().map(<[u8; 8]>::try_from) {
            Some(Ok(count)) => u64::from_be_bytes(count),
            _ => 0,
        };
        let synced = tally.number();
        if written < synced {
            let what = format!("it ends with batch {written}, but {synced} were synced");
            return Err(fault::corrupt(store.path(), what));
        }
        Ok(Self { store, tally, history: RwLock::new(History::since(written)), home })
    }

    pub(crate) fn view(self: &Arc<Self>) -> SledView {
        let number = self.history_mut().open_view();
        SledView::of(number, Arc::clone(self))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// While it is held, nothing is written.
    pub(crate) fn history(&self) -> RwLockReadGuard<'_, History> {
        // Whoever panicked with it has ended the engine.
        self.history.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history_mut(&self) -> RwLockWriteGuard<'_, History> {
        self.history.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the batch visible, and durable with the next sync. One caller at a time.
    pub(crate) fn write(&self, batch: Batch) -> Result<(), Fault> {
        let path = self.store.path();
        let failed = |error| fault::of_sled("writing", path, &error);
        let changes = self.changes(batch)?;
        let mut history = self.history_mut();
        guarded(path, || {
            if history.is_watched() {
                for key in changes.keys() {
                    history.remember(key, self.store.tree().get(key).map_err(failed)?);
                }
            }
            let mut writes = sled::Batch::default();
            writes.insert(COUNT, &(history.newest() + 1).to_be_bytes());
            for (key, value) in changes {
                match value {
                    Some(value) => writes.insert(key, &*value),
                    None => writes.remove(key),
                }
            }
            self.store.tree().apply_batch(writes).map_err(failed)?;
            history.advance();
            Ok(())
        })
    }

    /// Makes durable what was written.
    pub(crate) fn sync(&self) -> Result<(), Fault> {
        let written = self.history().newest();
        guarded(self.store.path(), || self.store.sync())?;
        self.tally.raise(written)
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        bytes_below(&self.home.path)
    }

    /// What the batch makes of each key.
    fn changes(&self, batch: Batch) -> Result<BTreeMap<Vec<u8>, Option<Bytes>>, Fault> {
        let mut changes = BTreeMap::new();
        for (table, operation) in batch.into_operations() {
            match operation {
                Operation::Put { key, value } => {
                    changes.insert(prefixed(table, &key), Some(value));
                }
                Operation::Delete { key } => {
                    changes.insert(prefixed(table, &key), None);
                }
                Operation::DeleteRange { start, end } => {
                    let high = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                    let Some(within) = Within::of(table, (Bound::Included(&start), high)) else {
                        continue;
                    };
                    let own = changes.range_mut::<[u8], _>(within.range());
                    own.for_each(|(_, value)| *value = None);
                    for key in self.keys(&within)? {
                        changes.insert(key, None);
                    }
                }
            }
        }
        Ok(changes)
    }

    fn keys(&self, within: &Within) -> Result<Vec<Vec<u8>>, Fault> {
        let path = self.store.path();
        guarded(path, || {
            let found = self.store.tree().range::<&[u8], _>(within.range()).keys();
            found
                .map(|key| key.map(|key| key.to_vec()))
                .collect::<Result<_, _>>()
                .map_err(|error| fault::of_sled("reading", path, &error))
        })
    }
}

/// Writes records in ascending order into an empty store, and the number of the first batch last.
fn fill(store: &Store, records: &mut dyn Records) -> Result<(), Fault> {
    let write = |writes| {
        guarded(store.path(), || {
            let applied = store.tree().apply_batch(writes);
            applied.map_err(|error| fault::of_sled("writing", store.path(), &error))
        })
    };
    let (mut writes, mut bytes, mut last) = (sled::Batch::default(), 0, COUNT.to_vec());
    while let Some((table, key, value)) = records.next()? {
        let key = prefixed(table, &key);
        if last >= key {
            let what = format!("records of {} are not in order", table.name);
            return Err(Fault::Corrupt { file: "the replacement".to_string(), what });
        }
        bytes += key.len() + value.len();
        writes.insert(&*key, &*value);
        last = key;
        if bytes > CHUNK_BYTES {
            write(std::mem::take(&mut writes))?;
            bytes = 0;
        }
    }
    writes.insert(COUNT, &FIRST.to_be_bytes());
    write(writes)
}

/// Makes names durable that nobody else has.
fn sync_directories(below: &Path) -> Result<(), Fault> {
    let failed = |error: std::io::Error| fault::io("syncing", below, &error);
    for entry in fs::read_dir(below).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            sync_directories(&path)?;
        } else {
            File::open(&path).and_then(|file| file.sync_all()).map_err(failed)?;
        }
    }
    File::open(below).and_then(|directory| directory.sync_all()).map_err(failed)
}
