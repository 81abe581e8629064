//! The engine: one content at a time.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::{Backend, Batch, Fault, Records, Stats, View};

use crate::content::Content;
use crate::directory::{Directory, Home};
use crate::pages::{Disk, SystemDisk};

/// What a sync writes beside the pages that memory holds: those above them, and notes on which are
/// free.
const BESIDE_BYTES: u64 = 1 << 20;

/// How much memory an engine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of pages in memory. Up to half of them are pages that the file does not have yet; a
    /// batch that makes more of them has some written.
    pub cache_bytes: usize,
}

impl Options {
    /// What a member uses. The operating system caches the file too, so this is for what is written
    /// between two syncs.
    pub const USUAL: Self = Self { cache_bytes: 128 << 20 };
}

/// An engine over a directory.
pub struct RedbBackend {
    options: Options,
    disk: Box<dyn Disk>,
    /// Held by whoever writes or replaces.
    directory: Mutex<Directory>,
    content: Mutex<Arc<Content>>,
    /// Whether the last sync found no room.
    cramped: AtomicBool,
    /// What ended the engine, if anything did.
    broken: Mutex<Option<Fault>>,
}

impl RedbBackend {
    /// Opens the engine in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] if the directory is somebody else's, which is then left as it is;
    /// [`Fault::Locked`] if it is in use, if only by a view; [`Fault::Corrupt`] if it is damaged;
    /// [`Fault::Io`].
    pub fn open(directory: &Path, options: Options) -> Result<Self, Fault> {
        Self::open_on(Box::new(SystemDisk), directory, options)
    }

    fn open_on(disk: Box<dyn Disk>, directory: &Path, options: Options) -> Result<Self, Fault> {
        let mut directory = Directory::open(directory)?;
        let content = match directory.content() {
            Some(path) => Content::open(Home::new(path), &*disk, options.cache_bytes)?,
            None => {
                let home = directory.make_next()?;
                let content = Content::create(home, &*disk, options.cache_bytes)?;
                directory.advance()?;
                content
            }
        };
        Ok(Self {
            options,
            disk,
            directory: Mutex::new(directory),
            content: Mutex::new(Arc::new(content)),
            cramped: AtomicBool::new(false),
            broken: Mutex::default(),
        })
    }

    fn content(&self) -> Arc<Content> {
        hold(&self.content).clone()
    }

    fn check(&self) -> Result<(), Fault> {
        hold(&self.broken).clone().map_or(Ok(()), Err)
    }

    /// After a fault nothing is written any more: what the file holds is unknown.
    fn break_with(&self, fault: Fault) -> Fault {
        let fault = match fault {
            // Whoever sees that would try again.
            Fault::Full { doing } => Fault::Io { doing, error: "there is no room".to_string() },
            fault => fault,
        };
        hold(&self.broken).get_or_insert_with(|| fault.clone());
        fault
    }

    /// Whether the disk has room for all the pages that a sync may have to write.
    fn check_room(&self, content: &Content) -> Result<(), Fault> {
        let needed = self.options.cache_bytes as u64 / 2 + BESIDE_BYTES;
        // Where nobody can say how much there is, the sync finds out.
        let has_room = match rustix::fs::statvfs(&content.home.path) {
            Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize) >= needed,
            Err(_) => true,
        };
        self.cramped.store(!has_room, Ordering::Relaxed);
        let doing = || format!("syncing {}", content.file.display());
        if has_room { Ok(()) } else { Err(Fault::Full { doing: doing() }) }
    }
}

impl Backend for RedbBackend {
    fn view(&self) -> Arc<dyn View> {
        Arc::new(self.content().view())
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let _writer = hold(&self.directory);
        self.content().write(batch).map_err(|fault| self.break_with(fault))
    }

    fn sync(&self) -> Result<(), Fault> {
        self.check()?;
        let content = self.content();
        self.check_room(&content)?;
        content.sync().map_err(|fault| self.break_with(fault))
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        self.check()?;
        let mut directory = hold(&self.directory);
        let home = directory.make_next()?;
        // Unless it becomes the content, it goes as it came.
        home.retire();
        let next = Content::create(home, &*self.disk, self.options.cache_bytes)?;
        next.fill(records)?;
        // Before the marker may name it: what turns out to be left over goes at the next opening.
        next.home.keep();
        directory.advance().map_err(|fault| self.break_with(fault))?;
        let former = std::mem::replace(&mut *hold(&self.content), Arc::new(next));
        former.home.retire();
        Ok(())
    }

    fn stats(&self) -> Stats {
        let content = self.content();
        let disk_bytes = content.disk_bytes();
        // A file that cannot be read is told by whoever reads or writes it.
        let live_bytes = content.live_bytes().unwrap_or(0);
        Stats {
            disk_bytes,
            live_bytes: live_bytes.min(disk_bytes),
            // At most: `redb` does not count unless it is built to, which slows down every read.
            memory_bytes: self.options.cache_bytes as u64,
            cramped: self.cramped.load(Ordering::Relaxed),
        }
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a lock guards here is replaced as a whole, so a holder that panicked has left no half.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
