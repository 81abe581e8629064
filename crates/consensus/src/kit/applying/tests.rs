//! What is handed out, and when.

extern crate std;

use std::vec::Vec;

use crate::{Effect, TermRun};
use bytes::Bytes;
use units::{Entry, EntryKind, Index, Position, Term};

use super::Applying;
use crate::kit::{Log, weight};

fn entries(first: u64, last: u64) -> Vec<Entry> {
    let entry = |index| Entry {
        kind: EntryKind::Normal,
        term: Term(1),
        index: Index(index),
        data: Bytes::new(),
    };
    (first..=last).map(entry).collect()
}

/// A log of five entries that are not in memory.
fn cold() -> Log {
    let runs = Vec::from([TermRun { first: Index(1), term: Term(1) }]);
    Log::new(Position::default(), runs, Position { term: Term(1), index: Index(5) })
}

/// A peer may have been behind at the same entry, and more was read for it than is committed.
#[test]
fn what_was_read_for_others_is_not_handed_out() {
    let log = cold();
    let mut applying = Applying::new(Index(1));
    let asked = applying.next(Index(3), &log, 1 << 20);
    let (first, last) = (Index(2), Index(3));
    assert_eq!(asked, Some(Effect::ReadLog { first, last, bytes_max: 1 << 20 }));
    assert_eq!(applying.next(Index(3), &log, 1 << 20), None, "one read at a time");
    let handed = applying.read(Index(2), &entries(2, 5));
    assert_eq!(handed, Some(Effect::Apply { entries: entries(2, 3) }));
    assert_eq!(applying.read(Index(2), &entries(2, 5)), None, "it was asked for once");
    assert_eq!(applying.handed(), Index(3));
}

#[test]
fn an_answer_that_nobody_waits_for_is_nothing() {
    let log = cold();
    let mut applying = Applying::new(Index(1));
    assert!(applying.next(Index(5), &log, 1 << 20).is_some());
    applying.stop();
    assert_eq!(applying.read(Index(2), &entries(2, 5)), None);
    assert_eq!(applying.handed(), Index(1));
}

#[test]
fn an_empty_answer_is_asked_for_again() {
    let log = cold();
    let mut applying = Applying::new(Index(1));
    let asked = applying.next(Index(5), &log, 1 << 20);
    assert_eq!(applying.read(Index(2), &[]), None);
    assert_eq!(applying.next(Index(5), &log, 1 << 20), asked);
}

#[test]
fn groups_wait_for_room() {
    let mut log = Log::new(Position::default(), Vec::new(), Position::default());
    entries(1, 5).into_iter().for_each(|entry| log.push(entry));
    let two = 2 * weight(&entries(1, 1)[0]);
    let mut applying = Applying::new(Index(0));
    let first = applying.next(Index(5), &log, two + 1);
    assert_eq!(first, Some(Effect::Apply { entries: entries(1, 2) }));
    assert_eq!(applying.next(Index(5), &log, two + 1), None);
    applying.done(Index(1));
    assert_eq!(applying.next(Index(5), &log, two + 1), None, "the group is not done");
    applying.done(Index(2));
    assert!(applying.next(Index(3), &log, two + 1).is_some());
    assert_eq!((applying.handed(), applying.applied()), (Index(3), Index(2)));
}
