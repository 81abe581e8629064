//! What ends a merge that is under way: the engine's end, and a disk that fills up.

use std::io::ErrorKind;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use home::hold;
use lsm_tree::compaction::filter::Context;
use lsm_tree::compaction::{CompactionFilter, Factory, ItemAccessor, Verdict};

use crate::pace::{Leisure, Pace};

/// Room that merges leave on the disk, as they can wait and others cannot: for the log's next file
/// (64 MB), and for what memtables hold under load.
const LEFT_BYTES_MAX: u64 = 128 << 20;
/// They leave this part of a disk that is small.
const LEFT_PART: u64 = 16;
/// Bytes that a merge writes between two looks at the disk.
const LOOK_BYTES: usize = 4 << 20;
/// A merge that found too little room is begun again when there is so much more of it: about a file
/// that is gone.
const MORE_BYTES: u64 = 32 << 20;
/// Or after this time, since by then there may be less to merge. Long, as it may be in vain again.
const REST: Duration = Duration::from_secs(30);

/// Watches over merges. Files that an ended one has begun are removed by who began it, or at the
/// next opening.
#[derive(Clone)]
pub(crate) struct Merging {
    pub(crate) stop: Stop,
    pub(crate) room: Arc<Room>,
    pub(crate) leisure: Leisure,
}

/// Whether the engine has come to its end.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Says how many bytes merges may write to the disk.
pub(crate) type Spare = dyn Fn() -> u64 + Send + Sync + RefUnwindSafe + UnwindSafe;

/// Room on the disk, as far as merges are concerned.
pub(crate) struct Room {
    spare: Box<Spare>,
    /// How many wait for merges to end.
    hurry: AtomicUsize,
    /// The newest merge that found too little room.
    vain: Mutex<Option<Begin>>,
}

/// When a merge began, and how much it might have written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    spare: u64,
    at: Instant,
}

/// Merges end early for as long as this lives.
pub(crate) struct Hurry<'a>(&'a Room);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.hurry.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Room {
    /// Room on the disk that a path is on.
    pub(crate) fn on_disk_of(path: PathBuf) -> Self {
        Self::new(Box::new(move || spare(&path)))
    }

    pub(crate) fn new(spare: Box<Spare>) -> Self {
        Self { spare, hurry: AtomicUsize::new(0), vain: Mutex::default() }
    }

    /// Whether a merge may begin.
    pub(crate) fn begin(&self) -> Option<Begin> {
        let begin = Begin { spare: (self.spare)(), at: Instant::now() };
        let mut vain = hold(&self.vain);
        if let Some(last) = *vain
            && begin.spare < last.spare.saturating_add(MORE_BYTES)
            && begin.at < last.at + REST
        {
            return None;
        }
        *vain = None;
        (begin.spare > 0).then_some(begin)
    }

    /// There was not enough room for a merge that began like this.
    pub(crate) fn ran_out(&self, begin: Begin) {
        let end = Begin { at: Instant::now(), ..begin };
        hold(&self.vain).replace(end);
    }

    /// Ends the merges that are under way.
    pub(crate) fn hurry(&self) -> Hurry<'_> {
        self.hurry.fetch_add(1, Ordering::AcqRel);
        Hurry(self)
    }
}

impl Factory for Merging {
    fn name(&self) -> &str {
        "merging"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        let pace = Pace::new(self.leisure.clone());
        Box::new(Merge { merging: self.clone(), written: 0, pace })
    }
}

/// One merge.
struct Merge {
    merging: Merging,
    /// Bytes since the last look at the disk.
    written: usize,
    pace: Pace,
}

impl CompactionFilter for Merge {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> lsm_tree::Result<Verdict> {
        let Merging { stop, room, .. } = &self.merging;
        if stop.is_stopped() {
            return Err(std::io::Error::from(ErrorKind::Interrupted).into());
        }
        let bytes = item.key().len() + item.value()?.len();
        self.pace.worked(bytes);
        self.written += bytes;
        let mut full = room.hurry.load(Ordering::Acquire) > 0;
        if self.written >= LOOK_BYTES {
            self.written = 0;
            full |= (room.spare)() == 0;
        }
        if full {
            return Err(std::io::Error::from(ErrorKind::StorageFull).into());
        }
        Ok(Verdict::Keep)
    }
}

/// Bytes that merges may write to the disk that the path is on.
#[cfg(unix)]
fn spare(path: &std::path::Path) -> u64 {
    // Where nobody can say, the disk itself will.
    let Ok(disk) = rustix::fs::statvfs(path) else { return u64::MAX };
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    let left = LEFT_BYTES_MAX.min(bytes(disk.f_blocks) / LEFT_PART);
    bytes(disk.f_bavail).saturating_sub(left)
}

/// Bytes that merges may write to the disk that the path is on: the disk itself will say.
#[cfg(not(unix))]
fn spare(_: &std::path::Path) -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests;
