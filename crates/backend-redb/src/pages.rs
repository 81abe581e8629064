//! The file beneath the tree: pages with checksums, and a header that is never half written.
//!
//! ```text
//!   0        8192     16384
//!   │ header │ header │ page 1, sum │ page 2, sum │ …
//! ```
//!
//! `redb` sees a file of pages whose first one is its header. It computes checksums of its pages,
//! but looks at them only when a file has to be repaired; so each page has one of ours behind it,
//! which is looked at whenever the page is read. It writes its header in place; so there are two of
//! them, and the one that is durable is not the one that is written.

use std::fmt::Debug;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What `redb` reads and writes at least, but for its header.
const PAGE_BYTES: usize = 4096;
const SUM_BYTES: usize = 8;
/// A page and its checksum.
const FRAME_BYTES: usize = PAGE_BYTES + SUM_BYTES;
/// From one header to the next: they share no sector, so that writing one cannot hurt the other.
const HEADER_STEP: u64 = 8192;
/// Where pages begin.
const HEADERS_BYTES: u64 = 2 * HEADER_STEP;

/// A disk, as far as an engine needs one.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Makes an empty file, or opens the one that is there, for one user at a time: another is told
    /// [`ErrorKind::WouldBlock`].
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn Medium>>;
}

/// What is to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Nothing.
    Create,
    /// The file.
    Existing,
}

/// A file. Reads and writes are of all the bytes or fail.
pub(crate) trait Medium: Debug + Send + Sync {
    fn len(&self) -> io::Result<u64>;
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// The machine's own.
#[derive(Debug)]
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn Medium>> {
        let file =
            File::options().read(true).write(true).create_new(how == How::Create).open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ErrorKind::WouldBlock.into(),
            TryLockError::Error(error) => error,
        })?;
        Ok(Box::new(file))
    }
}

impl Medium for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_all_at(data, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// What `redb` takes for its file.
///
/// # Invariants
///
/// - A header is written behind a sync of all pages that were written before it: what it names is
///   on the disk when it is.
/// - The newest durable header is never written over.
#[derive(Debug)]
pub(crate) struct Pages {
    medium: Box<dyn Medium>,
    header: Mutex<Header>,
    /// Whether pages were written since the last sync.
    dirty: AtomicBool,
}

/// The first page, as it was last written.
#[derive(Debug)]
struct Header {
    page: Vec<u8>,
    /// Of the durable one; the one after it has the next number.
    number: u64,
    /// Which of the two places that is in.
    place: u64,
    /// Whether the other place was written since the last sync.
    written: bool,
}

impl Pages {
    /// Takes over a file that is empty or was written by this.
    pub(crate) fn over(medium: Box<dyn Medium>) -> io::Result<Self> {
        let header = match medium.len()? {
            0 => Header::none(),
            len if len < HEADERS_BYTES => return Err(damaged("the file is too short")),
            _ => Header::read(&*medium)?,
        };
        Ok(Self { medium, header: Mutex::new(header), dirty: AtomicBool::new(false) })
    }

    fn header(&self) -> MutexGuard<'_, Header> {
        // Whoever panicked with it did so in a write, after which nobody goes on.
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        let physical = self.medium.len()?;
        Ok(match physical.checked_sub(HEADERS_BYTES) {
            None => 0,
            Some(bytes) => (1 + bytes / FRAME_BYTES as u64) * PAGE_BYTES as u64,
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset < PAGE_BYTES as u64 {
            let at = usize::try_from(offset).expect("it is within a page");
            let header = self.header();
            let end = at.checked_add(out.len()).filter(|end| *end <= PAGE_BYTES);
            let end = end.ok_or_else(|| damaged("the header is longer than a page"))?;
            out.copy_from_slice(&header.page[at..end]);
            return Ok(());
        }
        let (first, count) = pages(offset, out.len());
        let mut frames = vec![0; count * FRAME_BYTES];
        self.medium.read(place(first), &mut frames)?;
        for ((frame, page), out) in
            frames.chunks_exact(FRAME_BYTES).zip(first..).zip(out.chunks_exact_mut(PAGE_BYTES))
        {
            let (data, sum) = frame.split_at(PAGE_BYTES);
            if sum != xxh3_64_with_seed(data, page).to_le_bytes() {
                return Err(damaged(&format!("the checksum of page {page} is wrong")));
            }
            out.copy_from_slice(data);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        assert!(len > 0 && len.is_multiple_of(PAGE_BYTES as u64), "{len} bytes are no pages");
        self.medium.set_len(place(len / PAGE_BYTES as u64))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut header = self.header();
        self.dirty.store(false, Ordering::SeqCst);
        self.medium.sync()?;
        header.settle();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset < PAGE_BYTES as u64 {
            let mut header = self.header();
            if self.dirty.swap(false, Ordering::SeqCst) {
                self.medium.sync()?;
                header.settle();
            }
            let at = usize::try_from(offset).expect("it is within a page");
            header.page[at..at + data.len()].copy_from_slice(data);
            return header.write(&*self.medium);
        }
        let (first, count) = pages(offset, data.len());
        let mut frames = Vec::with_capacity(count * FRAME_BYTES);
        for (page, data) in (first..).zip(data.chunks_exact(PAGE_BYTES)) {
            frames.extend_from_slice(data);
            frames.extend_from_slice(&xxh3_64_with_seed(data, page).to_le_bytes());
        }
        self.dirty.store(true, Ordering::SeqCst);
        self.medium.write(place(first), &frames)
    }
}

impl Header {
    fn none() -> Self {
        Self { page: vec![0; PAGE_BYTES], number: 0, place: 0, written: false }
    }

    /// The newer one of those that are whole.
    fn read(medium: &dyn Medium) -> io::Result<Self> {
        let mut newest: Option<Self> = None;
        let mut is_fresh = true;
        for place in 0..2 {
            let mut frame = vec![0; SUM_BYTES + SUM_BYTES + PAGE_BYTES];
            medium.read(place * HEADER_STEP, &mut frame)?;
            is_fresh &= frame.iter().all(|byte| *byte == 0);
            let (sum, rest) = frame.split_at(SUM_BYTES);
            let (number, page) = rest.split_at(SUM_BYTES);
            let number = u64::from_le_bytes(number.try_into().expect("it was split off"));
            let is_whole = sum == xxh3_64_with_seed(page, number).to_le_bytes();
            if is_whole && newest.as_ref().is_none_or(|newest| newest.number < number) {
                newest = Some(Self { page: page.to_vec(), number, place, written: false });
            }
        }
        match newest {
            Some(newest) => Ok(newest),
            None if is_fresh => Ok(Self::none()),
            None => Err(damaged("the checksums of both headers are wrong")),
        }
    }

    /// Into the place of the one that is not durable.
    fn write(&mut self, medium: &dyn Medium) -> io::Result<()> {
        let number = self.number + 1;
        let mut frame = Vec::with_capacity(SUM_BYTES + SUM_BYTES + PAGE_BYTES);
        frame.extend_from_slice(&xxh3_64_with_seed(&self.page, number).to_le_bytes());
        frame.extend_from_slice(&number.to_le_bytes());
        frame.extend_from_slice(&self.page);
        self.written = true;
        medium.write((1 - self.place) * HEADER_STEP, &frame)
    }

    /// What was written is durable.
    fn settle(&mut self) {
        if self.written {
            self.number += 1;
            self.place = 1 - self.place;
            self.written = false;
        }
    }
}

/// The pages of a part of the file.
fn pages(offset: u64, len: usize) -> (u64, usize) {
    let page = PAGE_BYTES as u64;
    assert!(offset.is_multiple_of(page) && len.is_multiple_of(PAGE_BYTES), "{offset}, {len}");
    (offset / page, len / PAGE_BYTES)
}

/// Where a page is in the file, and where the file ends that has so many.
fn place(page: u64) -> u64 {
    assert!(page > 0, "the first page is the header");
    HEADERS_BYTES + (page - 1) * FRAME_BYTES as u64
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
