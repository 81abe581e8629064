//! Reading beside the owner.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::vec::Vec;

use units::{Index, Position};

use super::{EVERYTHING, Subject, created, entries, entry, hard_state, marker};
use crate::{LogReader, ReadError};

/// Bounds on bytes and on indexes are kept, and at least one entry comes.
pub fn reads_stay_within_their_bounds<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    log.append(&entries(1, 1, 100), None).expect("appends");
    log.sync().expect("syncs");
    log.append(&entries(1, 101, 200), None).expect("appends");
    let reader = log.reader();
    assert_eq!(reader.bounds(), (Index(1), Index(200)));
    for (first, last) in [(1, 1), (1, 200), (99, 103), (100, 101), (150, 150), (200, 200)] {
        for bytes_max in [0, 1, 50, 64, 100, 500, 2000, EVERYTHING] {
            let mut bytes = 0;
            let expected: Vec<_> = entries(1, first, last)
                .into_iter()
                .enumerate()
                .take_while(|(nth, one)| {
                    bytes += one.data.len();
                    *nth == 0 || bytes <= bytes_max
                })
                .map(|(_, one)| one)
                .collect();
            let found = reader.read(Index(first), Index(last), bytes_max);
            assert_eq!(found, Ok(expected), "{first} to {last} within {bytes_max}");
        }
    }
    assert_eq!(reader.read(Index(199), Index(900), EVERYTHING), Ok(entries(1, 199, 200)));
    let missing = Err(ReadError::Missing { last: Index(200) });
    assert_eq!(reader.read(Index(201), Index(201), EVERYTHING), missing);
    assert_eq!(
        reader.read(Index(0), Index(5), EVERYTHING),
        Err(ReadError::Trimmed { first: Index(1) })
    );
}

/// Readers on other threads see whole entries only, each as it was appended, while the owner
/// appends, truncates, syncs and trims.
pub fn readers_run_beside_the_owner<S: Subject>(subject: impl Fn() -> S) {
    let subject = subject();
    let mut log = created(&subject);
    let readers = [log.reader(), log.reader()];
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads = readers.map(|reader| scope.spawn(|| read_until(&stopped, reader)));
        let mut last = Position::default();
        for round in 0..120 {
            let term = 1 + round / 30;
            // A new leader truncates a little.
            let first =
                if round % 30 == 0 { last.index.0.saturating_sub(3) + 1 } else { last.index.0 + 1 };
            let new = entries(term, first, first + 15);
            log.append(&new, Some(hard_state(term, first - 1))).expect("appends");
            last = Position { term: units::Term(term), index: Index(first + 15) };
            log.sync().expect("syncs");
            if round % 20 == 19 {
                let commit = last.index.0 - 5;
                log.append(&[], Some(hard_state(term, commit))).expect("appends");
                log.trim(&marker(term, commit)).expect("trims");
            }
        }
        stopped.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("a reader saw what was appended");
        }
    });
}

fn read_until(stopped: &AtomicBool, reader: alloc::sync::Arc<dyn LogReader>) {
    while !stopped.load(Ordering::Relaxed) {
        let (first, last) = reader.bounds();
        if first > last {
            thread::yield_now();
            continue;
        }
        let middle = Index(u64::midpoint(first.0, last.0));
        match reader.read(middle, last, 1000) {
            Ok(found) => {
                assert!(!found.is_empty(), "at least one entry comes");
                for (one, index) in found.iter().zip(middle.0..) {
                    assert_eq!(*one, entry(one.term.0, index), "an entry is shown as appended");
                }
            }
            // Since the bounds were asked for.
            Err(ReadError::Trimmed { .. } | ReadError::Missing { .. }) => {}
            Err(ReadError::Fault(fault)) => panic!("{fault}"),
        }
    }
}
