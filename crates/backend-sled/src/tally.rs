//! How many batches are durable, kept where the engine's files cannot lose it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use backend::Fault;
use xxhash_rust::xxh3::xxh3_64;

use crate::fault;

/// From one place to the other: they share no sector, so that writing one cannot hurt the other.
const PLACE_STEP: u64 = 4096;
const NUMBER_BYTES: usize = 8;
const SUM_BYTES: usize = 8;

/// A file with two numbers, of which the greater counts.
///
/// # Invariants
///
/// - The greater number is durable and is not written over.
#[derive(Debug)]
pub(crate) struct Tally {
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
    /// Makes one that says so many.
    pub(crate) fn create(path: &Path, number: u64) -> Result<Self, Fault> {
        let failed = |error: io::Error| fault::io("creating", path, &error);
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let file = file.map_err(failed)?;
        file.write_all_at(&vec![0; 2 * place(1)], 0).map_err(failed)?;
        let newest = Mutex::new(Place { nth: 1, number: 0 });
        let this = Self { path: path.into(), file, newest };
        this.raise(number)?;
        Ok(this)
    }

    /// Opens one that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let failed = |error: io::Error| fault::of_reading(path, &error);
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
            None => Err(fault::corrupt(path, "both its checksums are wrong")),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).number
    }

    /// So many are durable. One that is not greater changes nothing.
    pub(crate) fn raise(&self, number: u64) -> Result<(), Fault> {
        // Whoever panicked with it has not changed it yet.
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if number <= newest.number {
            return Ok(());
        }
        let next = Place { nth: 1 - newest.nth, number };
        let number = number.to_le_bytes();
        let bytes = [number, xxh3_64(&number).to_le_bytes()].concat();
        let written = self.file.write_all_at(&bytes, next.nth * PLACE_STEP);
        let synced = written.and_then(|()| self.file.sync_data());
        synced.map_err(|error| fault::io("writing", &self.path, &error))?;
        *newest = next;
        Ok(())
    }
}

fn place(nth: usize) -> usize {
    nth * usize::try_from(PLACE_STEP).expect("it is small")
}

#[cfg(test)]
mod tests;
