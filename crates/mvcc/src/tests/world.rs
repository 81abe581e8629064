//! A keyspace over an engine in memory, and how tests speak to it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use backend::{Backend, Direction, MemBackend, MemDisk, Part};
use bytes::Bytes;
use prost::Message;
use proto::mvccpb::KeyValue;
use units::{LeaseId, Revision};

use crate::{Budget, Changes, Compaction, Group, Heads, Interval, Snapshot, Walk};

pub(super) const SMALL: Budget = Budget { versions_max: 3, bytes_max: 1 << 20 };

/// One change within a command.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Put(Vec<u8>, Vec<u8>, i64),
    Delete(Vec<u8>, Vec<u8>),
}

pub(super) fn put(key: &str, value: &str) -> Op {
    Op::Put(key.into(), value.into(), 0)
}

pub(super) fn delete(key: &str) -> Op {
    Op::Delete(key.into(), Vec::new())
}

pub(super) fn interval(key: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Interval {
    Interval::new(Bytes::copy_from_slice(key.as_ref()), Bytes::copy_from_slice(end.as_ref()))
}

pub(super) struct World {
    pub(super) disk: MemDisk,
    pub(super) backend: MemBackend,
    pub(super) snapshot: Snapshot,
    pub(super) compaction: Option<Compaction>,
    pub(super) heads: Heads,
}

impl World {
    pub(super) fn new() -> Self {
        Self::open(MemDisk::new())
    }

    pub(super) fn open(disk: MemDisk) -> Self {
        let backend = MemBackend::open(&disk).expect("nobody else uses the disk");
        let snapshot = Snapshot::open(backend.view()).expect("an engine in memory does not fail");
        let compaction = Compaction::pending(snapshot.store());
        Self { disk, backend, snapshot, compaction, heads: Heads::new() }
    }

    /// Only the first so many of the unsynced batches survive.
    pub(super) fn crash(self, survivors: usize) -> Self {
        self.disk.crash(survivors);
        let disk = self.disk.clone();
        drop(self);
        Self::open(disk)
    }

    /// A group of commands, to be [committed](Self::commit).
    pub(super) fn group(&mut self) -> Group {
        Group::new(&self.snapshot, core::mem::take(&mut self.heads))
    }

    /// Writes a group and publishes it.
    pub(super) fn commit(&mut self, group: Group) {
        let (batch, store, heads) = group.finish();
        self.heads = heads;
        self.backend.write(batch).expect("an engine in memory does not fail");
        self.snapshot = Snapshot::new(self.backend.view(), Arc::new(store));
    }

    /// Commands, in one batch.
    pub(super) fn apply(&mut self, commands: &[Vec<Op>]) -> Vec<Option<Arc<Changes>>> {
        let mut group = self.group();
        let changes = commands.iter().map(|ops| command(&mut group, ops)).collect();
        self.commit(group);
        changes
    }

    /// One command in a batch of its own; returns its revision.
    pub(super) fn run(&mut self, ops: &[Op]) -> i64 {
        self.apply(&[ops.to_vec()]);
        self.snapshot.revision().0
    }

    pub(super) fn schedule(&mut self, to: i64) -> Result<(), crate::Refused> {
        let mut group = self.group();
        group.compact(Revision(to))?;
        self.commit(group);
        Ok(())
    }

    /// One step of whatever compaction is due; whether there is nothing left to do.
    pub(super) fn compact_step(&mut self, budget: Budget) -> bool {
        if self.compaction.is_none() {
            self.compaction = Compaction::pending(self.snapshot.store());
        }
        let Some(mut compaction) = self.compaction.take() else {
            return true;
        };
        let mut group = self.group();
        let done = compaction.step(&mut group, budget).expect("an engine in memory does not fail");
        self.commit(group);
        if !done {
            self.compaction = Some(compaction);
        }
        done && Compaction::pending(self.snapshot.store()).is_none()
    }

    pub(super) fn compact(&mut self, to: i64) {
        self.schedule(to).expect("the revision can be compacted");
        while !self.compact_step(SMALL) {}
    }

    pub(super) fn get(&self, key: impl AsRef<[u8]>, at: i64) -> Option<KeyValue> {
        let record = self.snapshot.reader().get(key.as_ref(), Revision(at)).expect("no faults");
        record.map(|record| decode(&record.bytes))
    }

    pub(super) fn now(&self, key: impl AsRef<[u8]>) -> Option<KeyValue> {
        self.get(key, self.snapshot.revision().0)
    }

    pub(super) fn scan(&self, keys: &Interval, at: i64, order: Direction) -> Vec<KeyValue> {
        self.scan_some(keys, at, order, usize::MAX)
    }

    pub(super) fn scan_some(
        &self,
        keys: &Interval,
        at: i64,
        order: Direction,
        limit: usize,
    ) -> Vec<KeyValue> {
        let mut all = Vec::new();
        let part = Part::Records;
        let walk = Walk { order, part, ahead: limit };
        let reader = self.snapshot.reader();
        reader
            .scan(keys, Revision(at), walk, &mut |found| {
                all.push(decode(found.bytes()));
                if all.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .expect("no faults");
        all
    }

    pub(super) fn count(&self, keys: &Interval, at: i64) -> u64 {
        self.snapshot.reader().count(keys, Revision(at)).expect("no faults")
    }

    /// The same by whoever reads so many of the keys before; `None` where that is not done.
    pub(super) fn tally(&self, keys: &Interval, at: i64, read: usize) -> Option<u64> {
        let reader = self.snapshot.reader();
        let mut tally = reader.tally(keys, Revision(at))?;
        for kv in self.scan_some(keys, at, Direction::Ascending, read) {
            tally.meet(&kv.key);
        }
        Some(reader.count_on(keys, &tally).expect("no faults"))
    }

    /// What a watcher from a revision on hears, in words.
    pub(super) fn history(&self, from: i64) -> Vec<String> {
        let to = self.snapshot.revision();
        let changes = self.snapshot.changes(Revision(from), to, usize::MAX).expect("no faults");
        changes.iter().flat_map(|changes| words(changes)).collect()
    }
}

pub(super) fn command(group: &mut Group, ops: &[Op]) -> Option<Arc<Changes>> {
    for op in ops {
        match op {
            Op::Put(key, value, lease) => {
                let key = Bytes::copy_from_slice(key);
                group.put(&key, value, LeaseId(*lease)).expect("no faults");
            }
            Op::Delete(key, end) => {
                group.delete_range(&interval(key, end)).expect("no faults");
            }
        }
    }
    group.end()
}

pub(super) fn decode(bytes: &[u8]) -> KeyValue {
    KeyValue::decode(bytes).expect("a record is a KeyValue")
}

/// `5 put k`, `6 delete k`.
pub(super) fn words(changes: &Changes) -> Vec<String> {
    let one = |event: &crate::Event| {
        let kind = if event.kind == crate::EventKind::Put { "put" } else { "delete" };
        alloc::format!("{} {kind} {}", changes.revision, String::from_utf8_lossy(&event.key))
    };
    changes.events.iter().map(one).collect()
}
