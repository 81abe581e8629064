//! Every log's promises, kept on the machine's files.

use std::path::PathBuf;

use raftlog::{Fault, Identity, Opened, RaftLog};
use raftlog_sled::{Options, PowerFailure, SledLog};
use tempfile::TempDir;

use crate::copies;

const OPTIONS: Options =
    Options { cache_bytes: 1 << 20, power_failure: PowerFailure::MayCostTheLog };

struct Subject {
    _holder: TempDir,
    directory: PathBuf,
}

impl Subject {
    fn new() -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let directory = holder.path().join("log");
        Self { _holder: holder, directory }
    }
}

impl raftlog::suite::Subject for Subject {
    fn create(&self, identity: Identity) -> Result<Opened, Fault> {
        SledLog::create(&self.directory, identity, OPTIONS)
    }

    fn open(&self) -> Result<Opened, Fault> {
        SledLog::open(&self.directory, OPTIONS)
    }

    /// What was written to files before the log may write what it holds back.
    fn crash(&self, log: Box<dyn RaftLog>) {
        copies::crash(&self.directory, || drop(log));
    }
}

raftlog::suite!(Subject::new());
