//! One content: a database with one tree.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend::flat::Flat;
use backend::{Batch, Operation, Records, Stats, View};
use home::{Fault, Kind, Place, guarded};
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};

use crate::fault;
use crate::pages::{Disk, How, Pages};
use crate::view::RedbView;

/// Where the records lie in their tree.
pub(crate) const FLAT: Flat = Flat::behind(b"");

/// The tree that has all records.
const RECORDS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("records");
/// What is known of them.
const FACTS: TableDefinition<'static, &str, u64> = TableDefinition::new("facts");
/// Bytes of all keys and values.
const LIVE_BYTES: &str = "live-bytes";

const FILE: &str = "redb";
/// What a sync writes beside the pages that memory holds: those above them, and notes on which are
/// free.
const BESIDE_BYTES: u64 = 1 << 20;

pub(crate) type Tree = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Writer<'a> = Table<'a, &'static [u8], &'static [u8]>;

/// What a content lies on, and how much memory it may use.
pub(crate) struct Setup {
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) cache_bytes: usize,
}

/// A database in a directory of its own. Views keep it, and with it the lock on its file.
pub(crate) struct Content {
    database: Database,
    pub(crate) file: PathBuf,
    cache_bytes: u64,
    /// Whether the last sync found no room.
    cramped: AtomicBool,
    /// Dropped last, when the file is closed.
    place: Place,
}

impl home::Content for Content {
    type Options = Setup;

    const KIND: Kind =
        Kind { owner: "backend-redb", format: 1, marker: "engine", content: "content" };

    fn create(
        place: Place,
        setup: &Setup,
        records: &mut dyn Records,
    ) -> Result<Self, backend::Fault> {
        let this = Self::over(place, setup, How::Create)?;
        this.transact("writing", Durability::Immediate, |transaction| {
            let file = &this.file;
            let failed = |error| fault::of_table("writing", file, error);
            let mut facts = transaction.open_table(FACTS).map_err(failed)?;
            let noted = facts.insert(LIVE_BYTES, 0);
            noted.map_err(|error| fault::of_storage("writing", file, &error))?;
            transaction.open_table(RECORDS).map_err(failed).map(drop)
        })?;
        this.fill(records)?;
        Ok(this)
    }

    fn open(place: Place, setup: &Setup) -> Result<Self, Fault> {
        let this = Self::over(place, setup, How::Existing)?;
        this.tree()?;
        Ok(this)
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn view(self: &Arc<Self>) -> Arc<dyn View> {
        Arc::new(RedbView::of(self.tree(), Arc::clone(self)))
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.change(Durability::None, |records, live_bytes| {
            for (table, operation) in batch.into_operations() {
                match operation {
                    Operation::Put { key, value } => {
                        put(records, live_bytes, &FLAT.key(table, &key), &value)?;
                    }
                    Operation::Delete { key } => {
                        let key = FLAT.key(table, &key);
                        if let Some(value) = records.remove(key.as_slice())? {
                            *live_bytes -= (key.len() + value.value().len()) as u64;
                        }
                    }
                    Operation::DeleteRange { start, end } => {
                        let Some(within) = FLAT.range(table, &start, end.as_deref()) else {
                            continue;
                        };
                        records.retain_in::<&[u8], _>(within.range(), |key, value| {
                            *live_bytes -= (key.len() + value.len()) as u64;
                            false
                        })?;
                    }
                }
            }
            Ok(())
        })
    }

    /// For all the pages that a sync may have to write.
    fn check_room(&self) -> Result<(), Fault> {
        let needed = self.cache_bytes / 2 + BESIDE_BYTES;
        // Where nobody can say how much there is, the sync finds out.
        let has_room = match rustix::fs::statvfs(self.place.path()) {
            Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize) >= needed,
            Err(_) => true,
        };
        self.cramped.store(!has_room, Ordering::Relaxed);
        let doing = || format!("syncing {}", self.file.display());
        if has_room { Ok(()) } else { Err(Fault::Full { doing: doing() }) }
    }

    fn sync(&self) -> Result<(), Fault> {
        self.transact("syncing", Durability::Immediate, |_| Ok(()))
    }

    fn stats(&self) -> Stats {
        let disk_bytes = self.place.disk_bytes();
        // A file that cannot be read is told by whoever reads or writes it.
        let live_bytes = self.live_bytes().unwrap_or(0);
        Stats {
            disk_bytes,
            live_bytes: live_bytes.min(disk_bytes),
            // At most: `redb` does not count unless it is built to, which slows down every read.
            memory_bytes: self.cache_bytes,
            cramped: self.cramped.load(Ordering::Relaxed),
        }
    }
}

impl Content {
    fn over(place: Place, setup: &Setup, how: How) -> Result<Self, Fault> {
        let file = place.path().join(FILE);
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::WouldBlock => {
                Fault::Locked { directory: place.path().display().to_string() }
            }
            _ => fault::of_storage("opening", &file, &error.into()),
        };
        let medium = setup.disk.open(&file, how).map_err(failed)?;
        if how == How::Existing && medium.len().map_err(failed)? == 0 {
            return Err(Fault::corrupt(&file, "it is empty"));
        }
        let pages = Pages::over(medium).map_err(failed)?;
        let database = guarded(&file, || {
            let opened =
                Database::builder().set_cache_size(setup.cache_bytes).create_with_backend(pages);
            opened.map_err(|error| fault::of_database("opening", &file, error))
        })?;
        Ok(Self {
            database,
            file,
            cache_bytes: setup.cache_bytes as u64,
            cramped: AtomicBool::new(false),
            place,
        })
    }

    /// Fills an empty one with records in ascending order, durably.
    fn fill(&self, records: &mut dyn Records) -> Result<(), backend::Fault> {
        let mut ascending = FLAT.ascending(records);
        // What the source cannot give is not the file's fault.
        let mut source = Ok(());
        self.change(Durability::Immediate, |records, live_bytes| {
            loop {
                match ascending.next() {
                    Ok(Some((key, value))) => put(records, live_bytes, key, &value)?,
                    Ok(None) => return Ok(()),
                    Err(fault) => {
                        source = Err(fault);
                        return Ok(());
                    }
                }
            }
        })?;
        source
    }

    /// Bytes of all keys and values.
    fn live_bytes(&self) -> Result<u64, Fault> {
        let failed = |error| fault::of_transaction("reading", &self.file, error);
        let transaction = self.database.begin_read().map_err(failed)?;
        let facts = transaction.open_table(FACTS);
        let facts = facts.map_err(|error| fault::of_table("reading", &self.file, error))?;
        let bytes = ReadableTable::get(&facts, LIVE_BYTES);
        let bytes = bytes.map_err(|error| fault::of_storage("reading", &self.file, &error))?;
        Ok(bytes.map_or(0, |bytes| bytes.value()))
    }

    /// All records, as they are now.
    fn tree(&self) -> Result<Tree, Fault> {
        let failed = |error| fault::of_transaction("reading", &self.file, error);
        let transaction = self.database.begin_read().map_err(failed)?;
        let tree = transaction.open_table(RECORDS);
        tree.map_err(|error| fault::of_table("reading", &self.file, error))
    }

    /// Changes records, and keeps the books.
    fn change(
        &self,
        durability: Durability,
        change: impl FnOnce(&mut Writer<'_>, &mut u64) -> redb::Result<()>,
    ) -> Result<(), Fault> {
        let of_table = |error| fault::of_table("writing", &self.file, error);
        let of_storage = |error| fault::of_storage("writing", &self.file, &error);
        self.transact("writing", durability, |transaction| {
            let mut facts = transaction.open_table(FACTS).map_err(of_table)?;
            let noted = facts.get(LIVE_BYTES).map_err(of_storage)?;
            let mut live_bytes = noted.map_or(0, |bytes| bytes.value());
            let mut records = transaction.open_table(RECORDS).map_err(of_table)?;
            change(&mut records, &mut live_bytes).map_err(of_storage)?;
            facts.insert(LIVE_BYTES, live_bytes).map_err(of_storage)?;
            Ok(())
        })
    }

    fn transact(
        &self,
        doing: &str,
        durability: Durability,
        act: impl FnOnce(&WriteTransaction) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let begun = self.database.begin_write();
        let mut transaction =
            begun.map_err(|error| fault::of_transaction(doing, &self.file, error))?;
        let set = transaction.set_durability(durability);
        set.expect("it is refused only to those that use savepoints or share the file");
        // Notes which pages are free, so that a start after a crash need not look for them.
        transaction.set_quick_repair(matches!(durability, Durability::Immediate));
        act(&transaction)?;
        transaction.commit().map_err(|error| fault::of_commit(doing, &self.file, error))
    }
}

fn put(
    records: &mut Writer<'_>,
    live_bytes: &mut u64,
    key: &[u8],
    value: &[u8],
) -> redb::Result<()> {
    let before = records.insert(key, value)?;
    *live_bytes += (key.len() + value.len()) as u64;
    if let Some(before) = before {
        *live_bytes -= (key.len() + before.value().len()) as u64;
    }
    Ok(())
}
