//! What the raft log lies in.

use std::path::Path;

use raftlog::{Fault, Identity, Opened};

use super::choices::{Choices, Kind};

const KIND: Kind = Kind {
    flag: "raft-log",
    noun: "raft log",
    features: &[
        ("wal", "raftlog-wal"),
        ("rocksdb", "raftlog-rocksdb"),
        ("sled", "raftlog-sled"),
        ("memory", "raftlog-memory"),
    ],
};

/// What the raft log can lie in.
pub trait LogPart: Send + Sync {
    /// Whether there is a log: then the member was started before.
    ///
    /// # Errors
    ///
    /// When that cannot be found out.
    fn is_there(&self, site: &LogSite<'_>) -> Result<bool, Fault>;

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

    /// Whether what it holds is there when it is opened again.
    fn keeps(&self) -> bool {
        true
    }
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
            #[cfg(feature = "raftlog-rocksdb")]
            ("rocksdb", rocksdb::part()),
            #[cfg(feature = "raftlog-sled")]
            ("sled", sled::part()),
            #[cfg(feature = "raftlog-memory")]
            ("memory", memory::part()),
        ],
    )
}

#[cfg(feature = "raftlog-wal")]
mod wal {
    use std::path::Path;
    use std::sync::Arc;
    use std::{fs, io};

    use raftlog_wal::files::{Syncs, System};
    use raftlog_wal::{SEGMENT_BYTES, Wal};

    use super::{Fault, Identity, LogPart, LogSite, Opened};
    use crate::error::in_words;

    struct WalPart;

    pub(super) fn part() -> Arc<dyn LogPart> {
        Arc::new(WalPart)
    }

    impl LogPart for WalPart {
        fn is_there(&self, site: &LogSite<'_>) -> Result<bool, Fault> {
            has_segments(site.directory).map_err(|error| Fault::Io {
                doing: format!("reading {}", site.directory.display()),
                error: in_words(&error),
            })
        }

        fn create(&self, site: &LogSite<'_>, identity: Identity) -> Result<Opened, Fault> {
            Wal::create(files(site), site.directory, identity, SEGMENT_BYTES)
        }

        fn open(&self, site: &LogSite<'_>) -> Result<Opened, Fault> {
            Wal::open(files(site), site.directory, SEGMENT_BYTES)
        }
    }

    fn has_segments(directory: &Path) -> io::Result<bool> {
        let entries = match fs::read_dir(directory) {
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

    fn files(site: &LogSite<'_>) -> Arc<System> {
        let syncs = if site.skips_syncs { Syncs::Skipped } else { Syncs::Real };
        Arc::new(System { syncs })
    }
}

#[cfg(feature = "raftlog-rocksdb")]
mod rocksdb {
    use std::sync::Arc;

    use raftlog_rocksdb::{Options, RocksdbLog};

    use super::{Fault, Identity, LogPart, LogSite, Opened};

    struct RocksdbPart;

    pub(super) fn part() -> Arc<dyn LogPart> {
        Arc::new(RocksdbPart)
    }

    impl LogPart for RocksdbPart {
        fn is_there(&self, site: &LogSite<'_>) -> Result<bool, Fault> {
            RocksdbLog::exists(site.directory)
        }

        fn create(&self, site: &LogSite<'_>, identity: Identity) -> Result<Opened, Fault> {
            RocksdbLog::create(site.directory, identity, &options(site))
        }

        fn open(&self, site: &LogSite<'_>) -> Result<Opened, Fault> {
            RocksdbLog::open(site.directory, &options(site))
        }
    }

    fn options(site: &LogSite<'_>) -> Options {
        Options { skips_syncs: site.skips_syncs, ..Options::USUAL }
    }
}

#[cfg(feature = "raftlog-sled")]
mod sled {
    use std::sync::Arc;

    use raftlog_sled::{Options, PowerFailure, SledLog};

    use super::{Fault, Identity, LogPart, LogSite, Opened};

    /// It always syncs: left to itself `sled` writes when it likes, and stands still over it.
    struct SledPart;

    pub(super) fn part() -> Arc<dyn LogPart> {
        Arc::new(SledPart)
    }

    impl LogPart for SledPart {
        fn is_there(&self, site: &LogSite<'_>) -> Result<bool, Fault> {
            SledLog::exists(site.directory)
        }

        fn create(&self, site: &LogSite<'_>, identity: Identity) -> Result<Opened, Fault> {
            SledLog::create(site.directory, identity, &options())
        }

        fn open(&self, site: &LogSite<'_>) -> Result<Opened, Fault> {
            SledLog::open(site.directory, &options())
        }
    }

    fn options() -> Options {
        tracing::warn!(
            "a power failure may cost a raft log that is kept in sled, and with it what the \
             member has promised to others"
        );
        Options { cache_bytes: Options::CACHE_BYTES, power_failure: PowerFailure::MayCostTheLog }
    }
}

#[cfg(feature = "raftlog-memory")]
mod memory {
    use std::sync::Arc;

    use raftlog::memory::Disk;

    use super::{Fault, Identity, LogPart, LogSite, Opened};

    /// Forgets everything when it ends, so it is never there when a member starts.
    struct Memory;

    pub(super) fn part() -> Arc<dyn LogPart> {
        Arc::new(Memory)
    }

    impl LogPart for Memory {
        fn is_there(&self, _site: &LogSite<'_>) -> Result<bool, Fault> {
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

        fn keeps(&self) -> bool {
            false
        }
    }
}
