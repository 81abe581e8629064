//! Every check can fail.

use std::sync::Arc;

use bytes::Bytes;
use mvcc::Changes;
use units::{Entry, EntryKind, Index, NodeId, Revision, Term};

use super::Checks;

fn entry(term: u64, index: u64, data: &'static str) -> Entry {
    let data = Bytes::from_static(data.as_bytes());
    Entry { kind: EntryKind::Normal, term: Term(term), index: Index(index), data }
}

fn changes(revision: i64) -> Arc<Changes> {
    Arc::new(Changes { revision: Revision(revision), events: Vec::new() })
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
fn two_entries_or_ways_of_one_name_are_seen() {
    let mut checks = Checks::default();
    checks.written(Term(1), &entry(2, 5, "a")).unwrap();
    checks.written(Term(1), &entry(2, 5, "a")).unwrap();
    checks.written(Term(1), &entry(2, 5, "b")).unwrap_err();
    checks.written(Term(2), &entry(2, 5, "a")).unwrap_err();
}

#[test]
fn an_entry_over_a_committed_one_is_seen() {
    let mut checks = Checks::default();
    assert!(checks.handed_out(&entry(2, 5, "a")).unwrap());
    assert!(!checks.handed_out(&entry(2, 5, "a")).unwrap());
    checks.handed_out(&entry(2, 5, "b")).unwrap_err();
    checks.written(Term(1), &entry(1, 5, "stale and harmless")).unwrap();
    checks.written(Term(1), &entry(3, 5, "a")).unwrap_err();
}

#[test]
fn states_that_differ_are_seen() {
    let mut checks = Checks::default();
    checks.state(NodeId(1), Index(5), 7).unwrap();
    checks.state(NodeId(2), Index(5), 7).unwrap();
    checks.state(NodeId(2), Index(5), 8).unwrap_err();
}

#[test]
fn revisions_left_out_or_told_of_too_early_are_seen() {
    let mut checks = Checks::default();
    checks.events(Revision(1), &[changes(2), changes(3)], Revision(3)).unwrap();
    checks.events(Revision(3), &[changes(5)], Revision(5)).unwrap_err();
    checks.events(Revision(3), &[changes(4)], Revision(5)).unwrap_err();
}
