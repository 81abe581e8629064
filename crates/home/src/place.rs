//! One content's directory.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fault::Fault;

/// Where a content lies. Removed with its last user once it is retired.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    retired: AtomicBool,
}

impl Place {
    /// A directory of its own.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, retired: AtomicBool::new(false) }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Nobody opens it any more; it goes with whoever uses it last.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// It stays after all.
    pub fn keep(&self) {
        self.retired.store(false, Ordering::Release);
    }

    /// Bytes that the files in it take from the disk. Files may vanish meanwhile.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        bytes_below(&self.path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            // What stays is removed at the next opening.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn bytes_below(path: &Path) -> u64 {
    /// What file systems count in, whatever their blocks are.
    const UNIT_BYTES: u64 = 512;
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.blocks() * UNIT_BYTES,
            Err(_) => 0,
        })
        .sum()
}

/// Makes durable what lies below a directory, names included, whoever has written it. What vanishes
/// meanwhile is nobody's loss: its owner has removed it.
///
/// # Errors
///
/// [`Fault::Full`], [`Fault::Io`]; what is durable is then unknown.
pub fn sync_below(directory: &Path) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::io("syncing", directory, &error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            sync_below(&path)?;
            continue;
        }
        match File::open(&path).and_then(|file| file.sync_all()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            synced => synced.map_err(failed)?,
        }
    }
    sync_directory(directory)
}

/// Makes the names in a directory durable.
///
/// # Errors
///
/// [`Fault::Full`], [`Fault::Io`]; what is durable is then unknown.
pub fn sync_directory(path: &Path) -> Result<(), Fault> {
    // The parent of a relative path of one part is the empty path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Fault::io("syncing", path, &error))
}
