//! A disk that is really full: a small one in memory, where this may be mounted.

use std::path::Path;

use backend::{Backend, Fault};
use backend_rocksdb::{Options, RocksdbBackend};

const OPTIONS: Options = Options { cache_bytes: 1 << 20, memtable_bytes: 1 << 20 };

fn open(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(RocksdbBackend::open(directory, OPTIONS)?))
}

home::full_disks!(open);
