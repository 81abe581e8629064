//! What went wrong, in the contract's words, and in which directory or file.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use backend::Fault;
use fjall::{Error, LsmError};

pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Fault {
    let doing = format!("{doing} {}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Fault::Full { doing },
        _ => Fault::Io { doing, error: error.to_string() },
    }
}

pub(crate) fn corrupt(file: &Path, what: impl Display) -> Fault {
    let what = format!(
        "{what}; replace this member by a new one if it has peers, else restore a snapshot"
    );
    Fault::Corrupt { file: file.display().to_string(), what }
}

/// Of a file that must be there, and be whole.
pub(crate) fn of_reading(file: &Path, error: &io::Error) -> Fault {
    if is_of_content(error) { corrupt(file, error) } else { io("reading", file, error) }
}

/// What `fjall` says of its files.
pub(crate) fn of_fjall(doing: &str, directory: &Path, error: &Error) -> Fault {
    let path = || directory.display().to_string();
    match error {
        Error::Io(error) | Error::Storage(LsmError::Io(error)) if !is_of_content(error) => {
            io(doing, directory, error)
        }
        Error::InvalidVersion(version) => {
            let what = version.map_or("it has none".into(), |version| format!("{version:?}"));
            corrupt(directory, format!("its version is not known: {what}"))
        }
        Error::Locked => Fault::Locked { directory: path() },
        Error::Poisoned => Fault::Io {
            doing: format!("{doing} {}", path()),
            error: "a thread or a write of fjall has failed before".to_string(),
        },
        Error::Storage(error) => corrupt(directory, in_words(error)),
        Error::JournalRecovery(error) => {
            corrupt(directory, format!("a batch in its journal is not whole ({error:?})"))
        }
        other => corrupt(directory, other),
    }
}

/// What a tree finds wrong with a file.
fn in_words(error: &LsmError) -> String {
    match error {
        LsmError::ChecksumMismatch { .. } => "a checksum in it is wrong".to_string(),
        LsmError::Decompress(_) => "a block of it cannot be unpacked".to_string(),
        LsmError::InvalidHeader(part) => format!("a header in it cannot be read ({part})"),
        LsmError::Unrecoverable => "it cannot be read, or a part of it is gone".to_string(),
        other => other.to_string(),
    }
}

/// Whether an error is about what a file holds, not about getting at it.
fn is_of_content(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound | ErrorKind::UnexpectedEof)
}

/// Runs what may panic on files it cannot make sense of.
pub(crate) fn guarded<T>(
    directory: &Path,
    run: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(corrupt(directory, text.unwrap_or_else(|| "it cannot be made sense of".to_string())))
    })
}
