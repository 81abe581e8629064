//! A crash at every batch boundary.

use alloc::format;
use alloc::vec::Vec;

use backend::Direction;

use super::model::{Dice, Model};
use super::world::{SMALL, World, delete, put};
use crate::Interval;

/// M2: the newest revision is a tombstone, and the compaction that may drop it crashes before or
/// after any of its batches.
#[test]
fn m2_m3_a_crash_in_a_compaction_does_not_lower_the_revision() {
    for survivors in 0..4 {
        let mut world = World::new();
        world.run(&[put("a", "1")]);
        let revision = world.run(&[delete("a")]);
        backend::Backend::sync(&world.backend).expect("no faults");
        world.schedule(revision).expect("it can be compacted");
        while !world.compact_step(SMALL) {}
        let world = world.crash(survivors);
        assert_eq!(world.snapshot.revision().0, revision);
        let mut world = world;
        assert_eq!(world.run(&[put("b", "1")]), revision + 1);
    }
}

/// M5: a crash between batches must not make the resumed run take a kept tombstone for an old one.
#[test]
fn m5_a_resumed_compaction_keeps_the_tombstone_at_its_revision() {
    for survivors in 0..8 {
        let mut world = World::new();
        for key in ["a", "b", "c", "d"] {
            world.run(&[put(key, "1")]);
        }
        let revision = world.run(&[delete("a")]);
        backend::Backend::sync(&world.backend).expect("no faults");
        world.schedule(revision).expect("it can be compacted");
        let one = crate::Budget { versions_max: 1, bytes_max: 1 << 20 };
        while !world.compact_step(one) {}
        let mut world = world.crash(survivors);
        while !world.compact_step(one) {}
        assert_eq!(world.history(revision), [format!("{revision} delete a")]);
    }
}

/// Whatever a crash leaves is a prefix of the history, and a compaction goes on where it must.
#[test]
fn a_crash_leaves_a_prefix_and_compactions_resume() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut world = World::new();
        let mut models = alloc::vec![Model::new()];
        for _ in 0..20 {
            let mut model = models.last().expect("there is one").clone();
            match dice.roll(6) {
                0 if model.revision() > model.compacted.max(0) => {
                    world.schedule(model.revision()).expect("it can be compacted");
                    model.compacted = model.revision();
                }
                1 | 2 => {
                    let before = world.disk.unsynced();
                    world.compact_step(SMALL);
                    if world.disk.unsynced() == before {
                        continue;
                    }
                }
                _ => {
                    let ops = dice.ops();
                    world.run(&ops);
                    let before = model.revision();
                    model.apply(&ops);
                    if model.revision() == before {
                        continue;
                    }
                }
            }
            models.push(model);
        }
        let survivors = usize::try_from(dice.roll(models.len() as u64)).expect("small");
        assert_eq!(world.disk.unsynced(), models.len() - 1);
        let mut world = world.crash(survivors);
        let model = &models[survivors];
        while !world.compact_step(SMALL) {}
        assert_eq!(world.snapshot.revision().0, model.revision());
        assert_eq!(world.snapshot.compacted().0, model.compacted);
        for at in model.compacted.max(1)..=model.revision() {
            let all: Vec<_> = model.at(at).values().cloned().collect();
            assert_eq!(world.scan(&Interval::all(), at, Direction::Ascending), all);
        }
    }
}
