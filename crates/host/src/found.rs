//! The beginning of a cluster.

use raftlog::{Fault, Opened};
use state::{Member, bootstrap};
use units::{HardState, Term};

/// Writes the beginning of a new cluster into a new log: each founding member joins, and all of
/// that is agreed on, as in etcd. Every founding member does the same from the same list. A member
/// that joins a running cluster begins with an empty log instead.
///
/// # Errors
///
/// A fault of the log.
///
/// # Panics
///
/// If the log is not new.
pub fn found(opened: &mut Opened, members: &[Member]) -> Result<(), Fault> {
    assert_eq!(opened.last.index.0, 0, "a cluster is founded once");
    let entries = bootstrap(members);
    let Some(last) = entries.last() else { return Ok(()) };
    let hard_state = HardState { term: Term(1), vote: None, commit: last.index };
    opened.log.append(&entries, Some(hard_state))?;
    opened.log.sync()?;
    opened.hard_state = hard_state;
    opened.last = units::Position { term: last.term, index: last.index };
    opened.runs = vec![raftlog::TermRun { first: entries[0].index, term: Term(1) }];
    Ok(())
}
