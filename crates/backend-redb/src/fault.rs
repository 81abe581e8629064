//! What went wrong, in the contract's words, and in which file.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use backend::Fault;
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

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

/// What `redb` says of its file.
pub(crate) fn of_storage(doing: &str, file: &Path, error: &StorageError) -> Fault {
    let refused = |error: &dyn Display| Fault::Io {
        doing: format!("{doing} {}", file.display()),
        error: error.to_string(),
    };
    match error {
        StorageError::Corrupted(what) => corrupt(file, what),
        // Which is how our pages say that a checksum is wrong.
        StorageError::Io(error) if is_of_content(error) => corrupt(file, error),
        StorageError::Io(error) => io(doing, file, error),
        StorageError::PreviousIo => refused(&"it has failed before"),
        other => refused(other),
    }
}

pub(crate) fn of_database(doing: &str, file: &Path, error: DatabaseError) -> Fault {
    match error {
        DatabaseError::Storage(error) => of_storage(doing, file, &error),
        DatabaseError::UpgradeRequired(version) => {
            let directory = file.display().to_string();
            Fault::Foreign { directory, what: format!("its format, {version}, is not known") }
        }
        other => corrupt(file, other),
    }
}

pub(crate) fn of_transaction(doing: &str, file: &Path, error: TransactionError) -> Fault {
    match error {
        TransactionError::Storage(error) => of_storage(doing, file, &error),
        other => other_of(doing, file, &other),
    }
}

pub(crate) fn of_table(doing: &str, file: &Path, error: TableError) -> Fault {
    match error {
        TableError::Storage(error) => of_storage(doing, file, &error),
        other => corrupt(file, other),
    }
}

pub(crate) fn of_commit(doing: &str, file: &Path, error: CommitError) -> Fault {
    match error {
        CommitError::Storage(error) => of_storage(doing, file, &error),
        other => other_of(doing, file, &other),
    }
}

fn other_of(doing: &str, file: &Path, error: &dyn Display) -> Fault {
    Fault::Io { doing: format!("{doing} {}", file.display()), error: error.to_string() }
}

/// Whether an error is about what a file holds, not about getting at it.
fn is_of_content(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound | ErrorKind::UnexpectedEof)
}

/// Runs what may panic on a file it cannot make sense of.
pub(crate) fn guarded<T>(file: &Path, run: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(corrupt(file, text.unwrap_or_else(|| "it cannot be made sense of".to_string())))
    })
}
