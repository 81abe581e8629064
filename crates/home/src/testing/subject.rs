//! An engine under its contract's suite.

use std::path::{Path, PathBuf};

use backend::{Backend, Fault};
use tempfile::TempDir;

use super::crash;

/// Engines in a directory of their own, one after the other.
pub struct Subject {
    _holder: TempDir,
    directory: PathBuf,
    open: fn(&Path) -> Result<Box<dyn Backend>, Fault>,
}

impl Subject {
    /// A directory that is not there yet, and what opens an engine in it.
    #[must_use]
    pub fn new(open: fn(&Path) -> Result<Box<dyn Backend>, Fault>) -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let directory = holder.path().join("engine");
        Self { _holder: holder, directory, open }
    }
}

impl backend::suite::Subject for Subject {
    fn open(&self) -> Result<Box<dyn Backend>, Fault> {
        (self.open)(&self.directory)
    }

    /// What was written to files before; the rest is lost.
    fn crash(&self, engine: Box<dyn Backend>) {
        crash(&self.directory, || drop(engine));
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }
}
