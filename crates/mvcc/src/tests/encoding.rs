//! What is written by hand is what protobuf would have written.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use proto::mvccpb::{Event, KeyValue, event::EventType};
use units::{LeaseId, Revision};

use super::model::{Dice, crc32c};
use super::world::{World, delete, put};
use crate::crc::Crc32c;
use crate::record::{KeyValue as Parts, Record};
use crate::revision::RevisionKey;
use crate::tables::{history_key, history_revision};

#[test]
fn records_are_protobuf() {
    let numbers = [0, 1, 127, 128, 300, i64::MAX, -1, i64::MIN];
    for (at, number) in numbers.into_iter().enumerate() {
        let kv = KeyValue {
            key: Bytes::from(vec![7; 1 + 100 * at]),
            create_revision: number,
            mod_revision: numbers[(at + 1) % 8],
            version: numbers[(at + 2) % 8],
            value: Bytes::from(vec![9; 150 * at]),
            lease: numbers[(at + 3) % 8],
        };
        let parts = Parts {
            key: &kv.key,
            create: Revision(kv.create_revision),
            modified: Revision(kv.mod_revision),
            version: kv.version,
            value: &kv.value,
            lease: LeaseId(kv.lease),
        };
        let mut bytes = Vec::new();
        parts.write(&mut bytes);
        assert_eq!(bytes, kv.encode_to_vec());
        assert_eq!(parts.len(), bytes.len());
        let record = Record::read(bytes.into()).expect("it reads");
        assert_eq!((record.key(), record.value()), (kv.key.clone(), kv.value.clone()));
        assert_eq!((record.meta.create.0, record.meta.lease.0), (kv.create_revision, kv.lease));
        let short = KeyValue { value: Bytes::new(), ..kv.clone() };
        assert_eq!(record.without_value(), short.encode_to_vec());
        let bare = KeyValue { value: Bytes::new(), lease: 0, ..kv };
        assert_eq!(record.key_only(), bare.encode_to_vec());
    }
}

#[test]
fn what_is_not_a_record_is_found_out() {
    for bytes in [&b""[..], b"\x0a\x05ab", b"\x10\x02", b"\x12\x01a", b"\x10\x01\x0a\x01a", b"\x0a"]
    {
        assert_eq!(Record::read(Bytes::copy_from_slice(bytes)), None);
    }
}

#[test]
fn events_are_protobuf() {
    let mut world = World::new();
    let changes = world.apply(&[vec![put("k", "v")], vec![delete("k")]]);
    let kv = KeyValue {
        key: "k".into(),
        create_revision: 2,
        mod_revision: 2,
        version: 1,
        value: "v".into(),
        lease: 0,
    };
    let gone = KeyValue { key: "k".into(), mod_revision: 3, ..KeyValue::default() };
    let event = |kind: EventType, kv| Event { r#type: kind.into(), kv: Some(kv), prev_kv: None };
    let expected = [event(EventType::Put, kv), event(EventType::Delete, gone)];
    for (changes, event) in changes.iter().zip(expected) {
        let changes = changes.as_ref().expect("something changed");
        assert_eq!(changes.events[0].encoded, event.encode_to_vec());
    }
    // A watcher that comes later reads the same.
    let again = world.snapshot.changes(Revision(2), Revision(3), usize::MAX).expect("no faults");
    let live: Vec<_> = changes.iter().flatten().map(|one| one.events[0].encoded.clone()).collect();
    let read: Vec<_> = again.iter().map(|one| one.events[0].encoded.clone()).collect();
    assert_eq!(live, read);
}

#[test]
fn history_keys_sort_by_key_and_then_newest_first() {
    let mut dice = Dice(3);
    for _ in 0..3000 {
        let mut one = || {
            let (main, sub) = (i64::try_from(dice.roll(4)).expect("small"), dice.roll(2));
            let sub = u32::try_from(sub).expect("small");
            (dice.key(), RevisionKey { main: Revision(main), sub })
        };
        let (a, b) = (one(), one());
        let expected = a.0.cmp(&b.0).then(b.1.cmp(&a.1));
        assert_eq!(history_key(&a.0, a.1).cmp(&history_key(&b.0, b.1)), expected);
        assert_eq!(history_revision(&history_key(&a.0, a.1)), Ok(a.1));
    }
}

#[test]
fn the_checksum_is_crc_32c() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    for (from, to) in [(0, 0), (0, 9), (3, 1000), (1, 17), (0, 8), (5, 21)] {
        let mut crc = Crc32c::new();
        let (first, second) = bytes[from..to].split_at((to - from) / 3);
        crc.update(first);
        crc.update(second);
        assert_eq!(crc.finish(), crc32c(&bytes[from..to]));
    }
    let mut crc = Crc32c::new();
    crc.update(b"123456789");
    assert_eq!(crc.finish(), 0xe306_9283);
}
