//! The contract's suite, over limits so small that files are written and merged all the time.

use std::path::{Path, PathBuf};

use backend::{Backend, Fault};
use backend_lsm::{LsmBackend, Options};
use tempfile::TempDir;

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
        Ok(Box::new(LsmBackend::open(&self.directory, SMALL)?))
    }

    /// Dropping syncs nothing, so it is what a crash is. `crashes.rs` kills a process.
    fn crash(&self, engine: Box<dyn Backend>) {
        drop(engine);
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }
}

backend::suite!(Subject::new());
