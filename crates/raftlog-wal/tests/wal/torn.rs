//! Ends that a crash interrupted, and damage that it did not do (storage.md §2.4).

use std::ops::Range;
use std::path::PathBuf;

use raftlog::Fault;
use units::Entry;

use super::world::{World, contents, entry, frames, hard_state};

const SEGMENT_BYTES: u64 = 16_384;

/// A log in one segment, and where its last group is.
struct Written {
    world: World,
    path: PathBuf,
    image: Vec<u8>,
    entries: Vec<Entry>,
    frames: Vec<usize>,
}

/// What a start makes of a log.
enum Found {
    Whole(Vec<Entry>),
    Repaired(Vec<Entry>),
    Refused { offset: usize },
}

/// Groups of entries with so many bytes each, every group with a hard state if there are to be any.
fn written(groups: &[&[usize]], with_hard_states: HardStates) -> Written {
    let world = World::new(1, SEGMENT_BYTES);
    let mut log = world.create().expect("creates").log;
    let mut entries: Vec<Entry> = Vec::new();
    for group in groups {
        let begin = entries.len();
        for length in *group {
            entries.push(entry(1, entries.len() as u64 + 1, *length));
        }
        let hard_state = match with_hard_states {
            HardStates::Some => Some(hard_state(1, begin as u64)),
            HardStates::None => None,
        };
        log.append(&entries[begin..], hard_state).expect("appends");
        log.sync().expect("syncs");
    }
    drop(log);
    let path = world.segments().pop().expect("there is a segment");
    let image = world.bytes(&path);
    let frames = frames(&image);
    Written { world, path, image, entries, frames }
}

#[derive(Clone, Copy)]
enum HardStates {
    Some,
    None,
}

impl Written {
    fn open_with(&self, image: &[u8]) -> Found {
        self.world.replace(&self.path, image);
        match self.world.open() {
            Ok(opened) if opened.repaired.is_none() => {
                Found::Whole(contents(&*opened.log.reader()))
            }
            Ok(opened) => Found::Repaired(contents(&*opened.log.reader())),
            Err(Fault::Corrupt { file, offset, what }) => {
                assert_eq!(file, self.path.display().to_string());
                assert!(what.contains("replace this member"), "{what}");
                Found::Refused { offset: usize::try_from(offset).expect("it is small") }
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn with(&self, zeroed: Range<usize>) -> Vec<u8> {
        let mut image = self.image.clone();
        image[zeroed].fill(0);
        image
    }

    /// The frame that many before the last.
    fn frame(&self, before_last: usize) -> Range<usize> {
        let last = self.frames.len() - 2 - before_last;
        self.frames[last]..self.frames[last + 1]
    }
}

#[test]
fn a_file_cut_anywhere_in_the_last_record_is_repaired() {
    let log = written(&[&[30, 30], &[700]], HardStates::None);
    let last = log.frame(0);
    for cut in last.clone() {
        match log.open_with(&log.image[..cut]) {
            Found::Whole(left) if cut == last.start => assert_eq!(left, log.entries[..2]),
            Found::Repaired(left) if cut > last.start => assert_eq!(left, log.entries[..2]),
            _ => panic!("cut at {cut} of {last:?}"),
        }
    }
    match log.open_with(&log.image[..last.end]) {
        Found::Whole(left) => assert_eq!(left, log.entries),
        _ => panic!("nothing was lost"),
    }
}

#[test]
fn a_last_record_in_one_sector_is_torn_if_all_of_it_is_missing() {
    let log = written(&[&[30, 30], &[40]], HardStates::None);
    let last = log.frame(0);
    assert_eq!(last.start / 512, (last.end - 1) / 512, "it lies in one sector");
    for begin in last.clone() {
        match log.open_with(&log.with(begin..last.end)) {
            Found::Whole(left) if begin == last.start => assert_eq!(left, log.entries[..2]),
            // A length field that tells less, of which nothing was written.
            Found::Repaired(left) if begin <= last.start + 8 => {
                assert_eq!(left, log.entries[..2], "zeros from {begin} on");
            }
            Found::Refused { offset } if begin > last.start => assert_eq!(offset, last.start),
            // Padding.
            Found::Whole(left) if begin > last.start + 8 => assert_eq!(left, log.entries),
            _ => panic!("zeros from {begin} of {last:?} on"),
        }
    }
}

#[test]
fn a_group_with_any_sector_missing_is_cut_off_from_there() {
    let log = written(&[&[30, 30], &[100, 700, 20, 600, 90, 2000]], HardStates::Some);
    let group = log.frame(6).start..log.frame(0).end;
    for sector in group.start / 512..=(group.end - 1) / 512 {
        let missing = (sector * 512).max(group.start)..((sector + 1) * 512).min(group.end);
        match log.open_with(&log.with(missing.clone())) {
            // The last sector's first bytes can be those of the hard state alone.
            Found::Repaired(left) | Found::Whole(left) => {
                assert!(left.len() >= 2, "a synced entry is gone without {missing:?}");
                assert_eq!(left, log.entries[..left.len()], "without {missing:?}");
                let whole = log.frames.iter().filter(|end| **end <= missing.start).count();
                assert!(left.len() + 6 >= whole, "whole records are gone without {missing:?}");
            }
            Found::Refused { offset } => panic!("refused at {offset} without {missing:?}"),
        }
        // What is repaired can be written again.
        let mut log_again = log.world.open().expect("opens again");
        assert_eq!(log_again.repaired, None, "once is enough");
        let last = log_again.last.index.0;
        log_again.log.append(&[entry(2, last + 1, 50)], None).expect("appends");
        log_again.log.sync().expect("syncs");
        drop(log_again);
        assert_eq!(log.world.open().expect("opens").last.index.0, last + 1);
    }
}

#[test]
fn a_synced_group_with_a_sector_missing_is_refused() {
    let log = written(&[&[30], &[1500, 700], &[600], &[20], &[30]], HardStates::Some);
    let synced = log.frames[3]..log.frame(3).start;
    for sector in synced.start / 512..synced.end / 512 {
        let missing = (sector * 512).max(synced.start)..(sector + 1) * 512;
        match log.open_with(&log.with(missing.clone())) {
            Found::Refused { offset } => assert!(offset <= missing.start, "{offset} {missing:?}"),
            _ => panic!("synced entries were cut off without {missing:?}"),
        }
    }
}

#[test]
fn every_flipped_bit_before_the_last_group_is_found() {
    let log = written(&[&[5], &[0, 17], &[40, 3]], HardStates::Some);
    let last_group = log.frame(2).start;
    for at in 0..log.frame(0).end {
        for bit in 0..8 {
            let mut image = log.image.clone();
            image[at] ^= 1 << bit;
            match log.open_with(&image) {
                // A bit that says nothing, as in padding.
                Found::Whole(left) if left == log.entries => {}
                // What was an entry is missed later on.
                Found::Refused { offset } => assert!(log.frames.contains(&offset), "{offset}"),
                Found::Whole(left) | Found::Repaired(left) => {
                    assert!(at >= last_group, "byte {at} bit {bit}: synced entries are gone");
                    assert_eq!(left, log.entries[..left.len()]);
                    assert!(left.len() >= 3, "byte {at} bit {bit}: synced entries are gone");
                }
            }
        }
    }
}

#[test]
fn what_was_cut_off_is_kept_beside_it() {
    let log = written(&[&[30], &[700]], HardStates::None);
    let last = log.frame(0);
    let torn = &log.image[..last.end - 100];
    log.world.replace(&log.path, torn);
    let opened = log.world.open().expect("opens");
    let said = opened.repaired.expect("it was repaired");
    let offset = format!("offset {}", last.start);
    assert!(said.contains(&offset) && said.contains(".broken"), "{said}");
    let broken = PathBuf::from(format!("{}.broken", log.path.display()));
    assert_eq!(log.world.bytes(&broken), torn);
    let left = log.world.bytes(&log.path);
    assert_eq!(left.len() as u64, SEGMENT_BYTES, "the segment is allocated again");
    assert!(left[last.start..].iter().all(|byte| *byte == 0), "and empty behind its end");
}

#[test]
fn a_torn_end_before_the_last_segment_is_refused() {
    let world = World::new(1, 512);
    let mut log = world.create().expect("creates").log;
    for index in 1..=3 {
        log.append(&[entry(1, index, 600)], Some(hard_state(1, index - 1))).expect("appends");
        log.sync().expect("syncs");
    }
    drop(log);
    let segments = world.segments();
    assert_eq!(segments.len(), 3);
    for path in &segments[..2] {
        let image = world.bytes(path);
        world.replace(path, &image[..image.len() - 40]);
        assert!(matches!(world.open(), Err(Fault::Corrupt { .. })));
        let short = frames(&image);
        world.replace(path, &image[..short[short.len() - 3]]);
        assert!(matches!(world.open(), Err(Fault::Corrupt { .. })), "whole records are missing");
        world.replace(path, &image);
    }
    world.open().expect("opens as it was");
}
