//! The owner's side: groups, markers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use home::{Home, Tally};
use raftlog::{Fault, Identity, LogReader, Marker, Opened, RaftLog};
use units::{Entry, HardState, Index, Position};

use crate::codec::{self, Generation};
use crate::contents::Contents;
use crate::fault::in_words;
use crate::open::{self, Start};
use crate::reader::Reader;
use crate::store::{Group, Store};

/// Data that may wait for a sync; beyond it, a group is synced unasked, so that memory is bounded.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// A log in a store, in a directory of its own.
///
/// # Invariants
///
/// - All that is in the store is synced: what is not is in the contents' group, and in `hard_state`
///   if `changed`.
/// - The tree has no entry at or behind `end`.
/// - After a fault nothing is written any more.
pub struct KeyedLog<S: Store> {
    shared: Arc<Shared<S>>,
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
pub(crate) struct Shared<S> {
    pub(crate) store: S,
    /// Where the store's files are.
    pub(crate) files: PathBuf,
    /// Held for short work only: in memory, or for a chunk of reads; not while anything is synced.
    contents: Mutex<Contents>,
    /// Dropped last, and with it the lock.
    _home: Home,
}

impl<S: Store> KeyedLog<S> {
    /// Whether a directory holds a log.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when something else is there, [`Fault::Corrupt`] or [`Fault::Io`] when
    /// nobody can say.
    pub fn exists(directory: &Path) -> Result<bool, Fault> {
        Home::is_furnished(directory, S::KIND).map_err(in_words)
    }

    /// Makes an empty log in a directory that is not there or empty, and opens it.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when something is there already, or a fault of the file system.
    pub fn create(
        directory: &Path,
        identity: Identity,
        options: &S::Options,
    ) -> Result<Opened, Fault> {
        open::create::<S>(directory, identity, options).map(Self::opened).map_err(in_words)
    }

    /// Opens the log in a directory.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when there is no log, [`Fault::Locked`] while somebody has it open or a
    /// reader of it lives, [`Fault::Corrupt`] when it is damaged, or lacks what was synced.
    pub fn open(directory: &Path, options: &S::Options) -> Result<Opened, Fault> {
        open::open::<S>(directory, options).map(Self::opened).map_err(in_words)
    }

    fn opened(start: Start<S>) -> Opened {
        let Start { identity, hard_state, marker, count, contents, tally, store, files, home } =
            start;
        let (runs, last, end) = (contents.runs(), contents.last(), contents.unwritten());
        let contents = Mutex::new(contents);
        let log = Self {
            shared: Arc::new(Shared { store, files, contents, _home: home }),
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
    fn once(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<(), home::Fault>,
    ) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let done = act(self).map_err(in_words);
        self.fault = done.as_ref().err().cloned();
        done
    }

    /// Makes durable what was appended, and a marker with it.
    fn flush(&mut self, marker: Option<&Marker>) -> Result<(), home::Fault> {
        let contents = self.shared.contents();
        if contents.group().is_empty() && !self.changed && marker.is_none() {
            return Ok(());
        }
        let generation = contents.generation;
        let entries = contents.group().iter();
        let puts = entries
            .map(|entry| (codec::key(generation, entry.index).to_vec(), codec::entry(entry)));
        let mut group = Group { puts: puts.collect(), gone: None };
        // What the group has replaced, and more.
        let next = contents.last().index.next();
        if next < self.end {
            group.gone = Some(codec::key(generation, next)..codec::key(generation, self.end));
        }
        drop(contents);
        if let Some(marker) = marker {
            group.puts.push((codec::MARKER.to_vec(), codec::marker(generation, marker)));
        }
        self.write(group)?;
        let mut contents = self.shared.contents();
        contents.settle();
        self.end = contents.unwritten();
        self.group_bytes = 0;
        Ok(())
    }

    /// Makes a group durable as the next one, with the hard state.
    fn write(&mut self, mut group: Group) -> Result<(), home::Fault> {
        if self.hard_state != HardState::default() {
            group.puts.push((codec::HARD_STATE.to_vec(), codec::hard_state(self.hard_state)));
        }
        let count = self.count + 1;
        group.puts.push((codec::COUNT.to_vec(), codec::count(count)));
        self.shared.store.write(group)?;
        self.tally.note(count)?;
        self.count = count;
        self.changed = false;
        Ok(())
    }

    /// Removes entries that nobody reads any more, some time.
    fn remove(&self, generation: Generation, first: Index, end: Index) -> Result<(), home::Fault> {
        if first >= end {
            return Ok(());
        }
        self.shared.store.remove(codec::key(generation, first)..codec::key(generation, end))
    }
}

impl<S> Shared<S> {
    pub(crate) fn contents(&self) -> MutexGuard<'_, Contents> {
        // Whoever panicked with it stops the member; a reader may still look.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store> RaftLog for KeyedLog<S> {
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
            log.remove(generation, first, index.next())
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
            let put = (codec::MARKER.to_vec(), codec::marker(former.next(), marker));
            log.write(Group { puts: vec![put], gone: None })?;
            log.marker = marker.clone();
            log.group_bytes = 0;
            log.shared.contents().install(former.next(), marker.position);
            let end = std::mem::replace(&mut log.end, index.next());
            log.remove(former, first, end)
        })
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader::new(Arc::clone(&self.shared)))
    }
}

impl<S: Store> Drop for KeyedLog<S> {
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
