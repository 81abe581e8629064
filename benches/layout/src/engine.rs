//! The engines under test, behind as little as the layouts need.

use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable};
use lsm_tree::{
    AbstractTree, Cache, Guard, InternalValue, Memtable, SequenceNumberCounter, ValueType,
};
use redb::ReadableDatabase;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// What the engine may hold of its files in memory.
const CACHE_BYTES: u64 = 64 << 20;
/// When what was written goes to a file.
const MEMTABLE_BYTES: u64 = 32 << 20;
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

/// `lsm-tree` without a journal: one tree, so that a flush is atomic over all tables.
///
/// The writer holds the memtable it writes to, so that neither rotation nor a new version file makes it wait:
/// the flusher first rotates inside the tree, then lets the writer change over between two batches.
struct Lsm {
    shared: Arc<LsmShared>,
    threads: Vec<JoinHandle<()>>,
}

struct LsmShared {
    tree: lsm_tree::AnyTree,
    seqno: SequenceNumberCounter,
    visible: AtomicU64,
    active: Mutex<Arc<Memtable>>,
    flush_wanted: (Mutex<bool>, Condvar),
    compact_wanted: (Mutex<bool>, Condvar),
    compacting: AtomicBool,
    stopped: AtomicBool,
}

impl Lsm {
    fn open(dir: &Path) -> Self {
        let seqno = SequenceNumberCounter::default();
        let tree = lsm_tree::Config::new(dir, seqno.clone(), SequenceNumberCounter::default())
            .use_cache(Arc::new(Cache::with_capacity_bytes(CACHE_BYTES)))
            .open()
            .expect("the tree opens");
        let next = tree.get_highest_seqno().map_or(1, |seqno| seqno + 1);
        seqno.set(next);
        let shared = Arc::new(LsmShared {
            active: Mutex::new(tree.active_memtable()),
            tree,
            seqno,
            visible: AtomicU64::new(next),
            flush_wanted: Default::default(),
            compact_wanted: Default::default(),
            compacting: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let threads = vec![
            std::thread::spawn({
                let shared = shared.clone();
                move || {
                    while LsmShared::awaits(&shared.flush_wanted) {
                        if shared.stopped.load(Ordering::Acquire) {
                            return;
                        }
                        shared.flush();
                    }
                }
            }),
            std::thread::spawn({
                let shared = shared.clone();
                move || {
                    while LsmShared::awaits(&shared.compact_wanted) {
                        if shared.stopped.load(Ordering::Acquire) {
                            return;
                        }
                        shared.compact();
                    }
                }
            }),
        ];
        Self { shared, threads }
    }
}

impl LsmShared {
    fn awaits((flag, condvar): &(Mutex<bool>, Condvar)) -> bool {
        let mut wanted = flag.lock().expect("no holder panics");
        while !*wanted {
            wanted = condvar.wait(wanted).expect("no holder panics");
        }
        *wanted = false;
        true
    }

    fn wants((flag, condvar): &(Mutex<bool>, Condvar)) {
        *flag.lock().expect("no holder panics") = true;
        condvar.notify_one();
    }

    fn flush(&self) {
        let lock = self.tree.get_flush_lock();
        self.tree.rotate_memtable();
        let next = self.tree.active_memtable();
        *self.active.lock().expect("no holder panics") = next;
        let oldest_view = self.visible.load(Ordering::Acquire);
        self.tree.flush(&lock, oldest_view).expect("the memtable is written");
        drop(lock);
        Self::wants(&self.compact_wanted);
    }

    fn compact(&self) {
        self.compacting.store(true, Ordering::Release);
        let strategy = Arc::new(lsm_tree::compaction::Leveled::default());
        loop {
            let before = self.tree.current_version().id();
            self.tree
                .compact(strategy.clone(), self.visible.load(Ordering::Acquire))
                .expect("tables are merged");
            if self.tree.current_version().id() == before {
                break;
            }
        }
        self.compacting.store(false, Ordering::Release);
    }
}

impl Engine for Lsm {
    fn write(&self, batch: Batch) {
        let active = self.shared.active.lock().expect("no holder panics");
        let seqno = self.shared.seqno.next();
        for (table, key, value) in batch.0 {
            let (value, kind) = match value {
                Some(value) => (value, ValueType::Value),
                None => (Vec::new(), ValueType::Tombstone),
            };
            let key = prefixed(table, &key);
            active.insert(InternalValue::from_components(key, value, seqno, kind));
        }
        let full = active.size() > MEMTABLE_BYTES;
        self.shared.visible.store(seqno + 1, Ordering::Release);
        drop(active);
        if full {
            LsmShared::wants(&self.shared.flush_wanted);
        }
    }

    fn get(&self, table: u8, key: &[u8]) -> Option<Vec<u8>> {
        let visible = self.shared.visible.load(Ordering::Acquire);
        let value =
            self.shared.tree.get(prefixed(table, key), visible).expect("files are readable");
        value.map(|value| value.to_vec())
    }

    fn scan(&self, table: u8, from: &[u8], visit: Visitor<'_>) {
        let visible = self.shared.visible.load(Ordering::Acquire);
        let range = prefixed(table, from)..vec![table + 1];
        for item in self.shared.tree.range(range, visible, None) {
            let (key, value) = item.into_inner().expect("files are readable");
            if !visit(&key[1..], &value) {
                break;
            }
        }
    }

    fn sync(&self) {
        self.shared.flush();
    }

    fn settle(&self) {
        loop {
            let asked = *self.shared.compact_wanted.0.lock().expect("no holder panics");
            if !asked && !self.shared.compacting.load(Ordering::Acquire) {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Lsm {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        LsmShared::wants(&self.shared.flush_wanted);
        LsmShared::wants(&self.shared.compact_wanted);
        for thread in self.threads.drain(..) {
            thread.join().expect("a worker does not panic");
        }
    }
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
                let options =
                    || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES / 2);
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
