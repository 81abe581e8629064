//! Room on the disks: what a member does before writing can fail.
//!
//! | free  | requests that take space | all other requests | the reserve |
//! |---|---|---|---|
//! | ample | done    | done    | kept |
//! | low   | refused | done    | kept; given back when the disk is nearly full |
//! | full  | refused | refused | given back |
//!
//! The disks are looked at every so often. Each holds a file that takes room and says nothing: the
//! reserve. It is removed when the disk is nearly full, whoever filled it, so that what is agreed
//! on can still be written; and made again when there is room. Votes, reads and changes of members
//! go on at all times, and a leader with a full disk makes way for another member.

mod disk;
mod gauge;

use std::io::ErrorKind::{QuotaExceeded, StorageFull};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use node::{Event, Intake};
use tracing::{info, warn};

use crate::Ending;
use crate::order::Work;
use crate::shared::Shared;
use gauge::{Gauge, Wish};

pub use disk::{Disk, Look, Room};
pub(crate) use gauge::Level;

/// How often the disks are looked at. A look costs some microseconds; and in this time a fast disk
/// takes about what the marks in `gauge.rs` leave.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often a leader without room asks another member to lead. Members without room do not take
/// leadership over, so it may take some attempts to find one that has some.
const HAND_OVER_EVERY: Duration = Duration::from_secs(10);

/// How long to wait after the reserve could not be made: somebody else may have a say in how much
/// room there is, such as a quota.
const RESERVE_AGAIN: Duration = Duration::from_secs(10);

/// The disks that a member writes to.
pub struct Space {
    disks: Vec<Watched>,
    /// What the last look came to.
    level: Level,
    seen: Arc<Seen>,
}

/// What was seen at the last look.
#[derive(Debug)]
pub(crate) struct Seen {
    level: AtomicU8,
    spare: AtomicU64,
}

/// A disk, and what is known of it.
struct Watched {
    disk: Disk,
    gauge: Gauge,
    /// Whether the reserve is there, or cannot be.
    kept: bool,
    /// When it could not be made.
    failed: Option<Instant>,
    /// What was free at the last look that succeeded.
    room: Room,
}

impl Space {
    /// The disks that the directories are on, which need not be there yet. On each, the reserve
    /// lies in the first of them. A disk that is nearly full gets its reserve back at once, so that
    /// what lies on it can be opened.
    #[must_use]
    pub fn of_directories(directories: &[PathBuf]) -> Self {
        Self::of_disks(disk::of_directories(directories))
    }

    /// These disks.
    #[must_use]
    pub fn of_disks(disks: Vec<Disk>) -> Self {
        let mut this = Self {
            disks: disks.into_iter().map(Watched::new).collect(),
            level: Level::Ample,
            seen: Arc::new(Seen {
                level: AtomicU8::new(Level::Ample as u8),
                spare: AtomicU64::new(u64::MAX),
            }),
        };
        for disk in &mut this.disks {
            disk.relieve();
        }
        this
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// Looks at all disks, and sees to their reserves; `least` is how bad it is at least, for other
    /// reasons. Whether anything has changed.
    pub(crate) fn look(&mut self, least: Level) -> bool {
        for disk in &mut self.disks {
            disk.relieve();
            disk.replenish();
        }
        let level = self.disks.iter_mut().map(Watched::judge).fold(least, Level::max);
        let spare = self.disks.iter().map(|disk| gauge::spare(disk.room)).min();
        self.seen.spare.store(spare.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.seen.level.store(level as u8, Ordering::Relaxed);
        let changed = level != self.level;
        self.level = level;
        if changed {
            self.report();
        }
        changed
    }

    fn report(&self) {
        let free: Vec<u64> = self.disks.iter().map(|disk| disk.room.free).collect();
        match self.level {
            Level::Ample => info!("free-bytes" = ?free, "there is enough disk space again"),
            Level::Low => {
                warn!("free-bytes" = ?free, "disk space is low; refusing requests that take space");
            }
            Level::Full => warn!("free-bytes" = ?free, "disk is full; no request enters the log"),
        }
    }
}

impl Seen {
    /// Whether requests that take space may be proposed.
    pub(crate) fn is_ample(&self) -> bool {
        self.level.load(Ordering::Relaxed) == Level::Ample as u8
    }

    /// Bytes that may be taken at once before it is not ample any more.
    pub(crate) fn spare(&self) -> u64 {
        self.spare.load(Ordering::Relaxed)
    }

    /// Whether commands may enter the log.
    pub(crate) fn intake(&self) -> Intake {
        let full = self.level.load(Ordering::Relaxed) == Level::Full as u8;
        if full { Intake::Closed } else { Intake::Open }
    }
}

impl Watched {
    fn new(mut disk: Disk) -> Self {
        let room = (disk.look)().unwrap_or(Room { free: u64::MAX, total: u64::MAX });
        let kept = disk.has_reserve(gauge::reserve(room));
        Self { disk, gauge: Gauge::default(), kept, failed: None, room }
    }

    /// Gives the reserve back if the disk is nearly full.
    fn relieve(&mut self) {
        self.look();
        if Gauge::wish(self.room, self.kept) == Wish::GiveBack {
            let found = self.room.free;
            self.disk.give_back();
            self.kept = false;
            self.look();
            warn!(
                "path" = %self.disk.reserve.display(),
                "free-bytes" = found,
                "free-bytes-now" = self.room.free,
                "disk is nearly full; gave back what was reserved"
            );
        }
    }

    /// Makes the reserve if there is room.
    fn replenish(&mut self) {
        let rested = self.failed.is_none_or(|at| at.elapsed() >= RESERVE_AGAIN);
        if Gauge::wish(self.room, self.kept) != Wish::Make || !rested {
            return;
        }
        if let Err(error) = self.disk.make_reserve(gauge::reserve(self.room)) {
            let full = matches!(error.kind(), StorageFull | QuotaExceeded);
            let path = self.disk.reserve.display();
            warn!("path" = %path, "error" = %error, "failed to reserve disk space");
            // If it is not for want of room, it must do without.
            (self.kept, self.failed) = (!full, Some(Instant::now()));
        } else {
            (self.kept, self.failed) = (true, None);
        }
        self.look();
    }

    fn judge(&mut self) -> Level {
        self.gauge.judge(self.room, self.kept)
    }

    /// A look that fails changes nothing: whoever writes will know.
    fn look(&mut self) {
        self.room = (self.disk.look)().unwrap_or(self.room);
    }
}

/// The thread that looks, until the member stops.
///
/// # Errors
///
/// None: whoever writes learns of a disk that fails.
pub(crate) fn run(shared: &Shared, mut space: Space) -> Result<(), Ending> {
    let mut handed_over: Option<Instant> = None;
    let mut attempts = 0;
    loop {
        let cramped = shared.engine_stats().cramped;
        if space.look(if cramped { Level::Low } else { Level::Ample }) {
            shared.order.post(Work::Event(Event::Intake(space.seen.intake())));
        }
        let due = handed_over.is_none_or(|at| at.elapsed() >= HAND_OVER_EVERY);
        if space.level == Level::Full && due && shared.leads() {
            handed_over = Some(Instant::now());
            shared.hand_over(attempts);
            attempts += 1;
        }
        if !shared.looking.wait(LOOK_EVERY) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
