//! What of a member survives a crash, and what can befall it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend::MemDisk;
use raftlog::{Identity, Opened};
use raftlog_wal::Wal;
use raftlog_wal::files::{Befallen, Call, Files, SimulatedDisk};

use crate::checks::Violation;
use crate::ending::{Ending, fault};
use crate::engine::{Engine, Rot};
use crate::random::Random;
use crate::tally::Tally;

/// Where the log lies.
const DIRECTORY: &str = "wal";

/// Bytes that a disk which is called full still has room for: what is under way when that is seen.
const RESERVE_BYTES: u64 = 1 << 20;

/// Garbage that a crash leaves behind the end of a log, at most.
const GARBAGE_BYTES_MAX: u64 = 1_500;

/// The disks of one member: one under its log, one under its engine.
///
/// They know what was done to them, so that a member is excused for nothing else: what a program
/// was refused since it started, and what is damaged for as long as it is there.
pub(crate) struct Disk {
    random: Random,
    log: LogDisk,
    engine: MemDisk,
    rot: Rot,
    /// Whether the engine, or a received snapshot, will be found to be at fault before the member's
    /// end.
    ailing: bool,
    /// Whether a start found the log damaged: it may have cut off what shows that.
    condemned: bool,
    full: bool,
}

/// The disk under a log.
pub(crate) struct LogDisk {
    files: SimulatedDisk,
    segment_bytes: u64,
}

impl LogDisk {
    /// Opens the log, or makes it.
    pub(crate) fn open(&self, identity: Identity) -> Result<Opened, Ending> {
        let files = Arc::new(self.files.clone()) as Arc<dyn Files>;
        let directory = Path::new(DIRECTORY);
        fault(if fault(Wal::exists(&files, directory))? {
            Wal::open(files, directory, self.segment_bytes)
        } else {
            Wal::create(files, directory, identity, self.segment_bytes)
        })
    }

    /// The segments, oldest first.
    fn segments(&self) -> Vec<PathBuf> {
        let mut names = self.files.list(Path::new(DIRECTORY)).unwrap_or_default();
        names.retain(|name| name.ends_with(".wal"));
        names.sort_unstable();
        names.iter().map(|name| Path::new(DIRECTORY).join(name)).collect()
    }

    fn image(&self, path: &Path) -> Option<Vec<u8>> {
        let file = self.files.open(path).ok()?;
        let mut image = vec![0; usize::try_from(file.length().ok()?).ok()?];
        file.read_at(&mut image, 0).ok()?;
        Some(image)
    }

    fn bytes(&self) -> u64 {
        let directory = Path::new(DIRECTORY);
        let names = self.files.list(directory).unwrap_or_default();
        let length = |name: &String| self.files.open(&directory.join(name))?.length();
        names.iter().filter_map(|name| length(name).ok()).sum()
    }
}

impl Disk {
    /// Empty disks; `random` decides what crashes take.
    pub(crate) fn new(segment_bytes: u64, mut random: Random) -> Self {
        let log = LogDisk { files: SimulatedDisk::new(random.next()), segment_bytes };
        let (engine, rot) = (MemDisk::new(), Rot::default());
        Self { random, log, engine, rot, ailing: false, condemned: false, full: false }
    }

    /// Opens the log, or makes it.
    pub(crate) fn open_log(&self, identity: Identity) -> Result<Opened, Ending> {
        self.log.open(identity)
    }

    /// What the log's disk would be if none of it were damaged; nothing if none is.
    pub(crate) fn undamaged_log(&self) -> Option<LogDisk> {
        let files = self.log.files.without_damage()?;
        Some(LogDisk { files, segment_bytes: self.log.segment_bytes })
    }

    pub(crate) fn open_engine(&self) -> Result<Engine, Ending> {
        Engine::open(&self.engine, self.rot.clone())
    }

    /// Nothing that is still asked of the log's disk is done, but for a part of the next write: the
    /// member ends, and has no time to keep anything.
    pub(crate) fn goes_dark(&self) {
        self.log.files.power_fails();
    }

    /// The power fails: what was not synced is gone, but for a random part of it.
    pub(crate) fn crash(&mut self) {
        self.log.files.crash();
        self.engine.crash(self.random.below(self.engine.unsynced() + 1));
        self.ailing = false;
    }

    /// The process dies: what it wrote is still there, and still not synced.
    pub(crate) fn kill(&mut self) {
        self.log.files.kill();
        if self.ailing {
            // The engine of a process that saw a fault is opened again, so that it forgets it.
            self.engine.crash(self.engine.unsynced());
        }
        self.ailing = false;
    }

    /// Whether a fault of it is no surprise.
    pub(crate) fn may_fail(&self) -> bool {
        self.ailing || self.full || self.log.files.has_failed() || self.is_noticeably_damaged()
    }

    /// Whether a member that has ended by its fault is lost: what damaged it is still there.
    pub(crate) fn is_noticeably_damaged(&self) -> bool {
        self.condemned || self.log.files.is_damaged() || self.rot.was_met()
    }

    /// Whether a part of it is damaged, or is about to be, whether anybody has met it or not.
    pub(crate) fn is_damaged(&self) -> bool {
        let log = self.log.files.is_damaged() || self.log.files.misdirects();
        self.condemned || log || self.rot.is_there()
    }

    /// A start has read the log wholly, and has all that it should have: what is damaged there now
    /// does no harm any more. Whether there is such.
    pub(crate) fn forget_log_damage(&mut self) -> bool {
        let was_damaged = self.log.files.is_damaged();
        self.log.files.forget_damage();
        was_damaged
    }

    /// A start could not go on from what is damaged.
    pub(crate) fn condemn(&mut self) {
        self.condemned = true;
    }

    /// The engine was read wholly, and nothing of what is damaged was there any more.
    pub(crate) fn forget_rot(&mut self) {
        self.rot.forget();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// The next call of this kind fails.
    pub(crate) fn fail_next(&mut self, call: Call) {
        self.log.files.fail_next(call);
    }

    /// A received snapshot will be found to be damaged, and is not needed.
    pub(crate) fn ails(&mut self) {
        self.ailing = true;
    }

    /// The engine fails from now on.
    pub(crate) fn fail_engine(&mut self) {
        let (doing, error) = ("writing".into(), "the disk failed".into());
        self.engine.fail(backend::Fault::Io { doing, error });
        self.ailing = true;
    }

    /// The power fails after so many calls.
    pub(crate) fn power_off_after(&mut self, calls: u64) {
        self.log.files.power_off_after(calls);
    }

    /// There is hardly room for anything.
    pub(crate) fn fill(&mut self) {
        self.log.files.set_capacity(self.log.bytes() + RESERVE_BYTES);
        self.engine.fill();
        self.full = true;
    }

    /// There is room again.
    pub(crate) fn make_room(&mut self) {
        self.log.files.set_capacity(u64::MAX);
        self.engine.make_room();
        self.full = false;
    }

    /// A byte of the log rots, in a segment that is complete: damage to the last one cannot always
    /// be told from a crash. Whether there was such a segment.
    pub(crate) fn rot_log(&mut self) -> bool {
        let mut segments = self.log.segments();
        segments.pop();
        if segments.is_empty() {
            return false;
        }
        let path = self.random.pick(&segments).clone();
        let length = self.log.image(&path).map_or(0, |image| image.len() as u64);
        length > 0 && {
            let at = self.random.within(0..=length - 1);
            self.rot(&path, at)
        }
    }

    /// A part of the next write to the log goes elsewhere.
    pub(crate) fn misdirect(&mut self) {
        self.log.files.misdirect_next();
    }

    /// What a crash has left behind the log's end is garbage. Whether there was room for some.
    pub(crate) fn garble_tail(&mut self) -> bool {
        let Some(path) = self.log.segments().pop() else { return false };
        let Some(image) = self.log.image(&path) else { return false };
        // Either right behind what is there, or where the next sector begins.
        let begin = end_of_frames(&image).next_multiple_of(*self.random.pick(&[8, 512]));
        let length = self.random.within(1..=GARBAGE_BYTES_MAX);
        let mut garbled = false;
        for at in begin as u64..(begin as u64 + length).min(image.len() as u64) {
            garbled |= self.rot(&path, at);
        }
        garbled
    }

    fn rot(&mut self, path: &Path, at: u64) -> bool {
        let bits = u8::try_from(self.random.within(1..=255)).expect("a byte's worth");
        self.log.files.rot(path, at, bits).is_ok()
    }

    /// Somebody else's fault: a disk that nothing was done to has failed.
    pub(crate) fn surprise(why: &str) -> Violation {
        Violation(format!("a disk is at fault by itself: {why}"))
    }

    /// What befell the log's disk, of what can only be seen there.
    pub(crate) fn tell(&self, tally: &mut Tally) {
        let Befallen { cuts_undone, lengths_lost, names_lost, names_reordered, .. } =
            self.log.files.befallen();
        let Befallen { pages_dropped, writes_lost, writes_short, writes_torn, .. } =
            self.log.files.befallen();
        for (what, times) in [
            ("disk: cut undone", cuts_undone),
            ("disk: length lost", lengths_lost),
            ("disk: name lost", names_lost),
            ("disk: names reordered", names_reordered),
            ("disk: pages dropped", pages_dropped),
            ("disk: short write", writes_short),
            ("disk: torn write", writes_torn),
            ("disk: write lost", writes_lost),
        ] {
            if times > 0 {
                tally.add(what, times);
            }
        }
    }

    /// How many writes went elsewhere.
    pub(crate) fn misdirected(&self) -> u64 {
        self.log.files.befallen().misdirected
    }
}

/// Where a segment's frames end, as their lengths tell: all that was synced is before that. Not
/// where its zeros begin, as a record may end with some.
fn end_of_frames(image: &[u8]) -> usize {
    /// What is padded says by how much in the top byte of its length.
    const PADDED: u64 = 1 << 63;
    let mut end = 0;
    while let Some((field, _)) = image[end..].split_first_chunk() {
        let field = u64::from_le_bytes(*field);
        let padding = if field & PADDED == 0 { 0 } else { field >> 56 & 7 };
        let length = field & ((1 << 56) - 1);
        let frame = usize::try_from(8 + length + padding).unwrap_or(usize::MAX);
        if length == 0 || frame > image.len() - end {
            break;
        }
        end += frame;
    }
    end
}
