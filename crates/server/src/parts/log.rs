//! What the raft log lies in.

use std::io;
use std::path::Path;

use raftlog::{Fault, Identity, Opened};

use super::choices::{Choices, Kind};

const KIND: Kind = Kind {
    flag: "raft-log",
    noun: "raft log",
    features: &[("wal", "raftlog-wal"), ("memory", "raftlog-memory")],
};

/// What the raft log can lie in.
pub trait LogPart: Send + Sync {
    /// Whether there is a log: then the member was started before.
    ///
    /// # Errors
    ///
    /// When that cannot be found out.
    fn is_there(&self, site: &LogSite<'_>) -> io::Result<bool>;

    /// Makes an empty log and opens it.
    ///
    /// # Errors
    ///
    /// When something is there already, or the disk fails.
    fn create(&self, site: &LogSite<'_>, identity: Identity) -> Result<Opened, Fault>;

    /// Opens the log that is there.
    ///
    /// # Errors
    ///
    /// When it cannot be read or trusted, or is in use.
    fn open(&self, site: &LogSite<'_>) -> Result<Opened, Fault>;
}

/// Where a log lies, and how.
#[derive(Clone, Copy, Debug)]
pub struct LogSite<'a> {
    /// A directory that is nobody else's; it need not be there before the log is made.
    pub directory: &'a Path,
    /// Whether syncs may be left out, as `--unsafe-no-fsync` says: a crash of the machine may then
    /// cost everything.
    pub skips_syncs: bool,
}

pub(super) fn compiled_in() -> Choices<dyn LogPart> {
    Choices::of(
        KIND,
        [
            #[cfg(feature = "raftlog-wal")]
            ("wal", wal::part()),
            #[cfg(feature = "raftlog-memory")]
            ("memory", memory::part()),
        ],
    )
}

#[cfg(feature = "raftlog-wal")]
mod wal {
    use std::fs;
    use std::sync::Arc;

    use raftlog_wal::files::{Syncs, System};
    use raftlog_wal::{SEGMENT_BYTES, Wal};

    use super::{Fault, Identity, LogPart, LogSite, Opened, io};

    struct WalPart;

    pub(super) fn part() -> Arc<dyn LogPart> {
        Arc::new(WalPart)
    }

    impl LogPart for WalPart {
        fn is_there(&self, site: &LogSite<'_>) -> io::Result<bool> {
            let entries = match fs::read_dir(site.directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                entries => entries?,
            };
            for entry in entries {
                if entry?.path().extension().is_some_and(|extension| extension == "wal") {
                    return Ok(true);
                }
            }
            Ok(false)
        }

        fn create(&self, site: &LogSite<'_>, identity: Identity) -> Result<Opened, Fault> {
            Wal::create(files(site), site.directory, identity, SEGMENT_BYTES)
        }

        fn open(&self, site: &LogSite<'_>) -> Result<Opened, Fault> {
            Wal::open(files(site), site.directory, SEGMENT_BYTES)
        }
    }

    fn files(site: &LogSite<'_>) -> Arc<System> {
        let syncs = if site.skips_syncs { Syncs::Skipped } else { Syncs::Real };
        Arc::new(System { syncs })
    }
}

#[cfg(feature = "raftlog-memory")]
mod memory {
    use std::sync::Arc;

    use raftlog::memory::Disk;

    use super::{Fault, Identity, LogPart, LogSite, Opened, io};

    /// Forgets everything when it ends, so it is never there when a member starts.
    struct Memory;

    pub(super) fn part() -> Arc<dyn LogPart> {
        Arc::new(Memory)
    }

    impl LogPart for Memory {
        fn is_there(&self, _site: &LogSite<'_>) -> io::Result<bool> {
            Ok(false)
        }

        fn create(&self, _site: &LogSite<'_>, identity: Identity) -> Result<Opened, Fault> {
            Disk::new().create(identity)
        }

        fn open(&self, site: &LogSite<'_>) -> Result<Opened, Fault> {
            let directory = site.directory.display().to_string();
            let what = "a log in memory is gone with the process that held it".to_owned();
            Err(Fault::Foreign { directory, what })
        }
    }
}
