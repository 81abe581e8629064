//! Reserves in a real directory, and which directories share a disk.

use tempfile::TempDir;

use super::*;

const BYTES: u64 = 1 << 20;

fn disk(folder: &TempDir) -> Disk {
    let mut disks = of_directories(&[folder.path().to_path_buf()]);
    disks.pop().expect("a directory is on a disk")
}

fn folder() -> TempDir {
    TempDir::new().expect("there is room for a folder")
}

#[test]
fn a_reserve_takes_its_room_until_it_is_given_back() {
    let folder = folder();
    let disk = disk(&folder);
    assert!(!disk.has_reserve(BYTES));
    disk.make_reserve(BYTES).expect("there is room");
    assert!(disk.has_reserve(BYTES));
    let file = fs::metadata(&disk.reserve).expect("it is there");
    assert!(file.blocks() * 512 >= BYTES, "it is no hole");
    disk.give_back();
    assert!(!disk.has_reserve(BYTES) && !disk.reserve.exists());
}

#[test]
fn a_reserve_that_is_not_whole_is_none() {
    let folder = folder();
    let disk = disk(&folder);
    disk.make_reserve(BYTES / 2).expect("there is room");
    assert!(!disk.has_reserve(BYTES));
    assert!(!disk.reserve.exists(), "what there is of it is removed");
}

#[test]
fn a_reserve_that_cannot_be_made_says_why() {
    let folder = folder();
    let mut disk = disk(&folder);
    disk.reserve = folder.path().join("missing").join(RESERVE);
    let error = disk.make_reserve(BYTES).expect_err("there is no such directory");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn directories_on_the_same_disk_share_a_reserve() {
    let folder = folder();
    let missing = folder.path().join("not").join("yet");
    let mut disks = of_directories(&[folder.path().to_path_buf(), missing]);
    assert_eq!(disks.len(), 1);
    assert_eq!(disks[0].reserve, folder.path().join(RESERVE));
    let room = (disks[0].look)().expect("the disk can be looked at");
    assert!(room.free <= room.total && room.total > 0, "{room:?}");
}
