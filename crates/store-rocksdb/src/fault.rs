//! What RocksDB finds wrong, in which directory.

use std::path::Path;

use home::Fault;
use rocksdb::{Error, ErrorKind};

/// How it says that a file is gone. All of its files must be there.
const GONE: &str = "No such file or directory";
/// How it says that there is no room.
const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];
/// How it says that somebody else in this process has the database open.
const LOCKED_HERE: &str = "lock hold by current process";
/// How it says that it cannot lock it, and how, that this is because another process has.
const LOCKING: &str = "While lock file";
const LOCKED: [&str; 2] = ["Resource temporarily unavailable", "Permission denied"];

/// What RocksDB finds wrong with the files in a directory.
#[must_use]
pub fn fault(doing: &str, directory: &Path, error: &Error) -> Fault {
    let (kind, text) = (error.kind(), error.to_string());
    let says = |what: &str| text.contains(what);
    let doing = format!("{doing} {}", directory.display());
    let is_locked = says(LOCKED_HERE) || says(LOCKING) && LOCKED.into_iter().any(says);
    match kind {
        ErrorKind::IOError if is_locked => {
            Fault::Locked { directory: directory.display().to_string() }
        }
        ErrorKind::IOError if FULL.into_iter().any(says) => Fault::Full { doing },
        ErrorKind::IOError if says(GONE) => Fault::corrupt(directory, text),
        // Among them are files that are not what their names say, and versions from the future.
        ErrorKind::Corruption
        | ErrorKind::Incomplete
        | ErrorKind::InvalidArgument
        | ErrorKind::NotFound
        | ErrorKind::NotSupported => Fault::corrupt(directory, text),
        _ => Fault::Io { doing, error: text },
    }
}

#[cfg(test)]
mod tests;
