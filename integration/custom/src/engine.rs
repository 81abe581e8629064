//! The engine: everything in memory, in the order of its keys, and each batch in a journal.
//!
//! Good for little data that must be simple to look after. What is written is durable after a sync;
//! a crash leaves a beginning of the batches. All of it lies in memory, a start reads all of it,
//! and when the journal has grown to several times what it says, a sync writes it anew, for which
//! writes wait.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::{
    Backend, Batch, Direction, Fault, MemBackend, MemDisk, Operation, Part as Shown, Records,
    Stats, Step, Table, View,
};
use bytes::{Buf, BufMut, Bytes};
use server::EnginePart;

use crate::journal::Journal;

/// As etcdd chooses it.
pub(crate) struct Part;

/// The engine.
pub struct JournalEngine {
    memory: MemBackend,
    journal: Mutex<Writing>,
    /// Held by whoever syncs, so that marks do not overtake each other.
    syncing: Mutex<()>,
}

struct Writing {
    journal: Journal,
    /// The ids of the tables there are.
    tables: BTreeSet<u8>,
}

/// A journal is not written anew before it is as large as this.
const JOURNAL_BYTES_MIN: u64 = 8 << 20;

/// How many times larger than what it says a journal may be.
const GARBAGE_FACTOR: u64 = 4;

/// Records in one batch of a journal that is written anew.
const REWRITTEN_BATCH: usize = 256;

impl EnginePart for Part {
    fn open(&self, directory: &Path) -> Result<Arc<dyn Backend>, Fault> {
        Ok(Arc::new(JournalEngine::open(directory)?))
    }
}

impl JournalEngine {
    /// Opens the engine in the directory, or makes one there.
    ///
    /// # Errors
    ///
    /// When the directory is somebody else's, in use, or damaged.
    pub fn open(directory: &Path) -> Result<Self, Fault> {
        let (journal, records) = Journal::open(directory)?;
        let memory = MemBackend::open(&MemDisk::new())?;
        let mut writing = Writing { journal, tables: BTreeSet::new() };
        for record in records {
            let batch = decode(record).ok_or_else(|| Fault::Corrupt {
                file: directory.display().to_string(),
                what: "a batch cannot be read".to_owned(),
            })?;
            writing.note(&batch);
            memory.write(batch)?;
            memory.sync()?;
        }
        Ok(Self { memory, journal: Mutex::new(writing), syncing: Mutex::new(()) })
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        // Whoever panicked has left the journal at the end of a record.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for JournalEngine {
    fn view(&self) -> Arc<dyn View> {
        self.memory.view()
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut writing = self.writing();
        writing.journal.append(&encode(batch.operations()))?;
        writing.note(&batch);
        self.memory.write(batch)?;
        // In memory everything is as durable as it will be.
        self.memory.sync()
    }

    fn sync(&self) -> Result<(), Fault> {
        let _one = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writing = self.writing();
        let live = self.memory.stats().live_bytes;
        let bytes = writing.journal.bytes();
        if bytes > JOURNAL_BYTES_MIN && bytes > live.saturating_mul(GARBAGE_FACTOR) {
            let view = self.memory.view();
            return writing.rewrite(&*view);
        }
        let written = writing.journal.written()?;
        let directory = writing.journal.directory().to_path_buf();
        drop(writing);
        Ok(written.sync(&directory)?)
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        let _one = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = MemBackend::open(&MemDisk::new())?;
        let mut tables = BTreeSet::new();
        fresh.replace(&mut Noting { records, tables: &mut tables })?;
        let mut writing = self.writing();
        writing.tables.extend(tables);
        let view = fresh.view();
        writing.rewrite(&*view)?;
        let mut again = Copied::new(&*view, &writing.tables)?;
        self.memory.replace(&mut again)
    }

    fn stats(&self) -> Stats {
        let bytes = self.writing().journal.bytes();
        let memory = self.memory.stats();
        Stats { disk_bytes: bytes, live_bytes: memory.live_bytes.min(bytes), ..memory }
    }
}

impl Writing {
    fn note(&mut self, batch: &Batch) {
        self.tables.extend(batch.operations().iter().map(|(table, _)| table.id));
    }

    /// Writes the journal anew: what the view shows, and nothing that led to it.
    fn rewrite(&mut self, view: &dyn View) -> Result<(), Fault> {
        let mut content = Copied::new(view, &self.tables)?;
        self.journal.rewrite(&mut || {
            let mut batch = Vec::new();
            while batch.len() < REWRITTEN_BATCH
                && let Some((table, key, value)) = content.next()?
            {
                batch.push((table, Operation::Put { key, value }));
            }
            Ok((!batch.is_empty()).then(|| encode(&batch)))
        })
    }
}

/// Passes records on, and notes their tables.
struct Noting<'a> {
    records: &'a mut dyn Records,
    tables: &'a mut BTreeSet<u8>,
}

impl Records for Noting<'_> {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        let record = self.records.next()?;
        self.tables.extend(record.iter().map(|(table, ..)| table.id));
        Ok(record)
    }
}

/// What a view shows, as records.
struct Copied(std::vec::IntoIter<(Table, Bytes, Bytes)>);

impl Copied {
    fn new(view: &dyn View, tables: &BTreeSet<u8>) -> Result<Self, Fault> {
        let mut records = Vec::new();
        for id in tables {
            let table = named(*id);
            let all = (Bound::Unbounded, Bound::Unbounded);
            view.scan(table, all, Direction::Ascending, Shown::Records, &mut |key, value| {
                let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
                records.push((table, key, value));
                Step::Next
            })?;
        }
        Ok(Self(records.into_iter()))
    }
}

impl Records for Copied {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(self.0.next())
    }
}

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;
const DELETE_FROM: u8 = 3;

/// Each operation: kind, table, then one or two strings with their lengths.
fn encode(operations: &[(Table, Operation)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (table, operation) in operations {
        let (kind, first, second) = match operation {
            Operation::Put { key, value } => (PUT, key, Some(value)),
            Operation::Delete { key } => (DELETE, key, None),
            Operation::DeleteRange { start, end: Some(end) } => (DELETE_RANGE, start, Some(end)),
            Operation::DeleteRange { start, end: None } => (DELETE_FROM, start, None),
        };
        bytes.put_u8(kind);
        bytes.put_u8(table.id);
        for text in [Some(first), second].into_iter().flatten() {
            bytes.put_u32(u32::try_from(text.len()).expect("keys and values have less than 4 GiB"));
            bytes.put_slice(text);
        }
    }
    bytes
}

/// An engine keeps the numbers of tables alone.
fn named(id: u8) -> Table {
    Table { id, name: "a table" }
}

/// A batch, unless it is none.
fn decode(mut bytes: Bytes) -> Option<Batch> {
    fn text(bytes: &mut Bytes) -> Option<Bytes> {
        let length = bytes.try_get_u32().ok()? as usize;
        (length <= bytes.len()).then(|| bytes.split_to(length))
    }
    let mut batch = Batch::new();
    while bytes.has_remaining() {
        let kind = bytes.try_get_u8().ok()?;
        let table = named(bytes.try_get_u8().ok()?);
        let first = text(&mut bytes)?;
        match kind {
            PUT => batch.put(table, first, text(&mut bytes)?),
            DELETE => batch.delete(table, first),
            DELETE_RANGE => batch.delete_range(table, first, Some(text(&mut bytes)?)),
            DELETE_FROM => batch.delete_range(table, first, None),
            _ => return None,
        }
    }
    Some(batch)
}
