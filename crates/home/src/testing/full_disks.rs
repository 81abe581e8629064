//! A disk that is really full: a small one in memory, where this may be mounted.

use std::ffi::CStr;
use std::fs::{self, File};
use std::path::PathBuf;

use backend::{Backend, Batch, Fault, Table};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

use super::Open;

const TABLE: Table = Table { id: 4, name: "full-disks" };
const DISK: &CStr = c"size=48m";
/// What a file takes at least.
const BLOCK_BYTES: usize = 4096;

/// A small disk.
pub struct Disk(TempDir);

impl Disk {
    /// `None` where nothing may be mounted.
    #[must_use]
    pub fn mount() -> Option<Self> {
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

    /// Where an engine may lie.
    #[must_use]
    pub fn engine(&self) -> PathBuf {
        self.0.path().join("engine")
    }

    /// Opens an engine on it.
    #[must_use]
    pub fn open(&self, open: Open<'_>) -> Box<dyn Backend> {
        open(&self.engine()).expect("the engine opens")
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    /// Until nothing more fits.
    pub fn fill(&self) {
        use std::io::Write;
        let mut filler = File::create(self.filler()).expect("there is room for a name");
        while filler.write_all(&[1; BLOCK_BYTES]).is_ok() {}
    }

    /// Gives back what [`fill`](Self::fill) took.
    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("it is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays mounted is in nobody's way.
        let _ = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

/// Writes records of a thousand bytes.
pub fn put(engine: &dyn Backend, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let mut batch = Batch::new();
        batch.put(TABLE, number.to_be_bytes().to_vec(), vec![7; 1000]);
        engine.write(batch).expect("it is written");
    }
}

/// The first so many are there.
pub fn check(engine: &dyn Backend, count: u32) {
    let view = engine.view();
    for number in 0..count {
        let found = view.get(TABLE, &number.to_be_bytes()).expect("it is readable");
        assert!(found.is_some(), "{number} is gone");
    }
}

/// As nobody knows what it holds after that.
pub fn a_write_without_room_ends_the_engine(open: Open<'_>) {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open(open);
    put(&*engine, 0..1000);
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
    check(&*disk.open(open), 1000);
}

/// And not half of the new.
pub fn a_replacement_without_room_leaves_the_old_content(open: Open<'_>) {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open(open);
    put(&*engine, 0..3000);
    engine.sync().expect("there is room");
    disk.fill();
    let replaced = engine.replace(&mut Many { next: 0, count: 30_000 });
    assert!(matches!(replaced, Err(Fault::Full { .. })), "{replaced:?}");
    check(&*engine, 3000);
    disk.make_room();
    engine.replace(&mut Many { next: 0, count: 500 }).expect("there is room");
    check(&*engine, 500);
    assert_eq!(engine.view().get(TABLE, &600_u32.to_be_bytes()), Ok(None));
}

/// Records of a thousand bytes.
pub struct Many {
    /// The number of the first.
    pub next: u32,
    /// The number after the last.
    pub count: u32,
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
