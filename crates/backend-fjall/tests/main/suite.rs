//! The contract's suite, over limits so small that files are written and merged all the time.

use std::path::{Path, PathBuf};

use backend::{Backend, Fault};
use backend_fjall::{FjallBackend, Options};
use tempfile::TempDir;

use crate::copies;

/// A memtable of a hundred records or so.
const SMALL: Options = Options { cache_bytes: 64 << 10, memtable_bytes: 16 << 10 };

struct Subject {
    _holder: TempDir,
    directory: PathBuf,
}

impl Subject {
    fn new() -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let directory = holder.path().join("engine");
        Self { _holder: holder, directory }
    }
}

impl backend::suite::Subject for Subject {
    fn open(&self) -> Result<Box<dyn Backend>, Fault> {
        Ok(Box::new(FjallBackend::open(&self.directory, SMALL)?))
    }

    /// What was written to files before; the rest is lost. `crashes.rs` kills a process.
    fn crash(&self, engine: Box<dyn Backend>) {
        copies::crash(&self.directory, || drop(engine));
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }
}

backend::suite!(Subject::new());
