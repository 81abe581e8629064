//! What of a member survives a crash.

use std::path::Path;
use std::sync::Arc;

use backend::MemDisk;
use raftlog::{Identity, Opened};
use raftlog_wal::Wal;
use raftlog_wal::files::{Files, SimulatedDisk};

use crate::checks::Violation;
use crate::member::fault;
use crate::random::Random;

/// The disks of one member: one under its log, one under its engine.
pub(crate) struct Disk {
    log: SimulatedDisk,
    segment_bytes: u64,
    pub(crate) engine: MemDisk,
}

impl Disk {
    /// Empty disks; `random` decides what crashes take.
    pub(crate) fn new(segment_bytes: u64, mut random: Random) -> Self {
        Self { log: SimulatedDisk::new(random.next()), segment_bytes, engine: MemDisk::new() }
    }

    /// Opens the log, or makes it.
    pub(crate) fn open_log(&self, identity: Identity) -> Result<Opened, Violation> {
        let (files, directory) = (Arc::new(self.log.clone()) as Arc<dyn Files>, Path::new("wal"));
        fault(if fault(Wal::exists(&files, directory))? {
            Wal::open(files, directory, self.segment_bytes)
        } else {
            Wal::create(files, directory, identity, self.segment_bytes)
        })
    }

    /// Takes away what was not synced, but for a random part of it.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        self.log.crash();
        self.engine.crash(random.below(self.engine.unsynced() + 1));
    }
}
