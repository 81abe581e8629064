//! What is known of changes that were not applied.

use bytes::Bytes;
use units::{Entry, EntryKind, Index, Term};

use super::Unapplied;

#[test]
fn changes_count_until_they_are_applied() {
    let entry = |index: u64, kind: EntryKind| Entry {
        kind,
        term: Term(1),
        index: Index(index),
        data: Bytes::new(),
    };
    let mut unapplied = Unapplied::new(Index(2));
    unapplied.pushed(&entry(3, EntryKind::Normal));
    unapplied.pushed(&entry(4, EntryKind::ConfChange));
    unapplied.pushed(&entry(5, EntryKind::ConfChangeV2));
    assert!(unapplied.any(Index(1), Index(2)), "entry 2 was never looked at");
    assert!(!unapplied.any(Index(2), Index(3)));
    assert!(unapplied.any(Index(2), Index(4)));
    assert_eq!(unapplied.first_after(Index(1)), Some(Index(2)));
    assert_eq!(unapplied.first_after(Index(2)), Some(Index(4)));
    assert_eq!(unapplied.first_after(Index(4)), Some(Index(5)));
    unapplied.truncated(Index(4));
    unapplied.applied(Index(4));
    assert!(!unapplied.any(Index(4), Index(9)));
}
