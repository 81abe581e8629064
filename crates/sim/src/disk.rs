//! What of a member survives a crash, and what can befall it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend::MemDisk;
use raftlog::{Identity, Opened};
use raftlog_wal::Wal;
use raftlog_wal::files::{Befallen, Call, Files, SimulatedDisk};

use crate::checks::Violation;
use crate::ending::{Ending, fault};
use crate::engine::Engine;
use crate::random::Random;
use crate::tally::Tally;

/// Where the log lies.
const DIRECTORY: &str = "wal";

/// Bytes that a disk which is called full still has room for: what is under way when that is seen.
const RESERVE_BYTES: u64 = 1 << 20;

/// Garbage that a crash leaves behind the end of a log, at most.
const GARBAGE_BYTES_MAX: u64 = 1_500;

/// The disks of one member: one under its log, one under its engine.
pub(crate) struct Disk {
    random: Random,
    log: SimulatedDisk,
    segment_bytes: u64,
    engine: MemDisk,
    rot: crate::engine::Rot,
    /// Whether something was done to it that the next to use it may stumble over.
    ailing: bool,
    /// Whether a part of it has rotted: from then on nobody can say that it will be read again.
    rotten: bool,
    /// Whether that is only garbage behind the end of the log.
    garbled: bool,
    full: bool,
}

impl Disk {
    /// Empty disks; `random` decides what crashes take.
    pub(crate) fn new(segment_bytes: u64, mut random: Random) -> Self {
        let log = SimulatedDisk::new(random.next());
        Self {
            random,
            log,
            segment_bytes,
            engine: MemDisk::new(),
            rot: crate::engine::Rot::default(),
            ailing: false,
            rotten: false,
            garbled: false,
            full: false,
        }
    }

    /// Opens the log, or makes it.
    pub(crate) fn open_log(&self, identity: Identity) -> Result<Opened, Ending> {
        let files = Arc::new(self.log.clone()) as Arc<dyn Files>;
        let directory = Path::new(DIRECTORY);
        fault(if fault(Wal::exists(&files, directory))? {
            Wal::open(files, directory, self.segment_bytes)
        } else {
            Wal::create(files, directory, identity, self.segment_bytes)
        })
    }

    pub(crate) fn open_engine(&self) -> Result<Engine, Ending> {
        Engine::open(&self.engine, self.rot.clone())
    }

    /// Nothing that is still asked of the log's disk is done, but for a part of the next write: the
    /// member ends, and has no time to keep anything.
    pub(crate) fn goes_dark(&self) {
        self.log.power_fails();
    }

    /// The power fails: what was not synced is gone, but for a random part of it.
    pub(crate) fn crash(&mut self) {
        self.log.crash();
        self.engine.crash(self.random.below(self.engine.unsynced() + 1));
        self.ailing = false;
    }

    /// The process dies: what it wrote is still there, and still not synced.
    pub(crate) fn kill(&mut self) {
        self.log.kill();
        if self.ailing {
            // The engine of a process that saw a fault is opened again, so that it forgets it.
            self.engine.crash(self.engine.unsynced());
        }
        self.ailing = false;
    }

    /// Whether a fault of it is no surprise.
    pub(crate) fn may_fail(&self) -> bool {
        self.ailing || self.rotten || self.full
    }

    /// Whether it has lost what it had synced without anybody being told.
    pub(crate) fn has_lied(&self) -> bool {
        self.misdirected() > 0
    }

    /// Whether it is lost once it has failed.
    pub(crate) fn is_rotten(&self) -> bool {
        self.rotten
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// The next call of this kind fails.
    pub(crate) fn fail_next(&mut self, call: Call) {
        self.log.fail_next(call);
        self.ailing = true;
    }

    /// Something that it holds will be found to be damaged, and is not needed.
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
        self.log.power_off_after(calls);
        self.ailing = true;
    }

    /// There is hardly room for anything.
    pub(crate) fn fill(&mut self) {
        let used = self.log_bytes();
        self.log.set_capacity(used + RESERVE_BYTES);
        self.engine.fill();
        self.full = true;
    }

    /// There is room again.
    pub(crate) fn make_room(&mut self) {
        self.log.set_capacity(u64::MAX);
        self.engine.make_room();
        self.full = false;
    }

    /// A byte of the log rots, in a segment that is complete: damage to the last one cannot always
    /// be told from a crash. Whether there was such a segment.
    pub(crate) fn rot_log(&mut self) -> bool {
        let mut names = self.log.list(Path::new(DIRECTORY)).unwrap_or_default();
        names.retain(|name| name.ends_with(".wal"));
        names.sort_unstable();
        names.pop();
        if names.is_empty() {
            return false;
        }
        let path = Path::new(DIRECTORY).join(self.random.pick(&names));
        let length = self.log.open(&path).and_then(|file| file.length()).unwrap_or_default();
        let bits = u8::try_from(self.random.within(1..=255)).expect("a byte's worth");
        if length == 0 || self.log.rot(&path, self.random.within(0..=length - 1), bits).is_err() {
            return false;
        }
        self.rotten = true;
        true
    }

    /// A part of the next write to the log goes elsewhere.
    pub(crate) fn misdirect(&mut self) {
        self.log.misdirect_next();
        self.rotten = true;
    }

    /// What a crash has left behind the log's end is garbage. Whether there was room for some.
    pub(crate) fn garble_tail(&mut self) -> bool {
        let Some((path, image)) = self.last_segment() else { return false };
        let end = image.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        // Either right behind what is there, or where the next sector begins.
        let begin = end.next_multiple_of(*self.random.pick(&[8, 512]));
        let length = self.random.within(1..=GARBAGE_BYTES_MAX);
        let mut garbled = false;
        for at in begin..(begin + length).min(image.len() as u64) {
            let bits = u8::try_from(self.random.within(1..=255)).expect("a byte's worth");
            garbled |= self.log.rot(&path, at, bits).is_ok();
        }
        self.rotten |= garbled;
        self.garbled = garbled;
        garbled
    }

    /// A start has read it wholly. Whether nothing is left of what was wrong with it.
    pub(crate) fn is_well_again(&mut self) -> bool {
        let healed = std::mem::take(&mut self.garbled);
        self.rotten &= !healed;
        healed
    }

    /// A record of the engine rots.
    pub(crate) fn rot_engine(&mut self) {
        self.rot.set(self.random.next());
        self.rotten = true;
    }

    /// Somebody else's fault: a disk that nothing was done to has failed.
    pub(crate) fn surprise(why: &str) -> Violation {
        Violation(format!("a disk is at fault by itself: {why}"))
    }

    /// What befell the log's disk, of what can only be seen there.
    pub(crate) fn tell(&self, tally: &mut Tally) {
        let Befallen { cuts_undone, lengths_lost, names_lost, names_reordered, .. } =
            self.log.befallen();
        let Befallen { pages_dropped, writes_lost, writes_short, writes_torn, .. } =
            self.log.befallen();
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
        self.log.befallen().misdirected
    }

    /// The segment that is written to, and all that is in it.
    fn last_segment(&self) -> Option<(PathBuf, Vec<u8>)> {
        let mut names = self.log.list(Path::new(DIRECTORY)).ok()?;
        names.retain(|name| name.ends_with(".wal"));
        let path = Path::new(DIRECTORY).join(names.iter().max()?);
        let file = self.log.open(&path).ok()?;
        let mut image = vec![0; usize::try_from(file.length().ok()?).ok()?];
        file.read_at(&mut image, 0).ok()?;
        Some((path, image))
    }

    fn log_bytes(&self) -> u64 {
        let directory = Path::new(DIRECTORY);
        let names = self.log.list(directory).unwrap_or_default();
        let length = |name: &String| self.log.open(&directory.join(name))?.length();
        names.iter().filter_map(|name| length(name).ok()).sum()
    }
}
