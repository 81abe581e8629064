//! Every check can fail.

use std::sync::Arc;

use bytes::Bytes;
use mvcc::Changes;
use units::{Entry, EntryKind, HardState, Index, NodeId, Position, Revision, Term, Time};

use super::Checks;
use super::held::Held;
use super::history::{History, Told};
use super::leases::Lives;

fn entry(term: u64, index: u64, data: &'static str) -> Entry {
    let data = Bytes::from_static(data.as_bytes());
    Entry { kind: EntryKind::ConfChange, term: Term(term), index: Index(index), data }
}

fn position(term: u64, index: u64) -> Position {
    Position { term: Term(term), index: Index(index) }
}

#[test]
fn two_leaders_of_a_term_are_seen() {
    let mut checks = Checks::default();
    checks.leads(NodeId(1), Term(2)).unwrap();
    checks.leads(NodeId(1), Term(2)).unwrap();
    checks.leads(NodeId(2), Term(3)).unwrap();
    checks.leads(NodeId(2), Term(2)).unwrap_err();
}

#[test]
fn a_leader_without_what_was_committed_is_seen() {
    let mut checks = Checks::default();
    checks.founded(&[entry(1, 1, "a"), entry(1, 2, "b")]);
    checks.is_complete(NodeId(1), Term(2), |held| held == position(1, 2)).unwrap();
    checks.is_complete(NodeId(1), Term(2), |held| held == position(1, 1)).unwrap_err();
}

#[test]
fn two_entries_or_ways_of_one_name_are_seen() {
    let mut checks = Checks::default();
    made(&mut checks, &entry(2, 5, "a"));
    checks.made(NodeId(2), &entry(2, 5, "a")).unwrap();
    checks.made(NodeId(2), &entry(2, 5, "b")).unwrap_err();
    checks.written(None, &entry(2, 5, "a")).unwrap();
    checks.written(Some(Term(1)), &entry(2, 5, "a")).unwrap();
    checks.written(Some(Term(1)), &entry(2, 5, "a")).unwrap();
    checks.written(Some(Term(1)), &entry(2, 5, "b")).unwrap_err();
    checks.written(Some(Term(2)), &entry(2, 5, "a")).unwrap_err();
}

#[test]
fn entries_that_nobody_made_are_seen() {
    let mut checks = Checks::default();
    checks.founded(&[entry(1, 1, "a")]);
    checks.found(&entry(1, 1, "a")).unwrap();
    checks.found(&entry(1, 1, "b")).unwrap_err();
    checks.found(&entry(2, 2, "c")).unwrap_err();
    checks.made(NodeId(1), &entry(2, 2, "c")).unwrap_err();
    checks.leads(NodeId(2), Term(2)).unwrap();
    checks.made(NodeId(1), &entry(2, 2, "c")).unwrap_err();
    checks.written(Some(Term(1)), &entry(2, 2, "c")).unwrap_err();
    checks.made(NodeId(2), &entry(2, 2, "c")).unwrap();
    checks.made(NodeId(1), &entry(2, 2, "c")).unwrap();
    checks.found(&entry(2, 2, "c")).unwrap();
}

/// Member 1 leads the entry's term and makes it.
fn made(checks: &mut Checks, entry: &Entry) {
    checks.leads(NodeId(1), entry.term).unwrap();
    checks.made(NodeId(1), entry).unwrap();
}

#[test]
fn a_commit_without_a_quorum_is_seen() {
    let mut checks = Checks::default();
    made(&mut checks, &entry(2, 1, "a"));
    let leader = (NodeId(1), Term(2));
    checks.decides(leader, Index(1), |held| held != position(2, 1)).unwrap_err();
    let later = (NodeId(1), Term(3));
    checks.decides(later, Index(1), |held| held == position(2, 1)).unwrap_err();
    checks.decides(leader, Index(1), |held| held == position(2, 1)).unwrap();
    assert_eq!(checks.decided(), position(2, 1));
}

#[test]
fn another_entry_than_the_committed_one_is_seen() {
    let mut checks = Checks::default();
    checks.founded(&[entry(2, 1, "a"), entry(2, 2, "b")]);
    checks.handed_out(&entry(2, 1, "a")).unwrap();
    checks.handed_out(&entry(2, 1, "a")).unwrap();
    checks.handed_out(&entry(2, 1, "b")).unwrap_err();
    checks.handed_out(&entry(3, 2, "b")).unwrap_err();
    made(&mut checks, &entry(1, 2, "stale and harmless"));
    checks.written(Some(Term(1)), &entry(1, 2, "stale and harmless")).unwrap();
    made(&mut checks, &entry(3, 2, "c"));
    checks.written(Some(Term(1)), &entry(3, 2, "c")).unwrap_err();
}

#[test]
fn states_that_differ_are_seen() {
    let mut checks = Checks::default();
    checks.state(NodeId(1), Index(5), 7).unwrap();
    checks.state(NodeId(2), Index(5), 7).unwrap();
    checks.state(NodeId(2), Index(5), 8).unwrap_err();
}

#[test]
fn revisions_left_out_or_made_up_are_seen() {
    let changes = |revision| Arc::new(Changes { revision: Revision(revision), events: Vec::new() });
    let mut checks = Checks::default();
    checks.events(Revision(1), &[changes(2), changes(3)], Revision(3)).unwrap();
    checks.events(Revision(3), &[changes(5)], Revision(5)).unwrap_err();
    checks.events(Revision(3), &[changes(4)], Revision(5)).unwrap_err();
}

#[test]
fn what_a_disk_has_lost_is_seen() {
    let found = |entries: &[(u64, u64)], found: HardState| {
        let mut held = Held::default();
        held.given(&[entry(1, 1, "a"), entry(1, 2, "b")], Some(state(1)));
        held.synced();
        held.given(&[entry(2, 2, "c")], None);
        let terms = entries.iter().map(|(index, term)| (Index(*index), Term(*term))).collect();
        held.found(NodeId(1), (terms, Index(0)), found)
    };
    found(&[(1, 1), (2, 1)], state(1)).unwrap();
    found(&[(1, 1), (2, 2)], state(2)).unwrap();
    found(&[(2, 2)], state(1)).unwrap_err();
    found(&[(1, 1), (2, 1)], state(0)).unwrap_err();
    let other = HardState { vote: Some(NodeId(2)), ..state(1) };
    found(&[(1, 1), (2, 1)], other).unwrap_err();
}

fn state(term: u64) -> HardState {
    HardState { term: Term(term), vote: Some(NodeId(1)), commit: Index(0) }
}

#[test]
fn answers_from_the_past_are_seen() {
    let at = |index, revision| Told { index: Index(index), revision: Revision(revision) };
    let mut history = History::default();
    history.wrote(history.floor(), at(5, 3)).unwrap();
    let floor = history.floor();
    history.read(floor, at(5, 3)).unwrap();
    history.read(floor, at(4, 3)).unwrap_err();
    history.wrote(floor, at(5, 3)).unwrap_err();
    history.wrote(floor, at(6, 2)).unwrap_err();
}

#[test]
fn leases_that_end_early_are_seen() {
    let at = |seconds| Time(std::time::Duration::from_secs(seconds));
    let mut lives = Lives::default();
    lives.renewed(at(1), 7, 3);
    lives.expired(NodeId(1), at(3), 7).unwrap_err();
    lives.expired(NodeId(1), at(4), 7).unwrap();
}
