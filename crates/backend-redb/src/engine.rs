//! The engine: contents in files, on the machine's disk but for tests.

use std::path::Path;
use std::sync::Arc;

use backend::{Backend, Batch, Fault, Records, Stats, View};
use home::Engine;

use crate::content::{Content, Setup};
use crate::pages::{Disk, SystemDisk};

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

/// An ordered engine by means of `redb`, in a directory of its own.
pub struct RedbBackend(Engine<Content>);

impl RedbBackend {
    /// Opens the engine in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// As [`Engine::open`].
    pub fn open(directory: &Path, options: Options) -> Result<Self, Fault> {
        Self::open_on(Box::new(SystemDisk), directory, options)
    }

    fn open_on(disk: Box<dyn Disk>, directory: &Path, options: Options) -> Result<Self, Fault> {
        let setup = Setup { disk, cache_bytes: options.cache_bytes };
        Engine::open(directory, setup).map(Self)
    }
}

impl Backend for RedbBackend {
    fn view(&self) -> Arc<dyn View> {
        self.0.view()
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.0.write(batch)
    }

    fn sync(&self) -> Result<(), Fault> {
        self.0.sync()
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        self.0.replace(records)
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }
}

#[cfg(test)]
mod tests;
