//! The engine: one content at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::{Backend, Batch, Fault, Records, Stats, Table, View};
use bytes::Bytes;

use crate::content::Content;
use crate::directory::{Directory, Home};

/// What an engine may use, and lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of pages that are kept in memory.
    pub cache_bytes: u64,
    /// What a power failure may do.
    pub power_failure: PowerFailure,
}

/// What a power failure may do to what was synced. There is nothing to choose, but it has to be
/// said: see the crate's known limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerFailure {
    /// Make it unreadable, as a whole: the next start refuses it, and the member has to be
    /// replaced.
    MayCostTheData,
}

impl Options {
    /// The cache that a member uses.
    pub const CACHE_BYTES: u64 = 64 << 20;
}

/// An engine over a directory.
pub struct SledBackend {
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

impl SledBackend {
    /// Opens the engine in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] if the directory is somebody else's, which is then left as it is;
    /// [`Fault::Locked`] if it is in use, if only by a view; [`Fault::Corrupt`] if it is damaged,
    /// or lacks what was synced; [`Fault::Io`].
    pub fn open(directory: &Path, options: Options) -> Result<Self, Fault> {
        let PowerFailure::MayCostTheData = options.power_failure;
        let mut directory = Directory::open(directory)?;
        let content = match directory.content() {
            Some(path) => Content::open(Home::new(path), options.cache_bytes)?,
            None => {
                let home = directory.make_next()?;
                let content = Content::create(home, options.cache_bytes, &mut Nothing)?;
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

impl Backend for SledBackend {
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
        let next = Content::create(home, self.options.cache_bytes, records)?;
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
            // `sled` knows only of all its files together.
            live_bytes: disk_bytes,
            memory_bytes: self.options.cache_bytes + content.history().bytes() as u64,
            // Whatever finds no room ends the engine.
            cramped: false,
        }
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a lock guards here is replaced as a whole, so a holder that panicked has left no half.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
