//! One content: a database with one tree.

use std::path::PathBuf;
use std::sync::Arc;

use backend::{Batch, Fault, Operation, Records};
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};

use crate::bounds::{Within, prefixed};
use crate::directory::{Home, bytes_below};
use crate::fault::{self, guarded};
use crate::pages::{Disk, How, Pages};
use crate::view::RedbView;

/// The tree that has all records.
const RECORDS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("records");
/// What is known of them.
const FACTS: TableDefinition<'static, &str, u64> = TableDefinition::new("facts");
/// Bytes of all keys and values.
const LIVE_BYTES: &str = "live-bytes";

const FILE: &str = "redb";

pub(crate) type Tree = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Writer<'a> = Table<'a, &'static [u8], &'static [u8]>;

/// A database in a directory of its own. Views keep it, and with it the lock on its file.
pub(crate) struct Content {
    database: Database,
    pub(crate) file: PathBuf,
    /// Dropped last, when the file is closed.
    pub(crate) home: Home,
}

impl Content {
    /// Makes an empty one.
    pub(crate) fn create(home: Home, disk: &dyn Disk, cache_bytes: usize) -> Result<Self, Fault> {
        let this = Self::over(home, disk, How::Create, cache_bytes)?;
        this.transact("writing", Durability::Immediate, |transaction| {
            let file = &this.file;
            let failed = |error| fault::of_table("writing", file, error);
            let mut facts = transaction.open_table(FACTS).map_err(failed)?;
            let noted = facts.insert(LIVE_BYTES, 0);
            noted.map_err(|error| fault::of_storage("writing", file, &error))?;
            transaction.open_table(RECORDS).map_err(failed).map(drop)
        })?;
        Ok(this)
    }

    /// Opens one that is there.
    pub(crate) fn open(home: Home, disk: &dyn Disk, cache_bytes: usize) -> Result<Self, Fault> {
        let this = Self::over(home, disk, How::Existing, cache_bytes)?;
        this.tree()?;
        Ok(this)
    }

    fn over(home: Home, disk: &dyn Disk, how: How, cache_bytes: usize) -> Result<Self, Fault> {
        let file = home.path.join(FILE);
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::WouldBlock => {
                Fault::Locked { directory: home.path.display().to_string() }
            }
            _ => fault::of_storage("opening", &file, &error.into()),
        };
        let medium = disk.open(&file, how).map_err(failed)?;
        if how == How::Existing && medium.len().map_err(failed)? == 0 {
            return Err(fault::corrupt(&file, "it is empty"));
        }
        let pages = Pages::over(medium).map_err(failed)?;
        let database = guarded(&file, || {
            let opened = Database::builder().set_cache_size(cache_bytes).create_with_backend(pages);
            opened.map_err(|error| fault::of_database("opening", &file, error))
        })?;
        Ok(Self { database, file, home })
    }

    pub(crate) fn view(self: &Arc<Self>) -> RedbView {
        RedbView::of(self.tree(), Arc::clone(self))
    }

    /// Makes the batch visible, and durable with the next sync.
    pub(crate) fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.change(Durability::None, |records, live_bytes| {
            for (table, operation) in batch.into_operations() {
                match operation {
                    Operation::Put { key, value } => {
                        put(records, live_bytes, &prefixed(table, &key), &value)?;
                    }
                    Operation::Delete { key } => {
                        let key = prefixed(table, &key);
                        if let Some(value) = records.remove(key.as_slice())? {
                            *live_bytes -= (key.len() + value.value().len()) as u64;
                        }
                    }
                    Operation::DeleteRange { start, end } => {
                        use std::ops::Bound;
                        let high = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                        let Some(within) = Within::of(table, (Bound::Included(&start), high))
                        else {
                            continue;
                        };
                        records.retain_in::<&[u8], _>(within.range(), |key, value| {
                            *live_bytes -= (key.len() + value.len()) as u64;
                            false
                        })?;
                    }
                }
            }
            Ok(Ok(()))
        })
    }

    /// Makes durable what was written.
    pub(crate) fn sync(&self) -> Result<(), Fault> {
        self.transact("syncing", Durability::Immediate, |_| Ok(()))
    }

    /// Fills an empty one with records in ascending order, durably.
    pub(crate) fn fill(&self, source: &mut dyn Records) -> Result<(), Fault> {
        let mut last: Option<Vec<u8>> = None;
        self.change(Durability::Immediate, |records, live_bytes| {
            loop {
                let (table, key, value) = match source.next() {
                    Ok(Some(record)) => record,
                    Ok(None) => return Ok(Ok(())),
                    Err(fault) => return Ok(Err(fault)),
                };
                let key = prefixed(table, &key);
                if last.as_ref().is_some_and(|last| *last >= key) {
                    let what = format!("records of {} are not in order", table.name);
                    return Ok(Err(Fault::Corrupt { file: "the replacement".to_string(), what }));
                }
                put(records, live_bytes, &key, &value)?;
                last = Some(key);
            }
        })
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        bytes_below(&self.home.path)
    }

    /// Bytes of all keys and values.
    pub(crate) fn live_bytes(&self) -> Result<u64, Fault> {
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
        change: impl FnOnce(&mut Writer<'_>, &mut u64) -> redb::Result<Result<(), Fault>>,
    ) -> Result<(), Fault> {
        let of_table = |error| fault::of_table("writing", &self.file, error);
        let of_storage = |error| fault::of_storage("writing", &self.file, &error);
        self.transact("writing", durability, |transaction| {
            let mut facts = transaction.open_table(FACTS).map_err(of_table)?;
            let noted = facts.get(LIVE_BYTES).map_err(of_storage)?;
            let mut live_bytes = noted.map_or(0, |bytes| bytes.value());
            let mut records = transaction.open_table(RECORDS).map_err(of_table)?;
            change(&mut records, &mut live_bytes).map_err(of_storage)??;
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
