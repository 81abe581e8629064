//! The part against the contract's suite, and what only a disk in memory can show.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;

use super::tree::Tree;
use super::{MemBackend, MemDisk};
use crate::{Backend, Batch, Direction, Fault, Table};

const TABLE: Table = Table { id: 9, name: "mem-test" };

fn batch(number: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(TABLE, number.to_be_bytes().to_vec(), Bytes::new());
    batch
}

fn open(disk: &MemDisk) -> MemBackend {
    MemBackend::open(disk).expect("nobody else uses the disk")
}

fn holds(engine: &MemBackend, number: u32) -> bool {
    let found = engine.view().get(TABLE, &number.to_be_bytes());
    found.expect("memory is readable").is_some()
}

#[test]
fn a_crash_loses_as_much_as_it_is_told_to() {
    let disk = MemDisk::new();
    let engine = open(&disk);
    for number in 0..10 {
        engine.write(batch(number)).expect("memory is writable");
        if number == 3 {
            engine.sync().expect("memory is writable");
        }
    }
    assert_eq!(disk.unsynced(), 6);
    disk.crash(2);
    assert!(matches!(engine.write(batch(10)), Err(Fault::Io { .. })), "the engine is dead");
    let engine = open(&disk);
    assert!((0..6).all(|number| holds(&engine, number)));
    assert!((6..11).all(|number| !holds(&engine, number)));
    disk.crash(usize::MAX);
    assert!(holds(&open(&disk), 5), "nothing was left to lose");
}

#[test]
fn a_failing_disk_fails_until_it_crashes() {
    let disk = MemDisk::new();
    let engine = open(&disk);
    engine.write(batch(0)).expect("memory is writable");
    let full = Fault::Io { doing: "writing".to_string(), error: "no space".to_string() };
    disk.fail(full.clone());
    assert_eq!(engine.write(batch(1)), Err(full.clone()));
    assert_eq!(engine.sync(), Err(full));
    disk.crash(1);
    let engine = open(&disk);
    assert!(holds(&engine, 0) && !holds(&engine, 1));
}

#[test]
fn an_engine_that_is_dropped_late_does_not_unlock_its_successor() {
    let disk = MemDisk::new();
    let dead = open(&disk);
    disk.crash(0);
    let alive = open(&disk);
    drop(dead);
    assert!(matches!(MemBackend::open(&disk), Err(Fault::Locked { .. })));
    drop(alive);
    drop(open(&disk));
}

#[test]
fn the_tree_is_a_sorted_map() {
    let (mut tree, mut model) = (Tree::default(), BTreeMap::<Bytes, Bytes>::new());
    let mut state = 11_u64;
    let mut random = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % bound
    };
    for step in 0..20_000_u64 {
        let key = Bytes::from(format!("{:03}", random(600)));
        match random(40) {
            0 => {
                let (end, all) = (Bytes::from(format!("{:03}", random(600))), random(20) == 0);
                let end = (!all).then_some(end);
                tree.remove_range(&key, end.as_deref());
                model.retain(|have, _| *have < key || end.as_ref().is_some_and(|end| have >= end));
            }
            1..=14 => {
                tree.remove(&key);
                model.remove(&key);
            }
            _ => {
                let value = Bytes::from(step.to_string());
                tree.insert(key.clone(), value.clone());
                model.insert(key.clone(), value);
            }
        }
        assert_eq!(tree.get(&key), model.get(&key).cloned());
        if step % 16 == 0 {
            let high = Bytes::from(format!("{:03}", random(600)));
            let bounds = (Bound::Excluded(&*key), Bound::Included(&*high));
            let mut seen = Vec::new();
            tree.visit(bounds, Direction::Descending, &mut |key, value| {
                seen.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
                true
            });
            seen.reverse();
            let within = |have: &&Bytes| **have > key && **have <= high;
            let expected: Vec<_> = model.iter().filter(|(have, _)| within(have)).collect();
            assert_eq!(seen.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(), expected);
        }
    }
    let bytes: usize = model.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!(tree.bytes(), bytes as u64);
}

#[test]
fn a_full_disk_keeps_what_is_written_until_there_is_room() {
    let disk = MemDisk::new();
    let engine = open(&disk);
    disk.fill();
    assert!(!engine.stats().cramped, "it has nothing to do");
    engine.write(batch(1)).expect("writing takes no room");
    assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    assert!(engine.stats().cramped && holds(&engine, 1));
    disk.make_room();
    engine.sync().expect("there is room");
    assert_eq!((disk.unsynced(), engine.stats().cramped), (0, false));
}

/// A disk in memory, as the suite wants it.
struct Subject(MemDisk);

impl crate::suite::Subject for Subject {
    fn open(&self) -> Result<Box<dyn Backend>, Fault> {
        Ok(Box::new(MemBackend::open(&self.0)?))
    }

    fn crash(&self, engine: Box<dyn Backend>) {
        self.0.crash(self.0.unsynced() / 2);
        drop(engine);
    }
}

crate::suite!(Subject(MemDisk::new()));
