//! An engine in memory, over a disk that remembers what a crash would leave of it.
//!
//! It is good for tests, which decide what a crash costs, and for a member that is to be measured
//! or embedded without files. Nothing outlives the process, and all that is stored takes memory.

#[cfg(test)]
mod tests;
mod tree;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::{
    Backend, Batch, Bounds, Direction, Fault, Operation, Part, Records, Stats, Step, Table, View,
};
use tree::Tree;

/// Batches a disk keeps apart from each other before it makes the oldest durable on its own. The
/// states share what is equal in them, so this is about memory in long runs without a sync.
const UNSYNCED_MAX: usize = 1024;

/// A disk for one [`MemBackend`] at a time. Clones are handles of the same disk.
///
/// # Invariants
///
/// - `states` is never empty; its first is durable, the others are what the batches since then
///   made of it, oldest first. The last is what views show.
#[derive(Clone, Debug, Default)]
pub struct MemDisk(Arc<Mutex<Disk>>);

#[derive(Debug)]
struct Disk {
    states: VecDeque<State>,
    /// Which opening of the disk is the valid one; an engine of an earlier one is refused.
    opening: u64,
    in_use: bool,
    /// Whether there is no room for anything.
    full: bool,
    /// Why nothing works any more, if so.
    broken: Option<Fault>,
}

/// All tables at one moment; cheap to clone.
#[derive(Clone, Debug, Default)]
struct State {
    tables: BTreeMap<u8, Tree>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            states: VecDeque::from([State::default()]),
            opening: 0,
            in_use: false,
            full: false,
            broken: None,
        }
    }
}

impl MemDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many batches a crash could lose now.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.disk().states.len() - 1
    }

    /// Ends the engine that uses the disk: of the batches that are not synced the first `survivors`
    /// are still there when it is opened again. The engine itself answers with faults from now on.
    pub fn crash(&self, survivors: usize) {
        let mut disk = self.disk();
        disk.states.truncate(survivors.saturating_add(1));
        disk.settle();
        disk.opening += 1;
        disk.in_use = false;
        disk.broken = None;
    }

    /// From now on every write and sync answers with this fault, until a crash.
    pub fn fail(&self, fault: Fault) {
        self.disk().broken = Some(fault);
    }

    /// From now on there is no room for anything, not after a crash either.
    pub fn fill(&self) {
        self.disk().full = true;
    }

    /// There is room again.
    pub fn make_room(&self) {
        self.disk().full = false;
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A holder that panicked has changed a whole state or nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn newest(&self) -> &State {
        self.states.back().expect("a disk always has a state")
    }

    /// Everything that was written is durable from now on.
    fn settle(&mut self) {
        let durable = self.states.len() - 1;
        self.states.drain(..durable);
        assert_eq!(self.states.len(), 1, "only the newest state is left");
    }

    fn check(&self, opening: u64) -> Result<(), Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        if self.opening != opening {
            return Err(io("using a disk in memory", "it has crashed since it was opened"));
        }
        Ok(())
    }

    fn check_room(&self) -> Result<(), Fault> {
        let doing = || "writing to a disk in memory".to_string();
        if self.full { Err(Fault::Full { doing: doing() }) } else { Ok(()) }
    }
}

/// An engine over a [`MemDisk`].
#[derive(Debug)]
pub struct MemBackend {
    disk: MemDisk,
    opening: u64,
}

impl MemBackend {
    /// Opens the disk, as its last engine left it.
    ///
    /// # Errors
    ///
    /// [`Fault::Locked`] while another engine uses the disk.
    pub fn open(disk: &MemDisk) -> Result<Self, Fault> {
        let mut held = disk.disk();
        if held.in_use {
            return Err(Fault::Locked { directory: "a disk in memory".to_string() });
        }
        held.in_use = true;
        held.opening += 1;
        Ok(Self { disk: disk.clone(), opening: held.opening })
    }
}

impl Drop for MemBackend {
    /// The unsynced tail stays on the disk, for a later opening, a sync or a crash to find.
    fn drop(&mut self) {
        let mut disk = self.disk.disk();
        if disk.opening == self.opening {
            disk.in_use = false;
        }
    }
}

impl Backend for MemBackend {
    fn view(&self) -> Arc<dyn View> {
        Arc::new(self.disk.disk().newest().clone())
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        let mut disk = self.disk.disk();
        disk.check(self.opening)?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut next = disk.newest().clone();
        for (table, operation) in batch.into_operations() {
            let tree = next.tables.entry(table.id).or_default();
            match operation {
                Operation::Delete { key } => tree.remove(&key),
                Operation::DeleteRange { start, end } => tree.remove_range(&start, end.as_deref()),
                Operation::Put { key, value } => tree.insert(key, value),
            }
        }
        disk.states.push_back(next);
        if disk.states.len() > UNSYNCED_MAX + 1 && !disk.full {
            disk.states.pop_front();
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Fault> {
        let mut disk = self.disk.disk();
        disk.check(self.opening)?;
        disk.check_room()?;
        disk.settle();
        Ok(())
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        let mut next = State::default();
        while let Some((table, key, value)) = records.next()? {
            next.tables.entry(table.id).or_default().insert(key, value);
        }
        let mut disk = self.disk.disk();
        disk.check(self.opening)?;
        disk.check_room()?;
        disk.states.push_back(next);
        disk.settle();
        Ok(())
    }

    fn stats(&self) -> Stats {
        let disk = self.disk.disk();
        let bytes = disk.newest().tables.values().map(Tree::bytes).sum();
        let cramped = disk.full && disk.states.len() > 1;
        Stats { disk_bytes: bytes, live_bytes: bytes, memory_bytes: bytes, cramped }
    }
}

impl View for State {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.tables.get(&table.id).and_then(|tree| tree.get(key)))
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let Some(tree) = self.tables.get(&table.id) else { return Ok(()) };
        let (mut low, mut high) = (bounds.0.map(<[u8]>::to_vec), bounds.1.map(<[u8]>::to_vec));
        loop {
            let within = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
            let mut sought = None;
            tree.visit(within, direction, &mut |key, value| {
                let value = match part {
                    Part::Keys => &[],
                    Part::Records => value,
                };
                match visit(key, value) {
                    Step::Next => true,
                    Step::Seek(to) => {
                        let beyond = match direction {
                            Direction::Ascending => to.as_slice() > key,
                            Direction::Descending => to.as_slice() < key,
                        };
                        if beyond {
                            sought = Some(to);
                        }
                        !beyond
                    }
                    Step::Stop => false,
                }
            });
            match (sought, direction) {
                (Some(to), Direction::Ascending) => low = Bound::Included(to),
                (Some(to), Direction::Descending) => high = Bound::Included(to),
                (None, _) => return Ok(()),
            }
        }
    }
}

fn io(doing: &str, error: &str) -> Fault {
    Fault::Io { doing: String::from(doing), error: String::from(error) }
}
