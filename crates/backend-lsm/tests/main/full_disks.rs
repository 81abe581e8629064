//! A disk that is really full: a small one in memory, where this may be mounted.

use std::ffi::CStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backend::{Backend, Batch, Fault, Table};
use backend_lsm::{LsmBackend, Options};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

const TABLE: Table = Table { id: 4, name: "full-disks" };
const OPTIONS: Options = Options { cache_bytes: 1 << 20, memtable_bytes: 1 << 20 };
const DISK: &CStr = c"size=32m";
/// What a file takes at least.
const BLOCK_BYTES: usize = 4096;
const PATIENCE: Duration = Duration::from_secs(60);

struct Disk(TempDir);

impl Disk {
    /// `None` where nothing may be mounted.
    fn mount() -> Option<Self> {
        let this = Self(tempfile::tempdir().expect("there is room for a directory"));
        // By no other program: what a fork inherits for a moment is locked for others.
        match mount("tmpfs", this.0.path(), "tmpfs", MountFlags::empty(), DISK) {
            Ok(()) => Some(this),
            Err(error) => {
                println!("not tried: mounting a disk: {error}");
                None
            }
        }
    }

    fn engine(&self) -> PathBuf {
        self.0.path().join("engine")
    }

    fn open(&self) -> LsmBackend {
        LsmBackend::open(&self.engine(), OPTIONS).expect("the engine opens")
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    fn fill(&self) {
        use std::io::Write;
        let mut filler = File::create(self.filler()).expect("there is room for a name");
        while filler.write_all(&[1; BLOCK_BYTES]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).expect("it is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays mounted is in nobody's way.
        let _ = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

fn put(engine: &LsmBackend, number: u32) {
    let mut batch = Batch::new();
    batch.put(TABLE, number.to_be_bytes().to_vec(), vec![7; 1000]);
    engine.write(batch).expect("it is written");
}

fn check(engine: &LsmBackend, count: u32) {
    let view = engine.view();
    for number in 0..count {
        let found = view.get(TABLE, &number.to_be_bytes()).expect("it is readable");
        assert!(found.is_some(), "{number} is gone");
    }
}

fn tables(directory: &Path) -> usize {
    fs::read_dir(directory.join("tree-1/tables")).expect("it is there").count()
}

fn eventually(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// The tree's list of files counts those of level 0 in one byte, so attempts must not add to them.
#[test]
fn many_attempts_on_a_full_disk_make_no_more_files() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open();
    put(&engine, 0);
    engine.sync().expect("there is room");
    disk.fill();
    for number in 1..300 {
        put(&engine, number);
        assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    }
    check(&engine, 300);
    disk.make_room();
    engine.sync().expect("there is room again");
    assert!(tables(&disk.engine()) < 10, "{} files", tables(&disk.engine()));
    check(&engine, 300);
    drop(engine);
    check(&disk.open(), 300);
}

#[test]
fn what_finds_no_room_stays_in_memory_until_there_is_some() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open();
    (0..1000).for_each(|number| put(&engine, number));
    engine.sync().expect("there is room");
    disk.fill();
    // As much as many memtables, and the writer does not wait for what will not come.
    (1000..8000).for_each(|number| put(&engine, number));
    assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    assert!(engine.stats().cramped);
    check(&engine, 8000);
    let before = tables(&disk.engine());
    for _ in 0..20 {
        assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    }
    assert!(tables(&disk.engine()) <= before, "attempts leave nothing behind");

    disk.make_room();
    eventually("room to be found", || !engine.stats().cramped);
    engine.sync().expect("there is room");
    drop(engine);
    check(&disk.open(), 8000);
}

#[test]
fn an_engine_opens_on_a_full_disk() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open();
    (0..3000).for_each(|number| put(&engine, number));
    engine.sync().expect("there is room");
    disk.fill();
    (3000..4000).for_each(|number| put(&engine, number));
    drop(engine);
    let engine = disk.open();
    check(&engine, 3000);
    (3000..4000).for_each(|number| put(&engine, number));
    assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    disk.make_room();
    engine.sync().expect("there is room");
    check(&engine, 4000);
}

#[test]
fn a_replacement_without_room_leaves_the_old_content() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open();
    (0..3000).for_each(|number| put(&engine, number));
    engine.sync().expect("there is room");
    disk.fill();
    let replaced = engine.replace(&mut Many { next: 0, count: 3000 });
    assert!(matches!(replaced, Err(Fault::Full { .. })), "{replaced:?}");
    check(&engine, 3000);
    disk.make_room();
    engine.replace(&mut Many { next: 0, count: 500 }).expect("there is room");
    check(&engine, 500);
    assert_eq!(engine.view().get(TABLE, &600_u32.to_be_bytes()), Ok(None));
}

struct Many {
    next: u32,
    count: u32,
}

impl backend::Records for Many {
    fn next(&mut self) -> Result<Option<(Table, bytes::Bytes, bytes::Bytes)>, Fault> {
        if self.next == self.count {
            return Ok(None);
        }
        let key = self.next.to_be_bytes().to_vec();
        self.next += 1;
        Ok(Some((TABLE, key.into(), vec![8; 1000].into())))
    }
}
