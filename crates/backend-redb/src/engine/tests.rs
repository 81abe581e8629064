//! The suite, and more, on a disk whose power fails.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use backend::{Part, Step, Table};
use home::hold;
use std::ops::Bound;
use tempfile::TempDir;

use super::*;
use crate::pages::{How, Medium};

const SMALL: Options = Options { cache_bytes: 64 << 10 };
/// What a disk writes as a whole.
const SECTOR_BYTES: usize = 512;

/// A disk that remembers what is not synced. Clones are handles of the same one.
#[derive(Clone, Debug, Default)]
struct PowerDisk(Arc<Mutex<Power>>);

#[derive(Debug, Default)]
struct Power {
    files: BTreeMap<PathBuf, Image>,
    /// How often it has failed.
    failures: u64,
    /// Calls until it fails, if it is about to.
    calls_left: Option<u64>,
    random: u64,
}

#[derive(Debug, Default)]
struct Image {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Change>,
    in_use: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
}

#[derive(Debug)]
struct Handle {
    disk: PowerDisk,
    path: PathBuf,
    failures: u64,
}

impl PowerDisk {
    fn of_seed(seed: u64) -> Self {
        let this = Self::default();
        this.power().random = seed;
        this
    }

    fn power(&self) -> MutexGuard<'_, Power> {
        hold(&self.0)
    }

    fn fail_after(&self, calls: u64) {
        self.power().calls_left = Some(calls);
    }

    /// The power fails, and comes back.
    fn crash(&self) {
        let mut power = self.power();
        let Power { files, random, .. } = &mut *power;
        for image in files.values_mut() {
            image.crash(random);
        }
        power.failures += 1;
        power.calls_left = None;
    }
}

impl Image {
    /// Of what is not synced all is there, or nothing, or some sectors.
    fn crash(&mut self, random: &mut u64) {
        let all = below(random, 4) == 0;
        let none = !all && below(random, 4) == 0;
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                _ if none => {}
                Change::Length(length) if all || below(random, 2) == 0 => {
                    self.durable.resize(length, 0);
                }
                Change::Length(_) => {}
                Change::Write(offset, data) => {
                    let end = (offset + data.len()).min(self.durable.len());
                    for at in (offset..end).step_by(SECTOR_BYTES) {
                        let sector = at..end.min(at + SECTOR_BYTES);
                        if all || below(random, 2) == 0 {
                            let data = &data[sector.start - offset..sector.end - offset];
                            self.durable[sector].copy_from_slice(data);
                        }
                    }
                }
            }
        }
        self.current.clone_from(&self.durable);
        self.in_use = false;
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        match &change {
            Change::Length(length) => self.current.resize(*length, 0),
            Change::Write(offset, data) => {
                let place = self.current.get_mut(*offset..offset + data.len());
                place.ok_or(ErrorKind::InvalidInput)?.copy_from_slice(data);
            }
        }
        self.unsynced.push(change);
        Ok(())
    }
}

impl Disk for PowerDisk {
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn Medium>> {
        let mut power = self.power();
        let failures = power.failures;
        let image = match how {
            How::Create => {
                power.files.insert(path.into(), Image::default());
                power.files.get_mut(path)
            }
            How::Existing => power.files.get_mut(path),
        };
        let image = image.ok_or(ErrorKind::NotFound)?;
        if std::mem::replace(&mut image.in_use, true) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Handle { disk: self.clone(), path: path.into(), failures }))
    }
}

impl Handle {
    fn act<T>(&self, act: impl FnOnce(&mut Image) -> io::Result<T>) -> io::Result<T> {
        let mut power = self.disk.power();
        if power.failures != self.failures || power.calls_left == Some(0) {
            return Err(io::Error::other("there is no power"));
        }
        power.calls_left = power.calls_left.map(|left| left - 1);
        act(power.files.get_mut(&self.path).ok_or(ErrorKind::NotFound)?)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut power = self.disk.power();
        if power.failures == self.failures
            && let Some(image) = power.files.get_mut(&self.path)
        {
            image.in_use = false;
        }
    }
}

impl Medium for Handle {
    fn len(&self) -> io::Result<u64> {
        self.act(|image| Ok(image.current.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).expect("it is small");
        self.act(|image| {
            let found = image.current.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(found);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).expect("it is small");
        self.act(|image| image.change(Change::Write(at, data.to_vec())))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let length = usize::try_from(len).expect("it is small");
        self.act(|image| image.change(Change::Length(length)))
    }

    fn sync(&self) -> io::Result<()> {
        self.act(|image| {
            image.durable.clone_from(&image.current);
            image.unsynced.clear();
            Ok(())
        })
    }
}

/// SplitMix64: small, and the same everywhere.
fn below(random: &mut u64, limit: u64) -> u64 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *random;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % limit
}

struct Subject {
    disk: PowerDisk,
    holder: TempDir,
}

impl Subject {
    /// Another seed for each.
    fn new() -> Self {
        thread_local!(static SEED: Cell<u64> = const { Cell::new(0) });
        Self::of_seed(SEED.replace(SEED.get() + 1))
    }

    fn of_seed(seed: u64) -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        Self { disk: PowerDisk::of_seed(seed), holder }
    }

    fn open(&self) -> Result<RedbBackend, Fault> {
        RedbBackend::open_on(Box::new(self.disk.clone()), &self.holder.path().join("engine"), SMALL)
    }
}

impl backend::suite::Subject for Subject {
    fn open(&self) -> Result<Box<dyn Backend>, Fault> {
        Ok(Box::new(self.open()?))
    }

    fn crash(&self, engine: Box<dyn Backend>) {
        self.disk.crash();
        drop(engine);
    }
}

// What has to do with crashes; the rest runs on files.
backend::suite!(Subject::new();
    a_clean_stop_loses_nothing
    a_crash_leaves_a_prefix
    a_failed_replacement_changes_nothing
    a_replacement_is_durable
    a_sync_runs_beside_writes
    big_values_are_kept
    random_histories_match_a_model
    views_are_whole_batches
);

const COUNT: Table = Table { id: 1, name: "count" };
const TRACES: Table = Table { id: 2, name: "traces" };

fn numbered(number: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(COUNT, "count", number.to_be_bytes().to_vec());
    batch.put(TRACES, number.to_be_bytes().to_vec(), vec![number.to_be_bytes()[3]; 700]);
    batch
}

/// Writes until the power fails; answers with the last that was synced and the last of all.
fn write_until_it_fails(engine: &RedbBackend, mut number: u32) -> (u32, u32) {
    let mut synced = number;
    loop {
        number += 1;
        if engine.write(numbered(number)).is_err() {
            return (synced, number);
        }
        if number.is_multiple_of(7) {
            if engine.sync().is_err() {
                return (synced, number);
            }
            synced = number;
        }
    }
}

/// How many batches there are; panics unless they are the first ones, and whole.
fn count(engine: &RedbBackend) -> u32 {
    let view = engine.view();
    let found = view.get(COUNT, b"count").expect("it is readable");
    let count = found.map_or(0, |bytes| u32::from_be_bytes((*bytes).try_into().expect("four")));
    let (mut seen, all) = (0_u32, (Bound::Unbounded, Bound::Unbounded));
    view.scan(TRACES, all, backend::Direction::Ascending, Part::Records, &mut |key, value| {
        seen += 1;
        assert_eq!(key, seen.to_be_bytes());
        assert!(value == [seen.to_be_bytes()[3]; 700]);
        Step::Next
    })
    .expect("it is readable");
    assert_eq!(seen, count, "batches are whole");
    count
}

#[test]
fn power_may_fail_at_any_call() {
    for calls in 0..400 {
        let subject = Subject::of_seed(calls);
        subject.disk.fail_after(calls);
        let (mut synced, mut written) = (0, 0);
        if let Ok(engine) = subject.open() {
            (synced, written) = write_until_it_fails(&engine, 0);
            subject.disk.crash();
        } else {
            subject.disk.crash();
        }
        // Twice, as what a start mends may be cut short, too.
        subject.disk.fail_after(calls % 23);
        drop(subject.open());
        subject.disk.crash();
        let engine = subject.open().expect("what a failure leaves can be opened");
        let left = count(&engine);
        assert!((synced..=written).contains(&left), "{left} of {written}, {synced} were synced");
        engine.write(numbered(left + 1)).expect("it goes on");
        engine.sync().expect("it goes on");
        subject.disk.crash();
        drop(engine);
        assert_eq!(count(&subject.open().expect("it opens again")), left + 1, "after {calls}");
    }
}
