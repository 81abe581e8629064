//! How many batches are durable, kept where the content's files cannot lose it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::fault::Fault;

/// From one place to the other: they share no sector, so that writing one cannot hurt the other.
const PLACE_STEP: u64 = 4096;
const NUMBER_BYTES: usize = 8;
const SUM_BYTES: usize = 8;

/// A file with two numbers, of which the greater counts.
///
/// # Invariants
///
/// - The greater number is not written over.
/// - What it says was so when it was written, so it is never too much.
#[derive(Debug)]
pub struct Tally {
    path: PathBuf,
    file: File,
    newest: Mutex<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    nth: u64,
    number: u64,
}

impl Tally {
    /// Makes one that says so many, durably but for its name.
    ///
    /// # Errors
    ///
    /// [`Fault::Full`], [`Fault::Io`].
    pub fn create(path: &Path, number: u64) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::io("creating", path, &error);
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let file = file.map_err(failed)?;
        file.write_all_at(&vec![0; 2 * place(1)], 0).map_err(failed)?;
        let newest = Mutex::new(Place { nth: 1, number: 0 });
        let this = Self { path: path.into(), file, newest };
        this.raise(number)?;
        Ok(this)
    }

    /// Opens one that is there.
    ///
    /// # Errors
    ///
    /// [`Fault::Corrupt`] if it is gone or cannot be trusted, [`Fault::Io`].
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::reading(path, &error);
        let file = File::options().read(true).write(true).open(path).map_err(failed)?;
        let mut newest: Option<Place> = None;
        for nth in 0..2 {
            let mut bytes = [0; NUMBER_BYTES + SUM_BYTES];
            file.read_exact_at(&mut bytes, nth * PLACE_STEP).map_err(failed)?;
            let (number, sum) = bytes.split_at(NUMBER_BYTES);
            let is_whole = sum == xxh3_64(number).to_le_bytes();
            let number = u64::from_le_bytes(number.try_into().expect("it was split off"));
            if is_whole && newest.is_none_or(|newest| newest.number < number) {
                newest = Some(Place { nth, number });
            }
        }
        match newest {
            Some(newest) => Ok(Self { path: path.into(), file, newest: Mutex::new(newest) }),
            None => Err(Fault::corrupt(path, "both its checksums are wrong")),
        }
    }

    /// So many are durable at least.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.newest().number
    }

    /// What a content holds, by the number of its last batch in eight bytes, of which the most
    /// significant comes first.
    ///
    /// # Errors
    ///
    /// [`Fault::Corrupt`] if that is less than was synced, or if it has no such number.
    pub fn check(&self, files: &Path, last: Option<&[u8]>) -> Result<u64, Fault> {
        let last = match last.map(<[u8; NUMBER_BYTES]>::try_from) {
            Some(Ok(last)) => u64::from_be_bytes(last),
            _ => 0,
        };
        let synced = self.number();
        if last < synced {
            let what = format!("it ends with batch {last}, but {synced} were synced");
            return Err(Fault::corrupt(files, what));
        }
        Ok(last)
    }

    /// So many are durable, and so is this. One that is not greater changes nothing.
    ///
    /// # Errors
    ///
    /// [`Fault::Full`], [`Fault::Io`]; what it says is then unknown.
    pub fn raise(&self, number: u64) -> Result<(), Fault> {
        let mut newest = self.newest();
        if number > newest.number {
            self.write(&mut newest, number)?;
            let synced = self.file.sync_data();
            synced.map_err(|error| Fault::io("syncing", &self.path, &error))?;
        }
        Ok(())
    }

    /// So many are durable; this is not before the next [`raise`](Self::raise), or when the
    /// operating system finds the time. For those who sync so often that a second one would cost
    /// them: a process that dies loses nothing by it, a power failure some of what could be missed.
    ///
    /// # Errors
    ///
    /// [`Fault::Full`], [`Fault::Io`]; what it says is then unknown.
    pub fn note(&self, number: u64) -> Result<(), Fault> {
        let mut newest = self.newest();
        if number > newest.number { self.write(&mut newest, number) } else { Ok(()) }
    }

    fn write(&self, newest: &mut Place, number: u64) -> Result<(), Fault> {
        let nth = 1 - newest.nth;
        let bytes = number.to_le_bytes();
        let bytes = [bytes, xxh3_64(&bytes).to_le_bytes()].concat();
        let written = self.file.write_all_at(&bytes, nth * PLACE_STEP);
        written.map_err(|error| Fault::io("writing", &self.path, &error))?;
        *newest = Place { nth, number };
        Ok(())
    }

    fn newest(&self) -> MutexGuard<'_, Place> {
        // Whoever panicked with it has not changed it yet.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(nth: usize) -> usize {
    nth * usize::try_from(PLACE_STEP).expect("it is small")
}

#[cfg(test)]
mod tests;
