//! The owner's side: groups, segments, markers.

use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use raftlog::{Fault, Identity, LogReader, Marker, Opened, RaftLog};
use units::{Entry, HardState, Position, planted};

use crate::contents::{Contents, Place, Shared};
use crate::directory::Directory;
use crate::files::Files;
use crate::open;
use crate::reader::Reader;
use crate::record::Encoder;
use crate::replay::Replay;
use crate::segment::{Name, Segment};

/// What etcd allocates for a segment. A segment is left when it has reached this length; the last
/// group in it may go beyond.
pub const SEGMENT_BYTES: u64 = 64_000_000;

/// Data that may wait for a sync; beyond it, a group is synced unasked, so that memory is bounded.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// Zeros written behind a small group where the segment was only allocated: a file system that has
/// to note that a part of a file is in use commits its journal, and the sync waits for that. So one
/// sync in many does, and a 30 kB group took 0.10 ms instead of 0.17 ms on an idle ext4.
const AHEAD_BYTES: usize = 1 << 20;

/// Groups that are small in that sense.
const SMALL_GROUP_BYTES: usize = AHEAD_BYTES / 8;

/// The name of a segment that is being prepared; etcd has the same, and both ignore it at a start.
const PREPARED: &str = "0.tmp";

/// A log in etcd's format, in a directory of its own.
///
/// # Invariants
///
/// - `segment` is the last of the contents' segments, and `end` the end of what is written to it.
/// - All that is written is synced: what is not is in `group`, and in `hard_state` if `changed`.
/// - After a fault nothing is written any more.
pub struct Wal {
    directory: Directory,
    segment_bytes: u64,
    identity: Identity,
    contents: Shared,
    segment: Arc<Segment>,
    end: u64,
    /// How far it is in use on the disk, if only by zeros.
    filled: u64,
    encoder: Encoder,
    marker: Marker,
    /// The newest appended.
    hard_state: HardState,
    /// Whether the hard state is another than the one written.
    changed: bool,
    /// Appended and not written; of entries that replace each other only the last.
    group: Vec<Entry>,
    group_bytes: usize,
    /// Where the entries of a group are; here to be used again.
    places: Vec<Place>,
    /// The file of the next segment, when somebody is making it.
    prepared: Option<Receiver<Segment>>,
    fault: Option<Fault>,
}

impl Wal {
    /// Whether a directory holds a log.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`], when nobody can say.
    pub fn exists(files: &Arc<dyn Files>, directory: &Path) -> Result<bool, Fault> {
        Ok(!Directory::new(Arc::clone(files), directory).segments()?.is_empty())
    }

    /// Makes an empty log in a directory that is not there or empty, and opens it. The directory
    /// appears with its first segment, or not at all; its parent must be there.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when something is there already, or a fault of the file system.
    pub fn create(
        files: Arc<dyn Files>,
        directory: &Path,
        identity: Identity,
        segment_bytes: u64,
    ) -> Result<Opened, Fault> {
        let directory = Directory::new(files, directory);
        if directory.names()?.is_some_and(|names| !names.is_empty()) {
            return Err(directory.foreign("it is not empty"));
        }
        let making = directory.with_suffix(".tmp");
        making.make()?;
        for name in making.names()?.unwrap_or_default() {
            making.remove(&name)?;
        }
        let name = Name::FIRST;
        let file = making.create(&name.to_string())?;
        let mut segment = Segment::new(name, making.path().join(name.to_string()), file);
        segment.lock()?;
        segment.allocate(segment_bytes)?;
        let mut encoder = Encoder::new(0);
        encoder.head(identity);
        encoder.marker(&Marker::default());
        segment.write(encoder.bytes(), 0)?;
        segment.sync()?;
        making.sync()?;
        making.take_place_of(&directory)?;
        drop(segment);
        // Which makes the new name durable.
        open::open(directory, segment_bytes)
    }

    /// Opens the log in a directory, which may be etcd's. An end that a crash interrupted is cut
    /// off, and a copy of it kept.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] when there is no log, [`Fault::Locked`] while somebody has it open or a
    /// reader of it lives, [`Fault::Corrupt`] when it is damaged otherwise than a crash would.
    pub fn open(
        files: Arc<dyn Files>,
        directory: &Path,
        segment_bytes: u64,
    ) -> Result<Opened, Fault> {
        open::open(Directory::new(files, directory), segment_bytes)
    }

    /// The log that a start has read, its segments included.
    pub(crate) fn opened(
        directory: Directory,
        segment_bytes: u64,
        replay: Replay,
        contents: Contents,
        marker: Marker,
    ) -> Self {
        let (segment, end) = contents.last_segment();
        Self {
            directory,
            segment_bytes,
            identity: replay.identity.expect("every segment has a head"),
            segment: Arc::clone(segment),
            end,
            filled: end,
            encoder: Encoder::new(replay.checksum),
            marker,
            hard_state: replay.hard_state,
            changed: false,
            group: Vec::new(),
            group_bytes: 0,
            places: Vec::new(),
            prepared: None,
            fault: None,
            contents: Shared::new(contents),
        }
    }

    /// What the owner is told of it.
    pub(crate) fn shown(self, repaired: Option<String>) -> Opened {
        let (runs, last) = {
            let contents = self.contents.lock();
            (contents.runs(), contents.last())
        };
        Opened {
            identity: self.identity,
            hard_state: self.hard_state,
            marker: self.marker.clone(),
            runs,
            last,
            repaired,
            log: Box::new(self),
        }
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

    /// Makes durable what was appended, and a marker behind it.
    fn flush(&mut self, marker: Option<&Marker>) -> Result<(), Fault> {
        if self.group.is_empty() && !self.changed && marker.is_none() {
            return Ok(());
        }
        let full = self.end >= self.segment_bytes;
        let sequence = self.segment.name.sequence + 1;
        let first = self.contents.lock().unwritten();
        self.write(marker, full.then_some(Name { sequence, first }))?;
        let mut contents = self.contents.lock();
        if full {
            contents.push_segment(Arc::clone(&self.segment), self.end);
        }
        contents.settle(&self.places, self.end);
        drop(contents);
        self.group.clear();
        self.group_bytes = 0;
        if self.end >= self.segment_bytes / 2 && self.prepared.is_none() {
            self.prepare();
        }
        Ok(())
    }

    /// Writes and syncs the group, the marker and the hard state: behind what is written, or as the
    /// beginning of a new segment, which gets its name when it is durable.
    fn write(&mut self, marker: Option<&Marker>, next: Option<Name>) -> Result<(), Fault> {
        let (segment, begin, filled) = match next {
            None => (Arc::clone(&self.segment), self.end, self.filled),
            Some(name) => (Arc::new(self.take_prepared(name)?), 0, 0),
        };
        self.encoder.clear();
        if next.is_some() {
            self.encoder.head(self.identity);
        }
        self.places.clear();
        for entry in &self.group {
            let offset = begin + self.encoder.bytes().len() as u64;
            let place = Place::new(segment.name.sequence, offset, self.encoder.checksum());
            self.places.push(place.expect("sequence numbers and offsets are far below 2^32"));
            self.encoder.entry(entry);
        }
        if let Some(marker) = marker {
            self.encoder.marker(marker);
        }
        // Also one that did not change, since it ends the group.
        if self.hard_state != HardState::default() {
            self.encoder.hard_state(self.hard_state);
        }
        let length = self.encoder.bytes().len();
        let end = begin + length as u64;
        if end > filled && length < SMALL_GROUP_BYTES {
            let left = segment.room.saturating_sub(end);
            self.encoder.zeros(AHEAD_BYTES.min(usize::try_from(left).unwrap_or(AHEAD_BYTES)));
        }
        segment.write(self.encoder.bytes(), begin)?;
        if !planted!(SkippedSync) {
            segment.sync()?;
        }
        if let Some(name) = next {
            self.directory.rename(PREPARED, name)?;
            if !planted!(MissingDirectorySync) {
                self.directory.sync()?;
            }
            // Only zeros are cut off, so it need not be durable.
            self.segment.set_length(self.end)?;
        }
        self.segment = segment;
        self.end = end;
        self.filled = filled.max(begin + self.encoder.bytes().len() as u64);
        self.changed = false;
        Ok(())
    }

    /// Has the next segment made beside this thread, so that nobody waits for it when it is needed.
    fn prepare(&mut self) {
        let (sender, receiver) = sync_channel(1);
        let (directory, bytes) = (self.directory.clone(), self.segment_bytes);
        self.directory.files().in_background(Box::new(move || {
            // If it fails, or there is no room for it yet, the owner tries again when it needs it,
            // and says why it cannot. If the owner is gone nobody needs it.
            match prepare(&directory, bytes) {
                Ok(segment) if segment.room == bytes => drop(sender.send(segment)),
                _ => drop(directory.remove(PREPARED)),
            }
        }));
        self.prepared = Some(receiver);
    }

    fn take_prepared(&mut self, name: Name) -> Result<Segment, Fault> {
        let made = self.prepared.take().and_then(|receiver| receiver.recv().ok());
        let segment = match made {
            Some(segment) => segment,
            None => prepare(&self.directory, self.segment_bytes)?,
        };
        Ok(segment.named(name, self.directory.path()))
    }

    /// Removes the segments that hold nothing behind the marker.
    pub(crate) fn remove_trimmed(&mut self) -> Result<(), Fault> {
        loop {
            let mut contents = self.contents.lock();
            if contents.second_begins().is_none_or(|first| first > self.marker.position.index) {
                return Ok(());
            }
            let gone = contents.pop_segment();
            drop(contents);
            self.directory.remove(&gone.name.to_string())?;
        }
    }
}

/// An empty segment under a name that a start removes.
fn prepare(directory: &Directory, bytes: u64) -> Result<Segment, Fault> {
    let file = directory.create(PREPARED)?;
    let mut segment = Segment::new(Name::FIRST, directory.path().join(PREPARED), file);
    segment.lock()?;
    segment.allocate(bytes)?;
    segment.sync()?;
    Ok(segment)
}

impl RaftLog for Wal {
    fn append(&mut self, entries: &[Entry], hard_state: Option<HardState>) -> Result<(), Fault> {
        self.once(|wal| {
            let mut contents = wal.contents.lock();
            if let Some(first) = entries.first().map(|entry| entry.index) {
                let (last, commit) = (contents.last().index, wal.hard_state.commit);
                assert!(first <= last.next(), "{first} leaves a gap after {last}");
                assert!(first > wal.marker.position.index, "{first} is trimmed");
                assert!(first > commit, "{first} is committed");
                contents.append(entries);
                while wal.group.last().is_some_and(|entry| entry.index >= first) {
                    let replaced = wal.group.pop().expect("there is a last");
                    wal.group_bytes -= replaced.data.len();
                }
                wal.group_bytes += entries.iter().map(|entry| entry.data.len()).sum::<usize>();
                wal.group.extend_from_slice(entries);
            }
            if let Some(hard_state) = hard_state {
                let last = contents.last().index;
                let HardState { term, commit, .. } = wal.hard_state;
                assert!(hard_state.commit <= last, "{hard_state:?} is beyond entry {last}");
                assert!(hard_state.term >= term, "{hard_state:?} is older than term {term}");
                let hard_state = HardState { commit: hard_state.commit.max(commit), ..hard_state };
                wal.changed |= wal.hard_state != hard_state;
                wal.hard_state = hard_state;
            }
            drop(contents);
            if wal.group_bytes > GROUP_BYTES_MAX { wal.flush(None) } else { Ok(()) }
        })
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.once(|wal| wal.flush(None))
    }

    fn trim(&mut self, marker: &Marker) -> Result<(), Fault> {
        let Position { term, index } = marker.position;
        if index <= self.marker.position.index {
            return Ok(());
        }
        self.once(|wal| {
            let held = wal.contents.lock().term(index);
            assert_eq!(held, Some(term), "a marker names an entry that is held");
            wal.hard_state.commit = wal.hard_state.commit.max(index);
            wal.flush(Some(marker))?;
            wal.marker = marker.clone();
            wal.remove_trimmed()
        })
    }

    fn install(&mut self, marker: &Marker) -> Result<(), Fault> {
        self.once(|wal| {
            let Position { index, .. } = marker.position;
            let commit = wal.hard_state.commit;
            assert!(index >= commit, "{marker:?} is below the commit index {commit}");
            wal.hard_state.commit = index;
            wal.group.clear();
            wal.group_bytes = 0;
            // The gap in the sequence cuts off what was before; its name tells etcd to begin here.
            let sequence = wal.segment.name.sequence + 2;
            wal.write(Some(marker), Some(Name { sequence, first: index }))?;
            wal.marker = marker.clone();
            let mut contents = Contents::empty(marker.position);
            contents.push_segment(Arc::clone(&wal.segment), wal.end);
            let before = mem::replace(&mut *wal.contents.lock(), contents);
            for segment in before.into_segments() {
                wal.directory.remove(&segment.name.to_string())?;
            }
            Ok(())
        })
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader::new(self.contents.clone()))
    }
}

impl Drop for Wal {
    /// Writes what is not written, mostly a commit index that nobody waited for. It may fail:
    /// nobody was told that it is durable.
    fn drop(&mut self) {
        if thread::panicking() {
            // Perhaps in the middle of a change.
            return;
        }
        let _unacknowledged = self.once(|wal| wal.flush(None));
        if self.prepared.take().is_some_and(|receiver| receiver.recv().is_ok()) {
            // Else the next start removes it.
            let _left = self.directory.remove(PREPARED);
        }
    }
}
