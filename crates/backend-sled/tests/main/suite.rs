//! The contract's suite, with so little memory that pages are read again.

use std::path::{Path, PathBuf};

use backend::{Backend, Fault};
use backend_sled::{Options, PowerFailure, SledBackend};
use tempfile::TempDir;

use crate::copies;

const SMALL: Options =
    Options { cache_bytes: 64 << 10, power_failure: PowerFailure::MayCostTheData };

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
        Ok(Box::new(SledBackend::open(&self.directory, SMALL)?))
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
