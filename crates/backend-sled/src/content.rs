//! One content: a store, the number of its last batch, and what its views see.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use backend::flat::Within;
use backend::{Batch, Records, Stats, View};
use home::{Fault, Kind, Place, Tally, guarded, sync_below};
use store_sled::{Store, fault};

use crate::history::History;
use crate::keys::{COUNT, FLAT};
use crate::view::SledView;

const FILES: &str = "sled";
const SYNCED: &str = "synced";
/// Bytes of records that a replacement gives to the store at once.
const CHUNK_BYTES: usize = 1 << 20;
/// The number of the batch that made the content.
const FIRST: u64 = 1;

/// An ordered engine by means of `sled`, in a directory of its own.
pub type SledBackend = home::Engine<Content>;

/// What an engine may use, and lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of pages that are kept in memory.
    pub cache_bytes: u64,
    /// What a power failure may do.
    pub power_failure: PowerFailure,
}

/// What a power failure may do to what was synced. There is nothing to choose, but it has to be
/// said: see the crate's known limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerFailure {
    /// Make it unreadable, as a whole: the next start refuses it, and the member has to be
    /// replaced.
    MayCostTheData,
}

impl Options {
    /// The cache that a member uses.
    pub const CACHE_BYTES: u64 = 64 << 20;
}

/// A store in a directory of its own. Views keep it, and with it its lock.
///
/// # Invariants
///
/// - Every batch has the number of the one before and one more; the tree has the last one's.
/// - Whoever has the history finds no batch half in the tree.
pub struct Content {
    store: Store,
    tally: Tally,
    history: RwLock<History>,
    cache_bytes: u64,
    /// Dropped last, when no file is open any more.
    place: Place,
}

impl home::Content for Content {
    type Options = Options;

    const KIND: Kind =
        Kind { owner: "backend-sled", format: 1, marker: "engine", content: "content" };

    fn create(
        place: Place,
        options: &Options,
        records: &mut dyn Records,
    ) -> Result<Self, backend::Fault> {
        let Options { cache_bytes, power_failure: PowerFailure::MayCostTheData } = *options;
        let store = Store::open(&place.path().join(FILES), cache_bytes)?;
        fill(&store, records)?;
        store.sync()?;
        sync_below(store.path())?;
        let tally = Tally::create(&place.path().join(SYNCED), FIRST)?;
        let history = RwLock::new(History::since(FIRST));
        Ok(Self { store, tally, history, cache_bytes, place })
    }

    fn open(place: Place, options: &Options) -> Result<Self, Fault> {
        let Options { cache_bytes, power_failure: PowerFailure::MayCostTheData } = *options;
        let tally = Tally::open(&place.path().join(SYNCED))?;
        let store = Store::open(&place.path().join(FILES), cache_bytes)?;
        let count = guarded(store.path(), || {
            let count = store.tree().get(COUNT);
            count.map_err(|error| fault("reading", store.path(), &error))
        })?;
        let written = tally.check(store.path(), count.as_deref())?;
        Ok(Self { store, tally, history: RwLock::new(History::since(written)), cache_bytes, place })
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn view(self: &Arc<Self>) -> Arc<dyn View> {
        let number = self.history_mut().open_view();
        Arc::new(SledView::of(number, Arc::clone(self)))
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        let path = self.store.path();
        let failed = |error| fault("writing", path, &error);
        let changes = FLAT.changes(batch, |within| self.keys(within))?;
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

    fn sync(&self) -> Result<(), Fault> {
        let written = self.history().newest();
        self.store.sync()?;
        self.tally.raise(written)
    }

    fn stats(&self) -> Stats {
        let disk_bytes = self.place.disk_bytes();
        Stats {
            disk_bytes,
            // `sled` knows only of all its files together.
            live_bytes: disk_bytes,
            memory_bytes: self.cache_bytes + self.history().bytes() as u64,
            // Whatever finds no room ends the engine.
            cramped: false,
        }
    }
}

impl Content {
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

    fn keys(&self, within: &Within) -> Result<Vec<Vec<u8>>, Fault> {
        let path = self.store.path();
        guarded(path, || {
            let found = self.store.tree().range::<&[u8], _>(within.range()).keys();
            found
                .map(|key| key.map(|key| key.to_vec()))
                .collect::<Result<_, _>>()
                .map_err(|error| fault("reading", path, &error))
        })
    }
}

/// Writes records in ascending order into an empty store, and the number of the first batch last.
fn fill(store: &Store, records: &mut dyn Records) -> Result<(), backend::Fault> {
    let (mut writes, mut bytes) = (sled::Batch::default(), 0);
    let mut records = FLAT.ascending(records);
    while let Some((key, value)) = records.next()? {
        bytes += key.len() + value.len();
        writes.insert(key, &*value);
        if bytes > CHUNK_BYTES {
            store.apply(std::mem::take(&mut writes))?;
            bytes = 0;
        }
    }
    writes.insert(COUNT, &FIRST.to_be_bytes());
    Ok(store.apply(writes)?)
}
