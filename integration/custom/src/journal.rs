//! A file of records, of which a crash takes at most those at the end that were not synced.
//!
//! ```text
//!   mark        number of the journal · its synced bytes · CRC-32C   (replaced by a rename)
//!   journal.N   record …     record: length u32 · CRC-32C u32 · bytes
//!   lock
//! ```
//!
//! What lies before the mark must be as it was written; what lies behind it is cut off at the first
//! record that is not.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};

const MARK: &str = "mark";
const MAKING: &str = "mark.tmp";
const LOCK: &str = "lock";
const MARK_BYTES: usize = 8 + 8 + 4;
const HEAD_BYTES: usize = 4 + 4;

/// Appended records are written when there are so many bytes of them, or at a sync.
const PENDING_BYTES_MAX: usize = 1 << 20;

/// A journal that is open; nobody else has it while this lives.
pub(crate) struct Journal {
    directory: PathBuf,
    number: u64,
    file: Arc<File>,
    /// Bytes in the file.
    written: u64,
    /// Records that are not in the file yet.
    pending: Vec<u8>,
    _lock: File,
}

/// What was written up to some moment, to be synced beside further appends.
pub(crate) struct Written {
    number: u64,
    file: Arc<File>,
    bytes: u64,
}

/// Why a journal cannot be used.
#[derive(Debug)]
pub(crate) enum Trouble {
    Corrupt { file: PathBuf, offset: u64, what: &'static str },
    Foreign { directory: PathBuf, what: &'static str },
    Io { doing: &'static str, path: PathBuf, error: io::Error },
    Locked { directory: PathBuf },
}

impl Journal {
    /// Whether there is a journal in the directory with something in it that was synced.
    pub(crate) fn is_begun(directory: &Path) -> bool {
        // One that is damaged is there, as opening it will tell.
        directory.join(MARK).exists() && read_mark(directory).ok() != Some((0, 0))
    }

    /// Opens the journal with the records in it, or makes an empty one.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Vec<Bytes>), Trouble> {
        let known = directory.join(MARK).exists();
        if !known && holds_something(directory)? {
            let what = "it is not empty, and there is no mark in it";
            return Err(Trouble::Foreign { directory: directory.into(), what });
        }
        fs::create_dir_all(directory).map_err(trouble("creating", directory))?;
        let path = directory.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(trouble("opening", &path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Trouble::Locked { directory: directory.into() },
            TryLockError::Error(error) => trouble("locking", &path)(error),
        })?;
        // Looked at again, as somebody else may just have made it.
        if !directory.join(MARK).exists() {
            write_mark(directory, 0, 0)?;
            sync_directory(directory.parent().unwrap_or(directory))?;
        }
        let (number, synced) = read_mark(directory)?;
        let path = journal(directory, number);
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(trouble("opening", &path))?;
        let content = fs::read(&path).map_err(trouble("reading", &path))?;
        let (records, written) = records(&path, content.into(), synced)?;
        file.set_len(written).map_err(trouble("cutting", &path))?;
        let (directory, file) = (directory.to_path_buf(), Arc::new(file));
        let mut this = Self { directory, number, file, written, pending: Vec::new(), _lock: lock };
        this.remove_leftovers()?;
        if written != synced {
            // What is shown from now on must not be lost any more.
            this.sync()?;
        }
        Ok((this, records))
    }

    /// Adds a record, which is durable after a sync that begins later.
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<(), Trouble> {
        put_record(&mut self.pending, record);
        if self.pending.len() >= PENDING_BYTES_MAX { self.write() } else { Ok(()) }
    }

    /// Everything that was appended, ready to be synced.
    pub(crate) fn written(&mut self) -> Result<Written, Trouble> {
        self.write()?;
        Ok(Written { number: self.number, file: Arc::clone(&self.file), bytes: self.written })
    }

    /// Makes all that was appended durable.
    pub(crate) fn sync(&mut self) -> Result<(), Trouble> {
        let written = self.written()?;
        written.sync(&self.directory)
    }

    /// Puts these records in the place of all that are there, at once and durably; nothing is
    /// changed if they do not come to their end.
    pub(crate) fn rewrite<E: From<Trouble>>(
        &mut self,
        records: &mut dyn FnMut() -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        let number = self.number + 1;
        let path = journal(&self.directory, number);
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(trouble("creating", &path))?;
        let (mut bytes, mut pending) = (0, Vec::new());
        loop {
            let record = records()?;
            if let Some(record) = &record {
                put_record(&mut pending, record);
            }
            if record.is_none() || pending.len() >= PENDING_BYTES_MAX {
                file.write_all(&pending).map_err(trouble("writing", &path))?;
                bytes += pending.len() as u64;
                pending.clear();
            }
            if record.is_none() {
                break;
            }
        }
        sync_directory(&self.directory)?;
        let written = Written { number, file: Arc::new(file), bytes };
        written.sync(&self.directory)?;
        let former = journal(&self.directory, self.number);
        (self.number, self.file, self.written) = (number, written.file, bytes);
        self.pending.clear();
        fs::remove_file(&former).map_err(trouble("removing", &former))?;
        Ok(())
    }

    /// Bytes that it takes on the disk, those included that are not there yet.
    pub(crate) fn bytes(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn write(&mut self) -> Result<(), Trouble> {
        let written = self.file.write_all_at(&self.pending, self.written);
        written.map_err(trouble("writing", &journal(&self.directory, self.number)))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Journals that were never finished, or have been replaced.
    fn remove_leftovers(&self) -> Result<(), Trouble> {
        let own = journal(&self.directory, self.number);
        let entries = fs::read_dir(&self.directory).map_err(trouble("reading", &self.directory))?;
        for entry in entries {
            let path = entry.map_err(trouble("reading", &self.directory))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("journal.") && path != own {
                fs::remove_file(&path).map_err(trouble("removing", &path))?;
            }
        }
        Ok(())
    }
}

impl Written {
    /// Makes it durable, and then marks that it is.
    pub(crate) fn sync(&self, directory: &Path) -> Result<(), Trouble> {
        let path = journal(directory, self.number);
        self.file.sync_data().map_err(trouble("syncing", &path))?;
        write_mark(directory, self.number, self.bytes)
    }
}

fn journal(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("journal.{number}"))
}

/// Whether there is something but what a start leaves that came to no more than its first steps.
fn holds_something(directory: &Path) -> Result<bool, Trouble> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        entries => entries.map_err(trouble("reading", directory))?,
    };
    for entry in entries {
        let name = entry.map_err(trouble("reading", directory))?.file_name();
        if name != LOCK && name != MAKING {
            return Ok(true);
        }
    }
    Ok(false)
}

fn write_mark(directory: &Path, number: u64, synced: u64) -> Result<(), Trouble> {
    let (path, making) = (directory.join(MARK), directory.join(MAKING));
    let mut bytes = Vec::with_capacity(MARK_BYTES);
    bytes.put_u64(number);
    bytes.put_u64(synced);
    bytes.put_u32(crc32c::crc32c(&bytes));
    let written = File::create(&making).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    written.map_err(trouble("writing", &making))?;
    fs::rename(&making, &path).map_err(trouble("renaming", &making))?;
    sync_directory(directory)
}

fn sync_directory(directory: &Path) -> Result<(), Trouble> {
    let opened = File::open(directory);
    opened.and_then(|directory| directory.sync_all()).map_err(trouble("syncing", directory))
}

fn read_mark(directory: &Path) -> Result<(u64, u64), Trouble> {
    let path = directory.join(MARK);
    let bytes = fs::read(&path).map_err(trouble("reading", &path))?;
    let (mut content, sum) = match bytes.split_at_checked(MARK_BYTES - 4) {
        Some(parts) if bytes.len() == MARK_BYTES => parts,
        _ => return Err(Trouble::Corrupt { file: path, offset: 0, what: "it has another length" }),
    };
    if sum != crc32c::crc32c(content).to_be_bytes() {
        return Err(Trouble::Corrupt { file: path, offset: 0, what: "its checksum is wrong" });
    }
    Ok((content.get_u64(), content.get_u64()))
}

fn put_record(into: &mut Vec<u8>, record: &[u8]) {
    let length = u32::try_from(record.len()).expect("records are far smaller than 4 GiB");
    into.put_u32(length);
    into.put_u32(crc32c::crc32c_append(length, record));
    into.put_slice(record);
}

/// The records of a journal, and where they end.
fn records(path: &Path, mut content: Bytes, synced: u64) -> Result<(Vec<Bytes>, u64), Trouble> {
    let length = content.len() as u64;
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some(record) = next(&mut content) {
        at = length - content.len() as u64;
        records.push(record);
    }
    if at < synced {
        let what = "a record that was synced is not as it was written";
        return Err(Trouble::Corrupt { file: path.into(), offset: at, what });
    }
    Ok((records, at))
}

fn next(content: &mut Bytes) -> Option<Bytes> {
    let mut rest = content.clone();
    if rest.len() < HEAD_BYTES {
        return None;
    }
    let (length, sum) = (rest.get_u32(), rest.get_u32());
    // No record is empty, and zeros are no record, though their checksum would be right.
    let is_whole = length > 0 && length as usize <= rest.len();
    let record = is_whole.then(|| rest.split_to(length as usize))?;
    (crc32c::crc32c_append(length, &record) == sum).then(|| {
        *content = rest;
        record
    })
}

/// What the system refused.
fn trouble(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Trouble {
    let path = path.to_path_buf();
    move |error| Trouble::Io { doing, path: path.clone(), error }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { what, .. } | Self::Foreign { what, .. } => f.write_str(what),
            Self::Io { doing, path, error } => write!(f, "{doing} {}: {error}", path.display()),
            Self::Locked { directory } => write!(f, "{} is locked", directory.display()),
        }
    }
}

impl From<Trouble> for backend::Fault {
    fn from(trouble: Trouble) -> Self {
        let text = |path: PathBuf| path.display().to_string();
        match trouble {
            Trouble::Corrupt { file, what, .. } => {
                Self::Corrupt { file: text(file), what: what.into() }
            }
            Trouble::Foreign { directory, what } => {
                Self::Foreign { directory: text(directory), what: what.into() }
            }
            Trouble::Io { doing, path, error } => {
                Self::Io { doing: format!("{doing} {}", path.display()), error: error.to_string() }
            }
            Trouble::Locked { directory } => Self::Locked { directory: text(directory) },
        }
    }
}

impl From<Trouble> for raftlog::Fault {
    fn from(trouble: Trouble) -> Self {
        let text = |path: PathBuf| path.display().to_string();
        match trouble {
            Trouble::Corrupt { file, offset, what } => {
                Self::Corrupt { file: text(file), offset, what: what.into() }
            }
            Trouble::Foreign { directory, what } => {
                Self::Foreign { directory: text(directory), what: what.into() }
            }
            Trouble::Io { doing, path, error } => {
                Self::Io { doing: format!("{doing} {}", path.display()), error: error.to_string() }
            }
            Trouble::Locked { directory } => Self::Locked { path: text(directory) },
        }
    }
}

#[cfg(test)]
mod tests;
