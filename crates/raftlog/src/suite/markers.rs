//! Trimming the head, and going on after a snapshot.

use units::{HardState, Index};

use super::{
    EVERYTHING, Subject, contents, created, entries, hard_state, marker, opened, position,
};
use crate::ReadError;

/// After a trim everything behind the marker is as it was; what is before it may go.
pub fn a_trim_keeps_what_follows<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    let reader = log.reader();
    for end in (50..=1000).step_by(50) {
        log.append(&entries(1, end - 49, end), Some(hard_state(1, end - 49))).expect("appends");
        log.sync().expect("syncs");
        let (before, _) = reader.bounds();
        log.trim(&marker(1, end - 30)).expect("trims");
        let (first, last) = reader.bounds();
        assert!(before <= first && first <= Index(end - 29), "{before} {first} after {end}");
        assert_eq!(last, Index(end));
        assert_eq!(contents(&*reader), entries(1, first.0, end));
        if first > Index(1) {
            let gone = reader.read(first.previous(), last, EVERYTHING);
            assert_eq!(gone, Err(ReadError::Trimmed { first }));
        }
    }
    drop((log, reader));
    let found = opened(&subject);
    assert_eq!(found.marker, marker(1, 970));
    let left = contents(&*found.log.reader());
    let first = found.log.reader().bounds().0;
    assert!(first <= Index(971));
    assert_eq!(left, entries(1, first.0, 1000));
}

/// A trim needs no sync after it, and makes durable what was appended before it.
pub fn a_trim_is_durable<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    log.append(&entries(2, 1, 30), Some(hard_state(2, 10))).expect("appends");
    log.trim(&marker(2, 30)).expect("trims");
    subject.crash(log);
    let mut found = opened(&subject);
    assert_eq!(found.marker, marker(2, 30));
    assert_eq!(found.hard_state, hard_state(2, 30), "a marker is committed");
    assert_eq!(found.last, position(2, 30));
    found.log.append(&entries(2, 31, 31), None).expect("goes on behind the marker");
    found.log.sync().expect("syncs");
    subject.crash(found.log);
    assert_eq!(opened(&subject).last, position(2, 31));
}

/// A marker that is not above the present one changes nothing.
pub fn an_old_marker_changes_nothing<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    log.append(&entries(1, 1, 30), Some(hard_state(1, 30))).expect("appends");
    log.trim(&marker(1, 20)).expect("trims");
    log.trim(&marker(1, 20)).expect("trims again");
    log.trim(&marker(1, 10)).expect("has trimmed that already");
    drop(log);
    let found = opened(&subject);
    assert_eq!(found.marker, marker(1, 20));
    assert_eq!(found.last, position(1, 30));
}

/// A snapshot replaces the log, whether it lies behind its end or contradicts it.
pub fn an_install_forgets_everything<S: Subject>(subject: impl Fn() -> S) {
    for (last, term, snapshot) in
        [(30, 4, 500), (30, 4, 31), (30, 4, 30), (30, 4, 12), (30, 1, 12), (0, 4, 9)]
    {
        let subject = subject();
        let mut log = created(&subject);
        let reader = log.reader();
        log.append(&entries(1, 1, last), Some(hard_state(1, last.min(8)))).expect("appends");
        log.sync().expect("syncs");
        let unsynced = entries(1, last + 1, last + 3);
        log.append(&unsynced, Some(hard_state(4, last.min(8)))).expect("appends");
        log.install(&marker(term, snapshot)).expect("installs");
        assert_eq!(reader.bounds(), (Index(snapshot + 1), Index(snapshot)));
        let gone = reader.read(Index(1), Index(snapshot), EVERYTHING);
        assert_eq!(gone, Err(ReadError::Trimmed { first: Index(snapshot + 1) }));
        let missing = reader.read(Index(snapshot + 1), Index(snapshot + 1), EVERYTHING);
        assert_eq!(missing, Err(ReadError::Missing { last: Index(snapshot) }));
        log.append(&entries(4, snapshot + 1, snapshot + 5), None).expect("goes on");
        assert_eq!(contents(&*reader), entries(4, snapshot + 1, snapshot + 5));
        log.sync().expect("syncs");
        drop((log, reader));
        let found = opened(&subject);
        assert_eq!(found.marker, marker(term, snapshot));
        assert_eq!(found.hard_state, hard_state(4, snapshot));
        assert_eq!(found.last, position(4, snapshot + 5));
        assert_eq!(contents(&*found.log.reader()), entries(4, snapshot + 1, snapshot + 5));
    }
}

/// An install needs no sync after it; a fresh member's too.
pub fn an_install_is_durable<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    for (term, index) in [(3, 70), (3, 71), (6, 1000)] {
        log.install(&marker(term, index)).expect("installs");
        subject.crash(log);
        let found = opened(&subject);
        assert_eq!(found.marker, marker(term, index));
        assert_eq!(found.hard_state, HardState { commit: Index(index), ..HardState::default() });
        assert_eq!(found.last, position(term, index));
        assert_eq!(found.runs, []);
        assert_eq!(contents(&*found.log.reader()), []);
        log = found.log;
    }
}
