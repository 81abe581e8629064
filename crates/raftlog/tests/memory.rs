//! The log in memory passes the suite.

use std::cell::Cell;

use raftlog::memory::Disk;
use raftlog::{Fault, Identity, Opened, RaftLog};

struct Subject {
    disk: Disk,
    crashes: Cell<usize>,
}

impl raftlog::suite::Subject for Subject {
    fn create(&self, identity: Identity) -> Result<Opened, Fault> {
        self.disk.create(identity)
    }

    fn open(&self) -> Result<Opened, Fault> {
        self.disk.open()
    }

    /// Nothing unsynced survives the first crash, one step the second, and so on.
    fn crash(&self, log: Box<dyn RaftLog>) {
        self.disk.crash(self.crashes.replace(self.crashes.get() + 1));
        drop(log);
    }
}

raftlog::suite!(Subject { disk: Disk::new(), crashes: Cell::new(0) });
