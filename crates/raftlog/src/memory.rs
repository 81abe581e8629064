//! A log in memory, over a disk that remembers what a crash would leave of it.
//!
//! It is good for tests, which decide what a crash costs, and for a member alone that is to be
//! measured or embedded without files. Nothing outlives the process, a member's votes neither: one
//! of several that comes back would vote twice.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use units::{Entry, HardState, Index, Position, Term};

use crate::{Fault, Identity, LogReader, Marker, Opened, RaftLog, ReadError, TermRun};

/// A disk for one log at a time. Clones are handles of the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

/// # Invariants
///
/// - `visible` is `durable` after all of `unsynced`.
#[derive(Debug, Default)]
struct State {
    identity: Option<Identity>,
    durable: Image,
    visible: Image,
    unsynced: Vec<Step>,
    /// Which opening of the disk is the valid one; a log of an earlier one is refused.
    opening: u64,
    in_use: bool,
    /// Why nothing works any more, if so.
    broken: Option<Fault>,
}

/// A log at one moment. Its entries follow the marker without a gap.
#[derive(Debug, Default)]
struct Image {
    marker: Marker,
    entries: VecDeque<Entry>,
    hard_state: HardState,
}

/// The smallest change that a crash can lose.
#[derive(Clone, Debug)]
enum Step {
    Entry(Entry),
    HardState(HardState),
}

struct Log {
    disk: Disk,
    opening: u64,
}

struct Reader {
    disk: Disk,
    opening: u64,
}

impl Disk {
    /// A disk without a log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a log and opens it.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when there is one already.
    pub fn create(&self, identity: Identity) -> Result<Opened, Fault> {
        let mut state = self.state();
        if state.identity.is_some() {
            return Err(foreign("it holds a log already"));
        }
        state.identity = Some(identity);
        drop(state);
        self.open()
    }

    /// Opens what the last log left.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when there is no log, [`Fault::Locked`] while it is open.
    pub fn open(&self) -> Result<Opened, Fault> {
        let mut state = self.state();
        let Some(identity) = state.identity else {
            return Err(foreign("there is no log"));
        };
        if state.in_use {
            return Err(Fault::Locked { path: "memory".to_string() });
        }
        state.settle();
        state.in_use = true;
        state.opening += 1;
        Ok(Opened {
            log: Box::new(Log { disk: self.clone(), opening: state.opening }),
            identity,
            hard_state: state.visible.hard_state,
            marker: state.visible.marker.clone(),
            runs: state.visible.runs(),
            last: state.visible.last(),
            repaired: None,
        })
    }

    /// How many entries and hard states a crash could lose now.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.state().unsynced.len()
    }

    /// Ends the log that uses the disk: of the entries and hard states that are not synced the
    /// first `survivors` are still there when it is opened again. The log itself and its readers
    /// answer with faults from now on.
    pub fn crash(&self, survivors: usize) {
        let mut state = self.state();
        state.unsynced.truncate(survivors);
        state.settle();
        state.visible = Image {
            marker: state.durable.marker.clone(),
            entries: state.durable.entries.clone(),
            hard_state: state.durable.hard_state,
        };
        state.opening += 1;
        state.in_use = false;
        state.broken = None;
    }

    /// From now on everything that writes or syncs answers with this fault, until a crash.
    pub fn fail(&self, fault: Fault) {
        self.state().broken = Some(fault);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A holder that panicked did so before it changed anything.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, opening: u64) -> Result<(), Fault> {
        if self.opening == opening {
            return Ok(());
        }
        Err(Fault::Io {
            doing: "using a log in memory".to_string(),
            error: "it has crashed or was opened again".to_string(),
        })
    }

    fn check_write(&self, opening: u64) -> Result<(), Fault> {
        self.check(opening)?;
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn take(&mut self, step: Step) {
        self.visible.take(step.clone());
        self.unsynced.push(step);
    }

    fn settle(&mut self) {
        for step in mem::take(&mut self.unsynced) {
            self.durable.take(step);
        }
    }
}

impl Image {
    fn last(&self) -> Position {
        self.entries
            .back()
            .map_or(self.marker.position, |entry| Position { term: entry.term, index: entry.index })
    }

    fn term(&self, index: Index) -> Option<Term> {
        let after = index.0.checked_sub(self.marker.position.index.0)?;
        match after.checked_sub(1) {
            None => Some(self.marker.position.term),
            Some(place) => self.entries.get(usize::try_from(place).ok()?).map(|entry| entry.term),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Entry(entry) => {
                let held = entry.index.0 - self.marker.position.index.0 - 1;
                self.entries
                    .truncate(usize::try_from(held).expect("entries in memory are counted"));
                self.entries.push_back(entry);
            }
            Step::HardState(hard_state) => self.hard_state = hard_state,
        }
    }

    fn trim(&mut self, marker: &Marker) {
        while self.entries.front().is_some_and(|entry| entry.index <= marker.position.index) {
            self.entries.pop_front();
        }
        self.go_on_after(marker);
    }

    fn go_on_after(&mut self, marker: &Marker) {
        self.marker = marker.clone();
        self.hard_state.commit = self.hard_state.commit.max(marker.position.index);
    }

    fn runs(&self) -> Vec<TermRun> {
        let mut runs: Vec<TermRun> = Vec::new();
        for entry in &self.entries {
            if runs.last().is_none_or(|run| run.term != entry.term) {
                runs.push(TermRun { first: entry.index, term: entry.term });
            }
        }
        runs
    }
}

impl RaftLog for Log {
    fn append(&mut self, entries: &[Entry], hard_state: Option<HardState>) -> Result<(), Fault> {
        let mut state = self.disk.state();
        state.check_write(self.opening)?;
        for (nth, entry) in entries.iter().enumerate() {
            let (last, image) = (state.visible.last(), &state.visible);
            assert!(
                entry.index <= last.index.next(),
                "{} leaves a gap after {last:?}",
                entry.index
            );
            assert!(entry.index > image.marker.position.index, "{} is trimmed", entry.index);
            assert!(entry.index > image.hard_state.commit, "{} is committed", entry.index);
            assert!(nth == 0 || entry.index == last.index.next(), "entries are contiguous");
            state.take(Step::Entry(entry.clone()));
        }
        if let Some(hard_state) = hard_state {
            let (last, HardState { term, commit, .. }) =
                (state.visible.last().index, state.visible.hard_state);
            assert!(hard_state.commit <= last, "{hard_state:?} is beyond the last entry {last}");
            assert!(hard_state.term >= term, "{hard_state:?} is older than term {term}");
            let commit = hard_state.commit.max(commit);
            state.take(Step::HardState(HardState { commit, ..hard_state }));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        let mut state = self.disk.state();
        state.check_write(self.opening)?;
        state.settle();
        Ok(())
    }

    fn trim(&mut self, marker: &Marker) -> Result<(), Fault> {
        let mut state = self.disk.state();
        state.check_write(self.opening)?;
        let Position { term, index } = marker.position;
        if index <= state.visible.marker.position.index {
            return Ok(());
        }
        assert_eq!(state.visible.term(index), Some(term), "a marker names an entry that is held");
        state.settle();
        state.durable.trim(marker);
        state.visible.trim(marker);
        Ok(())
    }

    fn install(&mut self, marker: &Marker) -> Result<(), Fault> {
        let mut state = self.disk.state();
        state.check_write(self.opening)?;
        let commit = state.visible.hard_state.commit;
        assert!(marker.position.index >= commit, "{marker:?} is below the commit index {commit}");
        state.settle();
        let State { durable, visible, .. } = &mut *state;
        for image in [durable, visible] {
            image.entries.clear();
            image.go_on_after(marker);
        }
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader { disk: self.disk.clone(), opening: self.opening })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.opening == self.opening {
            state.in_use = false;
        }
    }
}

impl LogReader for Reader {
    fn read(&self, first: Index, last: Index, bytes_max: usize) -> Result<Vec<Entry>, ReadError> {
        assert!(first <= last, "{first} to {last} is no range");
        let state = self.disk.state();
        state.check(self.opening)?;
        let image = &state.visible;
        let begin = image.marker.position.index.next();
        if first < begin {
            return Err(ReadError::Trimmed { first: begin });
        }
        if first > image.last().index {
            return Err(ReadError::Missing { last: image.last().index });
        }
        let skipped = usize::try_from(first.0 - begin.0).expect("entries in memory are counted");
        let mut found = Vec::new();
        let mut bytes: usize = 0;
        for entry in image.entries.range(skipped..).take_while(|entry| entry.index <= last) {
            bytes = bytes.saturating_add(entry.data.len());
            if bytes > bytes_max && !found.is_empty() {
                break;
            }
            found.push(entry.clone());
        }
        Ok(found)
    }

    fn bounds(&self) -> (Index, Index) {
        let state = self.disk.state();
        (state.visible.marker.position.index.next(), state.visible.last().index)
    }
}

fn foreign(what: &str) -> Fault {
    Fault::Foreign { directory: "memory".to_string(), what: what.to_string() }
}
