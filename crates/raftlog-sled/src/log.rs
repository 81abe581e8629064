//! The owner's side: groups, markers.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use raftlog::{Fault, Identity, LogReader, Marker, Opened, RaftLog};
use sled::{Batch, IVec};
use units::{Entry, HardState, Index, Position};

use crate::codec::{self, Generation};
use crate::contents::Contents;
use crate::directory::Directory;
use crate::open::{self, Options};
use crate::reader::Reader;
use crate::store::Store;
use crate::tally::Tally;

/// Data that may wait for a sync; beyond it, a group is synced unasked, so that memory is bounded.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// A log in `sled`, in a directory of its own.
///
/// # Invariants
///
/// - All that is in the tree is synced: what is not is in the contents' group, and in `hard_state`
///   if `changed`.
/// - The tree has no entry at or behind `end`.
/// - After a fault nothing is written any more.
pub struct SledLog {
    shared: Arc<Shared>,
    tally: Tally,
    /// The number of the last group.
    count: u64,
    marker: Marker,
    /// The newest appended.
    hard_state: HardState,
    /// Whether the hard state is another than the one written.
    changed: bool,
    group_bytes: usize,
    end: Index,
    fault: Option<Fault>,
}

/// What the owner and its readers use.
pub(crate) struct Shared {
    pub(crate) store: Store,
    /// Held for short work only: in memory, or for a chunk of reads; not while anything is synced.
    contents: Mutex<Contents>,
    /// Dropped last, and with it the lock.
    _directory: Directory,
}

/// What a start has found.
pub(crate) struct Start {
    pub(crate) identity: Identity,
    pub(crate) hard_state: HardState,
    pub(crate) marker: Marker,
    pub(crate) count: u64,
    pub(crate) contents: Contents,
}

impl SledLog {
    /// Whether a directory holds a log.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`], when nobody can say.
    pub fn exists(directory: &Path) -> Result<bool, Fault> {
        Directory::has_log(directory)
    }

    /// Makes an empty log in a directory that is not there or empty, and opens it. Its parent must
    /// be there.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when something is there already, or a fault of the file system.
    pub fn create(directory: &Path, identity: Identity, options: Options) -> Result<Opened, Fault> {
        open::create(directory, identity, options)
    }

    /// Opens the log in a directory.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when there is no log, [`Fault::Locked`] while somebody has it open or a
    /// reader of it lives, [`Fault::Corrupt`] when it is damaged, or lacks what was synced.
    pub fn open(directory: &Path, options: Options) -> Result<Opened, Fault> {
        open::open(directory, options)
    }

    pub(crate) fn opened(directory: Directory, store: Store, tally: Tally, start: Start) -> Opened {
        let Start { identity, hard_state, marker, count, contents } = start;
        let (runs, last, end) = (contents.runs(), contents.last(), contents.unwritten());
        let contents = Mutex::new(contents);
        let log = Self {
            shared: Arc::new(Shared { store, contents, _directory: directory }),
            tally,
            count,
            marker: marker.clone(),
            hard_state,
            changed: false,
            group_bytes: 0,
            end,
            fault: None,
        };
        Opened { identity, hard_state, marker, runs, last, repaired: None, log: Box::new(log) }
    }

    /// Does something that may fail once: after a fault there is only that fault.
    fn once(&mut self, act: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let done = act(self);
        self.fault = done.as_ref().err().cloned();
        done
    }

    /// Makes durable what was appended, and a marker with it.
    fn flush(&mut self, marker: Option<&Marker>) -> Result<(), Fault> {
        let contents = self.shared.contents();
        if contents.group().is_empty() && !self.changed && marker.is_none() {
            return Ok(());
        }
        let (mut batch, generation) = (Batch::default(), contents.generation);
        for entry in contents.group() {
            batch.insert(&codec::key(generation, entry.index)[..], codec::entry(entry));
        }
        // What the group has replaced, and more.
        for index in contents.last().index.0 + 1..self.end.0 {
            batch.remove(&codec::key(generation, Index(index))[..]);
        }
        drop(contents);
        if let Some(marker) = marker {
            batch.insert(codec::MARKER, codec::marker(generation, marker));
        }
        self.write(batch)?;
        let mut contents = self.shared.contents();
        contents.settle();
        self.end = contents.unwritten();
        self.group_bytes = 0;
        Ok(())
    }

    /// Makes a batch durable as the next group, with the hard state.
    fn write(&mut self, mut batch: Batch) -> Result<(), Fault> {
        if self.hard_state != HardState::default() {
            batch.insert(codec::HARD_STATE, codec::hard_state(self.hard_state));
        }
        let count = self.count + 1;
        batch.insert(codec::COUNT, codec::count(count));
        self.shared.store.apply(batch)?;
        self.shared.store.sync()?;
        self.tally.note(count)?;
        self.count = count;
        self.changed = false;
        Ok(())
    }

    /// Removes entries that nobody reads any more, some time.
    fn remove(&self, generation: Generation, entries: std::ops::Range<u64>) -> Result<(), Fault> {
        let keys = entries.map(|index| IVec::from(&codec::key(generation, Index(index))[..]));
        self.shared.store.remove(&keys.collect::<Vec<_>>())
    }
}

impl Shared {
    pub(crate) fn contents(&self) -> MutexGuard<'_, Contents> {
        // Whoever panicked with it stops the member; a reader may still look.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RaftLog for SledLog {
    fn append(&mut self, entries: &[Entry], hard_state: Option<HardState>) -> Result<(), Fault> {
        self.once(|log| {
            let mut contents = log.shared.contents();
            if let Some(first) = entries.first().map(|entry| entry.index) {
                let (last, commit) = (contents.last().index, log.hard_state.commit);
                assert!(first <= last.next(), "{first} leaves a gap after {last}");
                assert!(first > commit, "{first} is committed: {commit}");
                assert!(first > log.marker.position.index, "{first} is trimmed");
                contents.append(entries);
                log.group_bytes += entries.iter().map(|entry| entry.data.len()).sum::<usize>();
            }
            if let Some(hard_state) = hard_state {
                let last = contents.last().index;
                let HardState { term, commit, .. } = log.hard_state;
                assert!(hard_state.commit <= last, "{hard_state:?} is beyond entry {last}");
                assert!(hard_state.term >= term, "{hard_state:?} is older than term {term}");
                let hard_state = HardState { commit: hard_state.commit.max(commit), ..hard_state };
                log.changed |= log.hard_state != hard_state;
                log.hard_state = hard_state;
            }
            drop(contents);
            if log.group_bytes > GROUP_BYTES_MAX { log.flush(None) } else { Ok(()) }
        })
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.once(|log| log.flush(None))
    }

    fn trim(&mut self, marker: &Marker) -> Result<(), Fault> {
        let Position { term, index } = marker.position;
        if index <= self.marker.position.index {
            return Ok(());
        }
        self.once(|log| {
            let (held, generation, first) = {
                let contents = log.shared.contents();
                (contents.term(index), contents.generation, contents.first())
            };
            assert_eq!(held, Some(term), "a marker names an entry that is held");
            log.hard_state.commit = log.hard_state.commit.max(index);
            log.flush(Some(marker))?;
            log.marker = marker.clone();
            log.shared.contents().trim(marker.position);
            log.remove(generation, first.0..index.0 + 1)
        })
    }

    fn install(&mut self, marker: &Marker) -> Result<(), Fault> {
        self.once(|log| {
            let (index, commit) = (marker.position.index, log.hard_state.commit);
            assert!(index >= commit, "{marker:?} is below the commit index {commit}");
            log.hard_state.commit = index;
            let (former, first) = {
                let contents = log.shared.contents();
                (contents.generation, contents.first())
            };
            let mut batch = Batch::default();
            batch.insert(codec::MARKER, codec::marker(former.next(), marker));
            log.write(batch)?;
            log.marker = marker.clone();
            log.group_bytes = 0;
            log.shared.contents().install(former.next(), marker.position);
            let end = std::mem::replace(&mut log.end, index.next());
            log.remove(former, first.0..end.0)
        })
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader::new(Arc::clone(&self.shared)))
    }
}

impl Drop for SledLog {
    /// Writes what is not written, mostly a commit index that nobody waited for. It may fail:
    /// nobody was told that it is durable.
    fn drop(&mut self) {
        if thread::panicking() {
            // Perhaps in the middle of a change.
            return;
        }
        let _unacknowledged = self.once(|log| log.flush(None));
    }
}
