//! An overlay reads as what it will have written.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Bound;

use backend::{Backend, Batch, Direction, MemBackend, MemDisk, Part, Step, Table, View};

use super::model::Dice;
use crate::Overlay;

const TABLE: Table = Table { id: 9, name: "test" };

#[test]
fn an_overlay_reads_as_the_view_after_its_batch() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let backend = MemBackend::open(&MemDisk::new()).expect("the disk is new");
        let mut batch = Batch::new();
        for _ in 0..dice.roll(12) {
            batch.put(TABLE, dice.key(), b"theirs".to_vec());
        }
        backend.write(batch).expect("no faults");
        let (mut overlay, mut twin) = (Overlay::new(backend.view()), Overlay::new(backend.view()));
        for _ in 0..dice.roll(12) {
            let (key, deleted) = (dice.key(), dice.roll(3) == 0);
            for one in [&mut overlay, &mut twin] {
                if deleted {
                    one.delete(TABLE, key.clone());
                } else {
                    one.put(TABLE, key.clone(), b"mine".to_vec());
                }
            }
        }
        backend.write(twin.into_batch()).expect("no faults");
        for _ in 0..20 {
            let bounds = (bound(&mut dice), bound(&mut dice));
            let direction =
                [Direction::Ascending, Direction::Descending][usize::from(dice.roll(2) == 0)];
            let part = [Part::Keys, Part::Records][usize::from(dice.roll(2) == 0)];
            let walk = dice.roll(1 << 40);
            let look = |view: &dyn View| walked(view, &bounds, (direction, part), Dice(walk));
            assert_eq!(look(&overlay), look(backend.view().as_ref()), "seed {seed}");
            let key = dice.key();
            assert_eq!(overlay.get(TABLE, &key), backend.view().get(TABLE, &key));
        }
    }
}

fn bound(dice: &mut Dice) -> Bound<Vec<u8>> {
    match dice.roll(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(dice.key()),
        _ => Bound::Excluded(dice.key()),
    }
}

/// What a visitor sees that goes on, seeks and stops as the dice say.
fn walked(
    view: &dyn View,
    (start, end): &(Bound<Vec<u8>>, Bound<Vec<u8>>),
    (direction, part): (Direction, Part),
    mut dice: Dice,
) -> Vec<(Vec<u8>, String)> {
    let mut seen = Vec::new();
    let bounds = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
    view.scan(TABLE, bounds, direction, part, &mut |key, value| {
        seen.push((key.to_vec(), String::from_utf8_lossy(value).into_owned()));
        match dice.roll(8) {
            0 => Step::Stop,
            1..3 => Step::Seek(dice.key()),
            _ => Step::Next,
        }
    })
    .expect("no faults");
    seen
}
