//! How many groups were synced, kept where `sled` cannot lose it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use raftlog::Fault;

use crate::fault;

/// From one place to the other: they share no sector, so that writing one cannot hurt the other.
const PLACE_STEP: u64 = 4096;
const NUMBER_BYTES: usize = 8;
const SUM_BYTES: usize = 4;

/// A file with two numbers, of which the greater counts. It is not synced, so that a group costs no
/// second sync: what it says may be too little after a power failure, and never too much.
#[derive(Debug)]
pub(crate) struct Tally {
    path: PathBuf,
    file: File,
    /// Where the greater one is.
    nth: u64,
    number: u64,
}

impl Tally {
    pub(crate) fn create(path: &Path) -> Result<Self, Fault> {
        let failed = |error: io::Error| fault::io("creating", path, &error);
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let mut this = Self { path: path.into(), file: file.map_err(failed)?, nth: 1, number: 0 };
        let length = usize::try_from(2 * PLACE_STEP).expect("it is small");
        this.file.write_all_at(&vec![0; length], 0).map_err(failed)?;
        this.note(1)?;
        this.file.sync_all().map_err(failed)?;
        Ok(this)
    }

    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let failed = |error: io::Error| fault::of_reading(path, &error);
        let file = File::options().read(true).write(true).open(path).map_err(failed)?;
        let mut newest: Option<(u64, u64)> = None;
        for nth in 0..2 {
            let mut bytes = [0; NUMBER_BYTES + SUM_BYTES];
            file.read_exact_at(&mut bytes, nth * PLACE_STEP).map_err(failed)?;
            let (number, sum) = bytes.split_at(NUMBER_BYTES);
            let is_whole = sum == crc32c::crc32c(number).to_le_bytes();
            let number = u64::from_le_bytes(number.try_into().expect("it was split off"));
            if is_whole && number > 0 && newest.is_none_or(|(newest, _)| newest < number) {
                newest = Some((number, nth));
            }
        }
        let Some((number, nth)) = newest else {
            return Err(fault::corrupt(path, "both its checksums are wrong"));
        };
        Ok(Self { path: path.into(), file, nth, number })
    }

    /// Groups that were synced at least.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// So many are.
    pub(crate) fn note(&mut self, number: u64) -> Result<(), Fault> {
        assert!(number > self.number, "{number} comes after {}", self.number);
        let nth = 1 - self.nth;
        let mut bytes = [0; NUMBER_BYTES + SUM_BYTES];
        bytes[..NUMBER_BYTES].copy_from_slice(&number.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..NUMBER_BYTES]).to_le_bytes();
        bytes[NUMBER_BYTES..].copy_from_slice(&sum);
        let written = self.file.write_all_at(&bytes, nth * PLACE_STEP);
        written.map_err(|error| fault::io("writing", &self.path, &error))?;
        (self.nth, self.number) = (nth, number);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
