use std::fs;
use std::time::Duration;

use super::{Recorder, clock};
use crate::measure::Measure;
use crate::outcome::Outcome;
use crate::report::Report;

#[test]
fn what_is_done_is_on_the_disk() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let servers = vec!["a".to_owned(), "b".to_owned()];
    let report = Report { servers, ..Report::default() };
    let planned = Duration::from_secs(60);
    let mut recorder = Recorder::new(report, Some(dir.path().join("new")), planned);
    recorder.begin_turn(0, 1, "a, 1 member".to_owned());
    recorder.note("put", Measure::Seconds, 4.0);
    recorder.done(Duration::from_secs(30));
    recorder.note("put", Measure::DiskMib, 5.0);
    let read = |name| fs::read_to_string(dir.path().join("new").join(name)).expect("a file");
    assert!(read("versus.md").contains("| put | seconds | 4.00 / – |"));
    assert!(!read("versus.md").contains("disk"));
    assert!(read("versus.json").contains("\"median\": 4.0"));
}

#[test]
fn a_load_that_fails_says_so_and_has_no_numbers() {
    let mut recorder = Recorder::new(Report::default(), None, Duration::from_secs(60));
    recorder.begin_turn(0, 1, "a, 1 member".to_owned());
    let mut outcome = Outcome::default();
    outcome.fail("too many requests".to_owned());
    recorder.note_outcome("put", &outcome);
    let report = recorder.report();
    assert!(report.samples.is_empty());
    assert_eq!(report.failures.len(), 2);
    assert!(report.failures[0].contains("a, 1 member: put: 1 requests, the last by too many"));
}

#[test]
fn clocks_have_minutes() {
    assert_eq!(clock(Duration::from_secs(1_505)), "25:05");
}
