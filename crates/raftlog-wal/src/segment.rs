//! One file of the log.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use raftlog::Fault;
use units::Index;

use crate::directory::{io, lacks_room};
use crate::files::File;

/// What is read of a segment at a time.
const IMAGE_PART_BYTES: usize = 256 << 10;

/// A segment's name: its place in the row, and an index below which are all entries of the segments
/// before it (that were not replaced by later ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) sequence: u64,
    pub(crate) first: Index,
}

impl Name {
    /// The first segment of a new log.
    pub(crate) const FIRST: Self = Self { sequence: 0, first: Index(0) };

    /// `None` if this is not the name of a segment.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (sequence, first) = name.strip_suffix(".wal")?.split_once('-')?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        let parsed = Self { sequence: number(sequence)?, first: Index(number(first)?) };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}.wal", self.sequence, self.first.0)
    }
}

/// An open segment, with every refusal of the file system as a fault that names the path.
pub(crate) struct Segment {
    pub(crate) name: Name,
    /// Up to where it has its room on the disk for certain. Beyond that it grows.
    pub(crate) room: u64,
    path: PathBuf,
    file: Box<dyn File>,
}

impl Segment {
    pub(crate) fn new(name: Name, path: PathBuf, file: Box<dyn File>) -> Self {
        Self { name, room: 0, path, file }
    }

    /// The same file under another name, which it is about to get.
    pub(crate) fn named(self, name: Name, directory: &Path) -> Self {
        Self { name, path: directory.join(name.to_string()), ..self }
    }

    pub(crate) fn lock(&self) -> Result<(), Fault> {
        match self.file.lock() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Fault::Locked { path: self.path.display().to_string() }),
            Err(error) => Err(io("locking", &self.path, &error)),
        }
    }

    pub(crate) fn length(&self) -> Result<u64, Fault> {
        self.file.length().map_err(|error| io("looking at", &self.path, &error))
    }

    /// All of it, zeros behind the end of the log included.
    pub(crate) fn image(&self) -> Result<Bytes, Fault> {
        let length =
            usize::try_from(self.length()?).map_err(|_| self.corrupt(0, "it is too long"))?;
        // Memory asked for in zeros takes no room until something is written to it, and most of a
        // segment that was allocated ahead is zeros.
        let mut image = vec![0; length];
        let mut at = 0;
        while at < length {
            let part = self.read(at as u64, IMAGE_PART_BYTES.min(length - at))?;
            if part.is_empty() {
                break;
            }
            if part.iter().any(|byte| *byte != 0) {
                image[at..at + part.len()].copy_from_slice(&part);
            }
            at += part.len();
        }
        image.truncate(at);
        Ok(image.into())
    }

    /// Less than asked for only at the end of the file.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Result<Bytes, Fault> {
        let mut bytes = vec![0; length];
        let read = self
            .file
            .read_at(&mut bytes, offset)
            .map_err(|error| io("reading", &self.path, &error))?;
        bytes.truncate(read);
        Ok(bytes.into())
    }

    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), Fault> {
        self.file.write_at(bytes, offset).map_err(|error| io("writing to", &self.path, &error))
    }

    /// As [`write`](Self::write), if there is room; whether there was.
    pub(crate) fn write_copy(&self, bytes: &[u8]) -> Result<bool, Fault> {
        match self.file.write_at(bytes, 0).and_then(|()| self.file.sync()) {
            Ok(()) => Ok(true),
            Err(error) if lacks_room(&error) => Ok(false),
            Err(error) => Err(io("writing to", &self.path, &error)),
        }
    }

    pub(crate) fn set_length(&self, len: u64) -> Result<(), Fault> {
        self.file.set_length(len).map_err(|error| io("cutting", &self.path, &error))
    }

    /// Takes room on the disk, if there is some for all of it.
    pub(crate) fn allocate(&mut self, len: u64) -> Result<(), Fault> {
        let length = self.length()?;
        match self.file.allocate(len) {
            Ok(()) => self.room = len,
            // What it got of it is of more use elsewhere.
            Err(error) if lacks_room(&error) => self.set_length(length)?,
            Err(error) => return Err(io("allocating", &self.path, &error)),
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), Fault> {
        self.file.sync().map_err(|error| io("syncing", &self.path, &error))
    }

    /// Damage, and what can be done.
    pub(crate) fn corrupt(&self, offset: usize, what: impl Display) -> Fault {
        let (file, offset) = (self.path.display().to_string(), offset as u64);
        let what = format!(
            "{what}; replace this member by a new one if it has peers, else restore a snapshot"
        );
        Fault::Corrupt { file, offset, what }
    }
}
