//! What every log must do, as tests that a part runs in a few lines.
//!
//! ```text
//! struct Subject(Place);
//! impl raftlog::suite::Subject for Subject { fn create ..  fn open ..  fn crash .. }
//! raftlog::suite!(Subject(Place::new()));
//! ```
//!
//! Limits should be small in the log under test, so that what is rare in use is common here.

mod crashes;
mod entries;
mod history;
mod markers;
mod readers;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use units::{ClusterId, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term};

use crate::{Fault, Identity, LogReader, Marker, Opened, RaftLog};

pub use crashes::{a_crash_leaves_a_prefix, a_second_opener_is_refused, hard_states_survive};
pub use entries::{
    a_new_log_is_empty, an_append_truncates, big_entries_are_kept, entries_are_found_again,
    terms_are_known_after_a_start,
};
pub use history::random_histories_match_a_model;
pub use markers::{
    a_trim_is_durable, a_trim_keeps_what_follows, an_install_forgets_everything,
    an_install_is_durable, an_old_marker_changes_nothing,
};
pub use readers::{readers_run_beside_the_owner, reads_stay_within_their_bounds};

/// One log under test, and the place where it is kept.
pub trait Subject {
    /// Makes a log where there is none.
    ///
    /// # Errors
    ///
    /// What the log answers.
    fn create(&self, identity: Identity) -> Result<Opened, Fault>;

    /// Opens what the last log left.
    ///
    /// # Errors
    ///
    /// What the log answers.
    fn open(&self) -> Result<Opened, Fault>;

    /// Ends the log as a crash does: what is not synced may be lost.
    fn crash(&self, log: Box<dyn RaftLog>);

    /// Whether the log's disk can lose its power in the middle of what the log does. It will, after
    /// so many more calls: what the log was doing is then a fault, until a crash.
    fn lose_power_after(&self, _calls: u64) -> bool {
        false
    }
}

/// Runs every test of the suite; the expression makes a new, empty [`Subject`] for each.
#[macro_export]
macro_rules! suite {
    ($subject:expr) => {
        $crate::suite!($subject;
            a_crash_leaves_a_prefix
            a_new_log_is_empty
            a_second_opener_is_refused
            a_trim_is_durable
            a_trim_keeps_what_follows
            an_append_truncates
            an_install_forgets_everything
            an_install_is_durable
            an_old_marker_changes_nothing
            big_entries_are_kept
            entries_are_found_again
            hard_states_survive
            random_histories_match_a_model
            readers_run_beside_the_owner
            reads_stay_within_their_bounds
            terms_are_known_after_a_start
        );
    };
    ($subject:expr; $($test:ident)*) => {
        $(#[test]
        fn $test() {
            $crate::suite::$test(|| $subject);
        })*
    };
}

const IDENTITY: Identity = Identity { node: NodeId(0x8e9e_05c5_2164_694d), cluster: ClusterId(7) };

/// More bytes than any test writes.
const EVERYTHING: usize = usize::MAX;

fn created(subject: &impl Subject) -> Box<dyn RaftLog> {
    let opened = subject.create(IDENTITY).expect("an empty place takes a log");
    assert_eq!(opened.identity, IDENTITY, "a new log belongs to whom it was made for");
    opened.log
}

fn opened(subject: &impl Subject) -> Opened {
    let opened = subject.open().expect("what a log leaves can be opened");
    assert_eq!(opened.identity, IDENTITY, "a log belongs to whom it was made for");
    opened
}

/// Normal entries of one term with some bytes each; no two of the same index and term differ.
fn entries(term: u64, first: u64, last: u64) -> Vec<Entry> {
    (first..=last).map(|index| entry(term, index)).collect()
}

fn entry(term: u64, index: u64) -> Entry {
    let length = usize::try_from(index * 7 % 60).expect("below sixty");
    let data = match length {
        0 => Bytes::new(),
        _ => Bytes::from(vec![u8::try_from(term * 31 % 251).expect("below 251"); length]),
    };
    let kind = match index % 11 {
        3 if length > 0 => EntryKind::ConfChange,
        _ => EntryKind::Normal,
    };
    Entry { kind, term: Term(term), index: Index(index), data }
}

fn hard_state(term: u64, commit: u64) -> HardState {
    HardState { term: Term(term), vote: Some(NodeId(term + 1)), commit: Index(commit) }
}

fn position(term: u64, index: u64) -> Position {
    Position { term: Term(term), index: Index(index) }
}

fn marker(term: u64, index: u64) -> Marker {
    let conf_state = ConfState {
        voters: vec![NodeId(1), NodeId(index + 1)],
        learners: vec![NodeId(u64::MAX)],
        ..ConfState::default()
    };
    Marker { position: position(term, index), conf_state }
}

/// Everything that can be read.
fn contents(reader: &dyn LogReader) -> Vec<Entry> {
    let (first, last) = reader.bounds();
    if first > last {
        return Vec::new();
    }
    reader.read(first, last, EVERYTHING).expect("what lies within the bounds can be read")
}
