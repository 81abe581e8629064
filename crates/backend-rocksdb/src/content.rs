//! One content: a database, and the number of its last batch.

use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend::flat::Within;
use backend::{Batch, Operation, Records, Stats, View};
use home::{Fault, Kind, Place, Tally, sync_below};
use rocksdb::properties::{BLOCK_CACHE_USAGE, CUR_SIZE_ALL_MEM_TABLES, LIVE_SST_FILES_SIZE};
use rocksdb::{BlockBasedOptions, Cache, DB, DBCompressionType, WriteBatch, WriteOptions};
use store_rocksdb::fault;

use crate::keys::{COUNT, FLAT};
use crate::view::RocksdbView;

const FILES: &str = "rocksdb";
const SYNCED: &str = "synced";
/// The number of the batch that made the content.
const FIRST: u64 = 1;
/// Bytes of records that a replacement gives to the database at once.
const CHUNK_BYTES: usize = 1 << 20;
/// Memtables at most, one of which is written to.
const MEMTABLES: i32 = 4;
/// Bytes that are read and unpacked at once.
const BLOCK_BYTES: usize = 16 << 10;
/// Bits of a filter for each key: one read in a hundred looks into a file in vain.
const FILTER_BITS: f64 = 10.0;
/// What is written again soon, and read most, is not compressed.
const COMPRESSION: [DBCompressionType; 3] =
    [DBCompressionType::None, DBCompressionType::None, DBCompressionType::Snappy];

/// An ordered engine by means of RocksDB, in a directory of its own.
pub type RocksdbBackend = home::Engine<Content>;

/// How much memory an engine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of blocks, indexes and filters of files that are kept for the next read.
    pub cache_bytes: usize,
    /// Bytes of changes that are gathered before they are written to a file. Up to four of these
    /// are in memory when the disk cannot keep up.
    pub memtable_bytes: usize,
}

impl Options {
    /// What a member uses: as `backend-lsm` does.
    pub const USUAL: Self = Self { cache_bytes: 64 << 20, memtable_bytes: 16 << 20 };

    fn of_rocksdb(&self) -> rocksdb::Options {
        let mut options = store_rocksdb::options();
        options.set_write_buffer_size(self.memtable_bytes);
        options.set_max_write_buffer_number(MEMTABLES);
        options.set_target_file_size_base(self.memtable_bytes as u64);
        options.set_max_bytes_for_level_base(4 * self.memtable_bytes as u64);
        options.set_compression_per_level(&COMPRESSION);
        // What is not synced may be lost, so nothing is gained by a call for each batch.
        options.set_manual_wal_flush(true);
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&Cache::new_lru_cache(self.cache_bytes));
        blocks.set_block_size(BLOCK_BYTES);
        blocks.set_bloom_filter(FILTER_BITS, false);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        options.set_block_based_table_factory(&blocks);
        options
    }
}

/// A database in a directory of its own. Views keep it, and with it its lock.
///
/// # Invariants
///
/// - Every batch has the number of the one before and one more; the database has the last one's.
pub struct Content {
    database: DB,
    pub(crate) files: PathBuf,
    tally: Tally,
    /// The last batch that is in the database.
    written: AtomicU64,
    /// Dropped last, when no file is open any more.
    place: Place,
}

impl home::Content for Content {
    type Options = Options;

    const KIND: Kind =
        Kind { owner: "backend-rocksdb", format: 1, marker: "engine", content: "content" };

    fn create(
        place: Place,
        options: &Options,
        records: &mut dyn Records,
    ) -> Result<Self, backend::Fault> {
        let files = place.path().join(FILES);
        let database = store_rocksdb::create(&files, options.of_rocksdb())?;
        let tally = Tally::create(&place.path().join(SYNCED), FIRST)?;
        let this = Self { database, files, tally, written: AtomicU64::new(FIRST), place };
        this.fill(records)?;
        sync_below(&this.files)?;
        Ok(this)
    }

    fn open(place: Place, options: &Options) -> Result<Self, Fault> {
        let tally = Tally::open(&place.path().join(SYNCED))?;
        let files = place.path().join(FILES);
        let database = store_rocksdb::open(&files, &options.of_rocksdb())?;
        let count = database.get(COUNT).map_err(|error| fault("reading", &files, &error))?;
        let written = AtomicU64::new(tally.check(&files, count.as_deref())?);
        Ok(Self { database, files, tally, written, place })
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn view(self: &Arc<Self>) -> Arc<dyn View> {
        Arc::new(RocksdbView::of(Arc::clone(self)))
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        let number = self.written.load(Ordering::Relaxed) + 1;
        let mut writes = WriteBatch::default();
        for (table, operation) in batch.into_operations() {
            match operation {
                Operation::Put { key, value } => writes.put(FLAT.key(table, &key), value),
                Operation::Delete { key } => writes.delete(FLAT.key(table, &key)),
                Operation::DeleteRange { start, end } => {
                    if let Some(within) = FLAT.range(table, &start, end.as_deref()) {
                        let (low, high) = ends(within);
                        writes.delete_range(low, high);
                    }
                }
            }
        }
        writes.put(COUNT, number.to_be_bytes());
        self.commit(writes, &WriteOptions::default())?;
        self.written.store(number, Ordering::Release);
        Ok(())
    }

    fn sync(&self) -> Result<(), Fault> {
        let written = self.written.load(Ordering::Acquire);
        let synced = self.database.flush_wal(true);
        synced.map_err(|error| fault("syncing", &self.files, &error))?;
        self.tally.raise(written)
    }

    fn stats(&self) -> Stats {
        // Whoever reads or writes is told what is wrong.
        let property =
            |name| self.database.property_int_value(name).ok().flatten().unwrap_or_default();
        let (disk_bytes, memtables) = (self.place.disk_bytes(), property(CUR_SIZE_ALL_MEM_TABLES));
        Stats {
            disk_bytes,
            // Files that it reads, and what is not in files yet.
            live_bytes: (property(LIVE_SST_FILES_SIZE) + memtables).min(disk_bytes),
            memory_bytes: property(BLOCK_CACHE_USAGE) + memtables,
            // Whatever finds no room ends the engine.
            cramped: false,
        }
    }
}

impl Content {
    pub(crate) fn database(&self) -> &DB {
        &self.database
    }

    fn commit(&self, writes: WriteBatch, how: &WriteOptions) -> Result<(), Fault> {
        let written = self.database.write_opt(writes, how);
        written.map_err(|error| fault("writing", &self.files, &error))
    }

    /// Writes records into an empty database, and the number of the first batch last; into files
    /// alone, as a crash makes all of it void.
    fn fill(&self, records: &mut dyn Records) -> Result<(), backend::Fault> {
        let mut without_journal = WriteOptions::default();
        without_journal.disable_wal(true);
        let mut records = FLAT.ascending(records);
        let mut writes = WriteBatch::default();
        while let Some((key, value)) = records.next()? {
            writes.put(key, value);
            if writes.size_in_bytes() > CHUNK_BYTES {
                self.commit(std::mem::take(&mut writes), &without_journal)?;
            }
        }
        writes.put(COUNT, FIRST.to_be_bytes());
        self.commit(writes, &without_journal)?;
        let flushed = self.database.flush();
        Ok(flushed.map_err(|error| fault("writing", &self.files, &error))?)
    }
}

/// The first key within, and the first one behind.
pub(crate) fn ends(within: Within) -> (Vec<u8>, Vec<u8>) {
    // The key after another is that key with a byte more.
    let after = |mut key: Vec<u8>| {
        key.push(0);
        key
    };
    match within.into_bounds() {
        (Bound::Included(low), Bound::Excluded(high)) => (low, high),
        (Bound::Excluded(low), Bound::Excluded(high)) => (after(low), high),
        (Bound::Included(low), Bound::Included(high)) => (low, after(high)),
        (Bound::Excluded(low), Bound::Included(high)) => (after(low), after(high)),
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => {
            unreachable!("something comes before all records and something behind them")
        }
    }
}
