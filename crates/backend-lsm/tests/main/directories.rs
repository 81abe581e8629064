//! What is in the directory: which file a fault names, what is tidied, what is kept for views.

use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use backend::{Backend, Batch, Direction, Fault, Part, Records, Step, Table, View};
use backend_lsm::LsmBackend;
use bytes::Bytes;
use tempfile::TempDir;

use crate::SMALL;

const TABLE: Table = Table { id: 7, name: "directories" };
const RECORDS: u32 = 2000;

fn key(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn open(directory: &Path) -> Result<LsmBackend, Fault> {
    LsmBackend::open(directory, SMALL)
}

fn write(engine: &LsmBackend, round: u32) {
    for number in 0..RECORDS {
        let mut batch = Batch::new();
        batch.put(TABLE, key(number), format!("{round:0100}"));
        engine.write(batch).expect("it is written");
    }
}

/// A directory with files that an engine has written, closed in good order.
fn filled() -> (TempDir, PathBuf) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("engine");
    let engine = open(&directory).expect("the engine opens");
    write(&engine, 1);
    engine.sync().expect("it is synced");
    drop(engine);
    (holder, directory)
}

fn read(view: &dyn View) -> Result<u32, Fault> {
    for number in 0..RECORDS {
        view.get(TABLE, &key(number))?;
    }
    let (mut count, all) = (0, (Bound::Unbounded, Bound::Unbounded));
    view.scan(TABLE, all, Direction::Ascending, Part::Records, &mut |_, _| {
        count += 1;
        Step::Next
    })?;
    Ok(count)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory is the test's");
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("the directory is the test's").path()).collect();
    paths.sort();
    paths
}

/// Changes a byte at a part of a file's length.
fn damage(file: &Path, part: usize) {
    let mut bytes = fs::read(file).expect("the directory is the test's");
    let at = bytes.len() * part / 100;
    bytes[at] ^= 0x10;
    fs::write(file, bytes).expect("the directory is the test's");
}

/// Opens and reads; answers with the file that is said to be damaged.
fn corrupt_file(directory: &Path) -> PathBuf {
    let result = open(directory).and_then(|engine| read(&*engine.view()));
    match result {
        Err(Fault::Corrupt { file, what }) => {
            assert!(!what.contains("Error"), "in words: {what}");
            assert!(what.contains("; replace this member"), "with advice: {what}");
            file.into()
        }
        other => panic!("damage in {} was not found: {other:?}", directory.display()),
    }
}

#[test]
fn a_fault_names_the_file() {
    for part in [0, 30, 60] {
        let (_holder, directory) = filled();
        let tables = files(&directory.join("tree-1/tables"));
        let victim = &tables[tables.len() / 2];
        damage(victim, part);
        assert_eq!(corrupt_file(&directory), *victim, "damaged at {part} %");
    }
    let (_holder, directory) = filled();
    let current = fs::read(directory.join("tree-1/current")).expect("the directory is the test's");
    let number = current.first_chunk().expect("it begins with the number of the list of files");
    let manifest = directory.join(format!("tree-1/v{}", u64::from_le_bytes(*number)));
    damage(&manifest, 50);
    assert_eq!(corrupt_file(&directory), manifest);
    let (_holder, directory) = filled();
    fs::remove_file(directory.join("tree-1/current")).expect("the directory is the test's");
    assert_eq!(corrupt_file(&directory), directory.join("tree-1/current"));
    damage(&directory.join("engine"), 60);
    assert_eq!(corrupt_file(&directory), directory.join("engine"));
}

#[test]
fn a_missing_file_is_damage() {
    let (_holder, directory) = filled();
    let tables = files(&directory.join("tree-1/tables"));
    fs::remove_file(&tables[0]).expect("the directory is the test's");
    assert!(corrupt_file(&directory).starts_with(directory.join("tree-1")));
}

struct Empty;

impl Records for Empty {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(None)
    }
}

#[test]
fn a_replaced_tree_stays_for_its_views_and_goes_with_them() {
    let (_holder, directory) = filled();
    let engine = open(&directory).expect("the engine opens");
    let view = engine.view();
    engine.replace(&mut Empty).expect("it is replaced");
    assert!(directory.join("tree-1").exists());
    assert_eq!(read(&*view), Ok(RECORDS));
    drop(view);
    // The compactor may have been looking at it, too; closing waits for that.
    drop(engine);
    assert!(!directory.join("tree-1").exists(), "nobody reads it any more");
    assert_eq!(read(&*open(&directory).expect("the engine opens").view()), Ok(0));
}

#[test]
fn files_that_a_view_holds_go_with_it() {
    let (_holder, directory) = filled();
    let engine = open(&directory).expect("the engine opens");
    let (view, before) = (engine.view(), engine.stats().live_bytes);
    for round in 2..12 {
        write(&engine, round);
    }
    engine.sync().expect("it is synced");
    assert_eq!(read(&*view), Ok(RECORDS), "its files are still there");
    drop(view);
    write(&engine, 12);
    engine.sync().expect("it is synced");
    drop(engine);
    let engine = open(&directory).expect("the engine opens");
    let after = engine.stats();
    // Twelve times as much was written; merging leaves a few versions at most.
    assert!(after.disk_bytes < 8 * before, "{after:?} after {before}");
}

#[test]
fn memory_is_bounded_without_a_sync() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let engine = open(&holder.path().join("engine")).expect("the engine opens");
    let (mut most, mut written) = (0, 0);
    for number in 0..20_000_u32 {
        let mut batch = Batch::new();
        batch.put(TABLE, key(number), vec![7; 200]);
        written += batch.bytes() as u64;
        engine.write(batch).expect("it is written");
        most = engine.stats().memory_bytes.max(most);
    }
    // Four memtables that wait, as many that are being written, and the last batch.
    let bound = SMALL.cache_bytes + 9 * SMALL.memtable_bytes;
    assert!(most < bound && written > 10 * bound, "{most} of {bound}, {written} written");
}
