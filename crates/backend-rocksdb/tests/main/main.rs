//! The engine against the contract's suite, against crashes of a real process, and on disks without
//! room.

use std::path::Path;

use backend::{Backend, Fault};
use backend_rocksdb::{Options, RocksdbBackend};

mod crashes;
mod directories;
#[cfg(target_os = "linux")]
mod full_disks;
mod suite;

/// RocksDB's memtables have 64 KiB at least.
const SMALL: Options = Options { cache_bytes: 64 << 10, memtable_bytes: 64 << 10 };

fn open_small(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(RocksdbBackend::open(directory, SMALL)?))
}
