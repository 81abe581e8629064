//! What is missed in the directory.

use std::fs;
use std::path::Path;

use keyedlog::testing::Filled;
use raftlog::Fault;
use raftlog_rocksdb::{RocksdbLog, RocksdbStore};

use crate::SMALL;

/// Shortens the journal to some hundredths of what it was.
fn shorten(files: &Path, part: usize) {
    let mut cut = 0;
    for name in fs::read_dir(files).expect("it is there") {
        let path = name.expect("it is there").path();
        if path.extension().is_some_and(|is| is == "log") {
            let bytes = fs::read(&path).expect("it is there");
            let rest = bytes.len() * part / 100;
            fs::write(&path, &bytes[..rest]).expect("it is there");
            cut += bytes.len() - rest;
        }
    }
    assert!(cut > 0 || part == 100, "there is nothing in the journal");
}

/// RocksDB would take what is left for all there was.
#[test]
fn a_journal_that_lost_what_was_synced_is_damage() {
    for part in [0, 40, 95] {
        let filled = Filled::new::<RocksdbStore>(&SMALL);
        let store = filled.files();
        shorten(&store, part);
        let Fault::Corrupt { file, what, .. } = filled.fault::<RocksdbStore>(&SMALL) else {
            panic!("what was lost was not missed");
        };
        assert!(what.contains("; replace this member"), "with advice: {what}");
        assert_eq!(Path::new(&file), store);
    }
    let filled = Filled::new::<RocksdbStore>(&SMALL);
    shorten(&filled.files(), 100);
    assert!(RocksdbLog::open(&filled.directory, &SMALL).is_ok(), "nothing was lost");
}
