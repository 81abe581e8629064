//! Every log's promises, kept on the machine's files.

use raftlog_rocksdb::RocksdbStore;

use crate::SMALL;

keyedlog::suite!(RocksdbStore, SMALL);
