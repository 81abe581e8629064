//! A disk knows what is damaged, for as long as it is.

use std::path::Path;

use super::super::{File, Files};
use super::SimulatedDisk;

const NAME: &str = "file";

/// A file of so many bytes of one value, synced.
fn disk_with(bytes: u8, length: usize) -> (SimulatedDisk, Box<dyn File>) {
    let disk = SimulatedDisk::new(1);
    let file = disk.create(Path::new(NAME)).unwrap();
    file.write_at(&vec![bytes; length], 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    (disk, file)
}

fn content(disk: &SimulatedDisk) -> Vec<u8> {
    let file = disk.open(Path::new(NAME)).unwrap();
    let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn rot_is_there_until_it_is_written_over() {
    let (disk, file) = disk_with(7, 1_000);
    assert!(!disk.is_damaged());
    disk.rot(Path::new(NAME), 600, 1).unwrap();
    assert_eq!(content(&disk)[600], 6);
    assert_eq!(content(&disk.without_damage().unwrap()), [7; 1_000]);
    file.write_at(&[5; 2], 599).unwrap();
    assert!(disk.is_damaged(), "a crash may still show it");
    file.sync().unwrap();
    assert!(!disk.is_damaged());
    assert!(disk.without_damage().is_none());
}

#[test]
fn rot_goes_with_its_file() {
    let (disk, file) = disk_with(7, 1_000);
    disk.rot(Path::new(NAME), 600, 1).unwrap();
    disk.remove(Path::new(NAME)).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    assert!(disk.is_damaged(), "who has it open can still read it");
    drop(file);
    disk.kill();
    assert!(!disk.is_damaged());
}

#[test]
fn a_misdirected_write_spoils_two_places_until_it_does_not_matter() {
    let (disk, file) = disk_with(7, 1_024);
    disk.misdirect_next();
    assert!(disk.misdirects() && !disk.is_damaged(), "it is still to come");
    file.write_at(&[9; 512], 0).unwrap();
    file.sync().unwrap();
    assert!(!disk.misdirects() && disk.is_damaged());
    assert_eq!(content(&disk), [[7; 512], [9; 512]].concat());
    let whole = disk.without_damage().unwrap();
    assert_eq!(content(&whole), [[9; 512], [7; 512]].concat());
    assert!(!whole.is_damaged());
    disk.forget_damage();
    assert!(!disk.is_damaged());
}

#[test]
fn a_write_that_never_comes_is_not_misdirected() {
    let (disk, _) = disk_with(7, 1_024);
    disk.misdirect_next();
    disk.crash();
    assert!(!disk.misdirects() && !disk.is_damaged());
}

#[test]
fn a_disk_has_failed_once_it_said_so_and_until_its_programs_end() {
    let (disk, file) = disk_with(7, 10);
    disk.fail_next(super::Call::Sync);
    assert!(!disk.has_failed(), "nobody was told");
    file.sync().unwrap_err();
    assert!(disk.has_failed());
    disk.kill();
    assert!(!disk.has_failed());
}
