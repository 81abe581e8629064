//! What went wrong, in the contract's words, and in which directory or file.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use backend::Fault;
use sled::Error;

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

/// What `sled` says of its files.
pub(crate) fn of_sled(doing: &str, directory: &Path, error: &Error) -> Fault {
    match error {
        Error::Io(error) if is_of_content(error) => corrupt(directory, error),
        Error::Io(error) if error.to_string().starts_with("could not acquire lock") => {
            Fault::Locked { directory: directory.display().to_string() }
        }
        Error::Io(error) => io(doing, directory, error),
        Error::Corruption { at: Some(at), .. } => {
            corrupt(directory, format!("a checksum in it is wrong, at {at:?}"))
        }
        Error::Corruption { at: None, .. } => corrupt(directory, "it cannot be read"),
        other => corrupt(directory, other),
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
