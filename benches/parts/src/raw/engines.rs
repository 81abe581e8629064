//! Engines: two ordered tables, batches, and no more than that.

use std::ops::Bound;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use redb::{Durability, ReadableDatabase, TableDefinition};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, Direction, IteratorMode,
    WriteBatch,
};

use super::lsm::Lsm;

/// A put: where it stands in the history, the key, the value.
pub type Put = ([u8; 8], Vec<u8>, Vec<u8>);

/// What an engine is asked by its contract, asked of the library.
pub trait Raw {
    /// Writes all of it at once, without waiting for the disk: the history and the heads.
    fn write(&mut self, puts: &[Put]);
    /// Waits for the disk.
    fn sync(&mut self);
    /// How long the value of a key is, if there is one.
    fn get(&self, key: &[u8]) -> Option<usize>;
    /// Bytes of the first records from a key on.
    fn page(&self, from: &[u8], len: usize) -> usize;
}

/// The library of the engine with this name, if it is one of these. Memory is what ours may use.
pub fn open(engine: &str, directory: &Path) -> Option<Box<dyn Raw>> {
    match engine {
        "fjall" => Some(Box::new(Fjall::open(directory))),
        "lsm" => Some(Box::new(Lsm::open(directory))),
        "redb" => Some(Box::new(Redb::open(directory))),
        "rocksdb" => Some(Box::new(Rocksdb::open(directory))),
        "sled" => Some(Box::new(Sled::open(directory))),
        _ => None,
    }
}

pub(super) const CACHE_BYTES: u64 = 64 << 20;
/// Changes that are gathered before they become a file.
pub(super) const MEMTABLE_BYTES: u64 = 16 << 20;
/// What `redb` has instead of both.
const PAGES_BYTES: usize = 128 << 20;
/// What `fjall` keeps in its journal.
const JOURNAL_BYTES: u64 = 128 << 20;
pub(super) const SOUND: &str = "the disk of a benchmark is sound";

struct Fjall {
    database: Database,
    history: Keyspace,
    heads: Keyspace,
}

impl Fjall {
    fn open(directory: &Path) -> Self {
        let builder = Database::builder(directory).cache_size(CACHE_BYTES);
        let database = builder.max_journaling_size(JOURNAL_BYTES).open().expect(SOUND);
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let table = |name| database.keyspace(name, options).expect(SOUND);
        let (history, heads) = (table("history"), table("heads"));
        Self { database, history, heads }
    }
}

impl Raw for Fjall {
    fn write(&mut self, puts: &[Put]) {
        let mut batch = self.database.batch();
        for (revision, key, value) in puts {
            batch.insert(&self.history, &revision[..], &value[..]);
            batch.insert(&self.heads, &key[..], &value[..]);
        }
        batch.commit().expect(SOUND);
    }

    fn sync(&mut self) {
        self.database.persist(PersistMode::SyncData).expect(SOUND);
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        self.heads.get(key).expect(SOUND).map(|value| value.len())
    }

    fn page(&self, from: &[u8], len: usize) -> usize {
        let snapshot = self.database.snapshot();
        let found = snapshot.range(&self.heads, from..).take(len);
        found.map(|item| item.into_inner().expect(SOUND).1.len()).sum()
    }
}

struct Redb(redb::Database);

const HISTORY: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("history");
const HEADS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("heads");

impl Redb {
    fn open(directory: &Path) -> Self {
        let mut builder = redb::Database::builder();
        let builder = builder.set_cache_size(PAGES_BYTES);
        Self(builder.create(directory.join("redb")).expect(SOUND))
    }
}

impl Raw for Redb {
    fn write(&mut self, puts: &[Put]) {
        let mut transaction = self.0.begin_write().expect(SOUND);
        transaction.set_durability(Durability::None).expect(SOUND);
        {
            let mut history = transaction.open_table(HISTORY).expect(SOUND);
            let mut heads = transaction.open_table(HEADS).expect(SOUND);
            for (revision, key, value) in puts {
                history.insert(&revision[..], &value[..]).expect(SOUND);
                heads.insert(&key[..], &value[..]).expect(SOUND);
            }
        }
        transaction.commit().expect(SOUND);
    }

    fn sync(&mut self) {
        self.0.begin_write().expect(SOUND).commit().expect(SOUND);
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        let heads = self.0.begin_read().expect(SOUND).open_table(HEADS).expect(SOUND);
        heads.get(key).expect(SOUND).map(|value| value.value().len())
    }

    fn page(&self, from: &[u8], len: usize) -> usize {
        let heads = self.0.begin_read().expect(SOUND).open_table(HEADS).expect(SOUND);
        let found = heads.range::<&[u8]>((Bound::Included(from), Bound::Unbounded)).expect(SOUND);
        found.take(len).map(|item| item.expect(SOUND).1.value().len()).sum()
    }
}

struct Rocksdb(DB);

impl Rocksdb {
    fn open(directory: &Path) -> Self {
        let cache = usize::try_from(CACHE_BYTES).expect("it is small");
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&Cache::new_lru_cache(cache));
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_block_based_table_factory(&blocks);
        let tables = ["history", "heads"];
        let tables = tables.map(|name| ColumnFamilyDescriptor::new(name, options.clone()));
        Self(DB::open_cf_descriptors(&options, directory.join("rocksdb"), tables).expect(SOUND))
    }

    fn table(&self, name: &str) -> &ColumnFamily {
        self.0.cf_handle(name).expect("it was opened with it")
    }
}

impl Raw for Rocksdb {
    fn write(&mut self, puts: &[Put]) {
        let (history, heads) = (self.table("history"), self.table("heads"));
        let mut batch = WriteBatch::default();
        for (revision, key, value) in puts {
            batch.put_cf(history, revision, value);
            batch.put_cf(heads, key, value);
        }
        self.0.write(batch).expect(SOUND);
    }

    fn sync(&mut self) {
        self.0.flush_wal(true).expect(SOUND);
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        let found = self.0.get_pinned_cf(self.table("heads"), key).expect(SOUND);
        found.map(|value| value.len())
    }

    fn page(&self, from: &[u8], len: usize) -> usize {
        let from = IteratorMode::From(from, Direction::Forward);
        let found = self.0.iterator_cf(self.table("heads"), from).take(len);
        found.map(|item| item.expect(SOUND).1.len()).sum()
    }
}

/// One tree, as a batch is only whole in one.
struct Sled(sled::Db);

impl Sled {
    fn open(directory: &Path) -> Self {
        let config = sled::Config::default().path(directory).cache_capacity(CACHE_BYTES);
        Self(config.open().expect(SOUND))
    }

    fn head(key: &[u8]) -> Vec<u8> {
        [b"h", key].concat()
    }
}

impl Raw for Sled {
    fn write(&mut self, puts: &[Put]) {
        let mut batch = sled::Batch::default();
        for (revision, key, value) in puts {
            batch.insert(&revision[..], &value[..]);
            batch.insert(Self::head(key), &value[..]);
        }
        self.0.apply_batch(batch).expect(SOUND);
    }

    fn sync(&mut self) {
        self.0.flush().expect(SOUND);
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        self.0.get(Self::head(key)).expect(SOUND).map(|value| value.len())
    }

    fn page(&self, from: &[u8], len: usize) -> usize {
        let found = self.0.range(Self::head(from)..).take(len);
        found.map(|item| item.expect(SOUND).1.len()).sum()
    }
}
