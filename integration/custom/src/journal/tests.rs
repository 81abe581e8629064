use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Journal, LOCK, MAKING, Trouble, journal};

fn open(directory: &Path) -> (Journal, Vec<Vec<u8>>) {
    let (journal, records) = Journal::open(directory).expect("it can be opened");
    (journal, records.iter().map(|record| record.to_vec()).collect())
}

/// A journal with "one" and "two" synced, and "three" written behind them.
fn written(directory: &Path) {
    let (mut journal, _) = open(directory);
    journal.append(b"one").expect("appended");
    journal.append(b"two").expect("appended");
    journal.sync().expect("synced");
    journal.append(b"three").expect("appended");
    journal.written().expect("written");
}

#[test]
fn what_a_start_shows_is_durable_and_what_is_torn_is_cut_off() {
    for tail in [&b""[..], &[0; 64], b"garbage", &[0, 0, 0, 9, 1, 2, 3, 4, 5]] {
        let folder = TempDir::new().expect("a temporary directory");
        let directory = folder.path();
        written(directory);
        let file = journal(directory, 0);
        let mut content = fs::read(&file).expect("it is there");
        content.extend_from_slice(tail);
        fs::write(&file, &content).expect("written");
        let all = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
        assert_eq!(open(directory).1, all);
        // It was shown, so from now on it is damage if it is not there.
        content.truncate(content.len() - tail.len() - 1);
        fs::write(&file, &content).expect("written");
        let damaged = Journal::open(directory).map(|_| ());
        assert!(matches!(damaged, Err(Trouble::Corrupt { .. })), "{damaged:?}");
    }
}

#[test]
fn damage_before_the_mark_is_told_and_behind_it_cut_off() {
    let folder = TempDir::new().expect("a temporary directory");
    let directory = folder.path();
    written(directory);
    let file = journal(directory, 0);
    let good = fs::read(&file).expect("it is there");
    for at in 0..good.len() {
        let mark = fs::read(directory.join("mark")).expect("it is there");
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, bad).expect("written");
        match Journal::open(directory) {
            Err(Trouble::Corrupt { .. }) => assert!(at < 22, "byte {at} was not synced"),
            Err(other) => panic!("{other}"),
            Ok((_, records)) => {
                assert!(at >= 22, "byte {at} was synced");
                assert_eq!(records.len(), 2);
            }
        }
        fs::write(&file, &good).expect("written");
        fs::write(directory.join("mark"), mark).expect("written");
    }
}

#[test]
fn a_start_goes_on_where_a_former_one_ended_early() {
    for leftovers in [&[LOCK][..], &[LOCK, MAKING]] {
        let folder = TempDir::new().expect("a temporary directory");
        for leftover in leftovers {
            fs::write(folder.path().join(leftover), "").expect("written");
        }
        assert!(open(folder.path()).1.is_empty());
    }
    let folder = TempDir::new().expect("a temporary directory");
    fs::write(folder.path().join("somebody's"), "").expect("written");
    let foreign = Journal::open(folder.path()).map(|_| ());
    assert!(matches!(foreign, Err(Trouble::Foreign { .. })), "{foreign:?}");
}
