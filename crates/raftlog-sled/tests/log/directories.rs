//! What is in the directory: whose it is, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use raftlog::{Fault, Identity, ReadError};
use raftlog_sled::{Options, PowerFailure, SledLog};
use tempfile::TempDir;
use units::{ClusterId, Entry, EntryKind, Index, NodeId, Term};

const OPTIONS: Options =
    Options { cache_bytes: 1 << 20, power_failure: PowerFailure::MayCostTheLog };
const IDENTITY: Identity = Identity { node: NodeId(1), cluster: ClusterId(2) };

fn entry(index: u64) -> Entry {
    let data = Bytes::from(vec![7; 100]);
    Entry { kind: EntryKind::Normal, term: Term(1), index: Index(index), data }
}

/// A directory with a log of some entries, closed in good order.
fn filled() -> (TempDir, PathBuf) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("log");
    let mut opened = SledLog::create(&directory, IDENTITY, OPTIONS).expect("an empty place");
    for group in 0..50 {
        let entries: Vec<_> = (1..=10).map(|nth| entry(10 * group + nth)).collect();
        opened.log.append(&entries, None).expect("appends");
        opened.log.sync().expect("syncs");
    }
    (holder, directory)
}

fn fault(directory: &Path) -> Fault {
    match SledLog::open(directory, OPTIONS) {
        Err(fault) => fault,
        Ok(_) => panic!("{} was opened", directory.display()),
    }
}

#[test]
fn a_directory_without_a_log_is_foreign() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("log");
    assert_eq!(SledLog::exists(&directory), Ok(false));
    assert!(matches!(fault(&directory), Fault::Foreign { .. }));
    fs::create_dir(&directory).expect("the directory is the test's");
    fs::write(directory.join("notes"), "not yours").expect("the directory is the test's");
    let created = SledLog::create(&directory, IDENTITY, OPTIONS);
    assert!(matches!(created, Err(Fault::Foreign { .. })), "it is somebody else's");
    assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 1, "nothing is added");
}

#[test]
fn a_creation_that_was_cut_short_is_begun_again() {
    let (_holder, directory) = filled();
    fs::remove_file(directory.join("log")).expect("it is there");
    assert_eq!(SledLog::exists(&directory), Ok(false));
    let opened = SledLog::create(&directory, IDENTITY, OPTIONS).expect("it is as good as none");
    assert_eq!(opened.last.index, Index(0));
    assert_eq!(SledLog::exists(&directory), Ok(true));
}

#[test]
fn a_marker_of_another_kind_is_foreign_and_a_damaged_one_is_damage() {
    let (_holder, directory) = filled();
    let marker = directory.join("log");
    let good = fs::read(&marker).expect("it is there");
    let mut other = good.clone();
    other[0] ^= 1;
    fs::write(&marker, other).expect("it is there");
    assert!(matches!(fault(&directory), Fault::Foreign { .. }));
    let mut other = good;
    *other.last_mut().expect("it has a last line") ^= 1;
    fs::write(&marker, other).expect("it is there");
    assert!(matches!(fault(&directory), Fault::Corrupt { .. }));
}

#[test]
fn a_reader_keeps_the_lock() {
    let (_holder, directory) = filled();
    let opened = SledLog::open(&directory, OPTIONS).expect("it opens");
    let reader = opened.log.reader();
    drop(opened);
    assert!(matches!(fault(&directory), Fault::Locked { .. }));
    assert_eq!(reader.bounds(), (Index(1), Index(500)));
    drop(reader);
    SledLog::open(&directory, OPTIONS).expect("it opens");
}

/// `sled` would take what is left for all there was.
#[test]
fn a_log_that_lost_what_was_synced_is_damage() {
    for part in [0, 40, 60] {
        let (_holder, directory) = filled();
        let store = directory.join("sled");
        for name in fs::read_dir(&store).expect("it is there") {
            let path = name.expect("it is there").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap")) {
                fs::remove_file(path).expect("it is there");
            }
        }
        let log = fs::read(store.join("db")).expect("it is there");
        let end = log.iter().rposition(|byte| *byte != 0).expect("it is not empty");
        fs::write(store.join("db"), &log[..end * part / 100]).expect("it is there");
        let Fault::Corrupt { file, what, .. } = fault(&directory) else {
            panic!("what was lost was not missed");
        };
        assert!(what.contains("; replace this member"), "with advice: {what}");
        assert_eq!(Path::new(&file), store);
    }
}

/// Bytes flipped in each file, spread over it.
const FLIPS: usize = 24;

/// Whatever byte of whatever file is damaged: the log tells, or all that it shows is right.
#[test]
fn damage_is_never_shown() {
    let (_holder, directory) = filled();
    let good = files(&directory);
    let mut told = 0;
    for (path, content) in &good {
        let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for flip in 0..FLIPS.min(end) {
            let mut damaged = content.clone();
            damaged[(end - 1) * flip / (FLIPS - 1)] ^= 1 << (flip % 8);
            fs::write(path, damaged).expect("the directory is the test's");
            told += usize::from(!shows_everything(&directory));
            restore(&directory, &good);
        }
    }
    assert!(told > 0, "no damage was found at all");
    assert!(shows_everything(&directory), "what was restored is readable");
}

/// Opens and reads; panics if anything is wrong and no fault said so.
fn shows_everything(directory: &Path) -> bool {
    let opened = match SledLog::open(directory, OPTIONS) {
        Ok(opened) => opened,
        Err(Fault::Corrupt { .. } | Fault::Foreign { .. }) => return false,
        Err(fault) => panic!("{fault}"),
    };
    assert_eq!((opened.identity, opened.last.index), (IDENTITY, Index(500)));
    let reader = opened.log.reader();
    for index in 1..=500 {
        match reader.read(Index(index), Index(index), 0) {
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
