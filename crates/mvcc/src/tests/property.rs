//! Random histories, compared with the model after every group.

use alloc::vec::Vec;

use backend::{Direction, View};
use units::Revision;

use super::model::{Dice, Model, within};
use super::world::{SMALL, World, decode, interval};
use crate::tables::{HEADS, Head};
use crate::{Budget, Compaction, EventKind, Hash, HashScope, Interval, Snapshot};

#[test]
fn every_history_reads_as_a_list_of_maps() {
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let (mut world, mut model) = (World::new(), Model::new());
        for _ in 0..50 {
            step(&mut dice, &mut world, &mut model);
            check(&mut dice, &world, &model);
        }
    }
}

fn step(dice: &mut Dice, world: &mut World, model: &mut Model) {
    match dice.roll(10) {
        0 => {
            let to = i64::try_from(dice.roll(model.revision().unsigned_abs() + 3)).expect("small");
            let refused = world.schedule(to).is_err();
            assert_eq!(refused, to <= model.compacted || to > model.revision());
            if !refused {
                model.compacted = to;
            }
        }
        1 | 2 => {
            let versions_max = usize::try_from(1 + dice.roll(6)).expect("small");
            world.compact_step(Budget { versions_max, bytes_max: 2000 });
        }
        3 => {
            let disk = world.disk.clone();
            let all = disk.unsynced();
            disk.crash(all);
            world.compaction = None;
            *world = World::open(disk);
        }
        _ => {
            let commands: Vec<_> = (0..=dice.roll(4)).map(|_| dice.ops()).collect();
            for (ops, changes) in commands.iter().zip(world.apply(&commands)) {
                let before = model.revision();
                model.apply(ops);
                let changed = model.revision() > before;
                assert_eq!(changes.map(|one| one.revision.0), changed.then(|| model.revision()));
            }
        }
    }
}

fn check(dice: &mut Dice, world: &World, model: &Model) {
    assert_eq!(world.snapshot.revision().0, model.revision());
    assert_eq!(world.snapshot.compacted().0, model.compacted);
    for _ in 0..6 {
        let lowest = model.compacted.max(1);
        let span = (model.revision() - lowest).unsigned_abs() + 1;
        let at = lowest + i64::try_from(dice.roll(span)).expect("small");
        check_reads(dice, world, model, at);
        check_hash(world, model, at);
    }
    check_changes(dice, world, model);
    check_memory(world);
    check_heads(world);
}

fn check_reads(dice: &mut Dice, world: &World, model: &Model, at: i64) {
    let (start, end) = (dice.key(), dice.end());
    let expected: Vec<_> = model
        .at(at)
        .iter()
        .filter(|(key, _)| within(key, &start, &end))
        .map(|(_, kv)| kv.clone())
        .collect();
    let keys = interval(&start, &end);
    assert_eq!(world.scan(&keys, at, Direction::Ascending), expected);
    let mut reversed = world.scan(&keys, at, Direction::Descending);
    reversed.reverse();
    assert_eq!(reversed, expected);
    let count = u64::try_from(expected.len()).expect("small");
    assert_eq!(world.count(&keys, at), count);
    let read = usize::try_from(dice.roll(30)).expect("small");
    assert_eq!(world.tally(&keys, at, read).unwrap_or(count), count, "after {read}");
    let some = world.scan_some(&keys, at, Direction::Ascending, 2);
    assert_eq!(some[..], expected[..expected.len().min(2)]);
    assert_eq!(world.get(&start, at).as_ref(), model.at(at).get(&start));
}

fn check_hash(world: &World, model: &Model, at: i64) {
    let hash = model.hash(at, model.compacted, false);
    let expected = Hash { hash, compacted: Revision(model.compacted), revision: Revision(at) };
    let scope = HashScope::Revision(Revision(at));
    assert_eq!(world.snapshot.reader().hash(scope), Ok(Ok(expected)));
}

fn check_changes(dice: &mut Dice, world: &World, model: &Model) {
    let from = model.compacted.max(1) + 1;
    let bytes_max = usize::try_from(dice.roll(300)).expect("small");
    let to = Revision(model.revision());
    let mut next = Revision(from);
    let mut seen = Vec::new();
    while next <= to {
        let some = world.snapshot.changes(next, to, bytes_max).expect("no faults");
        next = some.last().expect("every revision changed something").revision.next();
        seen.extend(some);
    }
    let mut log = model.log.iter().filter(|one| one.main >= from);
    for changes in seen {
        for event in &changes.events {
            let one = log.next().expect("nothing happens twice");
            assert_eq!((changes.revision.0, &event.key), (one.main, &one.kv.key));
            assert_eq!(event.kind == EventKind::Delete, one.tombstone);
            assert_eq!(event.create, !one.tombstone && one.kv.version == 1);
            let previous = world.snapshot.previous(changes.revision, event).expect("no faults");
            let before = model.at(one.main - 1).get(&one.kv.key[..]);
            assert_eq!(previous.map(|kv| decode(&kv)).as_ref(), before);
        }
    }
    assert!(log.next().is_none(), "nothing is left out");
}

/// What is kept in memory is what a start finds.
fn check_memory(world: &World) {
    let opened = Snapshot::open(world.snapshot.view().clone()).expect("no faults");
    let revisions = |snapshot: &Snapshot| {
        let store = snapshot.store();
        (store.revision, store.compacted, store.finished)
    };
    assert_eq!(revisions(&opened), revisions(&world.snapshot));
    assert_eq!(blocks(&opened), blocks(&world.snapshot));
}

/// What is remembered of keys is what the engine says of them.
fn check_heads(world: &World) {
    for (key, head) in world.heads.all() {
        let value = world.snapshot.view().get(HEADS, key).expect("no faults");
        let said = Head::read(&value.expect("it is there")).expect("it reads");
        assert_eq!(said, head, "{key:?}");
    }
}

fn blocks(snapshot: &Snapshot) -> Vec<(Vec<u8>, u64, bool)> {
    let fences = &snapshot.store().fences;
    let mut all = Vec::new();
    let mut block = Some(fences.block(b""));
    while let Some(one) = block {
        all.push((one.start.to_vec(), one.living, one.all_live));
        block = fences.after(&one);
    }
    all
}

#[test]
fn a_compaction_leaves_what_can_be_read_and_nothing_else() {
    for seed in 100..120 {
        let mut dice = Dice(seed);
        let (mut world, mut model) = (World::new(), Model::new());
        for _ in 0..40 {
            let ops = dice.ops();
            world.run(&ops);
            model.apply(&ops);
        }
        let to = 2 + i64::try_from(dice.roll(model.revision().unsigned_abs() - 2)).expect("small");
        let before = HashScope::BeforeCompaction { former: Revision(-1), to: Revision(to) };
        world.schedule(to).expect("it can be compacted");
        let hash = world.snapshot.reader().hash(before).expect("no faults").expect("it is there");
        assert_eq!(hash.hash, model.hash(to, -1, true));
        while !world.compact_step(SMALL) {}
        let left: Vec<(i64, u32)> = physical(&world);
        assert_eq!(left, expected_after(&model, to));
        world.compact(model.revision());
        let living = model.at(model.revision()).len();
        let tombstones = model.log.iter().filter(|one| one.main == model.revision());
        let dead = tombstones.filter(|one| one.tombstone).count();
        assert_eq!(heads(&world), living + dead);
    }
}

/// C1, literally; and a tombstone stays that a put of the same revision superseded.
fn expected_after(model: &Model, to: i64) -> Vec<(i64, u32)> {
    let stays = |one: &&super::model::Change| {
        let superseded = model.log.iter().any(|other| {
            let later = (other.main, other.sub) > (one.main, one.sub);
            later && other.main <= to && other.kv.key == one.kv.key
        });
        one.main > to || if one.tombstone { one.main == to } else { !superseded }
    };
    model.log.iter().filter(stays).map(|one| (one.main, one.sub)).collect()
}

fn physical(world: &World) -> Vec<(i64, u32)> {
    let mut all = Vec::new();
    scan_all(world.snapshot.view().as_ref(), crate::tables::REVISIONS, &mut |key| {
        let at = crate::RevisionKey::decode(key).expect("it is one");
        all.push((at.main.0, at.sub));
    });
    all
}

fn heads(world: &World) -> usize {
    let mut count = 0;
    scan_all(world.snapshot.view().as_ref(), HEADS, &mut |_| count += 1);
    count
}

fn scan_all(view: &dyn View, table: backend::Table, visit: &mut dyn FnMut(&[u8])) {
    let keys = Interval::all();
    let part = backend::Part::Keys;
    view.scan(table, keys.bounds(), Direction::Ascending, part, &mut |key, _| {
        visit(key);
        backend::Step::Next
    })
    .expect("no faults");
}

#[test]
fn a_compaction_is_pending_until_it_is_finished() {
    let mut world = World::new();
    world.run(&[super::world::put("a", "1")]);
    assert!(Compaction::pending(world.snapshot.store()).is_none());
    world.schedule(2).expect("it can be compacted");
    assert!(Compaction::pending(world.snapshot.store()).is_some());
    while !world.compact_step(SMALL) {}
    assert!(Compaction::pending(world.snapshot.store()).is_none());
}
