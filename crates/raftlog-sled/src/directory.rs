//! The directory: whose it is, and who uses it.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use raftlog::Fault;

use crate::fault::{corrupt, io};

const MARKER: &str = "log";
const MARKER_NEXT: &str = "log.next";
const LOCK: &str = "lock";
const STORE: &str = "sled";
const SYNCED: &str = "synced";

/// The marker's first line.
const MAGIC: &str = "etcdd raftlog-sled\n";
/// What this build writes and reads.
const FORMAT: &str = "format 1\n";

/// A log's directory, locked for as long as this lives.
///
/// # Invariants
///
/// - It has a marker only if it has a complete log.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Its lock ends with it.
    _lock: File,
}

impl Directory {
    /// Whether a log is there.
    pub(crate) fn has_log(path: &Path) -> Result<bool, Fault> {
        let marker = path.join(MARKER);
        marker.try_exists().map_err(|error| io("looking for", &marker, &error))
    }

    /// Makes the directory if it is not there; what a creation left that was cut short goes.
    pub(crate) fn create(path: &Path) -> Result<Self, Fault> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(io("creating", path, &error));
            }
            _ => {}
        }
        let ours = [LOCK, MARKER_NEXT, STORE, SYNCED];
        let entries = fs::read_dir(path).map_err(|error| io("reading", path, &error))?;
        for entry in entries {
            let name = entry.map_err(|error| io("reading", path, &error))?.file_name();
            if !ours.iter().any(|ours| name == *ours) {
                return Err(foreign(path, &format!("it has {} in it", name.to_string_lossy())));
            }
        }
        let this = Self::lock(path)?;
        let removed = [this.synced(), path.join(MARKER_NEXT)].map(fs::remove_file);
        for removed in removed.into_iter().chain([fs::remove_dir_all(this.store())]) {
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(io("clearing", path, &error));
                }
                _ => {}
            }
        }
        Ok(this)
    }

    /// Opens one that has a log.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        if !Self::has_log(path)? {
            return Err(foreign(path, "there is no log"));
        }
        let marker = path.join(MARKER);
        let bytes = fs::read(&marker).map_err(|error| io("reading", &marker, &error))?;
        if !bytes.starts_with(MAGIC.as_bytes()) {
            return Err(foreign(path, &format!("{} is not ours", marker.display())));
        }
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let body = text.rfind("sum ").map_or(text, |at| &text[..at]);
        if text != sealed(body) {
            return Err(corrupt(&marker, "its checksum is wrong"));
        }
        if !body.ends_with(FORMAT) {
            return Err(foreign(path, "its format is not known"));
        }
        Self::lock(path)
    }

    /// Where `sled`'s files are.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    pub(crate) fn synced(&self) -> PathBuf {
        self.path.join(SYNCED)
    }

    /// What is in it, which must be durable but for the names of its files, is a log from now on.
    pub(crate) fn seal(&self) -> Result<(), Fault> {
        let store = self.store();
        sync_directory(&store)?;
        sync_directory(&self.path)?;
        let (next, path) = (self.path.join(MARKER_NEXT), self.path.join(MARKER));
        let written = File::create(&next).and_then(|mut file| {
            file.write_all(sealed(&[MAGIC, FORMAT].concat()).as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| io("writing", &next, &error))?;
        fs::rename(&next, &path).map_err(|error| io("renaming", &next, &error))?;
        sync_directory(&self.path)?;
        self.path.parent().map_or(Ok(()), sync_directory)
    }

    fn lock(path: &Path) -> Result<Self, Fault> {
        let at = path.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&at);
        let lock = lock.map_err(|error| io("opening", &at, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Fault::Locked { path: path.display().to_string() },
            TryLockError::Error(error) => io("locking", &at, &error),
        })?;
        Ok(Self { path: path.into(), _lock: lock })
    }
}

fn foreign(path: &Path, what: &str) -> Fault {
    Fault::Foreign { directory: path.display().to_string(), what: what.to_string() }
}

fn sealed(body: &str) -> String {
    format!("{body}sum {:08x}\n", crc32c::crc32c(body.as_bytes()))
}

fn sync_directory(path: &Path) -> Result<(), Fault> {
    // The parent of a relative path of one part is the empty path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| io("syncing", path, &error))
}
