//! Batches and views: all or nothing, in order, and stable.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;

use super::{LEFT, RIGHT, Subject, all, filler, get, open, records};
use crate::{Backend, Batch, Direction};

/// Rounds of writing under views; with [`filler`] some hundred kilobytes.
const ROUNDS: u32 = 2000;
/// Threads that take views beside the one that writes.
const READERS: usize = 2;

/// Later operations of a batch win over earlier ones, in whatever way they meet.
pub fn a_batch_takes_effect_in_its_order(subject: &dyn Subject) {
    let engine = open(subject);
    let mut batch = Batch::new();
    batch.put(LEFT, "twice", "1");
    batch.put(LEFT, "twice", "2");
    batch.put(LEFT, "gone", "1");
    batch.delete(LEFT, "gone");
    batch.delete(LEFT, "back");
    batch.put(LEFT, "back", "1");
    batch.put(LEFT, "range", "1");
    batch.delete_range(LEFT, "r", Some(Bytes::from("s")));
    batch.put(LEFT, "rest", "1");
    engine.write(batch).expect("it is written");
    let expected = [("back", "1"), ("rest", "1"), ("twice", "2")];
    let expected =
        expected.map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
    assert_eq!(all(&*engine, LEFT), expected);
    engine.write(Batch::new()).expect("nothing is easily written");
    engine.sync().expect("it is synced");
    assert_eq!(all(&*engine, LEFT), expected);
}

/// The end stays, the start goes, no end means the rest of the table; no other table is touched.
pub fn a_range_delete_deletes_its_range(subject: &dyn Subject) {
    let engine = open(subject);
    let fill = || {
        let mut batch = Batch::new();
        for number in 0..50 {
            batch.put(LEFT, format!("{number:02}"), filler(number));
            batch.put(RIGHT, format!("{number:02}"), filler(number));
        }
        engine.write(batch).expect("it is written");
    };
    let keys = || -> Vec<u32> {
        let number = |key: Vec<u8>| {
            let text = core::str::from_utf8(&key).expect("it is a number");
            text.parse().expect("it is a number")
        };
        all(&*engine, LEFT).into_iter().map(|(key, _)| number(key)).collect()
    };
    let delete = |start: &'static str, end: Option<&'static str>| {
        let mut batch = Batch::new();
        batch.delete_range(LEFT, start, end.map(Bytes::from));
        engine.write(batch).expect("it is written");
    };
    fill();
    engine.sync().expect("it is synced");
    delete("10", Some("20"));
    assert_eq!(keys(), (0..10).chain(20..50).collect::<Vec<_>>());
    delete("20", Some("20"));
    delete("30", Some("20"));
    delete("5", Some("9"));
    assert_eq!(keys(), (0..10).chain(20..50).collect::<Vec<_>>(), "an empty interval is nothing");
    let before = engine.view();
    delete("155", Some("21\0"));
    assert_eq!(keys(), (0..10).chain(22..50).collect::<Vec<_>>());
    fill();
    delete("40", None);
    assert_eq!(keys(), (0..40).collect::<Vec<_>>());
    delete("", None);
    assert_eq!(keys(), Vec::<u32>::new());
    let bounds = (Bound::Unbounded, Bound::Unbounded);
    assert_eq!(records(&*before, LEFT, bounds, Direction::Ascending).len(), 40);
    assert_eq!(all(&*engine, RIGHT).len(), 50);
}

/// A view shows what it showed, whatever is written, deleted, synced or replaced later.
pub fn views_do_not_change(subject: &dyn Subject) {
    let engine = open(subject);
    let mut views = vec![];
    for round in 0..ROUNDS {
        if round % 100 == 0 {
            views.push((round, engine.view()));
        }
        let mut batch = Batch::new();
        batch.put(LEFT, (round % 150).to_be_bytes().to_vec(), filler(round));
        if round % 3 == 0 {
            batch.delete(LEFT, (round % 70).to_be_bytes().to_vec());
        }
        engine.write(batch).expect("it is written");
        if round % 500 == 499 {
            engine.sync().expect("it is synced");
        }
    }
    let mut model = alloc::collections::BTreeMap::new();
    let mut at = 0;
    let bounds = (Bound::Unbounded, Bound::Unbounded);
    for (taken, view) in views {
        while at < taken {
            model.insert((at % 150).to_be_bytes().to_vec(), filler(at));
            if at % 3 == 0 {
                model.remove(&(at % 70).to_be_bytes()[..]);
            }
            at += 1;
        }
        let expected: Vec<_> =
            model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(records(&*view, LEFT, bounds, Direction::Ascending), expected, "as of {taken}");
        for key in 0..150_u32 {
            let key = key.to_be_bytes();
            assert_eq!(get(&*view, LEFT, &key).as_deref(), model.get(&key[..]).map(Vec::as_slice));
        }
    }
}

/// Views that are taken while one thread writes and another syncs hold whole batches, one after the
/// other, and everything whose writing had returned.
pub fn views_are_whole_batches(subject: &dyn Subject) {
    let engine = open(subject);
    let (written, done) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..=ROUNDS {
                let mut batch = Batch::new();
                batch.put(LEFT, "first", number.to_be_bytes().to_vec());
                batch.put(LEFT, format!("filler {}", number % 64), filler(number));
                batch.put(RIGHT, "last", number.to_be_bytes().to_vec());
                engine.write(batch).expect("it is written");
                written.store(number, Ordering::SeqCst);
            }
        });
        for _ in 0..READERS {
            scope.spawn(|| {
                let mut latest = 0;
                while !done.load(Ordering::SeqCst) {
                    latest = view_batches(&*engine, latest, &written);
                }
            });
        }
        while !writer.is_finished() {
            engine.sync().expect("it is synced");
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(view_batches(&*engine, 0, &written), ROUNDS);
}

/// Takes a view; answers with its last batch, which is not older than `latest`.
fn view_batches(engine: &dyn Backend, latest: u32, written: &AtomicU32) -> u32 {
    let at_least = written.load(Ordering::SeqCst);
    let view = engine.view();
    let first = get(&*view, LEFT, b"first");
    assert_eq!(first, get(&*view, RIGHT, b"last"), "a batch is in all tables or in none");
    let found = first.as_ref().map_or(0, |bytes| {
        u32::from_be_bytes((**bytes).try_into().expect("four bytes were written"))
    });
    assert!(found >= at_least.max(latest), "{found} is older than {at_least} or {latest}");
    let bounds = (Bound::Unbounded, Bound::Unbounded);
    let scanned = records(&*view, RIGHT, bounds, Direction::Descending);
    let scanned = scanned.into_iter().next().map(|(_, value)| Bytes::from(value));
    assert_eq!(scanned, first, "a scan sees what a get sees");
    found
}

/// Sizes are those of records, roughly, and the engine never says that it needs more than it has.
pub fn stats_grow_with_records(subject: &dyn Subject) {
    let engine = open(subject);
    let before = engine.stats();
    for round in 0..ROUNDS {
        let mut batch = Batch::new();
        batch.put(LEFT, round.to_be_bytes().to_vec(), filler(round));
        engine.write(batch).expect("it is written");
    }
    engine.sync().expect("it is synced");
    let after = engine.stats();
    assert!(after.disk_bytes > before.disk_bytes + u64::from(ROUNDS) * 50, "{before:?}, {after:?}");
    assert!(after.live_bytes <= after.disk_bytes && before.live_bytes <= before.disk_bytes);
    assert!(after.live_bytes > before.live_bytes);
}
