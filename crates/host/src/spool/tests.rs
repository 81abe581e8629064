use std::vec;

use backend::{Fault, Records};
use tempfile::TempDir;

use super::*;
use crate::content::Export;

const TABLES: &[Table] = &[Table { id: 1, name: "one" }];

struct Given(vec::IntoIter<Bytes>);

impl Records for Given {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(self.0.next().map(|key| (TABLES[0], key, Bytes::from_static(b"value"))))
    }
}

fn export(keys: &[&'static str]) -> Export {
    let keys: Vec<Bytes> = keys.iter().map(|key| Bytes::from_static(key.as_bytes())).collect();
    Export::new(Box::new(Given(keys.into_iter())))
}

/// Chunks of one byte, of which the last ones are missing.
struct Cut(vec::IntoIter<u8>);

fn cut(mut export: Export, missing: usize) -> Cut {
    let mut content = Vec::new();
    while let Some(chunk) = export.next().expect("the records can be read") {
        content.extend_from_slice(&chunk);
    }
    content.truncate(content.len() - missing);
    Cut(content.into_iter())
}

impl Source for Cut {
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
        Ok(self.0.next().map(|byte| Bytes::copy_from_slice(&[byte])))
    }
}

/// There is room for everything.
fn ample() -> u64 {
    u64::MAX
}

fn folder() -> TempDir {
    TempDir::new().expect("there is room for a folder")
}

fn spool(folder: &TempDir) -> Spool {
    open(folder).0
}

fn open(folder: &TempDir) -> (Spool, Option<Index>) {
    Spool::open(folder.path().join("snapshots"), 10_000).expect("the folder can be made")
}

fn files(folder: &TempDir) -> usize {
    fs::read_dir(folder.path().join("snapshots")).expect("the folder is there").count()
}

#[test]
fn what_was_received_can_be_read() {
    let folder = folder();
    let spool = spool(&folder);
    let ticket = spool.receive(&mut cut(export(&["a", "b"]), 0), &ample).expect("it is whole");
    let mut records = spool.install(ticket, Index(7), TABLES).expect("the file is there");
    for key in ["a", "b"] {
        let record = records.next().expect("it is whole").expect("there is another");
        assert_eq!(record, (TABLES[0], key.into(), "value".into()));
    }
    assert_eq!(records.next(), Ok(None));
    spool.installed().expect("the file can be removed");
    assert_eq!(files(&folder), 0);
    assert!(spool.receive(&mut export(&["c"]), &ample).is_ok(), "its place is free");
}

#[test]
fn there_is_room_for_one() {
    let folder = folder();
    let spool = spool(&folder);
    let first = spool.receive(&mut export(&["a"]), &ample).expect("it is whole");
    assert!(spool.receive(&mut export(&["b"]), &ample).is_err());
    spool.discard(first);
    let second = spool.receive(&mut export(&["b"]), &ample).expect("there is room again");
    assert_ne!(first, second);
    spool.discard(first);
    let records = spool.install(second, Index(7), TABLES);
    assert!(records.is_ok(), "a late word about the first is not about this");
}

#[test]
fn of_what_is_not_whole_nothing_is_left() {
    let folder = folder();
    let spool = spool(&folder);
    assert!(spool.receive(&mut cut(export(&["a", "b"]), 1), &ample).is_err());
    assert_eq!(files(&folder), 0);
    assert!(spool.receive(&mut export(&["a"]), &ample).is_ok(), "its place is free");
}

#[test]
fn what_is_received_is_read_to_its_end() {
    /// Says whether somebody has seen its end.
    struct Watched(Export, bool);
    impl Source for Watched {
        fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
            let next = self.0.next();
            self.1 |= matches!(next, Ok(None));
            next
        }
    }
    let folder = folder();
    let mut watched = Watched(export(&["a", "b"]), false);
    spool(&folder).receive(&mut watched, &ample).expect("it is whole");
    assert!(watched.1, "a transport vouches for the whole only at its end");
}

#[test]
fn what_is_too_large_is_refused() {
    let folder = folder();
    let (spool, _) =
        Spool::open(folder.path().join("snapshots"), 30).expect("the folder can be made");
    assert!(spool.receive(&mut export(&["a"]), &ample).is_err());
    assert_eq!(files(&folder), 0);
}

#[test]
fn leftovers_are_removed_at_a_start() {
    let folder = folder();
    spool(&folder).receive(&mut export(&["a"]), &ample).expect("it is whole");
    assert_eq!(files(&folder), 1);
    assert_eq!(open(&folder).1, None);
    assert_eq!(files(&folder), 0);
}

#[test]
fn an_interrupted_installation_leaves_a_trace() {
    let folder = folder();
    let spool = spool(&folder);
    let ticket = spool.receive(&mut export(&["a"]), &ample).expect("it is whole");
    assert!(spool.install(ticket, Index(7), TABLES).is_ok());
    for _ in 0..2 {
        assert_eq!(open(&folder).1, Some(Index(7)), "until it is dealt with");
    }
    open(&folder).0.installed().expect("the file can be removed");
    assert_eq!(open(&folder).1, None);
}

#[test]
fn what_would_fill_the_disk_is_not_taken_in() {
    let folder = folder();
    let spool = spool(&folder);
    let bytes = cut(export(&["a", "b"]), 0).0.count() as u64;
    let refused = spool.receive(&mut export(&["a", "b"]), &|| bytes - 1);
    assert!(refused.is_err(), "the engine wants as much again");
    assert_eq!(files(&folder), 0, "nothing of it is left");
    assert!(spool.receive(&mut export(&["a", "b"]), &|| bytes).is_ok());
}
