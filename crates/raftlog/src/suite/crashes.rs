//! What a crash may take, and what it may not.

use units::HardState;

use super::{Subject, contents, created, entries, hard_state, marker, opened};
use crate::Fault;

/// What is synced survives; of what is not, a beginning may.
pub fn a_crash_leaves_a_prefix<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    let mut end = 0;
    for round in 0..12 {
        let synced = entries(round + 1, end + 1, end + 5);
        log.append(&synced, Some(hard_state(round + 1, end))).expect("appends");
        log.sync().expect("syncs");
        let written = contents(&*log.reader());
        let lost = entries(round + 1, end + 6, end + 25);
        log.append(&lost, Some(hard_state(round + 1, end + 20))).expect("appends");
        subject.crash(log);
        let found = opened(&subject);
        let all = [written.clone(), lost].concat();
        let left = contents(&*found.log.reader());
        assert!(left.len() >= written.len(), "synced entries were lost in round {round}");
        assert_eq!(left, all[..left.len()], "not a beginning of what was written");
        let states = [hard_state(round + 1, end), hard_state(round + 1, end + 20)];
        assert!(states.contains(&found.hard_state), "{:?}", found.hard_state);
        if found.hard_state == states[1] {
            assert_eq!(left, all, "the hard state came before its entries");
        }
        end = left.len() as u64;
        log = found.log;
    }
}

/// The newest synced hard state is found, however it was written.
pub fn hard_states_survive<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    log.append(&[], Some(HardState { vote: None, ..hard_state(3, 0) })).expect("appends");
    log.sync().expect("syncs");
    subject.crash(log);
    let mut found = opened(&subject);
    assert_eq!(found.hard_state, HardState { vote: None, ..hard_state(3, 0) });
    found.log.append(&entries(3, 1, 9), Some(hard_state(3, 4))).expect("appends");
    found.log.append(&[], Some(hard_state(3, 9))).expect("appends");
    found.log.append(&[], Some(hard_state(4, 9))).expect("appends");
    found.log.sync().expect("syncs");
    subject.crash(found.log);
    let mut found = opened(&subject);
    assert_eq!(found.hard_state, hard_state(4, 9));
    found.log.trim(&marker(3, 7)).expect("trims");
    found.log.append(&[], Some(hard_state(5, 9))).expect("appends");
    found.log.append(&[], Some(hard_state(6, 2))).expect("appends what lags behind");
    found.log.sync().expect("syncs");
    subject.crash(found.log);
    assert_eq!(opened(&subject).hard_state, hard_state(6, 9), "the commit index never goes back");
}

/// Two owners would write over each other.
pub fn a_second_opener_is_refused<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let log = created(&subject);
    assert!(matches!(subject.open(), Err(Fault::Locked { .. })), "the log is open");
    drop(log);
    let log = opened(&subject).log;
    assert!(matches!(subject.open(), Err(Fault::Locked { .. })), "the log is open again");
    drop(log);
    opened(&subject);
}
