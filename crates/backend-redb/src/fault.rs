//! What `redb` finds wrong, in which file.

use std::fmt::Display;
use std::path::Path;

use home::{Fault, is_of_content};
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

/// What `redb` says of its file.
pub(crate) fn of_storage(doing: &str, file: &Path, error: &StorageError) -> Fault {
    let refused = |error: &dyn Display| Fault::Io {
        doing: format!("{doing} {}", file.display()),
        error: error.to_string(),
    };
    match error {
        StorageError::Corrupted(what) => Fault::corrupt(file, what),
        // Which is how our pages say that a checksum is wrong.
        StorageError::Io(error) if is_of_content(error) => Fault::corrupt(file, error),
        StorageError::Io(error) => Fault::io(doing, file, error),
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
        other => Fault::corrupt(file, other),
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
        other => Fault::corrupt(file, other),
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
