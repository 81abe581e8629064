//! One content: a database with one keyspace, and the number of its last batch.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, mem, thread};

use backend::flat::Within;
use backend::{Batch, Records, Stats, View};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use home::{Fault, Kind, Place, Tally, guarded, hold, sync_below};
use xxhash_rust::xxh3::xxh3_128;

use crate::fault;
use crate::keys::{COUNT, FLAT};
use crate::view::FjallView;

const FILES: &str = "fjall";
const SYNCED: &str = "synced";
/// The name of the keyspace.
const RECORDS: &str = "records";
/// Bytes of journal that may wait for memtables to be written. `fjall` asks for 64 MiB at least.
const JOURNAL_BYTES_MAX: u64 = 128 << 20;
/// Threads that write and merge files: one of them must always be free to write.
const THREADS: usize = 2;
/// Memtables that wait to be written, from which on a batch waits. `fjall` itself waits from one
/// more on, but without looking whether the thread that should write them has failed.
const SEALED_MAX: usize = 3;
/// The same for files in level 0.
const LEVEL_0_MAX: usize = 28;
/// How long to wait before looking again.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The number of the batch that made the content.
const FIRST: u64 = 1;

/// An ordered engine by means of `fjall`, in a directory of its own.
pub type FjallBackend = home::Engine<Content>;

/// How much memory an engine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of blocks of files that are kept for the next read.
    pub cache_bytes: u64,
    /// Bytes of changes that are gathered before they are written to a file. Up to four of these
    /// are in memory when the disk cannot keep up.
    pub memtable_bytes: u64,
}

impl Options {
    /// What a member uses: as `backend-lsm` does.
    pub const USUAL: Self = Self { cache_bytes: 64 << 20, memtable_bytes: 16 << 20 };
}

/// A database in a directory of its own. Views keep it, and with it its lock.
///
/// # Invariants
///
/// - Every batch has the number of the one before and one more; the tree has the last one's.
/// - What is published was taken between two batches. `fjall` raises the number up to which a
///   snapshot sees whenever a file is added to the tree, also while a batch is half in it; so one
///   that is taken at any other moment may see that half.
pub struct Content {
    /// What views see.
    published: Mutex<Snapshot>,
    keyspace: Keyspace,
    database: Database,
    pub(crate) files: PathBuf,
    tally: Tally,
    /// The last batch that is in the tree.
    written: AtomicU64,
    /// Dropped last, when no file is open any more.
    place: Place,
}

impl home::Content for Content {
    type Options = Options;

    const KIND: Kind =
        Kind { owner: "backend-fjall", format: 1, marker: "engine", content: "content" };

    fn create(
        place: Place,
        options: &Options,
        records: &mut dyn Records,
    ) -> Result<Self, backend::Fault> {
        let files = place.path().join(FILES);
        let (database, keyspace) = open(&files, options)?;
        fill(&files, &keyspace, records)?;
        let synced = database.persist(PersistMode::SyncAll);
        synced.map_err(|error| fault::of_fjall("syncing", &files, &error))?;
        sync_below(&files)?;
        let tally = Tally::create(&place.path().join(SYNCED), FIRST)?;
        let published = Mutex::new(database.snapshot());
        let written = AtomicU64::new(FIRST);
        Ok(Self { published, keyspace, database, files, tally, written, place })
    }

    fn open(place: Place, options: &Options) -> Result<Self, Fault> {
        let files = place.path().join(FILES);
        let tally = Tally::open(&place.path().join(SYNCED))?;
        for tree in 0..=1 {
            check_list(&files.join(format!("keyspaces/{tree}")))?;
        }
        let (database, keyspace) = open(&files, options)?;
        let count = guarded(&files, || {
            let count = keyspace.get(COUNT);
            count.map_err(|error| fault::of_fjall("reading", &files, &error))
        })?;
        let written = tally.check(&files, count.as_deref())?;
        let (published, written) = (Mutex::new(database.snapshot()), AtomicU64::new(written));
        Ok(Self { published, keyspace, database, files, tally, written, place })
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn view(self: &Arc<Self>) -> Arc<dyn View> {
        Arc::new(FjallView::of(self.snapshot(), Arc::clone(self)))
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        let number = self.written.load(Ordering::Relaxed) + 1;
        let changes = FLAT.changes(batch, |within| self.keys(within))?;
        self.make_way()?;
        let mut writes = self.database.batch();
        writes.insert(&self.keyspace, COUNT, number.to_be_bytes());
        for (key, value) in changes {
            match value {
                Some(value) => writes.insert(&self.keyspace, key, &*value),
                None => writes.remove(&self.keyspace, key),
            }
        }
        writes.commit().map_err(|error| fault::of_fjall("writing", &self.files, &error))?;
        self.written.store(number, Ordering::Release);
        let former = mem::replace(&mut *hold(&self.published), self.database.snapshot());
        // Not while anybody waits for the lock, as it may be the last of its kind.
        drop(former);
        Ok(())
    }

    fn sync(&self) -> Result<(), Fault> {
        let written = self.written.load(Ordering::Acquire);
        let synced = self.database.persist(PersistMode::SyncAll);
        synced.map_err(|error| fault::of_fjall("syncing", &self.files, &error))?;
        self.tally.raise(written)
    }

    fn stats(&self) -> Stats {
        let (disk_bytes, unwritten) = (self.place.disk_bytes(), self.database.write_buffer_size());
        Stats {
            disk_bytes,
            // Files that the tree reads, and what is not in files yet.
            live_bytes: (self.keyspace.disk_space() + unwritten).min(disk_bytes),
            memory_bytes: self.database.cache_size() + unwritten,
            // Whatever finds no room ends the engine.
            cramped: false,
        }
    }
}

impl Content {
    fn snapshot(&self) -> Snapshot {
        hold(&self.published).clone()
    }

    pub(crate) fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    fn keys(&self, within: &Within) -> Result<Vec<Vec<u8>>, Fault> {
        let failed = |error| fault::of_fjall("reading", &self.files, &error);
        guarded(&self.files, || {
            let found = self.snapshot().range::<&[u8], _>(&self.keyspace, within.range());
            found.map(|record| record.key().map(|key| key.to_vec()).map_err(failed)).collect()
        })
    }

    /// Waits as long as files cannot be written as fast as batches come.
    fn make_way(&self) -> Result<(), Fault> {
        while self.keyspace.sealed_memtable_count() >= SEALED_MAX
            || self.keyspace.l0_table_count() >= LEVEL_0_MAX
        {
            // Which fails once a thread has.
            let alive = self.database.persist(PersistMode::Buffer);
            alive.map_err(|error| fault::of_fjall("writing", &self.files, &error))?;
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

fn open(files: &Path, options: &Options) -> Result<(Database, Keyspace), Fault> {
    guarded(files, || {
        let database = Database::builder(files)
            .cache_size(options.cache_bytes)
            .worker_threads(THREADS)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            // What is not synced may be lost, so nothing is gained by a call for each batch.
            .manual_journal_persist(true)
            .open();
        let database = database.map_err(|error| fault::of_fjall("opening", files, &error))?;
        let memtable = KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes);
        let keyspace = database.keyspace(RECORDS, || memtable);
        let keyspace = keyspace.map_err(|error| fault::of_fjall("opening", files, &error))?;
        Ok((database, keyspace))
    })
}

/// Writes records in ascending order to files of an empty tree.
fn fill(
    files: &Path,
    keyspace: &Keyspace,
    records: &mut dyn Records,
) -> Result<(), backend::Fault> {
    let failed = |error| fault::of_fjall("writing", files, &error);
    let mut ingestion = keyspace.start_ingestion().map_err(failed)?;
    ingestion.write(COUNT, FIRST.to_be_bytes()).map_err(failed)?;
    let mut records = FLAT.ascending(records);
    while let Some((key, value)) = records.next()? {
        ingestion.write(key, &*value).map_err(failed)?;
    }
    Ok(ingestion.finish().map_err(failed)?)
}

/// Checks that the list of a tree's files is the one that was written.
fn check_list(tree: &Path) -> Result<(), Fault> {
    let read = |path: &Path| fs::read(path).map_err(|error| Fault::reading(path, &error));
    let current = tree.join("current");
    let pointer = read(&current)?;
    let parts = pointer.split_first_chunk::<8>();
    let parts = parts.and_then(|(number, rest)| Some((number, rest.first_chunk::<16>()?)));
    let Some((number, sum)) = parts else {
        return Err(Fault::corrupt(&current, "it is too short"));
    };
    let list = tree.join(format!("v{}", u64::from_le_bytes(*number)));
    if xxh3_128(&read(&list)?) != u128::from_le_bytes(*sum) {
        return Err(Fault::corrupt(&list, "its checksum is wrong"));
    }
    Ok(())
}
