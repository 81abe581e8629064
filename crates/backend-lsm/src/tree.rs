//! One tree: its memtables, its files, and what of them is visible.

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use backend::{Batch, Direction, Fault, Operation, Part, Step, Table, View};
use home::{Place, hold, is_of_content};
use lsm_tree::compaction::Leveled;
use lsm_tree::config::{CompressionPolicy, PartitioningPolicy};
use lsm_tree::{
    AbstractTree, AnyTree, Cache, CompressionType, InternalValue, SeqNo, SequenceNumberCounter,
    UserKey, UserValue, ValueType,
};

use crate::bounds::{FLAT, Within};
use crate::fault::{self, guarded, of_opening};
use crate::manifest;
use crate::memtable::Memtable;
use crate::merging::{Merging, Room};
use crate::pace::{Leisure, Pace};
use crate::view::{LsmView, State};

/// Below which number the tree need not keep what is older, of a key or of its own lists of files:
/// below any. Whoever reads a file sees all that is in it, as views of less have older states,
/// which hold their files themselves. A number that follows the writer would keep the files of all
/// merges for as long as nobody writes.
const NEWEST_ALONE: SeqNo = SeqNo::MAX;

/// Files in level 0 that set off a merge of them all with what they overlap in level 1, which is
/// about all of it. A busy member makes one for every step that its log is trimmed by, which is a
/// few megabytes; so with few of them, level 1 would be written again and again. With many, reads
/// ask many filters.
const LEVEL_0_FILES: u8 = 8;
/// Bytes that a file of a lower level is about to have. Level 1 may have as many of these as set
/// off a merge, so that it is not much bigger than what is merged into it.
const FILE_BYTES: u64 = 16 << 20;
/// What is written again soon, and read most, is not compressed.
const COMPRESSION: [CompressionType; 3] =
    [CompressionType::None, CompressionType::None, CompressionType::Lz4];

/// A change as it goes into the memtable.
type Change = (UserKey, UserValue, ValueType);

/// A tree and its published state.
///
/// # Invariants
///
/// - `state` shows every memtable that `active` has ever been and that is not in a file.
/// - A batch lies in one memtable, under one number, and is visible when all of it is there.
pub(crate) struct Tree {
    lsm: AnyTree,
    place: Arc<Place>,
    /// Shared with the tree, which numbers its versions.
    seqno: SequenceNumberCounter,
    /// The first number that views do not see.
    visible: AtomicU64,
    /// What the writer writes to; held for a batch.
    active: Mutex<Arc<Memtable>>,
    /// The one that is written to, and those that are sealed and perhaps not in a file yet, newest
    /// first. Held while a memtable is rotated and while a state is published, so that no state
    /// misses one, nor comes after a newer one.
    memtables: Mutex<Vec<Arc<Memtable>>>,
    state: Mutex<Arc<State>>,
    /// States that views may still hold. Freeing a memtable or a file takes longer than a read may,
    /// so the last to let go of a state is one of the engine's threads.
    former: Mutex<Vec<Arc<State>>>,
    /// The newest view, if anybody still has it. Held while a view is made.
    newest: Mutex<Weak<LsmView>>,
    /// One flush at a time.
    flushing: Mutex<()>,
    /// Shared by whoever writes files; whoever clears them away has it alone.
    writing: RwLock<()>,
    room: Arc<Room>,
    disk_bytes: AtomicU64,
}

/// What came of looking for something to merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    /// Nothing was worth it.
    Nothing,
    /// There is not enough room for it on the disk.
    NoRoom,
    /// Some files.
    Some,
}

impl Tree {
    /// Opens a tree that is there, and checks what it does not check itself.
    pub(crate) fn open(place: Place, cache: Arc<Cache>, merging: Merging) -> Result<Self, Fault> {
        manifest::check(place.path())?;
        Self::with_files(place, cache, merging)
    }

    /// Makes an empty tree where nothing is.
    pub(crate) fn create(place: Place, cache: Arc<Cache>, merging: Merging) -> Result<Self, Fault> {
        Self::with_files(place, cache, merging)
    }

    fn with_files(place: Place, cache: Arc<Cache>, merging: Merging) -> Result<Self, Fault> {
        let path = place.path();
        let room = Arc::clone(&merging.room);
        let seqno = SequenceNumberCounter::default();
        // The tree raises a counter of visible numbers whenever it takes a number itself, even
        // while a batch is half written. Views go by ours, so it gets one that nobody reads.
        let unread = SequenceNumberCounter::default();
        let config = lsm_tree::Config::new(path, seqno.clone(), unread)
            .use_cache(cache)
            .data_block_compression_policy(CompressionPolicy::new(COMPRESSION))
            .index_block_partitioning_policy(PartitioningPolicy::new([false, true]))
            .filter_block_partitioning_policy(PartitioningPolicy::new([false, true]))
            .with_compaction_filter_factory(Some(Arc::new(merging)));
        let lsm = match guarded(|| config.open()) {
            Ok(Ok(lsm)) => lsm,
            Ok(Err(lsm_tree::Error::Io(error))) if !is_of_content(&error) => {
                return Err(fault::io("opening", path, &error));
            }
            Ok(Err(error)) => return Err(of_opening(path, &fault::in_words(&error))),
            Err(panic) => return Err(of_opening(path, &panic)),
        };
        let next = lsm.get_highest_seqno().map_or(1, |highest| highest + 1);
        seqno.set(next);
        let place = Arc::new(place);
        let active = Arc::new(Memtable::of(lsm.active_memtable()));
        let memtables = vec![active.clone()];
        let state = State::of(&lsm, memtables.clone(), next, place.clone());
        let this = Self {
            active: Mutex::new(active),
            memtables: Mutex::new(memtables),
            state: Mutex::new(Arc::new(state)),
            former: Mutex::default(),
            newest: Mutex::default(),
            visible: AtomicU64::new(next),
            flushing: Mutex::default(),
            writing: RwLock::default(),
            room,
            disk_bytes: AtomicU64::new(0),
            lsm,
            place,
            seqno,
        };
        this.publish(&hold(&this.memtables));
        Ok(this)
    }

    /// Everything that is visible now.
    pub(crate) fn view(&self) -> Arc<LsmView> {
        let mut newest = hold(&self.newest);
        // In this order: a state holds all that was visible when it was published, but of an older
        // state's content a newer one may have dropped what only old numbers see.
        let state = self.state();
        let visible = self.visible.load(Ordering::Acquire);
        let same = newest.upgrade().filter(|view| view.sees_all_below(visible));
        same.unwrap_or_else(|| {
            let view = Arc::new(LsmView::of(state, visible));
            *newest = Arc::downgrade(&view);
            view
        })
    }

    pub(crate) fn state(&self) -> Arc<State> {
        hold(&self.state).clone()
    }

    /// Makes the batch visible. One caller at a time.
    pub(crate) fn write(&self, batch: Batch) -> Result<(), Fault> {
        let changes = self.changes(batch)?;
        let active = hold(&self.active);
        assert!(hold(&self.state).shows(&active), "views do not know the memtable of the writer");
        let seqno = self.seqno.next();
        for (key, value, kind) in changes {
            active.insert(InternalValue::from_components(key, value, seqno, kind));
        }
        let before = self.visible.swap(seqno + 1, Ordering::AcqRel);
        assert!(before <= seqno, "{seqno} is visible before it was written");
        Ok(())
    }

    /// Puts everything that is written into files, and syncs them. If there is no room for them,
    /// it stays in memory.
    pub(crate) fn flush(&self) -> Result<(), Fault> {
        let _one = hold(&self.flushing);
        self.write_files("writing", || self.flush_memtables())
    }

    fn flush_memtables(&self) -> lsm_tree::Result<()> {
        let lock = self.lsm.get_flush_lock();
        // Before another memtable is sealed, that which found no room the last time: else each
        // attempt on a full disk would add one, and each of them becomes a file in level 0, which
        // has room for 255.
        self.write_sealed()?;
        self.seal();
        self.write_sealed()?;
        drop(lock);
        Ok(())
    }

    /// Gives the writer another memtable, if there is something in the one it has.
    fn seal(&self) {
        let mut memtables = hold(&self.memtables);
        if self.lsm.rotate_memtable().is_some() {
            let next = Arc::new(Memtable::of(self.lsm.active_memtable()));
            memtables.insert(0, next.clone());
            // Views know the next memtable before anything is written to it.
            self.publish(&memtables);
            // Waits for the batch that is being written; the sealed one then holds whole batches.
            *hold(&self.active) = next;
        }
    }

    /// Makes a file of the memtable that is sealed, if one is.
    fn write_sealed(&self) -> lsm_tree::Result<()> {
        let sealed = match &hold(&self.memtables)[..] {
            [_active] => return Ok(()),
            [_active, sealed] => Arc::clone(sealed),
            others => panic!("{} memtables, and one flush at a time", others.len()),
        };
        self.write_file(&sealed)?;
        let mut memtables = hold(&self.memtables);
        memtables.truncate(1);
        self.publish(&memtables);
        Ok(())
    }

    /// Makes a file of a sealed memtable.
    fn write_file(&self, memtable: &Memtable) -> lsm_tree::Result<()> {
        let visible = self.visible.load(Ordering::Acquire);
        // Memory waits for it, and perhaps the writer.
        let mut pace = Pace::new(Leisure::default());
        let records = memtable.newest().map(|record| {
            assert!(record.key.seqno < visible, "a sealed memtable holds whole batches");
            pace.worked(record.key.user_key.len() + record.value.len());
            Ok(record)
        });
        let made = self.lsm.flush_to_tables(records)?;
        let (tables, blobs) = made.expect("a memtable is sealed because there is something in it");
        self.lsm.register_tables(&tables, blobs.as_deref(), None, &[memtable.id()], NEWEST_ALONE)
    }

    /// Merges files where it is most worth it.
    pub(crate) fn compact(&self) -> Result<Merged, Fault> {
        let Some(begin) = self.room.begin() else { return Ok(Merged::NoRoom) };
        match self.write_files("merging", || self.merge_files()) {
            Ok(true) => Ok(Merged::Some),
            Ok(false) => Ok(Merged::Nothing),
            Err(Fault::Full { .. }) => {
                self.room.ran_out(begin);
                Ok(Merged::NoRoom)
            }
            Err(fault) => Err(fault),
        }
    }

    fn merge_files(&self) -> lsm_tree::Result<bool> {
        let before = self.lsm.current_version().id();
        let leveled = Arc::new(
            Leveled::default().with_l0_threshold(LEVEL_0_FILES).with_table_target_size(FILE_BYTES),
        );
        self.lsm.compact(leveled, NEWEST_ALONE)?;
        // A flush may have made a version, too; then there is one more state than need be.
        let merged = self.lsm.current_version().id() != before;
        if merged {
            self.publish(&hold(&self.memtables));
        }
        Ok(merged)
    }

    /// Does what writes files. If there was no room for them, what was begun of them is cleared
    /// away, and the tree is as it was.
    fn write_files<T>(
        &self,
        doing: &str,
        write: impl FnOnce() -> lsm_tree::Result<T>,
    ) -> Result<T, Fault> {
        let shared = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        let done = self.done(doing, guarded(write));
        drop(shared);
        if let Err(fault @ Fault::Full { .. }) = &done {
            // Nobody is to write what another clears away; merges that are under way end here.
            let _hurried = self.room.hurry();
            let _alone = self.writing.write().unwrap_or_else(PoisonError::into_inner);
            self.remove_begun(fault)?;
        }
        done
    }

    /// Removes the files that no version names, nor any view. For whoever writes alone.
    fn remove_begun(&self, fault: &Fault) -> Result<(), Fault> {
        let version = self.lsm.current_version();
        let path = self.place.path();
        // Else it is not known which version a crash would leave.
        if manifest::version_in_use(path)? != version.id() {
            return Err(Fault::Io { doing: fault.to_string(), error: "half done".to_string() });
        }
        let mut states = hold(&self.former).clone();
        states.push(self.state());
        let held = states.iter().flat_map(|state| &state.tables).chain(version.iter_tables());
        let held: HashSet<u64> = held.map(lsm_tree::Table::id).collect();
        let tables = path.join("tables");
        let entries = fs::read_dir(&tables).map_err(|error| fault::io("reading", &tables, &error));
        for entry in entries?.flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if id.is_some_and(|id| !held.contains(&id)) {
                // What stays is removed at the next opening.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Fills an empty tree with records in ascending order, durably.
    pub(crate) fn fill(&self, records: &mut dyn backend::Records) -> Result<(), Fault> {
        assert!(self.state().tables.is_empty(), "only an empty tree can be filled");
        let mut ingestion = self.done("writing", guarded(|| self.lsm.ingestion()))?;
        let mut records = FLAT.ascending(records);
        while let Some((key, value)) = records.next()? {
            self.done("writing", guarded(|| ingestion.write(key, &*value)))?;
        }
        self.done("writing", guarded(|| ingestion.finish()))?;
        self.visible.store(self.seqno.get(), Ordering::Release);
        self.publish(&hold(&self.memtables));
        Ok(())
    }

    /// Its directory goes when its last view does.
    pub(crate) fn retire(&self) {
        self.place.retire();
    }

    /// Its directory stays after all.
    pub(crate) fn keep(&self) {
        self.place.keep();
    }

    /// Bytes in the memtable that is written to.
    pub(crate) fn active_bytes(&self) -> u64 {
        hold(&self.active).size()
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.disk_bytes.load(Ordering::Relaxed)
    }

    /// The changes that a batch makes, each of one key.
    fn changes(&self, batch: Batch) -> Result<Vec<Change>, Fault> {
        let mut changes: Vec<Change> = Vec::with_capacity(batch.operations().len());
        let mut bytes = Vec::new();
        let mut in_tree = |table: Table, key: &[u8]| {
            bytes.clear();
            bytes.push(table.id);
            bytes.extend_from_slice(key);
            UserKey::from(bytes.as_slice())
        };
        let gone = |key| (key, UserValue::default(), ValueType::Tombstone);
        for (table, operation) in batch.into_operations() {
            match operation {
                Operation::Put { key, value } => {
                    let value = UserValue::from(&*value);
                    changes.push((in_tree(table, &key), value, ValueType::Value));
                }
                Operation::Delete { key } => changes.push(gone(in_tree(table, &key))),
                Operation::DeleteRange { start, end } => {
                    let bounds = range_of(&start, end.as_deref());
                    let up = Direction::Ascending;
                    let Some(within) = Within::of(table, bounds, up) else { continue };
                    let mut keys: Vec<UserKey> = changes
                        .iter()
                        .map(|change| &change.0)
                        .filter(|key| within.holds(key))
                        .cloned()
                        .collect();
                    self.view().scan(table, bounds, up, Part::Keys, &mut |key, _| {
                        keys.push(in_tree(table, key));
                        Step::Next
                    })?;
                    changes.extend(keys.into_iter().map(gone));
                }
            }
        }
        Ok(changes)
    }

    /// Lets views see what the tree has become.
    fn publish(&self, memtables: &MutexGuard<'_, Vec<Arc<Memtable>>>) {
        let visible = self.visible.load(Ordering::Acquire);
        let state = State::of(&self.lsm, memtables.to_vec(), visible, self.place.clone());
        let state = Arc::new(state);
        let before = std::mem::replace(&mut *hold(&self.state), state.clone());
        hold(&self.former).push(before);
        // As long as nothing is written, whoever holds the newest view need not hold what it was
        // made of.
        if let Some(view) = hold(&self.newest).upgrade() {
            view.move_to(&state);
        }
        self.free_former();
        self.measure();
    }

    /// Frees what no view holds any more. Whether views hold former states.
    pub(crate) fn free_former(&self) -> bool {
        let mut former = hold(&self.former);
        let free = former.extract_if(.., |state| Arc::strong_count(state) == 1).collect::<Vec<_>>();
        let are_held = !former.is_empty();
        drop(former);
        if !free.is_empty() {
            drop(free);
            self.measure();
        }
        are_held
    }

    fn measure(&self) {
        self.disk_bytes.store(self.place.disk_bytes(), Ordering::Relaxed);
    }

    fn done<T>(
        &self,
        doing: &str,
        result: Result<lsm_tree::Result<T>, String>,
    ) -> Result<T, Fault> {
        match result {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                let tables = &self.state().tables;
                Err(fault::of_tables(doing, self.place.path(), tables, &error))
            }
            Err(panic) => Err(fault::corrupt(self.place.path(), panic)),
        }
    }
}

fn range_of<'a>(start: &'a [u8], end: Option<&'a [u8]>) -> backend::Bounds<'a> {
    use std::ops::Bound;
    (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded))
}
