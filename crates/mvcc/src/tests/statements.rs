//! etcd's statements about the keyspace, by their numbers in the description of its behaviour.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

use backend::{Direction, Part};
use bytes::Bytes;
use prost::Message;
use proto::mvccpb::KeyValue;
use units::{LeaseId, Revision};

use super::world::{Op, World, decode, delete, interval, put};
use crate::{Hash, HashScope, Interval, Refused, Walk};

fn keys(kvs: &[KeyValue]) -> Vec<String> {
    kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect()
}

#[test]
fn kv_r1_a_new_store_is_at_revision_1_and_compacts_once_at_0() {
    let mut world = World::new();
    assert_eq!((world.snapshot.revision().0, world.snapshot.compacted().0), (1, -1));
    assert_eq!(world.schedule(-1), Err(Refused::Compacted));
    assert_eq!(world.schedule(0), Ok(()));
    assert_eq!(world.schedule(0), Err(Refused::Compacted));
    assert_eq!(world.run(&[put("a", "1")]), 2);
}

#[test]
fn kv_r2_a_command_is_one_revision_and_its_changes_are_numbered() {
    let mut world = World::new();
    let revision = world.run(&[put("b", "1"), put("a", "1"), put("c", "1"), delete("b")]);
    assert_eq!(revision, 2);
    assert_eq!(world.history(2), ["2 put b", "2 put a", "2 put c", "2 delete b"]);
    assert_eq!(world.run(&[Op::Delete("a".into(), "z".into())]), 3);
    assert_eq!(world.history(3), ["3 delete a", "3 delete c"]);
}

#[test]
fn kv_r3_what_changes_nothing_raises_nothing() {
    let mut world = World::new();
    assert_eq!(world.run(&[]), 1);
    assert_eq!(world.run(&[delete("a"), Op::Delete("a".into(), vec![0])]), 1);
    assert_eq!(world.disk.unsynced(), 0, "nothing is written either");
}

#[test]
fn kv_r4_version_and_create_revision_count_a_generation() {
    let mut world = World::new();
    let state = |world: &World| {
        let kv = world.now("k").expect("it lives");
        (kv.create_revision, kv.mod_revision, kv.version)
    };
    world.run(&[put("k", "1")]);
    assert_eq!(state(&world), (2, 2, 1));
    world.run(&[put("k", "2")]);
    assert_eq!(state(&world), (2, 3, 2));
    world.run(&[delete("k")]);
    world.run(&[put("k", "3")]);
    assert_eq!(state(&world), (5, 5, 1));
}

#[test]
fn kv_r5_an_identical_put_is_a_change() {
    let mut world = World::new();
    world.run(&[put("k", "1")]);
    assert_eq!(world.run(&[put("k", "1")]), 3);
    assert_eq!(world.now("k").map(|kv| kv.version), Some(2));
    assert_eq!(world.history(3), ["3 put k"]);
}

#[test]
fn kv_r6_a_put_replaces_the_lease_and_tells_the_former_one() {
    let mut world = World::new();
    world.run(&[Op::Put("k".into(), vec![], 5)]);
    let mut group = world.group();
    let former = group.put(&Bytes::from("k"), b"", LeaseId::NONE).expect("no faults");
    assert_eq!(former.map(|former| former.lease), Some(LeaseId(5)));
    group.end();
    world.commit(group);
    assert_eq!(world.now("k").map(|kv| kv.lease), Some(0));
}

#[test]
fn kv_r7_a_tombstone_holds_the_key_alone() {
    let mut world = World::new();
    world.run(&[put("k", "1")]);
    world.run(&[delete("k")]);
    let record = world.snapshot.reader().version(crate::RevisionKey::first(Revision(3)));
    let gone = KeyValue { key: "k".into(), ..KeyValue::default() };
    assert_eq!(record.expect("it is there").bytes, gone.encode_to_vec());
}

#[test]
fn kv_r8_put_and_delete_of_a_key_in_one_revision() {
    let mut world = World::new();
    world.run(&[put("k", "before")]);
    let changes = world.apply(&[vec![put("k", "within"), delete("k")]]);
    assert_eq!(world.get("k", 2).map(|kv| kv.value), Some("before".into()));
    assert_eq!(world.get("k", 3), None);
    assert_eq!(world.count(&interval("k", "l"), 3), 0);
    // Both events say what was there before the whole revision.
    for event in &changes[0].as_ref().expect("it changed").events {
        let previous = world.snapshot.previous(Revision(3), event).expect("no faults");
        assert_eq!(previous.map(|kv| decode(&kv).value), Some("before".into()));
    }
    let read = world.snapshot.changes(Revision(3), Revision(3), usize::MAX).expect("no faults");
    for event in &read[0].events {
        let previous = world.snapshot.previous(Revision(3), event).expect("no faults");
        assert_eq!(previous.map(|kv| decode(&kv).value), Some("before".into()));
    }
}

#[test]
fn kv_r9_generations_come_and_go() {
    let mut world = World::new();
    world.run(&[put("k", "1")]);
    world.run(&[delete("k")]);
    world.run(&[put("x", "1")]);
    world.run(&[put("k", "2")]);
    world.run(&[delete("k")]);
    let lives: Vec<bool> = (1..=6).map(|at| world.get("k", at).is_some()).collect();
    assert_eq!(lives, [false, true, false, false, true, false]);
}

#[test]
fn kv_r10_a_version_stays_what_it_was_at_its_revision() {
    let mut world = World::new();
    for value in ["1", "2", "3", "4"] {
        world.run(&[put("k", value)]);
    }
    world.compact(4);
    let versions: Vec<_> = (4..=5).map(|at| world.get("k", at).map(|kv| kv.version)).collect();
    assert_eq!(versions, [Some(3), Some(4)]);
}

#[test]
fn kv_c1_c2_a_read_at_the_compacted_revision_is_complete() {
    let mut world = World::new();
    world.run(&[put("a", "1"), put("b", "1")]);
    world.run(&[put("a", "2")]);
    world.run(&[put("a", "3")]);
    world.compact(3);
    let reader = world.snapshot.reader();
    assert_eq!(reader.resolve(Revision(2)), Err(Refused::Compacted));
    assert_eq!(reader.resolve(Revision(3)), Ok(Revision(3)));
    assert_eq!(reader.resolve(Revision(5)), Err(Refused::Future));
    assert_eq!(reader.resolve(Revision(0)), Ok(Revision(4)));
    assert_eq!(reader.resolve(Revision(-7)), Ok(Revision(4)));
    let all = world.scan(&Interval::all(), 3, Direction::Ascending);
    assert_eq!(keys(&all), ["a", "b"]);
    assert_eq!(all[0].value, "2");
}

#[test]
fn kv_c2_below_is_refused_from_the_scheduling_on() {
    let mut world = World::new();
    world.run(&[put("a", "1")]);
    world.run(&[put("a", "2")]);
    world.schedule(3).expect("it can be compacted");
    assert_eq!(world.snapshot.reader().resolve(Revision(2)), Err(Refused::Compacted));
    assert_eq!(world.schedule(3), Err(Refused::Compacted));
    assert_eq!(world.schedule(4), Err(Refused::Future));
}

#[test]
fn kv_c3_m4_a_watch_from_the_compacted_revision_hears_of_the_delete() {
    let mut world = World::new();
    for value in ["1", "2", "3"] {
        world.run(&[put("k", value)]);
    }
    let gone = world.apply(&[vec![delete("k")]]);
    world.run(&[put("k", "4")]);
    let gone = &gone[0].as_ref().expect("it changed").events[0];
    assert!(world.snapshot.previous(Revision(5), gone).expect("no faults").is_some());
    world.compact(5);
    assert_eq!(world.history(5), ["5 delete k", "6 put k"]);
    assert_eq!(world.snapshot.previous(Revision(5), gone), Ok(None), "though it is in memory");
    let changes = world.snapshot.changes(Revision(5), Revision(5), usize::MAX).expect("no faults");
    assert_eq!(world.snapshot.previous(Revision(5), &changes[0].events[0]), Ok(None));
    // The next compaction takes the tombstone away.
    world.compact(6);
    assert_eq!(world.history(5), ["6 put k"]);
}

/// However often a command changes a key, what counts is what it held before all of that; the
/// engine, which knows each version's predecessor, says the same as those who saw it happen.
#[test]
fn what_a_key_held_before_a_command_that_changed_it_again_and_again() {
    let mut world = World::new();
    world.run(&[put("k", "1")]);
    let ops = [delete("k"), put("k", "2"), put("k", "3"), delete("k"), put("k", "4")];
    let seen = world.apply(&[ops.to_vec()]).remove(0).expect("it changed something");
    let read = world.snapshot.changes(Revision(3), Revision(3), usize::MAX).expect("no faults");
    let before = world.get("k", 2);
    for event in seen.events.iter().chain(&read[0].events) {
        let previous = world.snapshot.previous(Revision(3), event).expect("no faults");
        assert_eq!(previous.map(|kv| decode(&kv)), before, "{event:?}");
    }
}

#[test]
fn kv_c3_m4_the_delete_may_be_the_newest_change() {
    let mut world = World::new();
    world.run(&[put("k", "1")]);
    world.run(&[delete("k")]);
    world.compact(3);
    assert_eq!(world.history(3), ["3 delete k"]);
    assert_eq!(world.run(&[put("k", "2")]), 4);
    assert_eq!(world.now("k").map(|kv| (kv.create_revision, kv.version)), Some((4, 1)));
    world.compact(4);
    assert_eq!(world.history(3), ["4 put k"]);
}

#[test]
fn kv_2_1_intervals() {
    let mut world = World::new();
    world.run(&["a", "b", "ba", "c"].map(|key| put(key, "")));
    let found =
        |start: &str, end: &str| keys(&world.scan(&interval(start, end), 2, Direction::Ascending));
    assert_eq!(found("b", ""), ["b"]);
    assert_eq!(found("b", "\0"), ["b", "ba", "c"]);
    assert_eq!(found("\0", "\0"), ["a", "b", "ba", "c"]);
    assert_eq!(found("b", "c"), ["b", "ba"]);
    assert!(found("c", "b").is_empty());
    assert!(found("b", "b").is_empty());
    assert_eq!(world.count(&interval("c", "b"), 2), 0);
}

#[test]
fn kv_2_3_9_a_count_spans_many_blocks() {
    let mut world = World::new();
    for number in 0..500 {
        world.run(&[put(&format!("{number:03}"), "")]);
    }
    for number in (0..500).step_by(3) {
        world.run(&[delete(&format!("{number:03}"))]);
    }
    for (from, to) in [(0u32, 500), (17, 390), (100, 101), (250, 250), (3, 4), (499, 500)] {
        let keys = interval(format!("{from:03}"), format!("{to:03}"));
        let expected = (from..to).filter(|number| number % 3 != 0).count() as u64;
        let newest = world.snapshot.revision().0;
        assert_eq!(world.count(&keys, newest), expected, "{from}..{to}");
        for read in [0, 1, 5, 20, 400] {
            let tallied = world.tally(&keys, newest, read);
            assert_eq!(tallied.unwrap_or(expected), expected, "{from}..{to} after {read}");
        }
        assert_eq!(world.count(&keys, 501), u64::from(to.abs_diff(from)), "{from}..{to}");
    }
    let every = interval("", "\0");
    assert!(
        world.tally(&every, world.snapshot.revision().0, 20).is_some(),
        "there are many blocks"
    );
    // Everything goes, and with it all fences but the first.
    world.run(&[Op::Delete("0".into(), vec![0])]);
    world.compact(world.snapshot.revision().0);
    world.run(&[put("x", "")]);
    world.compact(world.snapshot.revision().0);
    assert_eq!(world.count(&Interval::all(), world.snapshot.revision().0), 1);
}

#[test]
fn kv_2_4_k1_keys_alone_come_without_value_and_lease() {
    let mut world = World::new();
    let large = "v".repeat(5000);
    world.run(&[Op::Put("a".into(), b"small".to_vec(), 9)]);
    world.run(&[Op::Put("b".into(), large.into_bytes(), 9)]);
    let mut seen = Vec::new();
    let reader = world.snapshot.reader();
    let walk = Walk { order: Direction::Ascending, part: Part::Keys, ahead: usize::MAX };
    reader
        .scan(&Interval::all(), Revision(3), walk, &mut |found| {
            seen.push(decode(found.key_only()));
            ControlFlow::Continue(())
        })
        .expect("no faults");
    let kv = |key: &'static str, revision| KeyValue {
        key: key.into(),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        ..KeyValue::default()
    };
    assert_eq!(seen, [kv("a", 2), kv("b", 3)]);
}

#[test]
fn kv_5_d1_deletes_in_the_order_of_keys_and_tells_what_was_there() {
    let mut world = World::new();
    world.run(&[put("c", "3"), put("a", "1"), put("b", &"2".repeat(3000))]);
    let mut group = world.group();
    let gone = group.delete_range(&interval("a", "z")).expect("no faults");
    let values: Vec<usize> = gone
        .iter()
        .map(|former| group.reader().record(former).expect("no faults").value().len())
        .collect();
    assert_eq!(values, [1, 3000, 1]);
    assert_eq!(group.reader().newest(), Revision(3));
    group.end();
    world.commit(group);
    assert_eq!(world.history(3), ["3 delete a", "3 delete b", "3 delete c"]);
}

#[test]
fn kv_6_2_4_a_command_reads_its_own_writes_and_the_past() {
    let mut world = World::new();
    world.run(&[put("a", "1")]);
    let mut group = world.group();
    group.put(&Bytes::from("a"), b"2", LeaseId::NONE).expect("no faults");
    group.put(&Bytes::from("b"), b"2", LeaseId::NONE).expect("no faults");
    let reader = group.reader();
    assert_eq!(reader.newest(), Revision(3));
    let value = |key: &[u8], at| {
        reader.get(key, Revision(at)).expect("no faults").map(|record| record.value())
    };
    assert_eq!(value(b"a", 3), Some("2".into()));
    assert_eq!(value(b"a", 2), Some("1".into()));
    assert_eq!(value(b"b", 2), None);
    assert_eq!(reader.count(&Interval::all(), Revision(3)), Ok(2));
    assert_eq!(reader.count(&Interval::all(), Revision(2)), Ok(1));
    group.end();
    world.commit(group);
}

#[test]
fn storage_8_the_hash_of_an_empty_store() {
    let world = World::new();
    let hash = world.snapshot.reader().hash(HashScope::Revision(Revision(0)));
    let expected = Hash { hash: 1_084_519_789, compacted: Revision(-1), revision: Revision(1) };
    assert_eq!(hash, Ok(Ok(expected)));
}

#[test]
fn storage_8_the_hash_of_what_is_before_all_revisions() {
    let mut world = World::new();
    world.run(&[put("a", "1")]);
    let hash = world.snapshot.reader().hash(HashScope::Revision(Revision(-5)));
    let expected = Hash { hash: 1_084_519_789, compacted: Revision(-1), revision: Revision(-5) };
    assert_eq!(hash, Ok(Ok(expected)));
}

#[test]
fn storage_8_a_hash_of_what_is_not_there_is_refused() {
    let mut world = World::new();
    world.run(&[put("a", "1")]);
    world.run(&[put("a", "2")]);
    world.compact(3);
    let hash = |at| world.snapshot.reader().hash(HashScope::Revision(Revision(at)));
    assert_eq!(hash(2), Ok(Err(Refused::Compacted)));
    assert_eq!(hash(4), Ok(Err(Refused::Future)));
}

/// Found out with an engine in memory, which takes any key: what is asked of an engine is short.
#[test]
fn no_key_is_too_long_to_be_asked_for() {
    let longest = "m".repeat(crate::KEY_BYTES_MAX);
    let endless = "m".repeat(70_000);
    let further = "m".repeat(70_001);
    let mut world = World::new();
    world.run(&[put("a", "1"), put(&longest, "1"), put("n", "1")]);
    world.run(&[put("a", "2"), put(&longest, "2"), delete("n"), put("o", "2")]);
    assert_eq!((world.get(&endless, 2), world.now(&endless)), (None, None));
    let up_to = interval("a", &endless);
    let open = interval(&endless, b"\0");
    let from = interval(&endless, "z");
    for (keys, then, now) in [
        (Interval::single(endless.clone().into()), vec![], vec![]),
        (interval(&endless, &further), vec![], vec![]),
        (interval(&further, &endless), vec![], vec![]),
        (up_to, vec!["a", &longest], vec!["a", &longest]),
        (interval(&longest, &endless), vec![&longest], vec![&longest]),
        (open, vec!["n"], vec!["o"]),
        (from, vec!["n"], vec!["o"]),
    ] {
        let (start, end) = keys.bounds();
        for bound in [start, end] {
            if let Bound::Included(key) | Bound::Excluded(key) = bound {
                assert!(key.len() <= crate::KEY_BYTES_MAX + 1, "no engine is asked for more");
            }
        }
        for (at, expected) in [(2, then), (3, now)] {
            if keys.as_single().is_none() {
                for order in [Direction::Ascending, Direction::Descending] {
                    let mut found = self::keys(&world.scan(&keys, at, order));
                    found.sort_unstable();
                    assert_eq!(found, expected);
                }
            }
            assert_eq!(world.count(&keys, at), expected.len() as u64);
            if let Some(count) = world.tally(&keys, at, 1) {
                assert_eq!(count, expected.len() as u64);
            }
        }
    }
    let nothing = [delete(&endless), Op::Delete(endless.clone().into(), further.into())];
    assert_eq!(world.run(&nothing), 3);
    world.run(&[Op::Delete("b".into(), endless.clone().into())]);
    assert_eq!(world.history(4), [format!("4 delete {longest}")]);
    world.run(&[Op::Delete(endless.into(), vec![0])]);
    assert_eq!(world.history(5), ["5 delete o"]);
}
