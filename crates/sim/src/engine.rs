//! The engine of a member: the one in memory, whose records can rot.
//!
//! A real engine finds damage by checksum when it reads. Here the checksum is played: from the
//! moment of the damage on, whoever reads the record gets a fault in its place.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use backend::{
    Backend, Batch, Bounds, Direction, Fault, MemBackend, MemDisk, Part, Records, Stats, Step,
    Table, View,
};
use bytes::Bytes;
use state::TABLES;

use crate::ending::{Ending, fault};

/// One record in so many is damaged by a stroke of rot.
const RECORDS: u64 = 50;

/// What has rotted, and whether anybody has come upon it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rot(Arc<Rotten>);

#[derive(Debug, Default)]
struct Rotten {
    /// The records whose keys hash to this; nothing if it is 0.
    number: AtomicU64,
    was_met: AtomicBool,
}

impl Rot {
    pub(crate) fn is_there(&self) -> bool {
        self.0.number.load(Ordering::Relaxed) != 0
    }

    /// Whether somebody was given a fault in a record's place.
    pub(crate) fn was_met(&self) -> bool {
        self.0.was_met.load(Ordering::Relaxed)
    }

    /// All that had rotted is gone.
    pub(crate) fn forget(&self) {
        self.0.number.store(0, Ordering::Relaxed);
        self.0.was_met.store(false, Ordering::Relaxed);
    }

    /// A record rots, and others of the same number.
    fn begin_at(&self, table: Table, key: &[u8]) {
        self.0.number.store(number(table, key), Ordering::Relaxed);
    }

    fn check(&self, table: Table, key: &[u8]) -> Result<(), Fault> {
        if self.0.number.load(Ordering::Relaxed) != number(table, key) {
            return Ok(());
        }
        self.0.was_met.store(true, Ordering::Relaxed);
        Err(Fault::Corrupt { file: table.name.into(), what: "the checksum does not match".into() })
    }
}

fn number(table: Table, key: &[u8]) -> u64 {
    let sum =
        key.iter().fold(u64::from(table.id), |sum, byte| sum * 31 % 65_521 + u64::from(*byte));
    sum % RECORDS + 1
}

/// An engine in memory over a disk whose records can rot.
pub(crate) struct Engine {
    memory: MemBackend,
    rot: Rot,
}

impl Engine {
    pub(crate) fn open(disk: &MemDisk, rot: Rot) -> Result<Self, Ending> {
        Ok(Self { memory: fault(MemBackend::open(disk))?, rot })
    }

    /// The nth record rots, counted around; whether there is any.
    pub(crate) fn rot(&self, nth: usize) -> bool {
        let view = self.memory.view();
        let mut keys = Vec::new();
        for table in TABLES {
            let gathered = walk(&*view, table, &mut |key| keys.push((table, key.to_vec())));
            gathered.expect("an engine in memory can be read");
        }
        let Some(nth) = nth.checked_rem(keys.len()) else { return false };
        let (table, key) = &keys[nth];
        self.rot.begin_at(*table, key);
        true
    }

    /// Reads everything.
    ///
    /// # Errors
    ///
    /// When a record is damaged.
    pub(crate) fn scrub(&self) -> Result<(), Ending> {
        let view = self.view();
        TABLES.iter().try_for_each(|table| fault(walk(&*view, *table, &mut |_| {})))
    }
}

impl Backend for Engine {
    fn view(&self) -> Arc<dyn View> {
        let view = self.memory.view();
        if !self.rot.is_there() {
            return view;
        }
        Arc::new(RottenView { view, rot: self.rot.clone() })
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.memory.write(batch)
    }

    fn sync(&self) -> Result<(), Fault> {
        self.memory.sync()
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        self.memory.replace(records)
    }

    fn stats(&self) -> Stats {
        self.memory.stats()
    }
}

/// Every key of a table.
fn walk(view: &dyn View, table: Table, visit: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    view.scan(table, all, Direction::Ascending, Part::Keys, &mut |key, _| {
        visit(key);
        Step::Next
    })
}

/// What can be read of an engine in which something has rotted.
struct RottenView {
    view: Arc<dyn View>,
    rot: Rot,
}

impl View for RottenView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let found = self.view.get(table, key)?;
        if found.is_some() {
            self.rot.check(table, key)?;
        }
        Ok(found)
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let mut damaged = Ok(());
        self.view.scan(table, bounds, direction, part, &mut |key, value| {
            damaged = self.rot.check(table, key);
            if damaged.is_ok() { visit(key, value) } else { Step::Stop }
        })?;
        damaged
    }
}
