//! A disk that is really full: a small one in memory, where this may be mounted.

use std::ffi::CStr;
use std::fs::{self, File};
use std::path::PathBuf;

use backend::{Backend, Batch, Fault, Table};
use backend_sled::{Options, PowerFailure, SledBackend};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

const TABLE: Table = Table { id: 4, name: "full-disks" };
const OPTIONS: Options =
    Options { cache_bytes: 1 << 20, power_failure: PowerFailure::MayCostTheData };
const DISK: &CStr = c"size=48m";
/// What a file takes at least.
const BLOCK_BYTES: usize = 4096;

struct Disk(TempDir);

impl Disk {
    /// `None` where nothing may be mounted.
    fn mount() -> Option<Self> {
        let this = Self(tempfile::tempdir().expect("there is room for a directory"));
        match mount("tmpfs", this.0.path(), "tmpfs", MountFlags::empty(), DISK) {
            Ok(()) => Some(this),
            Err(error) => {
                println!("not tried: mounting a disk: {error}");
                None
            }
        }
    }

    fn open(&self) -> SledBackend {
        SledBackend::open(&self.0.path().join("engine"), OPTIONS).expect("the engine opens")
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

fn put(engine: &SledBackend, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let mut batch = Batch::new();
        batch.put(TABLE, number.to_be_bytes().to_vec(), vec![7; 1000]);
        engine.write(batch).expect("it is written");
    }
}

fn check(engine: &SledBackend, count: u32) {
    let view = engine.view();
    for number in 0..count {
        let found = view.get(TABLE, &number.to_be_bytes()).expect("it is readable");
        assert!(found.is_some(), "{number} is gone");
    }
}

/// As nobody knows what `sled` holds after that.
#[test]
fn a_write_without_room_ends_the_engine() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open();
    put(&engine, 0..1000);
    engine.sync().expect("there is room");
    disk.fill();
    let fault = (1000..).find_map(|number| {
        let mut batch = Batch::new();
        batch.put(TABLE, u32::to_be_bytes(number).to_vec(), vec![7; 1000]);
        engine.write(batch).and_then(|()| engine.sync()).err()
    });
    let fault = fault.expect("there is no room for all of them");
    assert!(matches!(fault, Fault::Io { .. }), "{fault}");
    disk.make_room();
    assert!(engine.sync().is_err(), "it is not tried again");
    drop(engine);
    check(&disk.open(), 1000);
}

#[test]
fn a_replacement_without_room_leaves_the_old_content() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open();
    put(&engine, 0..3000);
    engine.sync().expect("there is room");
    disk.fill();
    let replaced = engine.replace(&mut Many { next: 0, count: 30_000 });
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
