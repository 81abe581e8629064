//! The log in RocksDB: the suite, and what only this part promises.

mod directories;
mod suite;

use raftlog_rocksdb::Options;

/// RocksDB's memtables have 64 KiB at least.
const SMALL: Options =
    Options { cache_bytes: 64 << 10, memtable_bytes: 64 << 10, skips_syncs: false };
