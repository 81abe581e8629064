//! What is remembered of heads, and what a scan reads ahead: as little of the engine as need be.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicUsize, Ordering};

use backend::{Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use units::{LeaseId, Revision};

use super::world::{World, decode, delete, interval, put};
use crate::tables::{HEADS, REVISIONS};
use crate::{Group, Heads, Interval, Snapshot, Walk};

/// A view that counts what is read of it.
struct Counting {
    view: Arc<dyn View>,
    heads: AtomicUsize,
    versions: AtomicUsize,
}

impl Counting {
    /// The newest of a world, and the same to be read.
    fn of(world: &World) -> (Arc<Self>, Snapshot) {
        let view = world.snapshot.view().clone();
        let this = Arc::new(Self { view, heads: 0.into(), versions: 0.into() });
        let snapshot = Snapshot::new(this.clone(), world.snapshot.store().clone());
        (this, snapshot)
    }

    fn note(&self, table: Table) {
        let counter = match table {
            HEADS => &self.heads,
            REVISIONS => &self.versions,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How many records were read since the last time: heads and versions.
    fn taken(&self) -> (usize, usize) {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        (take(&self.heads), take(&self.versions))
    }
}

impl View for Counting {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.note(table);
        self.view.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        self.view.scan(table, bounds, direction, part, &mut |key, value| {
            self.note(table);
            visit(key, value)
        })
    }
}

fn put_in(group: &mut Group, key: &'static str, value: &[u8]) {
    group.put(&Bytes::from(key), value, LeaseId::NONE).expect("no faults");
    group.end().expect("a put changes something");
}

#[test]
fn a_put_asks_the_engine_once_for_a_key_and_no_more() {
    let mut world = World::new();
    world.run(&[put("a", "1"), put("b", "1")]);
    world.heads = Heads::new();
    let (counting, snapshot) = Counting::of(&world);
    let mut group = Group::new(&snapshot, Heads::new());
    put_in(&mut group, "a", b"2");
    assert_eq!(counting.taken(), (1, 0));
    put_in(&mut group, "a", &[0; 3000]);
    assert_eq!(counting.taken(), (0, 0));
    let (_, _, heads) = group.finish();
    world.run(&[put("a", "2")]);
    world.run(&[put("a", "3")]);
    let (counting, snapshot) = Counting::of(&world);
    let mut group = Group::new(&snapshot, heads);
    put_in(&mut group, "a", b"4");
    let gone = group.delete_range(&interval("a", "")).expect("no faults");
    assert_eq!(gone.len(), 1);
    group.end();
    put_in(&mut group, "a", b"5");
    assert_eq!(counting.taken(), (0, 0), "nor for one that is deleted");
    let newest = group.reader().newest();
    let record = group.reader().get(b"a", newest).expect("no faults").expect("it lives");
    assert_eq!((&record.value()[..], record.meta.version), (&b"5"[..], 1));
}

#[test]
fn what_a_compaction_buries_is_forgotten() {
    let mut world = World::new();
    world.run(&[put("a", "1")]);
    world.run(&[delete("a")]);
    world.run(&[put("b", "1")]);
    world.compact(4);
    assert!(world.heads.find(b"a").is_none());
    world.run(&[put("a", "2")]);
    assert_eq!(world.now("a").map(|kv| (kv.create_revision, kv.version)), Some((5, 1)));
    assert_eq!(world.count(&Interval::all(), 5), 2);
}

/// Watchers hear of a group before it is published: what they cannot read yet they are told.
#[test]
fn what_a_key_held_earlier_in_the_group_is_told() {
    let mut world = World::new();
    world.run(&[put("k", "1")]);
    let before = world.snapshot.clone();
    let commands = [[put("k", "2")], [put("k", "3")], [delete("k")]].map(Vec::from);
    let changes = world.apply(&commands);
    for (changes, value) in changes.into_iter().flatten().zip(["1", "2", "3"]) {
        for snapshot in [&before, &world.snapshot] {
            let previous = snapshot.previous(changes.revision, &changes.events[0]);
            let previous = previous.expect("no faults").map(|kv| decode(&kv).value);
            assert_eq!(previous, Some(value.into()));
        }
    }
}

#[test]
fn no_more_is_read_ahead_than_is_wanted() {
    let mut world = World::new();
    let large = "v".repeat(1500);
    for number in (0..40).rev() {
        world.run(&[put(&format!("{number:02}"), &large)]);
    }
    let (counting, snapshot) = Counting::of(&world);
    for order in [Direction::Ascending, Direction::Descending] {
        for limit in [1, 2, 3, 7, 40] {
            let mut seen: Vec<String> = Vec::new();
            let walk = Walk { order, part: Part::Records, ahead: limit };
            let every = Interval::all();
            let mut visit = |found: crate::Found<'_>| {
                assert_eq!(found.value(), large.as_bytes());
                seen.push(String::from_utf8_lossy(found.key()).into_owned());
                if seen.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            snapshot.reader().scan(&every, Revision(41), walk, &mut visit).expect("no faults");
            let mut keys: Vec<_> = (0..40).map(|number| format!("{number:02}")).collect();
            if order == Direction::Descending {
                keys.reverse();
            }
            assert_eq!(seen, keys[..limit]);
            assert_eq!(counting.taken(), (limit, limit), "{order:?}");
        }
    }
    let walk = Walk { order: Direction::Ascending, part: Part::Keys, ahead: 1 };
    let mut all = 0;
    let mut visit = |found: crate::Found<'_>| {
        all += usize::from(found.meta.version == 1 && found.value().is_empty());
        ControlFlow::Continue(())
    };
    let every = Interval::all();
    snapshot.reader().scan(&every, Revision(41), walk, &mut visit).expect("no faults");
    assert_eq!((all, counting.taken()), (40, (40, 0)), "keys alone need no versions");
}
