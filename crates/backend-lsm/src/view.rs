//! What views read.

use std::ops::Bound;
use std::sync::Arc;

use backend::{Bounds, Direction, Fault, KEY_BYTES_MAX, Part, Step, Table, View};
use bytes::Bytes;
use lsm_tree::{AbstractTree, AnyTree, InternalValue, Memtable, SeqNo, UserKey};

use crate::directory::Home;
use crate::fault;

/// Records that a seek walks over before it looks the key up. A look-up opens every file that may
/// hold it, which costs as much as some ten steps.
const SEEK_STEPS: u32 = 10;

type Get = dyn Fn(&[u8], SeqNo) -> lsm_tree::Result<Option<InternalValue>> + Send + Sync;
type Range = (Bound<UserKey>, Bound<UserKey>);
type Scan = dyn DoubleEndedIterator<Item = lsm_tree::Result<InternalValue>>;
type Open = dyn Fn(Range, SeqNo) -> Box<Scan> + Send + Sync;

/// The memtables and files of a tree at one moment. Files live as long as a state names them.
///
/// The tree's own type for this cannot be named outside of it, hence the functions.
pub(crate) struct State {
    /// Newest first.
    memtables: Vec<Arc<Memtable>>,
    get: Box<Get>,
    scan: Box<Open>,
    pub(crate) tables: Vec<lsm_tree::Table>,
    /// Sorted files that a read may have to look into one by one.
    pub(crate) level_0_runs: usize,
    /// The first number that was not visible yet; views that see less could miss what its files
    /// have dropped.
    since: SeqNo,
    /// Dropped last, when no file is open any more.
    pub(crate) home: Arc<Home>,
}

impl State {
    /// What the tree holds now; `sealed` are the memtables that were rotated and are not known to
    /// be in files, newest first.
    pub(crate) fn of(
        tree: &AnyTree,
        sealed: &[Arc<Memtable>],
        since: SeqNo,
        home: Arc<Home>,
    ) -> Self {
        // In this order: a file that is made in between is read twice, not missed.
        let memory = tree.get_version_history_lock().latest_version();
        let files = tree.current_version();
        let mut memtables = vec![memory.active_memtable.clone()];
        memtables.extend(sealed.iter().cloned());
        Self {
            memtables,
            tables: files.iter_tables().cloned().collect(),
            level_0_runs: files.l0().run_count(),
            since,
            get: Box::new(move |key, seqno| {
                let hash = lsm_tree::table::filter::standard_bloom::Builder::get_hash(key);
                for run in files.iter_levels().flat_map(|level| level.iter()) {
                    if let Some(table) = run.get_for_key(key)
                        && let Some(found) = table.get(key, seqno, hash)?
                    {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }),
            scan: Box::new(move |range, seqno| {
                let memory = memory.clone();
                Box::new(lsm_tree::Tree::create_internal_range(memory, &range, seqno, None))
            }),
            home,
        }
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
            None => (self.get)(key, seqno).map_err(|error| self.fault(&error))?,
        };
        Ok(found.filter(|found| !found.is_tombstone()).map(|found| found.value.into()))
    }

    fn fault(&self, error: &lsm_tree::Error) -> Fault {
        fault::of_tables("reading", &self.home.path, &self.tables, error)
    }
}

/// A state, up to a number.
pub(crate) struct LsmView {
    pub(crate) state: Arc<State>,
    /// The first that is not seen.
    seqno: SeqNo,
}

impl LsmView {
    pub(crate) fn of(state: Arc<State>, seqno: SeqNo) -> Self {
        assert!(seqno >= state.since, "a view of {seqno} of a state since {}", state.since);
        Self { state, seqno }
    }
}

impl View for LsmView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.state.get(&target(table, key), self.seqno)
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let Some(mut range) = range(table, bounds) else { return Ok(()) };
        let mut records = (self.state.scan)(range.clone(), self.seqno);
        // Where a seek wants to go, and the steps it has taken.
        let mut sought: Option<(Vec<u8>, u32)> = None;
        loop {
            let next = match direction {
                Direction::Ascending => records.next(),
                Direction::Descending => records.next_back(),
            };
            let Some(next) = next else { return Ok(()) };
            let record = next.map_err(|error| self.state.fault(&error))?;
            let key = &record.key.user_key[1..];
            if let Some((to, steps)) = &mut sought {
                let short = match direction {
                    Direction::Ascending => key < to.as_slice(),
                    Direction::Descending => key > to.as_slice(),
                };
                if short {
                    *steps += 1;
                    if *steps == SEEK_STEPS {
                        let to = Bound::Included(target(table, to).into());
                        match direction {
                            Direction::Ascending => range.0 = to,
                            Direction::Descending => range.1 = to,
                        }
                        if is_empty(&range) {
                            return Ok(());
                        }
                        records = (self.state.scan)(range.clone(), self.seqno);
                    }
                    continue;
                }
                sought = None;
            }
            let value = match part {
                Part::Keys => &[],
                Part::Records => &*record.value,
            };
            match visit(key, value) {
                Step::Next => {}
                Step::Seek(to) => sought = Some((to, 0)),
                Step::Stop => return Ok(()),
            }
        }
    }
}

/// The key as it lies in the tree.
pub(crate) fn prefixed(table: Table, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 1);
    bytes.push(table.id);
    bytes.extend_from_slice(key);
    bytes
}

/// The key as it is looked for. The tree stops at keys beyond its limit; how one goes on that is
/// longer than any key there is makes no difference.
fn target(table: Table, key: &[u8]) -> Vec<u8> {
    prefixed(table, &key[..key.len().min(KEY_BYTES_MAX + 1)])
}

/// The bounds as they lie in the tree; `None` if nothing can be within.
pub(crate) fn range(table: Table, (low, high): Bounds<'_>) -> Option<Range> {
    let bound = |bound: Bound<&[u8]>| bound.map(|key| UserKey::from(target(table, key)));
    let low = match low {
        Bound::Unbounded => Bound::Included(UserKey::from([table.id])),
        low => bound(low),
    };
    let high = match (high, table.id.checked_add(1)) {
        (Bound::Unbounded, Some(next)) => Bound::Excluded(UserKey::from([next])),
        (Bound::Unbounded, None) => Bound::Unbounded,
        (high, _) => bound(high),
    };
    let range = (low, high);
    (!is_empty(&range)).then_some(range)
}

fn is_empty((low, high): &Range) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low >= high,
        _ => false,
    }
}
