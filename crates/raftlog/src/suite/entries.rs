//! Appending and finding again.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use units::{Entry, EntryKind, HardState, Index, Position, Term};

use super::{Subject, contents, created, entries, hard_state, marker, opened, position};
use crate::{Marker, TermRun};

/// A log that was just made holds nothing, now and after a start.
pub fn a_new_log_is_empty<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    for start in 0..3 {
        let found = match start {
            0 => subject.create(super::IDENTITY).expect("an empty place takes a log"),
            _ => opened(&subject),
        };
        assert_eq!(found.hard_state, HardState::default());
        assert_eq!(found.marker, Marker::default());
        assert_eq!(found.runs, []);
        assert_eq!(found.last, Position::default());
        assert_eq!(found.repaired, None);
        assert_eq!(found.log.reader().bounds(), (Index(1), Index(0)));
    }
    assert!(subject.create(super::IDENTITY).is_err(), "a log is never made over another");
}

/// What was appended is read at once, and after a sync and a start.
pub fn entries_are_found_again<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    let reader = log.reader();
    let mut expected = Vec::new();
    for round in 0..20 {
        let new = entries(1 + round / 5, round * 10 + 1, round * 10 + 10);
        log.append(&new, None).expect("appends");
        expected.extend(new);
        assert_eq!(contents(&*reader), expected, "read before the sync");
        log.sync().expect("syncs");
        assert_eq!(contents(&*reader), expected, "read after the sync");
    }
    drop((log, reader));
    let found = opened(&subject);
    assert_eq!(found.last, position(4, 200));
    assert_eq!(found.repaired, None);
    assert_eq!(contents(&*found.log.reader()), expected, "read after a start");
}

/// An append at a held index forgets what is held from there on, synced or not.
pub fn an_append_truncates<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    log.append(&entries(1, 1, 20), None).expect("appends");
    log.sync().expect("syncs");
    log.append(&entries(2, 11, 30), None).expect("appends over synced entries");
    log.append(&entries(3, 25, 26), None).expect("appends over entries that are not synced");
    let expected = [entries(1, 1, 10), entries(2, 11, 24), entries(3, 25, 26)].concat();
    assert_eq!(contents(&*log.reader()), expected);
    log.sync().expect("syncs");
    log.append(&entries(4, 27, 27), None).expect("goes on after a truncation");
    log.sync().expect("syncs");
    drop(log);
    let mut found = opened(&subject);
    assert_eq!(found.last, position(4, 27));
    assert_eq!(contents(&*found.log.reader()), [expected, entries(4, 27, 27)].concat());
    found.log.append(&entries(5, 1, 1), None).expect("appends over everything");
    found.log.sync().expect("syncs");
    drop(found);
    let found = opened(&subject);
    assert_eq!(contents(&*found.log.reader()), entries(5, 1, 1));
}

/// Entries of all kinds and of sizes beyond any buffer come back whole.
pub fn big_entries_are_kept<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    let kinds = [EntryKind::Normal, EntryKind::ConfChange, EntryKind::ConfChangeV2];
    let sizes = [0, 1, 7, 8, 511, 512, 513, 4096, 65_537, 1 << 20, 3 << 20, 5, 0];
    let big: Vec<Entry> = (0..)
        .zip(sizes)
        .map(|(nth, size)| Entry {
            kind: kinds[nth % kinds.len()],
            term: Term(u64::MAX - 3),
            index: Index(nth as u64 + 1),
            data: Bytes::from(vec![if nth % 2 == 0 { 0 } else { 0xa5 }; size]),
        })
        .collect();
    for (nth, one) in big.iter().enumerate() {
        log.append(core::slice::from_ref(one), None).expect("appends");
        if nth % 3 == 0 {
            log.sync().expect("syncs");
        }
    }
    log.sync().expect("syncs");
    assert_eq!(contents(&*log.reader()), big);
    drop(log);
    assert_eq!(contents(&*opened(&subject).log.reader()), big);
}

/// A start tells the term of every entry that can be read.
pub fn terms_are_known_after_a_start<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    log.append(&entries(1, 1, 40), None).expect("appends");
    log.append(&entries(2, 41, 80), None).expect("appends");
    log.append(&entries(5, 61, 120), Some(hard_state(5, 60))).expect("appends");
    log.sync().expect("syncs");
    drop(log);
    let runs = [(1, 1), (41, 2), (61, 5)]
        .map(|(first, term)| TermRun { first: Index(first), term: Term(term) });
    let mut found = opened(&subject);
    assert_eq!(found.runs, runs);
    found.log.trim(&marker(2, 50)).expect("trims");
    drop(found);
    let found = opened(&subject);
    let (first, last) = found.log.reader().bounds();
    assert!(first <= Index(51), "what follows the marker is there");
    assert_eq!(found.last, position(5, 120));
    assert_eq!(last, Index(120));
    for one in contents(&*found.log.reader()) {
        let run = found.runs.iter().rfind(|run| run.first <= one.index);
        assert_eq!(run.map(|run| run.term), Some(one.term), "the term of {}", one.index);
    }
    assert_eq!(found.runs.first().map(|run| run.first), Some(first), "runs begin with the log");
}
