//! Where received snapshots wait until the node has decided about them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use backend::Table;
use bytes::{Buf, Bytes};
use node::SpoolTicket;
use transport::{Source, UnreadableSnapshot};
use units::Index;

use crate::content::{Blocks, Import};

/// What the file of a received snapshot ends with. Whatever is there at a start is left over from a
/// member that ended before it was installed, and of no use.
const RECEIVED: &str = "spool";

/// What the file ends with once the snapshot is being installed; its name is the snapshot's index.
/// If it is there at a start, the engine may hold the snapshot while the log does not know.
const INSTALLING: &str = "installing";

/// A folder with at most one received snapshot in it, on its way or complete.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// The one that is there: room for another only when it is installed or discarded, so that none
    /// is removed while it is read.
    held: Option<SpoolTicket>,
    /// Where it was taken, if it is being installed.
    installing: Option<Index>,
}

impl Spool {
    /// The spool in this folder, which is made if it is not there, and emptied but for a snapshot
    /// that was being installed: the second answer says where that was taken.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or emptied.
    pub(crate) fn open(folder: PathBuf, bytes_max: u64) -> io::Result<(Self, Option<Index>)> {
        fs::create_dir_all(&folder)?;
        let mut installing = None;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let extension = path.extension().and_then(OsStr::to_str);
            let stem = path.file_stem().and_then(OsStr::to_str);
            match (extension, stem.and_then(|stem| stem.parse().ok())) {
                (Some(RECEIVED), _) => fs::remove_file(path)?,
                (Some(INSTALLING), Some(index)) => installing = Some(Index(index)),
                // Not ours.
                _ => {}
            }
        }
        let state = Mutex::new(State { next: 0, held: None, installing });
        Ok((Self { folder, bytes_max, state }, installing))
    }

    /// Takes in a snapshot whole and checks it, so that the node hears only of what can be
    /// installed.
    ///
    /// # Errors
    ///
    /// When there is one already, when it is damaged, too large or breaks off, or when it cannot be
    /// written: `spare` bytes of the disk may be taken, and the engine will want as much again.
    /// Nothing of it is left then.
    pub(crate) fn receive(
        &self,
        source: &mut dyn Source,
        spare: &dyn Fn() -> u64,
    ) -> Result<SpoolTicket, UnreadableSnapshot> {
        let spool = {
            let mut state = self.state();
            if state.held.is_some() {
                return Err(UnreadableSnapshot("another snapshot is being taken in".into()));
            }
            state.next += 1;
            let spool = SpoolTicket(state.next);
            state.held = Some(spool);
            spool
        };
        match self.write(spool, source, spare) {
            Ok(()) => Ok(spool),
            Err(error) => {
                self.discard(spool);
                Err(UnreadableSnapshot(error.to_string()))
            }
        }
    }

    /// The records of a received snapshot, which is being installed from now on. That this is so is
    /// durable.
    ///
    /// # Errors
    ///
    /// When the file is not there.
    pub(crate) fn install(
        &self,
        spool: SpoolTicket,
        index: Index,
        tables: &'static [Table],
    ) -> io::Result<Import<BufReader<File>>> {
        let path = self.installing(index);
        fs::rename(self.received(spool), &path)?;
        self.sync()?;
        self.state().installing = Some(index);
        let file = File::open(&path)?;
        Ok(Import::new(path.display().to_string(), BufReader::new(file), tables))
    }

    /// What was being installed is durable in engine and log: its place is free.
    ///
    /// # Errors
    ///
    /// When the file cannot be removed.
    pub(crate) fn installed(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(index) = state.installing.take() {
            fs::remove_file(self.installing(index))?;
            state.held = None;
        }
        Ok(())
    }

    /// It is of no use: its place is free. A file that cannot be removed now is removed at the next
    /// start.
    pub(crate) fn discard(&self, spool: SpoolTicket) {
        drop(fs::remove_file(self.received(spool)));
        self.state().held.take_if(|held| *held == spool);
    }

    fn write(
        &self,
        spool: SpoolTicket,
        source: &mut dyn Source,
        spare: &dyn Fn() -> u64,
    ) -> io::Result<()> {
        let file = File::create_new(self.received(spool))?;
        let copied = Copied {
            source: Chunks { source, chunk: Bytes::new() },
            copy: BufWriter::new(file),
            copied: 0,
            bytes_max: self.bytes_max,
            spare,
        };
        let mut blocks = Blocks::new(copied);
        while blocks.next()?.is_some() {}
        let mut copied = blocks.into_inner();
        // A transport vouches for the whole only once it was read to its end.
        if copied.read(&mut [0])? > 0 {
            return Err(io::Error::other("something follows its end"));
        }
        let file = copied.copy.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        self.sync()
    }

    /// Makes the names of files durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn received(&self, spool: SpoolTicket) -> PathBuf {
        self.folder.join(format!("{}.{RECEIVED}", spool.0))
    }

    fn installing(&self, index: Index) -> PathBuf {
        self.folder.join(format!("{index}.{INSTALLING}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A change of it is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source's chunks as one text.
struct Chunks<'a> {
    source: &'a mut dyn Source,
    chunk: Bytes,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.source.next().map_err(|error| io::Error::other(error.0))? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Writes down whatever is read.
struct Copied<'a> {
    source: Chunks<'a>,
    copy: BufWriter<File>,
    copied: u64,
    bytes_max: u64,
    spare: &'a dyn Fn() -> u64,
}

impl Read for Copied<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.copied += count as u64;
        if self.copied > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.copied > (self.spare)() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.copy.write_all(&buffer[..count])?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
