//! The engine of a member: the one in memory, whose records can rot.
//!
//! A real engine finds damage by checksum when it reads. Here the checksum is played: from the
//! moment of the damage on, whoever reads the record gets a fault in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend::{
    Backend, Batch, Bounds, Direction, Fault, MemBackend, MemDisk, Part, Records, Stats, Step,
    Table, View,
};
use bytes::Bytes;

use crate::ending::{Ending, fault};

/// One record in so many is damaged by a stroke of rot.
const RECORDS: u64 = 50;

/// What has rotted: the records whose keys hash to a number; nothing if that is 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rot(Arc<AtomicU64>);

impl Rot {
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number % RECORDS + 1, Ordering::Relaxed);
    }

    fn check(&self, table: Table, key: &[u8]) -> Result<(), Fault> {
        let rotten = self.0.load(Ordering::Relaxed);
        if rotten == 0 {
            return Ok(());
        }
        let sum =
            key.iter().fold(u64::from(table.id), |sum, byte| sum * 31 % 65_521 + u64::from(*byte));
        if sum % RECORDS + 1 != rotten {
            return Ok(());
        }
        Err(Fault::Corrupt { file: table.name.into(), what: "the checksum does not match".into() })
    }
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
}

impl Backend for Engine {
    fn view(&self) -> Arc<dyn View> {
        let view = self.memory.view();
        if self.rot.0.load(Ordering::Relaxed) == 0 {
            return view;
        }
        Arc::new(Rotten { view, rot: self.rot.clone() })
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

/// What can be read of an engine in which something has rotted.
struct Rotten {
    view: Arc<dyn View>,
    rot: Rot,
}

impl View for Rotten {
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
