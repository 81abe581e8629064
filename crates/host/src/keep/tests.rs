use bytes::Bytes;
use raftlog::memory::Disk;
use raftlog::{Identity, Opened};
use units::{ClusterId, ConfState, EntryKind, Index, NodeId, Position, Term};

use super::*;

fn open(disk: &Disk) -> Opened {
    let identity = Identity { node: NodeId(1), cluster: ClusterId(2) };
    disk.create(identity).or_else(|_| disk.open()).expect("the disk is sound")
}

fn keeper(disk: &Disk) -> Keeper {
    Keeper::new(open(disk).log)
}

fn append(ticket: u64, index: u64, sync: bool) -> Work {
    let data = Bytes::from_static(b"command");
    let entry = Entry { kind: EntryKind::Normal, term: Term(1), index: Index(index), data };
    let hard_state = HardState { term: Term(1), vote: None, commit: Index(index) };
    Work::Append {
        ticket: WriteTicket(ticket),
        entries: vec![entry],
        hard_state: Some(hard_state),
        sync,
    }
}

fn marker(index: u64) -> Marker {
    let conf_state = ConfState { voters: vec![NodeId(1)], ..ConfState::default() };
    Marker { position: Position { term: Term(1), index: Index(index) }, conf_state }
}

fn names(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::Persisted { ticket } => format!("persisted {}", ticket.0),
        Event::SnapshotInstalled { marker } => format!("installed {}", marker.position.index),
        Event::Trimmed { marker } => format!("trimmed {}", marker.position.index),
        event => format!("{event:?}"),
    };
    events.iter().map(name).collect()
}

#[test]
fn what_came_together_is_durable_together() {
    let disk = Disk::new();
    let mut keeper = keeper(&disk);
    let work = (1..=3).map(|number| append(number, number, true));
    let events = keeper.keep(work).expect("the disk is sound");
    assert_eq!(names(&events), ["persisted 3"]);
    assert_eq!(disk.unsynced(), 0);
    disk.crash(0);
    assert_eq!(open(&disk).last.index, Index(3));
}

#[test]
fn what_nobody_waits_for_goes_with_the_next_that_somebody_does() {
    let disk = Disk::new();
    let mut keeper = keeper(&disk);
    let mut keep = |work| names(&keeper.keep([work].into_iter()).expect("the disk is sound"));
    assert!(keep(append(1, 1, false)).is_empty());
    assert!(disk.unsynced() > 0);
    assert_eq!(keep(append(2, 2, true)), ["persisted 2"]);
    assert!(keep(append(3, 3, false)).is_empty());
    keep(Work::Finish);
    assert_eq!(disk.unsynced(), 0);
}

#[test]
fn trims_and_installs_are_told_in_their_order() {
    let disk = Disk::new();
    let mut keeper = keeper(&disk);
    let work = [
        append(1, 1, false),
        append(2, 2, true),
        Work::Trim { marker: marker(1) },
        append(3, 3, true),
        Work::Install { marker: marker(9) },
        append(4, 10, true),
    ];
    let events = keeper.keep(work.into_iter()).expect("the disk is sound");
    let told = ["persisted 2", "trimmed 1", "persisted 3", "installed 9", "persisted 4"];
    assert_eq!(names(&events), told);
    disk.crash(0);
    let opened = open(&disk);
    assert_eq!((opened.marker, opened.last.index), (marker(9), Index(10)));
}

#[test]
fn a_fault_acknowledges_nothing() {
    let disk = Disk::new();
    let mut keeper = keeper(&disk);
    let fault = Fault::Io { doing: "syncing".into(), error: "no such luck".into() };
    disk.fail(fault.clone());
    assert_eq!(keeper.keep([append(1, 1, true)].into_iter()).err(), Some(fault));
}
