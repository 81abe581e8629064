//! The suites that every part of etcdd has to pass.

mod engine {
    use std::path::Path;

    use backend::{Backend, Fault};
    use custom::JournalEngine;
    use tempfile::TempDir;

    struct Subject(TempDir);

    impl backend::suite::Subject for Subject {
        fn open(&self) -> Result<Box<dyn Backend>, Fault> {
            Ok(Box::new(JournalEngine::open(self.0.path())?))
        }

        /// What was not written by a sync was in memory alone.
        fn crash(&self, engine: Box<dyn Backend>) {
            drop(engine);
        }

        fn directory(&self) -> Option<&Path> {
            Some(self.0.path())
        }
    }

    backend::suite!(Subject(TempDir::new().expect("a temporary directory")));
}

mod log {
    use custom::JournalLog;
    use raftlog::{Fault, Identity, Opened, RaftLog};
    use tempfile::TempDir;

    struct Subject(TempDir);

    impl raftlog::suite::Subject for Subject {
        fn create(&self, identity: Identity) -> Result<Opened, Fault> {
            JournalLog::create(self.0.path(), identity)
        }

        fn open(&self) -> Result<Opened, Fault> {
            JournalLog::open(self.0.path())
        }

        /// What was not written by a sync was in memory alone.
        fn crash(&self, log: Box<dyn RaftLog>) {
            drop(log);
        }
    }

    raftlog::suite!(Subject(TempDir::new().expect("a temporary directory")));
}
