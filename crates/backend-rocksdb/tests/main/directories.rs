//! What is in the directory: which file a fault names, what is missed, what is kept for views.

use std::fs;
use std::path::{Path, PathBuf};

use backend::{Backend, Batch, Fault, Table};
use backend_rocksdb::{Options, RocksdbBackend};
use home::testing::{RECORDS, corrupt_file, count, filled};
use store_rocksdb::testing::shorten_journals;
use tempfile::TempDir;

/// With room in memory for all that is written, so that it is in the journal alone.
const OPTIONS: Options = Options { cache_bytes: 64 << 10, memtable_bytes: 1 << 20 };

/// What a second life writes, besides the records that it finds.
const LATER: Table = Table { id: 8, name: "later" };
/// Batches of it, so many that a twentieth is some.
const BATCHES: u8 = 100;

fn open(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(RocksdbBackend::open(directory, OPTIONS)?))
}

home::contents!(open);

/// An engine's directory, and RocksDB's in it. Its first life was filled without a journal, so
/// RocksDB wrote all to files when it ended; what was written in the second one, and synced, is in
/// the journal alone.
fn journaled() -> (TempDir, PathBuf, PathBuf) {
    let (holder, directory) = filled(&open);
    let engine = open(&directory).expect("the engine opens");
    for number in 0..BATCHES {
        let mut batch = Batch::new();
        batch.put(LATER, vec![number], vec![5; 100]);
        engine.write(batch).expect("it is written");
    }
    engine.sync().expect("it is synced");
    drop(engine);
    let files = directory.join("content-1/rocksdb");
    (holder, directory, files)
}

#[test]
fn what_is_gone_is_damage() {
    for name in ["CURRENT", "MANIFEST", ".sst", ".log"] {
        let (_holder, directory, files) = journaled();
        let mut gone = 0;
        for entry in fs::read_dir(&files).expect("it is there") {
            let path = entry.expect("it is there").path();
            if path.to_string_lossy().contains(name) {
                gone += fs::metadata(&path).expect("it is there").len();
                fs::remove_file(path).expect("it is there");
            }
        }
        assert!(gone > 0, "there is nothing in {name}");
        assert_eq!(corrupt_file(&open, &directory), files, "without {name}");
    }
    let (_holder, directory, _files) = journaled();
    let synced = directory.join("content-1/synced");
    fs::write(&synced, [7; 5000]).expect("it is there");
    assert_eq!(corrupt_file(&open, &directory), synced);
}

/// RocksDB would take what is left for all there was.
#[test]
fn a_journal_that_lost_what_was_synced_is_damage() {
    for part in [0, 50, 95] {
        let (_holder, directory, files) = journaled();
        shorten_journals(&files, part);
        assert_eq!(corrupt_file(&open, &directory), files, "with {part} hundredths");
    }
    let (_holder, directory, files) = journaled();
    shorten_journals(&files, 100);
    let engine = open(&directory).expect("nothing was lost");
    assert_eq!(count(&*engine), Ok(RECORDS));
    let last = engine.view().get(LATER, &[BATCHES - 1]).expect("it is readable");
    assert_eq!(last.as_deref(), Some(&[5; 100][..]));
}
