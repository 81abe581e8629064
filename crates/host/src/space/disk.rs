//! A disk: how much of it is free, and the file that keeps some of it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Only the owner may look, as with all that a member writes.
const MODE: u32 = 0o600;

/// The name of the reserve.
const RESERVE: &str = "reserve";

/// What a reserve is filled with where room cannot be had otherwise; anything but zeros, which a
/// file system may leave out.
const FILLING: u8 = 0x5a;

/// Room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that a member may still take.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Looks at a disk.
pub type Look = Box<dyn FnMut() -> io::Result<Room> + Send>;

/// A disk that a member writes to.
pub struct Disk {
    /// Where the file lies that keeps room for hard times. The directory must be there when the
    /// member starts.
    pub reserve: PathBuf,
    /// Looks at it.
    pub look: Look,
}

/// The disks that the directories are on.
pub(super) fn of_directories(directories: &[PathBuf]) -> Vec<Disk> {
    let mut devices = Vec::new();
    let mut disks = Vec::new();
    for directory in directories {
        // One that cannot be looked at is a disk by itself.
        let device = fs::metadata(existing(directory)).ok().map(|metadata| metadata.dev());
        if device.is_some() && devices.contains(&device) {
            continue;
        }
        devices.push(device);
        let (reserve, at) = (directory.join(RESERVE), directory.clone());
        disks.push(Disk { reserve, look: Box::new(move || room(existing(&at))) });
    }
    disks
}

/// The directory, or the one in which it is going to be.
fn existing(directory: &Path) -> &Path {
    let there = directory.ancestors().find(|path| path.is_dir());
    there.unwrap_or(Path::new("."))
}

fn room(path: &Path) -> io::Result<Room> {
    let disk = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Ok(Room { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
}

impl Disk {
    /// Whether the reserve is there, of this size. One that is not whole is removed.
    pub(super) fn has_reserve(&self, bytes: u64) -> bool {
        let found = fs::metadata(&self.reserve);
        let whole = found.as_ref().is_ok_and(|found| found.len() == bytes);
        if found.is_ok() && !whole {
            self.give_back();
        }
        whole
    }

    /// Makes the reserve.
    pub(super) fn make_reserve(&self, bytes: u64) -> io::Result<()> {
        let made = self.allocate(bytes);
        if made.is_err() {
            self.give_back();
        }
        made
    }

    /// Removes the reserve. Where that cannot be, nobody is worse off.
    pub(super) fn give_back(&self) {
        let removed = fs::remove_file(&self.reserve);
        if let (Ok(()), Some(directory)) = (removed, self.reserve.parent()) {
            // What a file system frees may be had only when that is durable.
            drop(File::open(directory).and_then(|directory| directory.sync_all()));
        }
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut options = File::options();
        let mut file =
            options.write(true).create(true).truncate(true).mode(MODE).open(&self.reserve)?;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            use rustix::io::Errno;

            match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
                // Not every file system can; then it is written.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                allocated => return Ok(allocated?),
            }
        }
        io::copy(&mut io::repeat(FILLING).take(bytes), &mut file)?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests;
