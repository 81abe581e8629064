//! What is missed in the directory.

use std::path::Path;

use keyedlog::testing::Filled;
use raftlog::Fault;
use raftlog_rocksdb::{Options, RocksdbLog, RocksdbStore};
use store_rocksdb::testing::shorten_journals;

use crate::SMALL;

/// RocksDB would take what is left for all there was.
#[test]
fn a_journal_that_lost_what_was_synced_is_damage() {
    for part in [0, 40, 95] {
        let filled = Filled::new::<RocksdbStore>(&SMALL);
        let store = filled.files();
        shorten_journals(&store, part);
        let Fault::Corrupt { file, what, .. } = filled.fault::<RocksdbStore>(&SMALL) else {
            panic!("what was lost was not missed");
        };
        assert!(what.contains("; replace this member"), "with advice: {what}");
        assert_eq!(Path::new(&file), store);
    }
    let filled = Filled::new::<RocksdbStore>(&SMALL);
    shorten_journals(&filled.files(), 100);
    assert!(RocksdbLog::open(&filled.directory, &SMALL).is_ok(), "nothing was lost");
}

/// What was lost would be missed.
#[test]
fn the_end_of_a_process_costs_nothing_that_was_not_synced() {
    let options = Options { skips_syncs: true, ..SMALL };
    let filled = Filled::new::<RocksdbStore>(&options);
    assert!(RocksdbLog::open(&filled.directory, &options).is_ok());
}
