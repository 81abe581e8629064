//! A database, and what it finds wrong.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use home::{Fault, guarded, is_of_content};
use sled::{Batch, Config, Db, Error, Tree};

/// `sled`'s log, which it also locks.
const LOG: &str = "db";
/// Where it puts values that are too big for the log.
const BLOBS: &str = "blobs";
/// How long `sled`'s threads may take to let go of its files.
const CLOSES_IN: Duration = Duration::from_secs(10);
/// How long to wait before looking again whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// An open database.
///
/// # Invariants
///
/// - When it has been dropped, the database can be opened again.
pub struct Store {
    /// There until the end.
    database: Option<Db>,
    path: PathBuf,
    /// The big values that are known to be durable; they never change.
    durable: Mutex<HashSet<OsString>>,
}

impl Store {
    /// Opens what is there, or makes an empty one.
    ///
    /// # Errors
    ///
    /// [`Fault::Locked`] if it is in use, [`Fault::Corrupt`] if it cannot be read, [`Fault::Io`].
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, Fault> {
        let database = guarded(path, || {
            let opened = Config::default().path(path).cache_capacity(cache_bytes).open();
            opened.map_err(|error| fault("opening", path, &error))
        })?;
        Ok(Self { database: Some(database), path: path.into(), durable: Mutex::default() })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept. May panic where its files make no sense: see [`guarded`].
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it is there until the end")]
    pub fn tree(&self) -> &Tree {
        self.database.as_ref().expect("it is there until the end")
    }

    /// Writes a batch, as a whole.
    ///
    /// # Errors
    ///
    /// A fault; what is written is then unknown.
    pub fn apply(&self, batch: Batch) -> Result<(), Fault> {
        guarded(&self.path, || {
            let applied = self.tree().apply_batch(batch);
            applied.map_err(|error| fault("writing", &self.path, &error))
        })
    }

    /// Makes durable what was written before. `sled` itself goes only as far as handing it to the
    /// disk, and not even so far with big values.
    ///
    /// # Errors
    ///
    /// A fault; what is durable is then unknown.
    pub fn sync(&self) -> Result<(), Fault> {
        guarded(&self.path, || {
            let flushed = self.tree().flush();
            flushed.map(drop).map_err(|error| fault("syncing", &self.path, &error))
        })?;
        self.sync_blobs()?;
        let log = self.path.join(LOG);
        let synced = File::open(&log).and_then(|file| file.sync_data());
        synced.map_err(|error| Fault::io("syncing", &log, &error))
    }

    fn sync_blobs(&self) -> Result<(), Fault> {
        let blobs = self.path.join(BLOBS);
        let failed = |error: std::io::Error| Fault::io("syncing", &blobs, &error);
        let names = fs::read_dir(&blobs).map_err(failed)?;
        let names = names.map(|entry| entry.map(|entry| entry.file_name()));
        let names = names.collect::<Result<HashSet<_>, _>>().map_err(failed)?;
        // Whoever panicked with it has noted too little, not too much.
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names.difference(&durable) {
            match File::open(blobs.join(name)) {
                Ok(blob) => blob.sync_all().map_err(failed)?,
                // Nobody needs it any more.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        if *durable != names {
            File::open(&blobs).and_then(|directory| directory.sync_all()).map_err(failed)?;
        }
        *durable = names;
        Ok(())
    }
}

impl Drop for Store {
    /// Writes what is not written, as `sled` does, and waits for its threads.
    fn drop(&mut self) {
        let database = self.database.take();
        // A fault is told to whoever opens it next.
        let _told_later: Result<(), Fault> = guarded(&self.path, || {
            drop(database);
            Ok(())
        });
        let begin = Instant::now();
        while let Ok(log) = File::open(self.path.join(LOG)) {
            if log.try_lock().is_ok() || begin.elapsed() > CLOSES_IN {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// What `sled` finds wrong with the files in a directory.
#[must_use]
pub fn fault(doing: &str, directory: &Path, error: &Error) -> Fault {
    match error {
        Error::Io(error) if is_of_content(error) => Fault::corrupt(directory, error),
        Error::Io(error) if error.to_string().starts_with("could not acquire lock") => {
            Fault::Locked { directory: directory.display().to_string() }
        }
        Error::Io(error) => Fault::io(doing, directory, error),
        Error::Corruption { at: Some(at), .. } => {
            Fault::corrupt(directory, format!("a checksum in it is wrong, at {at:?}"))
        }
        Error::Corruption { at: None, .. } => Fault::corrupt(directory, "it cannot be read"),
        other => Fault::corrupt(directory, other),
    }
}
