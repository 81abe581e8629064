//! What `fjall` finds wrong, in which directory.

use std::path::Path;

use fjall::{Error, LsmError};
use home::{Fault, is_of_content};

/// What `fjall` says of its files.
pub(crate) fn of_fjall(doing: &str, directory: &Path, error: &Error) -> Fault {
    let path = || directory.display().to_string();
    match error {
        Error::Io(error) | Error::Storage(LsmError::Io(error)) if !is_of_content(error) => {
            Fault::io(doing, directory, error)
        }
        Error::InvalidVersion(version) => {
            let what = version.map_or("it has none".into(), |version| format!("{version:?}"));
            Fault::corrupt(directory, format!("its version is not known: {what}"))
        }
        Error::Locked => Fault::Locked { directory: path() },
        Error::Poisoned => Fault::Io {
            doing: format!("{doing} {}", path()),
            error: "a thread or a write of fjall has failed before".to_string(),
        },
        Error::Storage(error) => Fault::corrupt(directory, in_words(error)),
        Error::JournalRecovery(error) => {
            Fault::corrupt(directory, format!("a batch in its journal is not whole ({error:?})"))
        }
        other => Fault::corrupt(directory, other),
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
