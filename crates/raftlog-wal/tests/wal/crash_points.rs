//! The power fails at each call in turn: what a start finds is the state before or after.

use std::path::Path;

use raftlog::{Opened, RaftLog};
use units::{HardState, Index};

use super::world::{World, contents, entry, hard_state, marker};

const SEEDS: u64 = 12;

/// Makes a log, prepares it, lets the power fail at each call of what follows, and looks at what a
/// start finds. Ends when everything was done before the power failed.
fn at_each_call(
    prepare: impl Fn(&mut dyn RaftLog),
    act: impl Fn(&mut dyn RaftLog) -> bool,
    check: impl Fn(&Opened, bool),
) {
    for seed in 0..SEEDS {
        for calls in 0.. {
            let world = World::new(seed, 512);
            let mut log = world.create().expect("creates").log;
            prepare(&mut *log);
            world.disk.power_off_after(calls);
            let done = act(&mut *log);
            world.disk.crash();
            drop(log);
            let opened = world.open().unwrap_or_else(|fault| {
                panic!("seed {seed}, power off after {calls} calls: {fault}")
            });
            check(&opened, done);
            drop(opened);
            let leftovers = |name: &String| name.ends_with(".tmp");
            assert!(!world.names().iter().any(leftovers), "a start tidies up");
            world.open().expect("opens again");
            if done {
                break;
            }
        }
    }
}

/// Two segments and a bit.
fn some_entries(log: &mut dyn RaftLog) {
    for index in 1..=9 {
        log.append(&[entry(1, index, 100)], Some(hard_state(1, index - 1))).expect("appends");
        log.sync().expect("syncs");
    }
}

#[test]
fn creating_leaves_a_log_or_none() {
    for seed in 0..SEEDS {
        for calls in 0.. {
            let world = World::new(seed, 512);
            world.disk.power_off_after(calls);
            let done = world.create().is_ok();
            if seed % 2 == 0 {
                world.disk.kill();
                if world.exists() {
                    drop(world.open().expect("opens what a process left"));
                    world.disk.crash();
                    assert!(world.exists(), "a log that was opened is there");
                }
            }
            world.disk.crash();
            assert!(world.exists() || !done, "a log that was made is there");
            let directory = world.files().list(Path::new("/wal"));
            assert!(directory.is_err() || world.exists(), "the directory has a segment in it");
            let opened = if world.exists() { world.open() } else { world.create() };
            let opened = opened.unwrap_or_else(|fault| panic!("after {calls} calls: {fault}"));
            assert_eq!(opened.last, Default::default());
            assert_eq!(opened.hard_state, HardState::default());
            if done {
                break;
            }
        }
    }
}

#[test]
fn appending_across_segments_leaves_a_prefix() {
    at_each_call(
        some_entries,
        |log| {
            (10..=20).all(|index| {
                let hard_state = Some(hard_state(1, index - 1));
                log.append(&[entry(1, index, 150)], hard_state).is_ok() && log.sync().is_ok()
            })
        },
        |opened, done| {
            let left = contents(&*opened.log.reader());
            assert!((9..=20).contains(&left.len()), "{}", left.len());
            assert!(!done || left.len() == 20, "what was acknowledged is there");
            for (one, index) in left.iter().zip(1..) {
                let length = if index < 10 { 100 } else { 150 };
                assert_eq!(*one, entry(1, index, length));
            }
            assert!(opened.hard_state.commit.0 + 2 >= left.len() as u64);
        },
    );
}

#[test]
fn trimming_leaves_the_old_marker_or_the_new() {
    at_each_call(
        |log| {
            some_entries(log);
            log.trim(&marker(1, 3)).expect("trims");
        },
        |log| log.trim(&marker(1, 9)).is_ok(),
        |opened, done| {
            let new = opened.marker == marker(1, 9);
            assert!(new || (!done && opened.marker == marker(1, 3)), "{:?}", opened.marker);
            assert_eq!(opened.last.index, Index(9));
            let left = contents(&*opened.log.reader());
            let first = opened.log.reader().bounds().0;
            assert!(first <= opened.marker.position.index.next());
            for (one, index) in left.iter().zip(first.0..) {
                assert_eq!(*one, entry(1, index, 100));
            }
        },
    );
}

#[test]
fn installing_leaves_the_old_log_or_the_new() {
    for (term, snapshot) in [(5, 40), (5, 10), (5, 9), (5, 8), (1, 8)] {
        at_each_call(
            |log| {
                some_entries(log);
                log.trim(&marker(1, 3)).expect("trims");
                log.append(&[entry(1, 10, 30)], None).expect("appends");
            },
            |log| log.install(&marker(term, snapshot)).is_ok(),
            |opened, done| {
                if opened.marker == marker(term, snapshot) {
                    assert_eq!(contents(&*opened.log.reader()), []);
                    assert_eq!(opened.last, marker(term, snapshot).position);
                    assert_eq!(opened.hard_state, hard_state(1, snapshot));
                } else {
                    assert!(!done, "an install that was acknowledged is there");
                    assert_eq!(opened.marker, marker(1, 3));
                    assert_eq!(opened.last.index, Index(9));
                    assert_eq!(opened.hard_state, hard_state(1, 8));
                }
            },
        );
    }
}

#[test]
fn repairing_can_be_interrupted() {
    for seed in 0..SEEDS {
        for calls in 0.. {
            let world = World::new(seed, 4096);
            let mut log = world.create().expect("creates").log;
            log.append(&[entry(1, 1, 100), entry(1, 2, 900)], None).expect("appends");
            log.sync().expect("syncs");
            drop(log);
            let path = world.segments().pop().expect("there is a segment");
            let mut image = world.bytes(&path);
            image[512..1024].fill(0);
            world.replace(&path, &image);
            world.disk.power_off_after(calls);
            let done = world.open().is_ok();
            world.disk.crash();
            let opened = world.open().unwrap_or_else(|fault| panic!("after {calls}: {fault}"));
            assert_eq!(contents(&*opened.log.reader()), [entry(1, 1, 100)]);
            if done {
                break;
            }
        }
    }
}
