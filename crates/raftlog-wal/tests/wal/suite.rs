//! Every log's promises, kept on the machine's files and on a simulated disk.

/// Small, so that segments end often.
const SEGMENT_BYTES: u64 = 4096;

mod on_simulated_disks {
    use std::cell::Cell;
    use std::path::Path;
    use std::sync::Arc;

    use raftlog::{Fault, Identity, Opened, RaftLog};
    use raftlog_wal::Wal;
    use raftlog_wal::files::SimulatedDisk;

    use super::SEGMENT_BYTES;

    struct Subject(SimulatedDisk);

    impl Subject {
        /// Another seed for each.
        fn new() -> Self {
            thread_local!(static SEED: Cell<u64> = const { Cell::new(0) });
            Self(SimulatedDisk::new(SEED.replace(SEED.get() + 1)))
        }
    }

    impl raftlog::suite::Subject for Subject {
        fn create(&self, identity: Identity) -> Result<Opened, Fault> {
            let files = Arc::new(self.0.clone());
            Wal::create(files, Path::new("/wal"), identity, SEGMENT_BYTES)
        }

        fn open(&self) -> Result<Opened, Fault> {
            Wal::open(Arc::new(self.0.clone()), Path::new("/wal"), SEGMENT_BYTES)
        }

        /// The power fails; or only the process, so that what a start shows was never synced.
        fn crash(&self, log: Box<dyn RaftLog>) {
            if self.0.changes().is_multiple_of(3) {
                self.0.kill()
            } else {
                self.0.crash()
            }
            drop(log);
        }

        fn lose_power_after(&self, calls: u64) -> bool {
            self.0.power_off_after(calls);
            true
        }
    }

    raftlog::suite!(Subject::new());
}

mod on_files {
    use std::cell::Cell;
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Arc;

    use raftlog::{Fault, Identity, Opened, RaftLog};
    use raftlog_wal::Wal;
    use raftlog_wal::files::{Syncs, System};
    use tempfile::TempDir;

    use super::SEGMENT_BYTES;

    /// The machine does not stop for a test, so that a sync would prove nothing: a crash is a copy
    /// of the files as they are, taken before the log may write what it holds back.
    struct Subject {
        directory: TempDir,
        crashes: Cell<u32>,
    }

    impl Subject {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory for a test");
            Self { directory, crashes: Cell::new(0) }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join(format!("wal-{}", self.crashes.get()))
        }
    }

    impl raftlog::suite::Subject for Subject {
        fn create(&self, identity: Identity) -> Result<Opened, Fault> {
            let files = Arc::new(System { syncs: Syncs::Skipped });
            Wal::create(files, &self.path(), identity, SEGMENT_BYTES)
        }

        fn open(&self) -> Result<Opened, Fault> {
            Wal::open(Arc::new(System { syncs: Syncs::Skipped }), &self.path(), SEGMENT_BYTES)
        }

        fn crash(&self, log: Box<dyn RaftLog>) {
            let from = self.path();
            self.crashes.set(self.crashes.get() + 1);
            fs::create_dir(self.path()).expect("a directory for the copy");
            for file in fs::read_dir(from).expect("the log's directory") {
                let file = file.expect("a file of the log");
                fs::copy(file.path(), self.path().join(file.file_name())).expect("copies");
            }
            drop(log);
        }
    }

    raftlog::suite!(Subject::new());
}
