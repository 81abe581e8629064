//! What the tests share: a log on a simulated disk, and its files as bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use raftlog::{Fault, Identity, LogReader, Marker, Opened};
use raftlog_wal::Wal;
use raftlog_wal::files::{Files, SimulatedDisk};
use units::{ClusterId, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term};

pub(crate) const IDENTITY: Identity = Identity { node: NodeId(0x11), cluster: ClusterId(0x22) };

/// A disk with or without a log.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) segment_bytes: u64,
}

impl World {
    pub(crate) fn new(seed: u64, segment_bytes: u64) -> Self {
        Self { disk: SimulatedDisk::new(seed), segment_bytes }
    }

    pub(crate) fn create(&self) -> Result<Opened, Fault> {
        Wal::create(self.files(), Path::new("/wal"), IDENTITY, self.segment_bytes)
    }

    pub(crate) fn open(&self) -> Result<Opened, Fault> {
        Wal::open(self.files(), Path::new("/wal"), self.segment_bytes)
    }

    pub(crate) fn exists(&self) -> bool {
        Wal::exists(&self.files(), Path::new("/wal")).expect("the disk can be read")
    }

    pub(crate) fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.disk.clone())
    }

    /// The segments' paths, first to last.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut names = self.names();
        names.retain(|name| name.ends_with(".wal"));
        names.into_iter().map(|name| Path::new("/wal").join(name)).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.disk.list(Path::new("/wal")).expect("there is a directory")
    }

    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let file = self.disk.open(path).expect("there is a file");
        let length = file.length().expect("it has a length");
        let mut bytes = vec![0; usize::try_from(length).expect("it is small")];
        assert_eq!(file.read_at(&mut bytes, 0).expect("it can be read"), bytes.len());
        bytes
    }

    /// Puts bytes in a file's place.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) {
        let file = self.disk.create(path).expect("a file can be made");
        file.write_at(bytes, 0).expect("it can be written");
        file.sync().expect("it can be synced");
    }
}

/// Where the frames of a segment begin, and where the last one ends.
pub(crate) fn frames(segment: &[u8]) -> Vec<usize> {
    let mut offsets = vec![0];
    loop {
        let begin = offsets[offsets.len() - 1];
        let Some(field) = segment.get(begin..begin + 8) else { return offsets };
        let field = u64::from_le_bytes(field.try_into().expect("eight bytes"));
        if field == 0 {
            return offsets;
        }
        let length = usize::try_from(field & 0xff_ffff_ffff_ffff).expect("it is small");
        offsets.push(begin + 8 + length.next_multiple_of(8));
    }
}

pub(crate) fn entry(term: u64, index: u64, length: usize) -> Entry {
    // No zeros, so that a sector of it is never empty.
    let byte = u8::try_from(1 + (term * 7 + index) % 255).expect("below 256");
    let data = Bytes::from(vec![byte; length]);
    Entry { kind: EntryKind::Normal, term: Term(term), index: Index(index), data }
}

pub(crate) fn hard_state(term: u64, commit: u64) -> HardState {
    HardState { term: Term(term), vote: Some(NodeId(9)), commit: Index(commit) }
}

pub(crate) fn marker(term: u64, index: u64) -> Marker {
    let conf_state = ConfState { voters: vec![NodeId(0x11)], ..ConfState::default() };
    Marker { position: Position { term: Term(term), index: Index(index) }, conf_state }
}

pub(crate) fn contents(reader: &dyn LogReader) -> Vec<Entry> {
    let (first, last) = reader.bounds();
    if first > last {
        return Vec::new();
    }
    reader.read(first, last, usize::MAX).expect("what lies within the bounds can be read")
}
