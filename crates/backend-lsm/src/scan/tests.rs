//! Scans of several tables that lie in memtables, level 0 and below, against maps.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use backend::{Batch, Bounds, Direction, Part, Step, Table, View};
use home::Place;
use lsm_tree::Cache;
use tempfile::TempDir;

use crate::merging::{Merging, Room, Stop};
use crate::pace::Leisure;
use crate::tree::{Merged, Tree};
use crate::view::LsmView;

const TABLES: [Table; 3] = [
    Table { id: 0, name: "first" },
    Table { id: 1, name: "ascending" },
    Table { id: 255, name: "last" },
];
/// Changes before a memtable is written to a file: the files that merges make of them have several
/// hundred blocks, so that their index has parts.
const FLUSH_EVERY: u64 = 500;
const CHANGES: u64 = 18_000;
/// Changes between two views that are held.
const VIEW_EVERY: u64 = 4_100;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

struct World {
    tree: Tree,
    models: [Model; 3],
    random: Random,
    holder: TempDir,
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
        (self.0 >> 33) % end
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let room = Arc::new(Room::new(Box::new(|| u64::MAX)));
        let merging = Merging { stop: Stop::default(), room, leisure: Leisure::default() };
        let cache = Arc::new(Cache::with_capacity_bytes(1 << 20));
        let tree = Tree::create(Place::new(holder.path().join("tree")), cache, merging);
        let tree = tree.expect("it is made");
        Self { tree, models: Default::default(), random: Random(seed), holder }
    }

    fn change(&mut self, step: u64) {
        let mut batch = Batch::new();
        for _ in 0..=self.random.below(3) {
            let at = usize::try_from(self.random.below(3)).expect("it is below 3");
            let key = if at == 1 { step.to_be_bytes().to_vec() } else { self.key() };
            if self.random.below(4) == 0 {
                batch.delete(TABLES[at], key.clone());
                self.models[at].remove(&key);
            } else {
                let length = usize::try_from(self.random.below(900)).expect("it is below 900");
                let value = vec![step.to_be_bytes()[7]; length];
                batch.put(TABLES[at], key.clone(), value.clone());
                self.models[at].insert(key, value);
            }
        }
        self.tree.write(batch).expect("it is written");
    }

    /// Keys of several lengths, of which some begin others.
    fn key(&mut self) -> Vec<u8> {
        let number = self.random.below(3000).to_be_bytes();
        let mut key = number[6..].to_vec();
        key.resize(2 + usize::from(number[7] % 12), number[7]);
        key
    }

    fn bound(&mut self, at: usize) -> Bound<Vec<u8>> {
        let key =
            if at == 1 { self.random.below(CHANGES).to_be_bytes().to_vec() } else { self.key() };
        match self.random.below(5) {
            0 => Bound::Unbounded,
            1 | 2 => Bound::Excluded(key),
            _ => Bound::Included(key),
        }
    }

    /// Some scans of a view, which is to show the models.
    fn check(&mut self, view: &LsmView, models: &[Model; 3]) {
        for (at, model) in models.iter().enumerate() {
            for round in 0..40 {
                let bounds = match round {
                    0 => (Bound::Unbounded, Bound::Unbounded),
                    _ => (self.bound(at), self.bound(at)),
                };
                let bounds = (as_slice(&bounds.0), as_slice(&bounds.1));
                let seek_every = [u64::MAX, 1, 3][usize::try_from(round % 3).expect("it is small")];
                for direction in [Direction::Ascending, Direction::Descending] {
                    let walk = Walk { seek_every, by: self.random.below(300), direction };
                    let found = walk.over(view, TABLES[at], bounds);
                    assert_eq!(found, walk.over_model(model, bounds), "{bounds:?} {direction:?}");
                }
            }
            for key in (0..200).map(|_| self.key()) {
                let found = view.get(TABLES[at], &key).expect("it is readable");
                assert_eq!(found.as_deref(), model.get(&key).map(Vec::as_slice));
            }
        }
    }
}

/// Seeks ahead at some of the records.
struct Walk {
    seek_every: u64,
    by: u64,
    direction: Direction,
}

impl Walk {
    fn over(&self, view: &LsmView, table: Table, bounds: Bounds<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let scan = view.scan(table, bounds, self.direction, Part::Records, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            self.target(found.len(), key).map_or(Step::Next, Step::Seek)
        });
        scan.expect("it is readable");
        found
    }

    fn over_model(&self, model: &Model, bounds: Bounds<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all: Vec<_> = model.iter().filter(|(key, _)| holds(bounds, key)).collect();
        if self.direction == Direction::Descending {
            all.reverse();
        }
        let (mut found, mut target) = (Vec::new(), None::<Vec<u8>>);
        for (key, value) in all {
            let is_before = target.as_ref().is_some_and(|target| match self.direction {
                Direction::Ascending => key < target,
                Direction::Descending => key > target,
            });
            if !is_before {
                found.push((key.clone(), value.clone()));
                target = self.target(found.len(), key);
            }
        }
        found
    }

    fn target(&self, count: usize, key: &[u8]) -> Option<Vec<u8>> {
        if !(count as u64).is_multiple_of(self.seek_every) {
            return None;
        }
        let mut target = key.to_vec();
        // The last two bytes of an ascending key, the first two of the others.
        let at = if key.len() == 8 && key[0] == 0 && key[1] == 0 { 6 } else { 0 };
        let number = u16::from_be_bytes([key[at], key[at + 1]]);
        let by = u16::try_from(self.by).expect("it is below 300");
        let number = match self.direction {
            Direction::Ascending => number.saturating_add(by),
            Direction::Descending => number.saturating_sub(by),
        };
        target[at..at + 2].copy_from_slice(&number.to_be_bytes());
        Some(target)
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn holds((low, high): Bounds<'_>, key: &[u8]) -> bool {
    let low = match low {
        Bound::Included(low) => low <= key,
        Bound::Excluded(low) => low < key,
        Bound::Unbounded => true,
    };
    low && match high {
        Bound::Included(high) => key <= high,
        Bound::Excluded(high) => key < high,
        Bound::Unbounded => true,
    }
}

#[test]
fn scans_show_what_maps_hold_wherever_it_lies() {
    let mut world = World::new(7);
    let mut held = Vec::new();
    let mut merged = 0;
    for step in 1..=CHANGES {
        world.change(step);
        if step % FLUSH_EVERY == 0 {
            world.tree.flush().expect("it is flushed");
            while world.tree.compact() == Ok(Merged::Some) {
                merged += 1;
            }
        }
        if step % VIEW_EVERY == 0 {
            held.push((world.tree.view(), world.models.clone()));
        }
    }
    assert!(merged > 2, "there are files below level 0");
    held.push((world.tree.view(), world.models.clone()));
    for (view, models) in &held {
        world.check(view, models);
    }
}

#[test]
fn the_newest_view_pins_nothing_that_is_merged() {
    let mut world = World::new(8);
    for step in 1..FLUSH_EVERY {
        world.change(step);
    }
    let (view, models) = (world.tree.view(), world.models.clone());
    let before = Arc::downgrade(&view.state());
    world.tree.flush().expect("it is flushed");
    assert!(before.upgrade().is_none(), "the view has moved on");
    assert!(Arc::ptr_eq(&view.state(), &world.tree.state()));
    assert!(Arc::ptr_eq(&view, &world.tree.view()), "nothing was written meanwhile");
    world.check(&view, &models);
    world.change(FLUSH_EVERY);
    assert!(!Arc::ptr_eq(&view, &world.tree.view()), "now something was");
    world.tree.flush().expect("it is flushed");
    let held = Arc::downgrade(&view.state());
    assert!(!Arc::ptr_eq(&view.state(), &world.tree.state()), "it must not see that");
    world.check(&view, &models);
    drop(view);
    assert!(held.upgrade().is_some(), "who lets go of a view frees nothing");
    assert!(!world.tree.free_former(), "no view holds anything any more");
    assert!(held.upgrade().is_none());
}

#[test]
fn what_was_merged_is_gone_though_nobody_writes_any_more() {
    let mut world = World::new(9);
    for step in 1..20 * FLUSH_EVERY {
        world.change(step);
        if step % FLUSH_EVERY == 0 {
            world.tree.flush().expect("it is flushed");
        }
    }
    world.tree.flush().expect("it is flushed");
    let view = world.tree.view();
    while world.tree.compact().expect("it is merged") == Merged::Some {}
    world.tree.free_former();
    let files = world.holder.path().join("tree").join("tables");
    let files = std::fs::read_dir(files).expect("it is there").count();
    assert_eq!(files, world.tree.state().tables.len());
    world.check(&view, &world.models.clone());
}
