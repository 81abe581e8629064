//! The engines under test, behind as little as the layouts need.

use backend::{Backend, Direction, Part, Step, Table};
use backend_lsm::{LsmBackend, Options};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable};
use redb::ReadableDatabase;
use std::ops::Bound;
use std::path::Path;

/// What the engine may hold of its files in memory.
const CACHE_BYTES: u64 = 64 << 20;
/// When what was written goes to a file.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// Tables, named by a byte in front of the key.
pub(crate) const TABLES: u8 = 8;

/// What is written at once.
#[derive(Default)]
pub(crate) struct Batch(pub(crate) Vec<(u8, Vec<u8>, Option<Vec<u8>>)>);

impl Batch {
    pub(crate) fn put(&mut self, table: u8, key: Vec<u8>, value: Vec<u8>) {
        self.0.push((table, key, Some(value)));
    }

    pub(crate) fn delete(&mut self, table: u8, key: Vec<u8>) {
        self.0.push((table, key, None));
    }
}

/// Receives a key (without its table) and a value; `false` stops the scan.
pub(crate) type Visitor<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> bool;

pub(crate) trait Engine {
    fn write(&self, batch: Batch);
    fn get(&self, table: u8, key: &[u8]) -> Option<Vec<u8>>;
    fn scan(&self, table: u8, from: &[u8], visit: Visitor<'_>);
    /// Makes everything written so far durable.
    fn sync(&self);
    /// Waits until nothing is being rewritten.
    fn settle(&self);
}

pub(crate) fn open(name: &str, dir: &Path) -> Box<dyn Engine> {
    match name {
        "lsm" => Box::new(Lsm::open(dir)),
        "fjall" => Box::new(Fjall::open(dir)),
        "redb" => Box::new(Redb::open(dir)),
        _ => panic!("no engine {name}"),
    }
}

fn prefixed(table: u8, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 1);
    bytes.push(table);
    bytes.extend_from_slice(key);
    bytes
}

/// `lsm-tree` without a journal, as `backend-lsm` uses it.
struct Lsm(LsmBackend);

impl Lsm {
    fn open(dir: &Path) -> Self {
        let options = Options { cache_bytes: CACHE_BYTES, memtable_bytes: MEMTABLE_BYTES };
        Self(LsmBackend::open(dir, options).expect("the engine opens"))
    }
}

fn named(table: u8) -> Table {
    Table { id: table, name: "" }
}

impl Engine for Lsm {
    fn write(&self, batch: Batch) {
        let mut writes = backend::Batch::new();
        for (table, key, value) in batch.0 {
            match value {
                Some(value) => writes.put(named(table), key, value),
                None => writes.delete(named(table), key),
            }
        }
        self.0.write(writes).expect("the batch is written");
    }

    fn get(&self, table: u8, key: &[u8]) -> Option<Vec<u8>> {
        let value = self.0.view().get(named(table), key).expect("files are readable");
        value.map(|value| value.to_vec())
    }

    fn scan(&self, table: u8, from: &[u8], visit: Visitor<'_>) {
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let step = &mut |key: &[u8], value: &[u8]| {
            if visit(key, value) { Step::Next } else { Step::Stop }
        };
        let view = self.0.view();
        let scan = view.scan(named(table), bounds, Direction::Ascending, Part::Records, step);
        scan.expect("files are readable");
    }

    fn sync(&self) {
        self.0.sync().expect("files are writable");
    }

    fn settle(&self) {}
}

/// `fjall`: a keyspace for each table over its journal, which is not synced for each batch.
struct Fjall {
    database: Database,
    tables: Vec<Keyspace>,
}

impl Fjall {
    fn open(dir: &Path) -> Self {
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .worker_threads(2)
            .max_journaling_size(128 << 20)
            .open()
            .expect("the database opens");
        let tables = (0..TABLES)
            .map(|table| {
                let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
                database.keyspace(&format!("t{table}"), options).expect("a keyspace opens")
            })
            .collect();
        Self { database, tables }
    }
}

impl Engine for Fjall {
    fn write(&self, batch: Batch) {
        let mut writes = self.database.batch();
        for (table, key, value) in batch.0 {
            let table = &self.tables[usize::from(table)];
            match value {
                Some(value) => writes.insert(table, key, value),
                None => writes.remove(table, key),
            }
        }
        writes.commit().expect("the batch is written");
    }

    fn get(&self, table: u8, key: &[u8]) -> Option<Vec<u8>> {
        let value = self.tables[usize::from(table)].get(key).expect("files are readable");
        value.map(|value| value.to_vec())
    }

    fn scan(&self, table: u8, from: &[u8], visit: Visitor<'_>) {
        let snapshot = self.database.snapshot();
        for item in snapshot.range(&self.tables[usize::from(table)], from..) {
            let (key, value) = item.into_inner().expect("files are readable");
            if !visit(&key, &value) {
                break;
            }
        }
    }

    fn sync(&self) {
        self.database.persist(fjall::PersistMode::SyncAll).expect("the journal is synced");
    }

    fn settle(&self) {
        while self.database.outstanding_flushes() > 0 || self.database.active_compactions() > 0 {
            std::thread::yield_now();
        }
    }
}

/// `redb`: a copy-on-write tree in one file, without a sync for each batch.
struct Redb(redb::Database);

const REDB: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("all");

impl Redb {
    fn open(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("the directory is ours");
        let cache = usize::try_from(CACHE_BYTES + MEMTABLE_BYTES).expect("both are small");
        let database = redb::Database::builder()
            .set_cache_size(cache)
            .create(dir.join("redb"))
            .expect("the database opens");
        let this = Self(database);
        this.write(Batch::default());
        this
    }
}

impl Engine for Redb {
    fn write(&self, batch: Batch) {
        let mut transaction = self.0.begin_write().expect("a transaction begins");
        transaction.set_durability(redb::Durability::None).expect("durability is ours to choose");
        {
            let mut tree = transaction.open_table(REDB).expect("the table opens");
            for (table, key, value) in batch.0 {
                let key = prefixed(table, &key);
                match value {
                    Some(value) => drop(tree.insert(&*key, &*value).expect("it is written")),
                    None => drop(tree.remove(&*key).expect("it is written")),
                }
            }
        }
        transaction.commit().expect("the transaction commits");
    }

    fn get(&self, table: u8, key: &[u8]) -> Option<Vec<u8>> {
        let transaction = self.0.begin_read().expect("a transaction begins");
        let tree = transaction.open_table(REDB).expect("the table opens");
        let value = tree.get(&*prefixed(table, key)).expect("the file is readable");
        value.map(|value| value.value().to_vec())
    }

    fn scan(&self, table: u8, from: &[u8], visit: Visitor<'_>) {
        let transaction = self.0.begin_read().expect("a transaction begins");
        let tree = transaction.open_table(REDB).expect("the table opens");
        let (from, to) = (prefixed(table, from), [table + 1]);
        let bounds = (Bound::Included(&*from), Bound::Excluded(&to[..]));
        for item in tree.range::<&[u8]>(bounds).expect("the file is readable") {
            let (key, value) = item.expect("the file is readable");
            if !visit(&key.value()[1..], value.value()) {
                break;
            }
        }
    }

    fn sync(&self) {
        let transaction = self.0.begin_write().expect("a transaction begins");
        transaction.commit().expect("the transaction commits");
    }

    fn settle(&self) {}
}
