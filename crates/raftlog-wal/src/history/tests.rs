use raftlog::{Marker, TermRun};
use units::{ConfState, HardState, Index, Position, Term};

use super::assemble;
use crate::contents::Place;
use crate::replay::Item;

/// Entries of a term from one index to another.
fn entries(term: u64, first: u64, last: u64) -> Vec<Item> {
    let place = |index| Place::new(1, index * 100, 0).expect("it is small");
    (first..=last).map(|index| Item::Entry(position(term, index), place(index))).collect()
}

fn marker(term: u64, index: u64) -> Vec<Item> {
    let conf_state = ConfState::default();
    vec![Item::Marker(Box::new(Marker { position: position(term, index), conf_state }))]
}

fn position(term: u64, index: u64) -> Position {
    Position { term: Term(term), index: Index(index) }
}

/// The marker's index, the first and the last entry's, and where terms begin.
type Log = (u64, u64, u64, Vec<(u64, u64)>);

fn log(items: &[Vec<Item>], commit: u64) -> Result<Log, String> {
    let hard_state = HardState { commit: Index(commit), ..HardState::default() };
    let (contents, marker) = assemble(&items.concat(), hard_state)?;
    let runs = contents.runs().iter().map(|TermRun { first, term }| (first.0, term.0)).collect();
    Ok((marker.position.index.0, contents.first().0, contents.last().index.0, runs))
}

#[test]
fn a_log_from_the_beginning() {
    let items = [marker(0, 0), entries(1, 1, 5), entries(2, 4, 9)];
    assert_eq!(log(&items, 3), Ok((0, 1, 9, vec![(1, 1), (4, 2)])));
    assert_eq!(log(&[marker(0, 0)], 0), Ok((0, 1, 0, vec![])));
}

#[test]
fn what_is_before_a_marker_can_be_read() {
    let items = [marker(0, 0), entries(1, 1, 9), marker(1, 4), marker(1, 7), entries(1, 10, 12)];
    assert_eq!(log(&items, 9), Ok((7, 1, 12, vec![(1, 1)])));
}

#[test]
fn a_marker_above_the_commit_index_does_not_count() {
    let items = [marker(0, 0), entries(1, 1, 9), marker(1, 4), marker(1, 7)];
    assert_eq!(log(&items, 6), Ok((4, 1, 9, vec![(1, 1)])));
    let items = [marker(0, 0), entries(1, 1, 9), marker(3, 50)];
    assert_eq!(log(&items, 6), Ok((0, 1, 9, vec![(1, 1)])));
}

#[test]
fn markers_and_entries_of_removed_segments_may_be_missing() {
    let items = [entries(1, 20, 24), marker(1, 15), entries(1, 25, 26), marker(1, 25)];
    assert_eq!(log(&items, 26), Ok((25, 20, 26, vec![(20, 1)])));
    let items = [entries(1, 20, 24), marker(1, 19)];
    assert_eq!(log(&items, 19), Ok((19, 20, 24, vec![(20, 1)])));
}

#[test]
fn etcd_goes_on_after_a_snapshot_in_the_same_segment() {
    let beyond = [marker(0, 0), entries(1, 1, 9), marker(2, 50), entries(2, 51, 53)];
    assert_eq!(log(&beyond, 51), Ok((50, 51, 53, vec![(51, 2)])));
    let beyond = [marker(0, 0), entries(1, 1, 9), marker(2, 50)];
    assert_eq!(log(&beyond, 50), Ok((50, 51, 50, vec![])));
    let against = [marker(0, 0), entries(1, 1, 9), marker(2, 6)];
    assert_eq!(log(&against, 6), Ok((6, 7, 6, vec![])));
    let against = [marker(0, 0), entries(1, 1, 9), marker(2, 6), entries(2, 7, 8), marker(2, 8)];
    assert_eq!(log(&against, 8), Ok((8, 7, 8, vec![(7, 2)])));
}

#[test]
fn what_is_missing_is_said() {
    let says = |items: &[Vec<Item>], commit, what: &str| {
        let said = log(items, commit).expect_err("something is missing");
        assert!(said.contains(what), "{said}");
    };
    says(&[entries(1, 20, 24)], 22, "no marker");
    says(&[marker(0, 0), entries(1, 20, 24)], 22, "entries 1 to 19 are missing");
    says(&[marker(0, 0), entries(1, 1, 3), entries(1, 5, 9)], 9, "entries 1 to 4 are missing");
    says(&[marker(0, 0), entries(1, 1, 9), entries(2, 4, 9), marker(1, 8)], 9, "ends at 8");
    says(&[marker(0, 0), entries(1, 1, 9), marker(1, 8), entries(2, 4, 9)], 9, "not the one");
    says(&[marker(0, 0), entries(1, 1, 9)], 10, "the log ends at 9");
}
