//! RocksDB as a log's store.

use std::ops::Range;
use std::path::{Path, PathBuf};

use home::{Fault, Kind};
use keyedlog::{Group, Key, Visit};
use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, ReadOptions, WriteBatch, WriteOptions,
};
use store_rocksdb::fault;

/// Memtables at most, one of which is written to.
const MEMTABLES: i32 = 2;

/// A durable raft log by means of RocksDB, in a directory of its own.
pub type RocksdbLog = keyedlog::KeyedLog<RocksdbStore>;

/// How much memory a log may use, and what it may lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of blocks of files that are kept for the next read: of what lags behind.
    pub cache_bytes: usize,
    /// Bytes of entries that are gathered before they are written to a file. Up to two of these are
    /// in memory.
    pub memtable_bytes: usize,
    /// Whether nothing is synced: a crash of the machine may then cost everything.
    pub skips_syncs: bool,
}

impl Options {
    /// What a member uses: little, as entries are read once, if at all.
    pub const USUAL: Self =
        Self { cache_bytes: 8 << 20, memtable_bytes: 16 << 20, skips_syncs: false };

    fn of_rocksdb(&self) -> rocksdb::Options {
        let mut options = store_rocksdb::options();
        options.set_write_buffer_size(self.memtable_bytes);
        options.set_max_write_buffer_number(MEMTABLES);
        options.set_target_file_size_base(self.memtable_bytes as u64);
        // What is written is trimmed soon: packing it would not pay.
        options.set_compression_type(DBCompressionType::None);
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&Cache::new_lru_cache(self.cache_bytes));
        options.set_block_based_table_factory(&blocks);
        options
    }
}

/// A database of RocksDB that has a log.
pub struct RocksdbStore {
    database: DB,
    path: PathBuf,
    skips_syncs: bool,
}

impl keyedlog::Store for RocksdbStore {
    type Options = Options;

    const KIND: Kind =
        Kind { owner: "raftlog-rocksdb", format: 1, marker: "log", content: "content" };

    fn create(directory: &Path, options: &Options) -> Result<Self, Fault> {
        let database = store_rocksdb::create(directory, options.of_rocksdb())?;
        Ok(Self { database, path: directory.into(), skips_syncs: options.skips_syncs })
    }

    fn open(directory: &Path, options: &Options) -> Result<Self, Fault> {
        let database = store_rocksdb::open(directory, &options.of_rocksdb())?;
        Ok(Self { database, path: directory.into(), skips_syncs: options.skips_syncs })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.database.get(key).map_err(|error| fault("reading", &self.path, &error))
    }

    fn scan(&self, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let mut options = ReadOptions::default();
        // Everything is read, and once.
        options.fill_cache(false);
        let mut records = self.database.raw_iterator_opt(options);
        records.seek(from);
        while let Some((key, value)) = records.item() {
            visit(key, value)?;
            records.next();
        }
        records.status().map_err(|error| fault("reading", &self.path, &error))
    }

    fn write(&self, group: Group) -> Result<(), Fault> {
        let mut writes = WriteBatch::default();
        if let Some(keys) = group.gone {
            writes.delete_range(keys.start, keys.end);
        }
        for (key, value) in group.puts {
            writes.put(key, value);
        }
        self.commit(writes)
    }

    fn remove(&self, keys: Range<Key>) -> Result<(), Fault> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut writes = WriteBatch::default();
        writes.delete_range(keys.start, keys.end);
        // Durable before files go, which is durable at once: else a power failure could bring back
        // entries in front of those that went with a file, and the log would have a hole.
        self.commit(writes)?;
        // Files that end with the last key go, too: that must not be the first one that stays.
        let removed = self.database.delete_file_in_range(keys.start, before(keys.end));
        removed.map_err(|error| fault("removing files in", &self.path, &error))
    }
}

/// The key before another, which is not the first of all.
fn before(mut key: Key) -> Key {
    for byte in key.iter_mut().rev() {
        let borrows = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrows {
            return key;
        }
    }
    unreachable!("no entry has the key 0")
}

impl RocksdbStore {
    fn commit(&self, writes: WriteBatch) -> Result<(), Fault> {
        let mut options = WriteOptions::default();
        options.set_sync(!self.skips_syncs);
        let written = self.database.write_opt(writes, &options);
        written.map_err(|error| fault("writing", &self.path, &error))
    }
}

#[cfg(test)]
mod tests;
