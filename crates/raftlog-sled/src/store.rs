//! `sled` as a log's store.

use std::ops::Range;
use std::path::Path;

use home::{Fault, Kind, guarded};
use keyedlog::{Group, Key, Visit};
use sled::Batch;
use store_sled::{Store, fault};

/// Keys that are removed at once: a batch holds up everybody else.
const CHUNK: usize = 1024;

/// A durable raft log by means of `sled`, in a directory of its own.
pub type SledLog = keyedlog::KeyedLog<SledStore>;

/// What a log may use, and lose.
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
    MayCostTheLog,
}

impl Options {
    /// The cache that a member uses: what is appended, and what lags behind is sent.
    pub const CACHE_BYTES: u64 = 32 << 20;
}

/// A database of `sled` that has a log.
pub struct SledStore(Store);

impl keyedlog::Store for SledStore {
    type Options = Options;

    const KIND: Kind = Kind { owner: "raftlog-sled", format: 2, marker: "log", content: "content" };

    fn create(directory: &Path, options: &Options) -> Result<Self, Fault> {
        Self::open(directory, options)
    }

    fn open(directory: &Path, options: &Options) -> Result<Self, Fault> {
        let Options { cache_bytes, power_failure: PowerFailure::MayCostTheLog } = *options;
        Store::open(directory, cache_bytes).map(Self)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.reading(|| Ok(self.0.tree().get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let mut records = self.0.tree().range(from..);
        while let Some((key, value)) = self.reading(|| records.next().transpose())? {
            visit(&key, &value)?;
        }
        Ok(())
    }

    fn write(&self, group: Group) -> Result<(), Fault> {
        let mut batch = Batch::default();
        for key in group.gone.map_or_else(|| Ok(Vec::new()), |keys| self.keys(keys))? {
            batch.remove(key);
        }
        for (key, value) in group.puts {
            batch.insert(key, value);
        }
        self.0.apply(batch)?;
        self.0.sync()
    }

    fn remove(&self, keys: Range<Key>) -> Result<(), Fault> {
        for keys in self.keys(keys)?.chunks(CHUNK) {
            let mut batch = Batch::default();
            keys.iter().for_each(|key| batch.remove(key));
            self.0.apply(batch)?;
        }
        Ok(())
    }
}

impl SledStore {
    fn keys(&self, within: Range<Key>) -> Result<Vec<sled::IVec>, Fault> {
        self.reading(|| self.0.tree().range(within).keys().collect())
    }

    fn reading<T>(&self, read: impl FnOnce() -> sled::Result<T>) -> Result<T, Fault> {
        let path = self.0.path();
        guarded(path, || read().map_err(|error| fault("reading", path, &error)))
    }
}
