//! The engine: one content at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::{Backend, Batch, Fault, Records, Stats, Table, View};
use bytes::Bytes;

use crate::content::Content;
use crate::directory::{Directory, Home};

/// How much memory an engine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of blocks of files that are kept for the next read.
    pub cache_bytes: u64,
    /// Bytes of changes that are gathered before they are written to a file. Up to four of these
    /// are in memory when the disk cannot keep up.
    pub memtable_bytes: u64,
}

impl Options {
    /// What a member uses: as `backend-lsm` does.
    pub const USUAL: Self = Self { cache_bytes: 64 << 20, memtable_bytes: 16 << 20 };
}

/// An engine over a directory.
pub struct FjallBackend {
    options: Options,
    /// Held by whoever writes or replaces.
    directory: Mutex<Directory>,
    content: Mutex<Arc<Content>>,
    /// What ended the engine, if anything did.
    broken: Mutex<Option<Fault>>,
}

/// The source of an empty content.
struct Nothing;

impl Records for Nothing {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(None)
    }
}

impl FjallBackend {
    /// Opens the engine in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] if the directory is somebody else's, which is then left as it is;
    /// [`Fault::Locked`] if it is in use, if only by a view; [`Fault::Corrupt`] if it is damaged,
    /// or lacks what was synced; [`Fault::Io`].
    pub fn open(directory: &Path, options: Options) -> Result<Self, Fault> {
        let mut directory = Directory::open(directory)?;
        let content = match directory.content() {
            Some(path) => Content::open(Home::new(path), options)?,
            None => {
                let content = Content::create(directory.make_next()?, options, &mut Nothing)?;
                directory.advance()?;
                content
            }
        };
        Ok(Self {
            options,
            directory: Mutex::new(directory),
            content: Mutex::new(Arc::new(content)),
            broken: Mutex::default(),
        })
    }

    fn content(&self) -> Arc<Content> {
        hold(&self.content).clone()
    }

    fn check(&self) -> Result<(), Fault> {
        hold(&self.broken).clone().map_or(Ok(()), Err)
    }

    /// After a fault nothing is written any more: what the files hold is unknown.
    fn break_with(&self, fault: Fault) -> Fault {
        let fault = match fault {
            // Whoever sees that would try again.
            Fault::Full { doing } => Fault::Io { doing, error: "there is no room".to_string() },
            fault => fault,
        };
        hold(&self.broken).get_or_insert_with(|| fault.clone());
        fault
    }
}

impl Backend for FjallBackend {
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
        self.content().sync().map_err(|fault| self.break_with(fault))
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        self.check()?;
        let mut directory = hold(&self.directory);
        let home = directory.make_next()?;
        // Unless it becomes the content, it goes as it came.
        home.retire();
        let next = Content::create(home, self.options, records)?;
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
        Stats {
            disk_bytes,
            live_bytes: content.live_bytes().min(disk_bytes),
            memory_bytes: content.memory_bytes(),
            // Whatever finds no room ends the engine.
            cramped: false,
        }
    }
}

pub(crate) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a lock guards here is replaced as a whole, so a holder that panicked has left no half.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
