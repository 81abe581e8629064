//! What parts are tested with: the contract's suite, and what all logs in stores promise besides.
//!
//! ```text
//! keyedlog::suite!(Store, options());
//! ```
//!
//! A test fails by a panic.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use raftlog::{Fault, Identity, Opened, RaftLog, ReadError};
use tempfile::TempDir;
use units::{ClusterId, Entry, EntryKind, Index, NodeId, Term};

use crate::{KeyedLog, Store};

const IDENTITY: Identity = Identity { node: NodeId(1), cluster: ClusterId(2) };
/// Entries of a log that is [`Filled`].
const LAST: Index = Index(500);
/// Bytes flipped in each file, spread over it.
const FLIPS: usize = 24;

/// The contract's tests, and those of all logs in stores.
#[macro_export]
macro_rules! suite {
    ($store:ty, $options:expr) => {
        raftlog::suite!($crate::testing::Subject::<$store>::new($options));

        #[test]
        fn a_directory_without_a_log_is_foreign() {
            $crate::testing::a_directory_without_a_log_is_foreign::<$store>(&$options);
        }

        #[test]
        fn a_log_is_made_once() {
            $crate::testing::a_log_is_made_once::<$store>(&$options);
        }

        #[test]
        fn a_reader_keeps_the_lock() {
            $crate::testing::a_reader_keeps_the_lock::<$store>(&$options);
        }

        #[test]
        fn damage_is_never_shown() {
            $crate::testing::damage_is_never_shown::<$store>(&$options);
        }
    };
}

/// Logs in a directory of their own, one after the other.
pub struct Subject<S: Store> {
    _holder: TempDir,
    directory: PathBuf,
    options: S::Options,
}

impl<S: Store> Subject<S> {
    /// A directory that is not there yet.
    #[must_use]
    pub fn new(options: S::Options) -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let directory = holder.path().join("log");
        Self { _holder: holder, directory, options }
    }
}

impl<S: Store> raftlog::suite::Subject for Subject<S> {
    fn create(&self, identity: Identity) -> Result<Opened, Fault> {
        KeyedLog::<S>::create(&self.directory, identity, &self.options)
    }

    fn open(&self) -> Result<Opened, Fault> {
        KeyedLog::<S>::open(&self.directory, &self.options)
    }

    /// What was written to files before the log may write what it holds back.
    fn crash(&self, log: Box<dyn RaftLog>) {
        home::testing::crash(&self.directory, || drop(log));
    }
}

fn entry(index: Index) -> Entry {
    Entry { kind: EntryKind::Normal, term: Term(1), index, data: Bytes::from(vec![7; 100]) }
}

/// A directory with a log of some entries, closed in good order.
pub struct Filled {
    _holder: TempDir,
    /// The log's directory.
    pub directory: PathBuf,
}

impl Filled {
    /// Makes one.
    #[must_use]
    pub fn new<S: Store>(options: &S::Options) -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let directory = holder.path().join("log");
        let mut opened = KeyedLog::<S>::create(&directory, IDENTITY, options).expect("it is empty");
        for group in 0..50 {
            let entries: Vec<_> = (1..=10).map(|nth| entry(Index(10 * group + nth))).collect();
            opened.log.append(&entries, None).expect("appends");
            opened.log.sync().expect("syncs");
        }
        Self { _holder: holder, directory }
    }

    /// Where the store's files are.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.directory.join("content-1/store")
    }

    /// Why it is not opened.
    pub fn fault<S: Store>(&self, options: &S::Options) -> Fault {
        fault::<S>(&self.directory, options)
    }
}

fn fault<S: Store>(directory: &Path, options: &S::Options) -> Fault {
    match KeyedLog::<S>::open(directory, options) {
        Err(fault) => fault,
        Ok(_) => panic!("{} was opened", directory.display()),
    }
}

/// And stays as it is.
pub fn a_directory_without_a_log_is_foreign<S: Store>(options: &S::Options) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("log");
    assert_eq!(KeyedLog::<S>::exists(&directory), Ok(false));
    assert!(matches!(fault::<S>(&directory, options), Fault::Foreign { .. }));
    fs::create_dir(&directory).expect("the directory is the test's");
    fs::write(directory.join("notes"), "not yours").expect("the directory is the test's");
    let created = KeyedLog::<S>::create(&directory, IDENTITY, options);
    assert!(matches!(created, Err(Fault::Foreign { .. })), "it is somebody else's");
    assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 1, "nothing is added");
}

/// A second one would be empty.
pub fn a_log_is_made_once<S: Store>(options: &S::Options) {
    let filled = Filled::new::<S>(options);
    assert_eq!(KeyedLog::<S>::exists(&filled.directory), Ok(true));
    let created = KeyedLog::<S>::create(&filled.directory, IDENTITY, options);
    assert!(matches!(created, Err(Fault::Foreign { .. })), "there is one");
    assert!(shows_everything::<S>(&filled.directory, options));
}

/// Else somebody could write to what it reads.
pub fn a_reader_keeps_the_lock<S: Store>(options: &S::Options) {
    let filled = Filled::new::<S>(options);
    let opened = KeyedLog::<S>::open(&filled.directory, options).expect("it opens");
    let reader = opened.log.reader();
    drop(opened);
    assert!(matches!(filled.fault::<S>(options), Fault::Locked { .. }));
    assert_eq!(reader.bounds(), (Index(1), LAST));
    drop(reader);
    KeyedLog::<S>::open(&filled.directory, options).expect("it opens");
}

/// Whatever byte of whatever file is damaged: the log tells, or all that it shows is right.
pub fn damage_is_never_shown<S: Store>(options: &S::Options) {
    let filled = Filled::new::<S>(options);
    let good = files(&filled.directory);
    let mut told = 0;
    for (path, content) in &good {
        let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for flip in 0..FLIPS.min(end) {
            let mut damaged = content.clone();
            damaged[(end - 1) * flip / (FLIPS - 1)] ^= 1 << (flip % 8);
            fs::write(path, damaged).expect("the directory is the test's");
            told += usize::from(!shows_everything::<S>(&filled.directory, options));
            restore(&filled.directory, &good);
        }
    }
    assert!(told > 0, "no damage was found at all");
    assert!(shows_everything::<S>(&filled.directory, options), "what was restored is readable");
}

/// Opens and reads; panics if anything is wrong and no fault said so.
fn shows_everything<S: Store>(directory: &Path, options: &S::Options) -> bool {
    let opened = match KeyedLog::<S>::open(directory, options) {
        Ok(opened) => opened,
        Err(Fault::Corrupt { .. } | Fault::Foreign { .. }) => return false,
        Err(fault) => panic!("{fault}"),
    };
    assert_eq!((opened.identity, opened.last.index), (IDENTITY, LAST));
    let reader = opened.log.reader();
    for index in (1..=LAST.0).map(Index) {
        match reader.read(index, index, 0) {
            Ok(found) => assert_eq!(found, [entry(index)], "damage is shown"),
            Err(ReadError::Fault(Fault::Corrupt { .. })) => return false,
            Err(error) => panic!("{error}"),
        }
    }
    true
}

/// All files below a directory with their content.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory is the test's") {
        let path = entry.expect("the directory is the test's").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let content = fs::read(&path).expect("the directory is the test's");
            found.push((path, content));
        }
    }
    found
}

fn restore(directory: &Path, good: &[(PathBuf, Vec<u8>)]) {
    for (path, _) in files(directory) {
        if good.iter().all(|(have, _)| *have != path) {
            fs::remove_file(path).expect("the directory is the test's");
        }
    }
    for (path, content) in good {
        fs::write(path, content).expect("the directory is the test's");
    }
}
