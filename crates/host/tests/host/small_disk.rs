//! A disk that is a number, but for the reserve, which is a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host::{Disk, Room};

/// So small that an eighth of it, the reserve, is quickly made.
const TOTAL: u64 = 8 << 20;

/// A disk that nobody but the test and the reserve takes room on.
pub(crate) struct SmallDisk {
    reserve: PathBuf,
    taken: Arc<AtomicU64>,
}

impl SmallDisk {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { reserve: folder.join("reserve"), taken: Arc::default() }
    }

    /// The disk as a member sees it.
    pub(crate) fn disk(&self) -> Disk {
        let (reserve, taken) = (self.reserve.clone(), Arc::clone(&self.taken));
        let look = move || {
            let reserved = fs::metadata(&reserve).map_or(0, |file| file.len());
            let used = reserved + taken.load(Ordering::Relaxed);
            Ok(Room { free: TOTAL.saturating_sub(used), total: TOTAL })
        };
        Disk { reserve: self.reserve.clone(), look: Box::new(look) }
    }

    pub(crate) fn has_reserve(&self) -> bool {
        self.reserve.exists()
    }

    /// Somebody takes all the room there is.
    pub(crate) fn fill(&self) {
        let reserved = fs::metadata(&self.reserve).map_or(0, |file| file.len());
        self.take(TOTAL - reserved);
    }

    /// Somebody takes all the room there is, and what the member gives back.
    pub(crate) fn fill_wholly(&self) {
        self.take(TOTAL);
    }

    pub(crate) fn make_room(&self) {
        self.take(0);
    }

    fn take(&self, bytes: u64) {
        self.taken.store(bytes, Ordering::Relaxed);
    }
}
