//! Ends: what is there when an engine is opened again.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{LEFT, RIGHT, Random, Record, Subject, all, filler, get, open};
use crate::{Backend, Batch, Fault, Records, Table};

const BATCHES: u32 = 1500;

/// A batch that proves itself: it counts up, and leaves a trace in another table.
fn numbered(number: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(LEFT, "count", number.to_be_bytes().to_vec());
    batch.put(RIGHT, number.to_be_bytes().to_vec(), filler(number));
    batch
}

/// How many numbered batches the engine holds; panics unless they are the first ones, and whole.
fn count(engine: &dyn Backend) -> u32 {
    let count = get(&*engine.view(), LEFT, b"count").map_or(0, |bytes| {
        u32::from_be_bytes((*bytes).try_into().expect("four bytes were written"))
    });
    let traces = all(engine, RIGHT);
    let expected: Vec<Record> =
        (1..=count).map(|number| (number.to_be_bytes().to_vec(), filler(number))).collect();
    assert!(traces == expected, "{} traces of {count} batches", traces.len());
    count
}

/// After a sync and an orderly end everything is there, also the third time.
pub fn a_clean_stop_loses_nothing(subject: &dyn Subject) {
    for round in 0..3 {
        let engine = open(subject);
        assert_eq!(count(&*engine), round * 200);
        for number in round * 200 + 1..=(round + 1) * 200 {
            engine.write(numbered(number)).expect("it is written");
        }
        engine.sync().expect("it is synced");
    }
    let engine = open(subject);
    assert_eq!(count(&*engine), 600);
}

/// After a crash the engine holds the first so many batches, whole, and no fewer than were synced;
/// it can be written to and crash again.
pub fn a_crash_leaves_a_prefix(subject: &dyn Subject) {
    let mut written = 0;
    for (more, syncs_at) in [(BATCHES, 700), (1, 1), (BATCHES, 1), (300, 300)] {
        let engine = open(subject);
        let start = count(&*engine);
        let mut synced = start;
        for number in start + 1..=start + more {
            engine.write(numbered(number)).expect("it is written");
            if number - start == syncs_at {
                engine.sync().expect("it is synced");
                synced = number;
            }
        }
        written = start + more;
        subject.crash(engine);
        let engine = open(subject);
        let left = count(&*engine);
        assert!((synced..=written).contains(&left), "{left} of {written}, {synced} were synced");
        subject.crash(engine);
    }
    assert_eq!(count(&*open(subject)), written, "the last were all synced");
}

/// Writing goes on while another thread syncs; what a sync has seen survives.
pub fn a_sync_runs_beside_writes(subject: &dyn Subject) {
    let engine = open(subject);
    let written = core::sync::atomic::AtomicU32::new(0);
    let order = core::sync::atomic::Ordering::SeqCst;
    let synced = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=BATCHES {
                engine.write(numbered(number)).expect("it is written");
                written.store(number, order);
            }
        });
        let mut synced = 0;
        for _ in 0..5 {
            let now = written.load(order);
            engine.sync().expect("it is synced");
            synced = now;
        }
        synced
    });
    assert_eq!(count(&*engine), BATCHES);
    subject.crash(engine);
    let left = count(&*open(subject));
    assert!((synced..=BATCHES).contains(&left), "{left} of {BATCHES}, {synced} were synced");
}

/// Gives a vector's records, and a fault behind them if there is one.
struct Source(vec::IntoIter<(Table, Bytes, Bytes)>, Option<Fault>);

impl Source {
    fn numbered(count: u32, fault: Option<Fault>) -> Self {
        let mut records = vec![];
        if count > 0 {
            records.push((
                LEFT,
                Bytes::from("count"),
                Bytes::copy_from_slice(&count.to_be_bytes()),
            ));
        }
        records.extend((1..=count).map(|number| {
            (RIGHT, Bytes::copy_from_slice(&number.to_be_bytes()), Bytes::from(filler(number)))
        }));
        Self(records.into_iter(), fault)
    }
}

impl Records for Source {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        match (self.0.next(), self.1.take()) {
            (Some(record), fault) => {
                self.1 = fault;
                Ok(Some(record))
            }
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(None),
        }
    }
}

/// Nothing of the old content is left, nothing of the new is lost in a crash, views show the old,
/// and writing goes on upon the new.
pub fn a_replacement_is_durable(subject: &dyn Subject) {
    let engine = open(subject);
    for number in 1..=BATCHES {
        engine.write(numbered(number)).expect("it is written");
    }
    let before = engine.view();
    engine.replace(&mut Source::numbered(900, None)).expect("it is replaced");
    assert_eq!(count(&*engine), 900);
    let old = get(&*before, RIGHT, &BATCHES.to_be_bytes());
    assert_eq!(old.as_deref(), Some(&*filler(BATCHES)), "the view is older than the replacement");
    subject.crash(engine);
    let engine = open(subject);
    assert_eq!(count(&*engine), 900);
    for number in 901..=1000 {
        engine.write(numbered(number)).expect("it is written");
    }
    engine.sync().expect("it is synced");
    drop(engine);
    let engine = open(subject);
    assert_eq!(count(&*engine), 1000);
    engine.replace(&mut Source::numbered(0, None)).expect("it is replaced");
    assert_eq!(count(&*engine), 0, "nothing is a content, too");
    subject.crash(engine);
    assert_eq!(count(&*open(subject)), 0);
}

/// A source that fails leaves the old content; so does what it has given already after a crash.
pub fn a_failed_replacement_changes_nothing(subject: &dyn Subject) {
    let fault = Fault::Io { doing: "receiving".to_string(), error: "the peer is gone".to_string() };
    let engine = open(subject);
    for number in 1..=600 {
        engine.write(numbered(number)).expect("it is written");
    }
    for given in [0, 1, 900] {
        let mut source = Source::numbered(given, Some(fault.clone()));
        assert_eq!(engine.replace(&mut source), Err(fault.clone()));
        assert_eq!(count(&*engine), 600);
    }
    engine.write(numbered(601)).expect("the engine is as good as before");
    engine.sync().expect("it is synced");
    subject.crash(engine);
    assert_eq!(count(&*open(subject)), 601);
}

/// Whatever happens in whatever order, the engine holds what a sorted map would.
pub fn random_histories_match_a_model(subject: &dyn Subject) {
    let mut random = Random(17);
    let mut engine = open(subject);
    let mut states = vec![BTreeMap::<Vec<u8>, Vec<u8>>::new()];
    for step in 0..4000_u32 {
        let mut model = states.last().expect("there is always a state").clone();
        match random.below(100) {
            0 => {
                engine.sync().expect("it is synced");
                states.drain(..states.len() - 1);
            }
            1 if step % 2 == 0 => {
                subject.crash(engine);
                engine = open(subject);
                survive(&*engine, &mut states);
            }
            2 => {
                engine.sync().expect("it is synced");
                drop(engine);
                engine = open(subject);
                states.drain(..states.len() - 1);
            }
            _ => {
                engine.write(change(&mut random, step, &mut model)).expect("it is written");
                states.push(model);
            }
        }
        if step % 97 == 0 {
            let expected = states.last().expect("there is always a state");
            assert_eq!(all(&*engine, LEFT), to_records(expected), "after step {step}");
        }
    }
}

/// A crash has left one of the states since the last sync; the later ones never were.
fn survive(engine: &dyn Backend, states: &mut Vec<BTreeMap<Vec<u8>, Vec<u8>>>) {
    let found = all(engine, LEFT);
    let left = states.iter().rposition(|state| to_records(state) == found);
    let left = left.unwrap_or_else(|| panic!("{} records are no state that was", found.len()));
    states.truncate(left + 1);
    states.drain(..left);
    // Made durable, as the next crash may otherwise find a state before this one again.
    engine.sync().expect("it is synced");
}

fn change(random: &mut Random, step: u32, model: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Batch {
    let mut batch = Batch::new();
    // Tells states apart that would otherwise be equal.
    batch.put(LEFT, "step", step.to_be_bytes().to_vec());
    model.insert(b"step".to_vec(), step.to_be_bytes().to_vec());
    for _ in 0..random.below(6) {
        let key = format!("{:03}", random.below(200)).into_bytes();
        match random.below(12) {
            0 => {
                let end = format!("{:03}", random.below(200)).into_bytes();
                batch.delete_range(LEFT, key.clone(), Some(Bytes::from(end.clone())));
                model.retain(|have, _| *have < key || *have >= end);
            }
            1..=3 => {
                batch.delete(LEFT, key.clone());
                model.remove(&key);
            }
            _ => {
                batch.put(LEFT, key.clone(), filler(step));
                model.insert(key, filler(step));
            }
        }
    }
    batch
}

fn to_records(state: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Record> {
    state.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
