//! What is in the directory: which file a fault names, what is tidied, what is kept for views.

use std::fs;
use std::path::{Path, PathBuf};

use backend::{Backend, Batch, Fault, Records, Table};
use backend_fjall::{FjallBackend, Options};
use bytes::Bytes;
use tempfile::TempDir;

const TABLE: Table = Table { id: 7, name: "directories" };
/// With room in memory for all that is written, so that it is in the journal alone.
const OPTIONS: Options = Options { cache_bytes: 64 << 10, memtable_bytes: 1 << 20 };
const RECORDS: u32 = 500;

fn open(directory: &Path) -> Result<FjallBackend, Fault> {
    FjallBackend::open(directory, OPTIONS)
}

/// A directory with a file that an engine has written, closed in good order.
fn filled() -> (TempDir, PathBuf) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("engine");
    let engine = open(&directory).expect("the engine opens");
    for number in 0..RECORDS {
        let mut batch = Batch::new();
        batch.put(TABLE, number.to_be_bytes().to_vec(), vec![5; 100]);
        engine.write(batch).expect("it is written");
    }
    engine.sync().expect("it is synced");
    drop(engine);
    (holder, directory)
}

fn count(engine: &FjallBackend) -> Result<u32, Fault> {
    let view = engine.view();
    let mut count = 0;
    for number in 0..RECORDS {
        count += u32::from(view.get(TABLE, &number.to_be_bytes())?.is_some());
    }
    Ok(count)
}

/// Opens, and answers with the file that is said to be damaged.
fn corrupt_file(directory: &Path) -> PathBuf {
    match open(directory).and_then(|engine| count(&engine)) {
        Err(Fault::Corrupt { file, what }) => {
            assert!(what.contains("; replace this member"), "with advice: {what}");
            file.into()
        }
        other => panic!("damage in {} was not found: {other:?}", directory.display()),
    }
}

#[test]
fn a_fault_names_the_file() {
    let (_holder, directory) = filled();
    let files = directory.join("content-1");
    fs::remove_file(files.join("fjall/keyspaces/1/current")).expect("it is there");
    assert_eq!(corrupt_file(&directory), files.join("fjall/keyspaces/1/current"));
    let (_holder, directory) = filled();
    let files = directory.join("content-1");
    fs::write(files.join("synced"), [7; 5000]).expect("it is there");
    assert_eq!(corrupt_file(&directory), files.join("synced"));
}

/// `fjall` would take what is left for all there was.
#[test]
fn a_journal_that_lost_what_was_synced_is_damage() {
    let (_holder, directory) = filled();
    let files = directory.join("content-1/fjall");
    let journals =
        fs::read_dir(&files).expect("it is there").map(|entry| entry.expect("it is").path());
    for journal in journals.filter(|path| path.extension().is_some_and(|is| is == "jnl")) {
        let bytes = fs::read(&journal).expect("it is there");
        fs::write(&journal, &bytes[..bytes.len().min(9)]).expect("it is there");
    }
    assert_eq!(corrupt_file(&directory), files);
}

#[test]
fn a_format_of_the_future_is_foreign() {
    let (_holder, directory) = filled();
    let body = "etcdd backend-fjall\nformat 2\ncontent 1\n";
    let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
    fs::write(directory.join("engine"), format!("{body}sum {sum:016x}\n"))
        .expect("the directory is the test's");
    assert!(matches!(open(&directory), Err(Fault::Foreign { .. })));
    assert!(directory.join("content-1/fjall").exists(), "nothing is tidied there");
}

#[test]
fn a_creation_that_was_cut_short_is_begun_again() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("engine");
    fs::create_dir_all(&directory).expect("the directory is the test's");
    fs::write(directory.join("lock"), "").expect("the directory is the test's");
    fs::write(directory.join("engine.next"), "etcdd ba").expect("the directory is the test's");
    drop(open(&directory).expect("a lock and half a marker are as good as nothing"));
    let body = "etcdd backend-fjall\nformat 1\ncontent 0\n";
    let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
    fs::write(directory.join("engine"), format!("{body}sum {sum:016x}\n"))
        .expect("the directory is the test's");
    fs::remove_file(directory.join("content-1/synced")).expect("the directory is the test's");
    let engine = open(&directory).expect("half a first content is as good as none");
    assert_eq!(count(&engine), Ok(0));
}

struct Empty;

impl Records for Empty {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(None)
    }
}

#[test]
fn a_replaced_content_stays_for_its_views_and_goes_with_them() {
    let (_holder, directory) = filled();
    let engine = open(&directory).expect("the engine opens");
    let view = engine.view();
    engine.replace(&mut Empty).expect("it is replaced");
    assert!(directory.join("content-1").exists());
    assert!(view.get(TABLE, &7_u32.to_be_bytes()).expect("it is readable").is_some());
    drop(view);
    assert!(!directory.join("content-1").exists(), "nobody reads it any more");
    drop(engine);
    assert_eq!(count(&open(&directory).expect("the engine opens")), Ok(0));
}

/// Else two would write to one file.
#[test]
fn a_view_keeps_the_lock_of_its_file() {
    let (_holder, directory) = filled();
    let engine = open(&directory).expect("the engine opens");
    let view = engine.view();
    drop(engine);
    assert!(matches!(open(&directory), Err(Fault::Locked { .. })));
    assert!(view.get(TABLE, &7_u32.to_be_bytes()).expect("it is readable").is_some());
    drop(view);
    assert_eq!(count(&open(&directory).expect("the engine opens")), Ok(RECORDS));
}
