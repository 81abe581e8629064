//! The contract's suite, over limits so small that files are written and merged all the time.

use std::path::{Path, PathBuf};

use backend::{Backend, Fault};
use tempfile::TempDir;

use crate::open_small;

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
        open_small(&self.directory)
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
