//! kv.md §1, §4, §5 and §7 as commands show them.

use alloc::vec;

use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{Compare, PutRequest, RangeRequest, RequestHeader, TxnRequest};
use units::{EntryKind, Index, Revision};

use super::world::{World, all, bytes, delete, op, put, range};
use crate::check::{self, Invalid};
use crate::{Command, Outcome, Refusal};

#[test]
fn kv_4_p1_what_is_wrong_with_a_put() {
    assert_eq!(check::put(&put("", "v")), Err(Invalid::EmptyKey));
    let keeps_value = |value: &str| PutRequest { ignore_value: true, ..put("k", value) };
    assert_eq!(check::put(&keeps_value("v")), Err(Invalid::ValueProvided));
    assert_eq!(check::put(&keeps_value("")), Ok(()));
    let keeps_lease = |lease| PutRequest { ignore_lease: true, lease, ..put("k", "v") };
    assert_eq!(check::put(&keeps_lease(5)), Err(Invalid::LeaseProvided));
    assert_eq!(check::put(&keeps_lease(0)), Ok(()));
    let long = "k".repeat(mvcc::KEY_BYTES_MAX + 1);
    assert_eq!(check::put(&put(&long, "")), Err(Invalid::KeyTooLong));
    assert_eq!(check::put(&put(&long[1..], "")), Ok(()));
    assert_eq!(check::delete_range(&delete("", "z")), Err(Invalid::EmptyKey));
}

#[test]
fn kv_4_p3_the_lease_is_looked_at_before_the_key() {
    let mut world = World::new();
    let request = PutRequest { ignore_value: true, lease: 5, ..put("k", "") };
    assert_eq!(world.put_request(request.clone()), Err(Refusal::LeaseNotFound));
    world.grant(5, 10).expect("it is new");
    assert_eq!(world.put_request(request.clone()), Err(Refusal::KeyNotFound));
    assert_eq!(world.revision(), 1, "nothing is written");
    // In a transaction too; before 3.6 it was the other way round there.
    let both = PutRequest { lease: 6, ..request };
    assert_eq!(world.txn(all([op(both)])), Err(Refusal::LeaseNotFound));
}

#[test]
fn kv_4_p4_a_put_may_keep_the_value_or_the_lease() {
    let mut world = World::new();
    world.grant(5, 10).expect("it is new");
    let large = "v".repeat(4000);
    world.put_request(PutRequest { lease: 5, ..put("k", &large) }).expect("it is put");
    world.put_request(PutRequest { ignore_value: true, ..put("k", "") }).expect("it is there");
    let kv = world.get("k").expect("it is there");
    assert_eq!((kv.value, kv.lease, kv.version), (bytes(&large), 0, 2));
    assert!(world.lease_keys(5).is_empty());
    world.put_leased("k", 5).expect("the lease is there");
    world.put_request(PutRequest { ignore_lease: true, ..put("k", "w") }).expect("it is there");
    let kv = world.get("k").expect("it is there");
    assert_eq!((kv.value, kv.lease, kv.version), (bytes("w"), 5, 4));
    assert_eq!(world.lease_keys(5), ["k"]);
}

#[test]
fn kv_4_p5_a_put_tells_what_was_there() {
    let mut world = World::new();
    let asks = |value: &str| PutRequest { prev_kv: true, ..put("k", value) };
    assert_eq!(world.put_request(asks("1")).expect("it is put").prev_kv, None);
    let large = "v".repeat(4000);
    for value in [&large[..], "3"] {
        let before = world.get("k");
        let response = world.put_request(asks(value)).expect("it is put");
        let told = response.prev_kv.map(|kv| prost::Message::decode(kv).expect("it is one"));
        assert_eq!(told, before);
        assert_eq!(response.header.map(|header| header.revision), Some(world.revision()));
    }
}

#[test]
fn kv_5_d1_d2_a_deletion_counts_and_tells() {
    let mut world = World::new();
    world.put("b", "1");
    world.put("a", "2");
    let mut request = delete("a", "z");
    request.prev_kv = true;
    let response = world.delete(request.clone()).expect("it is done");
    assert_eq!((response.deleted, response.prev_kvs.len()), (2, 2));
    assert_eq!(response.header.map(|header| header.revision), Some(4));
    let again = world.delete(request).expect("it is done");
    assert_eq!((again.deleted, again.prev_kvs.len()), (0, 0));
    assert_eq!(again.header.map(|header| header.revision), Some(4));
    let mut applied =
        world.apply(Command { delete_range: Some(delete("x", "")), ..Command::default() });
    assert!(applied.events.is_empty());
    assert_eq!(applied.completions.remove(0).index, Index(5));
}

#[test]
fn kv_7_compactions_are_refused_or_scheduled_and_finish_in_the_background() {
    let mut world = World::new();
    for value in ["1", "2", "3"] {
        world.put("k", value);
    }
    assert_eq!(world.compact(5), Err(Refusal::Future));
    let outcome = world.compact(4).expect("it can be");
    let Outcome::Compact(response) = outcome else { unreachable!("{outcome:?}") };
    assert_eq!(response.header.map(|header| header.revision), Some(4));
    assert_eq!(world.compact(4), Err(Refusal::Compacted));
    assert_eq!(world.compact(-1), Err(Refusal::Compacted));
    let mut old = range("k", "");
    old.revision = 3;
    assert_eq!(world.range(&old), Err(Refusal::Compacted));
    assert!(world.machine.has_compaction());
    assert_eq!(world.finish_compaction(), Some(Revision(4)));
    assert!(!world.machine.has_compaction());
    assert_eq!(world.published().snapshot.store().finished, Revision(4));
}

#[test]
fn m1_a_transaction_that_reads_what_is_compacted_writes_nothing() {
    let mut world = World::new();
    for value in ["1", "2", "3"] {
        world.put("k", value);
    }
    world.compact(4).expect("it can be");
    let mut old = range("k", "");
    old.revision = 2;
    let mut future = range("k", "");
    future.revision = 9;
    let nested = |read| op(all([op(put("n", "1")), op(read)]));
    for (txn, refusal) in [
        (all([op(put("k2", "1")), op(old.clone())]), Refusal::Compacted),
        (all([op(old.clone()), op(put("k2", "1"))]), Refusal::Compacted),
        (all([op(put("k2", "1")), op(future)]), Refusal::Future),
        (all([op(put("k2", "1")), nested(old)]), Refusal::Compacted),
    ] {
        assert_eq!(world.txn(txn), Err(refusal));
        assert_eq!((world.revision(), world.get("k2"), world.get("n")), (4, None, None));
    }
}

#[test]
fn a_group_is_one_batch_and_each_command_sees_those_before_it() {
    let mut world = World::new();
    let command = |put| Command {
        header: Some(RequestHeader { id: 3, ..RequestHeader::default() }),
        put: Some(put),
        ..Command::default()
    };
    let mut entries = vec![];
    for value in ["1", "2", "3"] {
        let data = prost::Message::encode_to_vec(&command(PutRequest {
            prev_kv: true,
            ..put("k", value)
        }));
        entries.push(world.entry(EntryKind::Normal, data));
    }
    let applied = world.machine.apply(world.now, &entries).expect("no faults");
    assert_eq!(world.disk.unsynced(), 1);
    let seen = applied.completions.into_iter().map(|completion| match completion.result {
        Ok(Outcome::Put(response)) => response.prev_kv.map(|kv| {
            let kv: proto::mvccpb::KeyValue = prost::Message::decode(kv).expect("it is one");
            kv.value
        }),
        other => unreachable!("{other:?}"),
    });
    assert_eq!(seen.collect::<vec::Vec<_>>(), [None, Some(bytes("1")), Some(bytes("2"))]);
    let revisions = applied.events.iter().map(|changes| changes.revision.0);
    assert_eq!(revisions.collect::<vec::Vec<_>>(), [2, 3, 4]);
}

#[test]
fn what_is_not_understood_is_refused() {
    let mut world = World::new();
    let auth = Command { auth_enable: Some(Default::default()), ..Command::default() };
    assert_eq!(world.run(auth), Err(Refusal::Unsupported));
    assert_eq!(world.run(Command::default()), Err(Refusal::Unsupported));
    let downgrade = Command { downgrade_info_set: Some(Default::default()), ..Command::default() };
    assert_eq!(world.run(downgrade), Err(Refusal::Unsupported));
    // An empty key would be no key at all.
    assert_eq!(world.put_request(put("", "v")), Err(Refusal::KeyLength));
    assert_eq!(
        world.txn(TxnRequest { success: vec![op(put("", ""))], ..Default::default() }),
        Err(Refusal::KeyLength)
    );
}

/// No stored key is as long as what is asked for here; it is compared like any other.
#[test]
fn what_is_asked_for_may_be_longer_than_any_key() {
    let mut world = World::new();
    let endless = "m".repeat(70_000);
    for key in ["a", "m", "n"] {
        world.put(key, "1");
    }
    let counts = |world: &World| {
        [range("a", &endless), range(&endless, "z"), range(&endless, "")].map(|request| {
            let old = RangeRequest { revision: 2, ..request.clone() };
            let counted = RangeRequest { count_only: true, ..request.clone() };
            let limited = RangeRequest { limit: 1, ..request.clone() };
            let target = SortTarget::Version.into();
            let order = SortOrder::Descend.into();
            let sorted = RangeRequest { sort_target: target, sort_order: order, ..request.clone() };
            let [now, old, counted, limited, sorted] = [request, old, counted, limited, sorted]
                .map(|request| world.range(&request).expect("it can be read").count);
            assert_eq!([counted, limited, sorted], [now; 3]);
            (now, old)
        })
    };
    assert_eq!(counts(&world), [(2, 1), (1, 0), (0, 0)]);
    for (key, end, created) in [("a", &*endless, 3), (&endless, "", 0), (&endless, "z", 5)] {
        let (key, range_end) = (bytes(key), bytes(end));
        let result = CompareResult::Less.into();
        let target_union = Some(TargetUnion::CreateRevision(created + 1));
        let target = CompareTarget::Create.into();
        let compare = Compare { result, target, key, range_end, target_union };
        let txn = TxnRequest {
            compare: vec![compare],
            success: vec![op(put("p", "1")), op(range("a", &endless)), op(range(&endless, "z"))],
            failure: vec![],
        };
        let answer = world.txn(txn).expect("it can be done");
        assert_eq!((answer.succeeded, answer.responses.len()), (true, 3));
    }
    let deleted = |world: &mut World, key, end| {
        world.delete(delete(key, end)).expect("it can be done").deleted
    };
    assert_eq!(deleted(&mut world, &endless, ""), 0);
    assert_eq!(deleted(&mut world, "b", &endless), 1);
    assert_eq!(deleted(&mut world, &endless, "\0"), 2);
    assert_eq!(world.keys(), ["a"]);
    assert_eq!(world.restart(0).keys(), ["a"]);
}
