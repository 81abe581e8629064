//! Merges on a disk whose room is a number.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex};

use backend::{Batch, Table, View};
use home::{Place, hold};
use lsm_tree::Cache;
use tempfile::TempDir;

use super::{MORE_BYTES, Merging, Room, Stop};
use crate::pace::Leisure;
use crate::tree::{Merged, Tree};

const TABLE: Table = Table { id: 3, name: "merging" };
/// Records of a file, so large that a merge looks at the disk twice.
const RECORDS: u32 = 90;
const RECORD_BYTES: usize = 100_000;
/// Files in level 0 that are worth a merge.
const FILES: usize = 8;

struct Disk {
    holder: TempDir,
    tree: Tree,
    /// What the next looks will find; after that there is room for everything.
    looks: Arc<Mutex<VecDeque<u64>>>,
}

impl Disk {
    /// A tree with files that want to be merged.
    fn new() -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let looks = Arc::new(Mutex::new(VecDeque::new()));
        let found = Arc::clone(&looks);
        let spare = move || hold(&found).pop_front().unwrap_or(u64::MAX);
        let room = Arc::new(Room::new(Box::new(spare)));
        let merging = Merging { stop: Stop::default(), room, leisure: Leisure::default() };
        let cache = Arc::new(Cache::with_capacity_bytes(1 << 20));
        let tree = Tree::create(Place::new(holder.path().join("tree")), cache, merging);
        let this = Self { tree: tree.expect("it is made"), holder, looks };
        for round in 0..FILES {
            this.write(round);
            this.tree.flush().expect("it is flushed");
        }
        this
    }

    fn write(&self, round: usize) {
        for number in 0..RECORDS {
            let mut batch = Batch::new();
            batch.put(TABLE, number.to_be_bytes().to_vec(), noise(number, round));
            self.tree.write(batch).expect("it is written");
        }
    }

    fn will_find(&self, looks: &[u64]) {
        *hold(&self.looks) = looks.iter().copied().collect();
    }

    fn files(&self) -> Vec<String> {
        let tables = self.holder.path().join("tree").join("tables");
        let entries = fs::read_dir(tables).expect("it is the test's");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry.expect("it is the test's"))).collect();
        names.sort();
        names
    }

    fn check(&self, round: usize) {
        let view = self.tree.view();
        for number in 0..RECORDS {
            let found = view.get(TABLE, &number.to_be_bytes()).expect("it is readable");
            assert_eq!(found.as_deref(), Some(&*noise(number, round)));
        }
    }
}

/// Bytes that no compression makes less of.
fn noise(number: u32, round: usize) -> Vec<u8> {
    let mut state = u64::from(number) << 8 | round as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0x9e37_79b9);
        state.to_be_bytes()[0]
    };
    (0..RECORD_BYTES).map(|_| next()).collect()
}

#[test]
fn a_merge_that_uses_up_the_room_leaves_everything_as_it_was() {
    let disk = Disk::new();
    let before = disk.files();
    assert_eq!(before.len(), FILES);
    let held = disk.tree.view();
    // Enough to begin, none left at the second look while it writes.
    disk.will_find(&[1 << 20, 1 << 10, 0]);
    assert_eq!(disk.tree.compact(), Ok(Merged::NoRoom));
    assert_eq!(hold(&disk.looks).len(), 0, "it had begun");
    assert_eq!(disk.files(), before, "what it had begun is gone");
    disk.check(FILES - 1);
    disk.write(FILES);
    disk.tree.flush().expect("others find the room that is left to them");
    disk.check(FILES);
    assert_eq!(
        held.get(TABLE, &[0; 4]).expect("it is readable").as_deref(),
        Some(&*noise(0, FILES - 1))
    );
}

#[test]
fn a_merge_that_was_in_vain_is_begun_again_when_there_is_more_room() {
    let disk = Disk::new();
    disk.will_find(&[5, 0]);
    assert_eq!(disk.tree.compact(), Ok(Merged::NoRoom));
    disk.will_find(&[4 + MORE_BYTES]);
    assert_eq!(disk.tree.compact(), Ok(Merged::NoRoom), "not much more");
    disk.will_find(&[5 + MORE_BYTES]);
    assert_eq!(disk.tree.compact(), Ok(Merged::Some));
    disk.check(FILES - 1);
}

#[test]
fn no_merge_is_begun_without_room() {
    let disk = Disk::new();
    disk.will_find(&[0]);
    assert_eq!(disk.tree.compact(), Ok(Merged::NoRoom));
    assert_eq!(disk.files().len(), FILES);
    assert_eq!(disk.tree.compact(), Ok(Merged::Some), "but when there is some");
}
