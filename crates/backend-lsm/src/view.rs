//! What views read.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use backend::{Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use home::Place;
use lsm_tree::table::filter::standard_bloom::Builder;
use lsm_tree::{AbstractTree, AnyTree, InternalValue, SeqNo, TreeId, UserValue};

use crate::bounds::{FLAT, Within};
use crate::fault;
use crate::memtable::Memtable;
use crate::scan::Scan;

/// A value up to this size is copied out of its block: that costs less than to share it.
const COPIED_BYTES_MAX: usize = 1024;

/// The memtables and files of a tree at one moment. Files live as long as a state names them.
pub(crate) struct State {
    /// Newest first.
    memtables: Vec<Arc<Memtable>>,
    /// Run by run, what is newer first.
    pub(crate) tables: Vec<lsm_tree::Table>,
    /// Where in the tables: the files of a run do not overlap, and ascend.
    runs: Vec<Range<usize>>,
    /// Sorted files that a read may have to look into one by one.
    pub(crate) level_0_runs: usize,
    /// The first number that was not visible yet; views that see less could miss what its files
    /// have dropped.
    since: SeqNo,
    tree: TreeId,
    /// Dropped last, when no file is open any more.
    pub(crate) place: Arc<Place>,
}

impl State {
    /// What the tree holds now, and the memtables that are not known to be in files, newest first:
    /// a file that was made meanwhile is read twice, not missed.
    pub(crate) fn of(
        tree: &AnyTree,
        memtables: Vec<Arc<Memtable>>,
        since: SeqNo,
        place: Arc<Place>,
    ) -> Self {
        let version = tree.current_version();
        let mut tables = Vec::with_capacity(version.table_count());
        let mut runs = Vec::new();
        for run in version.iter_levels().flat_map(|level| level.iter()) {
            let start = tables.len();
            tables.extend(run.iter().cloned());
            runs.push(start..tables.len());
        }
        let level_0_runs = version.l0().run_count();
        Self { memtables, tables, runs, level_0_runs, since, tree: tree.id(), place }
    }

    pub(crate) fn shows(&self, memtable: &Arc<Memtable>) -> bool {
        self.memtables.iter().any(|shown| Arc::ptr_eq(shown, memtable))
    }

    pub(crate) fn memtable_bytes(&self) -> u64 {
        self.memtables.iter().map(|memtable| memtable.size()).sum()
    }

    fn get(&self, key: &[u8], seqno: SeqNo) -> Result<Option<Bytes>, Fault> {
        let in_memory = self.memtables.iter().find_map(|memtable| memtable.get(key, seqno));
        let found = match in_memory {
            Some(found) => Some(found),
            None => self.get_from_files(key, seqno).map_err(|error| self.fault(&error))?,
        };
        Ok(found.filter(|found| !found.is_tombstone()).map(|found| shared(found.value)))
    }

    fn get_from_files(&self, key: &[u8], seqno: SeqNo) -> lsm_tree::Result<Option<InternalValue>> {
        let hash = Builder::get_hash(key);
        for run in &self.runs {
            let files = &self.tables[run.clone()];
            let at = files.partition_point(|table| table.metadata.key_range.max() < &key);
            if let Some(table) = files.get(at)
                && table.metadata.key_range.min() <= &key
                && let Some(found) = table.get(key, seqno, hash)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn scan(&self, within: Within, seqno: SeqNo) -> lsm_tree::Result<Scan<'_>> {
        let mut scan = Scan::new(within, seqno);
        for memtable in &self.memtables {
            scan.add_memtable(memtable);
        }
        for run in &self.runs {
            scan.add_run(&self.tables[run.clone()], self.tree)?;
        }
        Ok(scan)
    }

    fn fault(&self, error: &lsm_tree::Error) -> Fault {
        fault::of_tables("reading", self.place.path(), &self.tables, error)
    }
}

/// A state, up to a number.
pub(crate) struct LsmView {
    /// Changes places with a newer one that holds the same up to that number, so that a view that
    /// is held long pins no file or memtable that has been merged or written since.
    state: RwLock<Arc<State>>,
    /// The first that is not seen.
    seqno: SeqNo,
}

impl LsmView {
    pub(crate) fn of(state: Arc<State>, seqno: SeqNo) -> Self {
        assert!(seqno >= state.since, "a view of {seqno} of a state since {}", state.since);
        Self { state: RwLock::new(state), seqno }
    }

    pub(crate) fn sees_all_below(&self, seqno: SeqNo) -> bool {
        self.seqno == seqno
    }

    /// Reads a newer state from now on, unless that may have dropped what this still sees.
    pub(crate) fn move_to(&self, state: &Arc<State>) {
        if self.seqno >= state.since {
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = state.clone();
        }
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl View for LsmView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.state().get(&FLAT.target(table, key), self.seqno)
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let Some(within) = Within::of(table, bounds, direction) else { return Ok(()) };
        let state = self.state();
        let scan = state.scan(within, self.seqno);
        scan.and_then(|scan| scan.run(part, visit)).map_err(|error| state.fault(&error))
    }
}

/// A value out of the tree; copied unless it is large, as it would keep the block alive it is in.
fn shared(value: UserValue) -> Bytes {
    if value.len() <= COPIED_BYTES_MAX {
        Bytes::copy_from_slice(&value)
    } else {
        Bytes::from_owner(value)
    }
}
