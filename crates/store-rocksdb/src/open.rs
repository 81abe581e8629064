//! What both the log and the engine ask of a database.

use std::path::Path;

use home::Fault;
use rocksdb::{DB, DBRecoveryMode, LogLevel, Options};

use crate::fault::fault;

/// Files that are open at once; others are opened again when they are read.
const FILES_OPEN_MAX: i32 = 512;
/// Bytes of its diary, which tells people what it did.
const DIARY_BYTES_MAX: usize = 1 << 20;
/// Diaries that are kept, with the present one.
const DIARIES: usize = 2;
/// Bytes of the list of files, from which on it is written anew.
const LIST_BYTES_MAX: usize = 4 << 20;
/// Threads that write and merge files.
const JOBS: i32 = 2;
/// Bytes of a file that are given to the disk at once, so that a sync finds little left to do.
const WRITTEN_BACK_BYTES: u64 = 1 << 20;

/// What both ask of it.
#[must_use]
pub fn options() -> Options {
    let mut options = Options::default();
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_open_files(FILES_OPEN_MAX);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(DIARY_BYTES_MAX);
    options.set_keep_log_file_num(DIARIES);
    options.set_max_manifest_file_size(LIST_BYTES_MAX);
    options.set_max_background_jobs(JOBS);
    options.set_bytes_per_sync(WRITTEN_BACK_BYTES);
    // Nobody reads them.
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    // Else a start reads all files.
    options.set_skip_stats_update_on_db_open(true);
    options
}

/// Makes an empty database where there is none. The names of its files need not be durable.
///
/// # Errors
///
/// A fault.
pub fn create(directory: &Path, mut options: Options) -> Result<DB, Fault> {
    options.create_if_missing(true);
    options.set_error_if_exists(true);
    DB::open(&options, directory).map_err(|error| fault("creating", directory, &error))
}

/// Opens a database that is there.
///
/// # Errors
///
/// [`Fault::Locked`] if it is in use, [`Fault::Corrupt`] if it is not there or cannot be read,
/// [`Fault::Full`], [`Fault::Io`].
pub fn open(directory: &Path, options: &Options) -> Result<DB, Fault> {
    DB::open(options, directory).map_err(|error| match fault("opening", directory, &error) {
        // It also says so of what it cannot make sense of.
        Fault::Io { error, .. } if error.contains("does not exist") => {
            Fault::corrupt(directory, error)
        }
        other => other,
    })
}
