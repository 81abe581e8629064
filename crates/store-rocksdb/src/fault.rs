//! What RocksDB finds wrong, in which directory.

use std::path::Path;

use home::Fault;
use rocksdb::{Error, ErrorKind};

/// How it says that a file is gone. All of its files must be there.
const GONE: &str = "No such file or directory";
/// How it says that there is no room.
const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];
/// How it says that somebody else has the database open: in this process, in another.
const LOCKED: [&str; 2] = ["lock hold by current process", "While lock file"];

/// What RocksDB finds wrong with the files in a directory.
#[must_use]
pub fn fault(doing: &str, directory: &Path, error: &Error) -> Fault {
    let (kind, text) = (error.kind(), error.to_string());
    let says = |what: &str| text.contains(what);
    let doing = format!("{doing} {}", directory.display());
    match kind {
        ErrorKind::IOError if LOCKED.into_iter().any(says) => {
            Fault::Locked { directory: directory.display().to_string() }
        }
        ErrorKind::IOError if FULL.into_iter().any(says) => Fault::Full { doing },
        ErrorKind::IOError if !says(GONE) => Fault::Io { doing, error: text },
        // Among them are files that are not what their names say, and versions from the future.
        _ => Fault::corrupt(directory, text),
    }
}

#[cfg(test)]
mod tests;
