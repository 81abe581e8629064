//! Contents: what is replaced while views read it, and which file a fault names.

use std::fs;
use std::path::{Path, PathBuf};

use backend::{Backend, Batch, Fault, Records, Table};
use bytes::Bytes;
use tempfile::TempDir;

use super::Open;

const TABLE: Table = Table { id: 7, name: "contents" };
/// Records of a directory that is [`filled`].
pub const RECORDS: u32 = 500;

/// A directory with an engine that has records, closed in good order.
pub fn filled(open: Open<'_>) -> (TempDir, PathBuf) {
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

/// How many of the records there are.
///
/// # Errors
///
/// What the engine answers.
pub fn count(engine: &dyn Backend) -> Result<u32, Fault> {
    let view = engine.view();
    let mut count = 0;
    for number in 0..RECORDS {
        count += u32::from(view.get(TABLE, &number.to_be_bytes())?.is_some());
    }
    Ok(count)
}

/// Opens and reads, and answers with the file that is said to be damaged.
pub fn corrupt_file(open: Open<'_>, directory: &Path) -> PathBuf {
    match open(directory).and_then(|engine| count(&*engine)) {
        Err(Fault::Corrupt { file, what }) => {
            assert!(what.contains("; replace this member"), "with advice: {what}");
            file.into()
        }
        other => panic!("damage in {} was not found: {other:?}", directory.display()),
    }
}

struct Empty;

impl Records for Empty {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(None)
    }
}

fn contents(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).expect("the directory is the test's");
    entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir()).count()
}

/// What a view reads stays until nobody reads it any more.
pub fn a_replaced_content_stays_for_its_views_and_goes_with_them(open: Open<'_>) {
    let (_holder, directory) = filled(open);
    let engine = open(&directory).expect("the engine opens");
    let view = engine.view();
    engine.replace(&mut Empty).expect("it is replaced");
    assert_eq!(contents(&directory), 2);
    assert!(view.get(TABLE, &7_u32.to_be_bytes()).expect("it is readable").is_some());
    drop(view);
    assert_eq!(contents(&directory), 1, "nobody reads it any more");
    drop(engine);
    assert_eq!(count(&*open(&directory).expect("the engine opens")), Ok(0));
}

/// Else two would write to one file.
pub fn a_view_keeps_the_lock_of_its_files(open: Open<'_>) {
    let (_holder, directory) = filled(open);
    let engine = open(&directory).expect("the engine opens");
    let view = engine.view();
    drop(engine);
    assert!(matches!(open(&directory), Err(Fault::Locked { .. })));
    assert!(view.get(TABLE, &7_u32.to_be_bytes()).expect("it is readable").is_some());
    drop(view);
    assert_eq!(count(&*open(&directory).expect("the engine opens")), Ok(RECORDS));
}
