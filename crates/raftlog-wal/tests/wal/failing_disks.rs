//! Disks that refuse, lie or fill up.

use raftlog::{Fault, ReadError};
use raftlog_wal::files::Call;
use units::Index;

use super::world::{World, contents, entry, frames, hard_state};

#[test]
fn a_group_is_one_write_and_one_sync() {
    let world = World::new(1, 1 << 20);
    let mut log = world.create().expect("creates").log;
    for round in 0..5 {
        let entries: Vec<_> = (1..=100).map(|nth| entry(1, round * 100 + nth, 64)).collect();
        let before = world.disk.changes();
        for one in &entries {
            log.append(std::slice::from_ref(one), Some(hard_state(1, one.index.0 - 1)))
                .expect("appends");
        }
        assert_eq!(world.disk.changes(), before, "nothing is written before the sync");
        log.sync().expect("syncs");
        assert_eq!(world.disk.changes(), before + 2, "one write and one sync");
        log.sync().expect("syncs nothing");
        assert_eq!(world.disk.changes(), before + 2, "there was nothing to sync");
    }
}

#[test]
fn after_a_failure_nothing_works_any_more() {
    for call in [Call::Sync, Call::Write] {
        for seed in 0..20 {
            let world = World::new(seed, 4096);
            let mut log = world.create().expect("creates").log;
            log.append(&[entry(1, 1, 600)], Some(hard_state(1, 0))).expect("appends");
            log.sync().expect("syncs");
            log.append(&[entry(1, 2, 1200)], None).expect("appends");
            world.disk.fail_next(call);
            let fault = log.sync().expect_err("the disk failed");
            assert!(matches!(fault, Fault::Io { .. }));
            assert_eq!(log.sync(), Err(fault.clone()), "a sync is never tried again");
            assert_eq!(log.append(&[entry(1, 3, 1)], None), Err(fault.clone()));
            assert_eq!(log.install(&super::world::marker(2, 50)), Err(fault));
            world.disk.crash();
            drop(log);
            let opened = world.open().expect("opens after a crash");
            let left = contents(&*opened.log.reader());
            assert!(left == [entry(1, 1, 600)] || left == [entry(1, 1, 600), entry(1, 2, 1200)]);
        }
    }
}

/// A sync has failed, and the process with it, but not the machine: what the disk refused is still
/// in the cache, nobody will write it again, and another sync succeeds. A start that shows it must
/// have written it again, for it may be acknowledged without another sync.
#[test]
fn what_a_start_shows_after_a_failed_sync_is_durable() {
    let mut shown = 0;
    for seed in 0..100 {
        let world = World::new(seed, 4096);
        let mut log = world.create().expect("creates").log;
        log.append(&[entry(1, 1, 600)], Some(hard_state(1, 0))).expect("appends");
        log.sync().expect("syncs");
        log.append(&[entry(2, 2, 1200)], Some(hard_state(2, 0))).expect("appends");
        world.disk.fail_next(Call::Sync);
        log.sync().expect_err("the disk failed");
        world.disk.kill();
        drop(log);
        let opened = world.open().expect("opens what the cache holds");
        let (entries, state) = (contents(&*opened.log.reader()), opened.hard_state);
        shown += entries.len() - 1;
        world.disk.crash();
        drop(opened);
        let opened = world.open().expect("opens what the disk holds");
        assert_eq!(opened.hard_state, state, "seed {seed}");
        assert_eq!(contents(&*opened.log.reader()), entries, "seed {seed}");
    }
    assert!(shown > 0, "the cache shows what the disk does not hold");
}

#[test]
fn a_start_that_cannot_read_says_so() {
    let world = World::new(1, 4096);
    drop(world.create().expect("creates"));
    world.disk.fail_next(Call::Read);
    assert!(matches!(world.open(), Err(Fault::Io { .. })));
    world.open().expect("opens when the disk works");
}

#[test]
fn a_full_disk_is_a_fault_and_loses_nothing() {
    let world = World::new(1, 2048);
    world.disk.set_capacity(5000);
    let mut log = world.create().expect("creates").log;
    let mut synced = 0;
    let fault = loop {
        let one = entry(1, synced + 1, 200);
        match log.append(&[one], None).and_then(|()| log.sync()) {
            Ok(()) => synced += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(&fault, Fault::Io { error, .. } if error.contains("no room")), "{fault}");
    assert!(synced > 10, "there was room for two segments");
    world.disk.crash();
    drop(log);
    world.disk.set_capacity(u64::MAX);
    assert!(world.open().expect("opens when there is room").last.index.0 >= synced);
}

#[test]
fn a_log_grows_where_there_is_no_room_for_a_whole_segment() {
    let world = World::new(1, 2048);
    let mut log = world.create().expect("creates").log;
    // Not for a second segment, but for half of one.
    world.disk.set_capacity(3100);
    let mut entries = Vec::new();
    while world.segments().len() == 1 || entries.len() < 11 {
        let one = entry(1, entries.len() as u64 + 1, 200);
        log.append(std::slice::from_ref(&one), None).expect("appends");
        log.sync().expect("there is room for a record");
        entries.push(one);
        assert!(!world.names().contains(&"0.tmp".to_string()), "what was begun is gone");
    }
    assert_eq!(contents(&*log.reader()), entries);
    world.disk.crash();
    drop(log);
    let mut log = world.open().expect("a start takes no room").log;
    log.append(&[], Some(hard_state(7, 3))).expect("appends");
    log.sync().expect("there is room for a vote");
    drop(log);

    world.disk.set_capacity(u64::MAX);
    let opened = world.open().expect("opens with room");
    assert_eq!(opened.hard_state, hard_state(7, 3));
    assert_eq!(contents(&*opened.log.reader()), entries);
    drop(opened);
    let last = world.segments().pop().expect("there is a segment");
    assert_eq!(world.bytes(&last).len(), 2048, "it gets its room when there is some");
}

#[test]
fn a_torn_end_is_cut_off_also_where_there_is_no_room_for_a_copy() {
    let world = World::new(1, 4096);
    let mut log = world.create().expect("creates").log;
    log.append(&[entry(1, 1, 100)], Some(hard_state(1, 0))).expect("appends");
    log.sync().expect("syncs");
    drop(log);
    let path = world.segments().pop().expect("there is a segment");
    let mut image = world.bytes(&path);
    let end = *frames(&image).last().expect("there are records");
    // The beginning of a record that was never finished.
    image[end..end + 8].copy_from_slice(&600_u64.to_le_bytes());
    image[end + 8..end + 16].fill(1);
    world.replace(&path, &image);
    world.disk.set_capacity(4096);
    let opened = world.open().expect("opens");
    let said = opened.repaired.expect("something was cut off");
    assert!(said.ends_with("there was no room for a copy"), "{said}");
    assert_eq!(world.names().len(), 1, "nothing of a copy is left");
    assert_eq!(contents(&*opened.log.reader()), [entry(1, 1, 100)]);
}

#[test]
fn rot_is_never_read() {
    let world = World::new(1, 4096);
    let mut log = world.create().expect("creates").log;
    let entries = [entry(1, 1, 40), entry(1, 2, 40), entry(2, 3, 40)];
    log.append(&entries, Some(hard_state(2, 1))).expect("appends");
    log.sync().expect("syncs");
    let reader = log.reader();
    let path = world.segments().pop().expect("there is a segment");
    let frames = frames(&world.bytes(&path));
    // Behind the head (checksum, metadata, marker): three entries, a hard state.
    assert_eq!(frames.len(), 3 + 3 + 1 + 1);
    for at in frames[4]..frames[5] {
        for bit in 0..8 {
            world.disk.rot(&path, at as u64, 1 << bit).expect("there is such a byte");
            match reader.read(Index(2), Index(2), 1000) {
                Ok(found) => assert_eq!(found, entries[1..2], "byte {at}"),
                Err(ReadError::Fault(Fault::Corrupt { offset, .. })) => {
                    assert_eq!(offset, frames[4] as u64);
                }
                Err(other) => panic!("{other}"),
            }
            world.disk.rot(&path, at as u64, 1 << bit).expect("there is such a byte");
        }
    }
    assert_eq!(contents(&*reader), entries, "all is as it was");
}

#[test]
fn a_missing_segment_is_a_fault() {
    let world = World::new(1, 512);
    let mut log = world.create().expect("creates").log;
    for index in 1..=9 {
        log.append(&[entry(1, index, 200)], Some(hard_state(1, index - 1))).expect("appends");
        log.sync().expect("syncs");
    }
    drop(log);
    let segments = world.segments();
    assert!(segments.len() > 3);
    for path in &segments {
        let image = world.bytes(path);
        world.files().remove(path).expect("removes");
        match world.open() {
            Err(Fault::Corrupt { what, .. }) => assert!(what.contains("missing"), "{what}"),
            // Nothing shows that there was another one behind it, but the hard states do.
            Ok(opened) => {
                assert!(opened.last.index < Index(9) && path == &segments[segments.len() - 1])
            }
            Err(other) => panic!("{other}"),
        }
        world.replace(path, &image);
    }
    world.open().expect("opens as it was");
}
