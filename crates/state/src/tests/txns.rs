//! kv.md §6.

extern crate std;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use prost::Message;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::{Compare, RangeRequest, RequestOp, ResponseHeader, TxnRequest};
use proto::spliced::{Response, TxnResponse};

use super::world::{World, all, bytes, delete, op, put, range};
use crate::check::{self, Invalid};
use crate::{Command, Refusal, is_read_only, is_serializable, read};

fn check(ops: impl IntoIterator<Item = RequestOp>) -> Result<(), Invalid> {
    let request = all(ops);
    let swapped = TxnRequest { failure: request.success.clone(), ..TxnRequest::default() };
    let checked = check::txn(&request, 128);
    assert_eq!(check::txn(&swapped, 128), checked, "both branches are held to the same");
    checked
}

fn branches(success: impl Into<Vec<RequestOp>>, failure: impl Into<Vec<RequestOp>>) -> RequestOp {
    op(TxnRequest { compare: vec![], success: success.into(), failure: failure.into() })
}

fn compare(key: &str, end: &str, target: CompareTarget, result: CompareResult) -> Compare {
    Compare {
        result: result.into(),
        target: target.into(),
        key: bytes(key),
        range_end: bytes(end),
        target_union: None,
    }
}

fn version(key: &str, version: i64) -> Compare {
    let target_union = Some(TargetUnion::Version(version));
    Compare { target_union, ..compare(key, "", CompareTarget::Version, CompareResult::Equal) }
}

const DUPLICATE: Result<(), Invalid> = Err(Invalid::DuplicateKey);

#[test]
fn kv_6_1_put_put_same_key_is_refused() {
    assert_eq!(check([op(put("k", "1")), op(put("k", "2"))]), DUPLICATE);
    assert_eq!(check([op(put("k", "1")), op(put("l", "2"))]), Ok(()));
}

#[test]
fn kv_6_1_put_and_delete_covering_it_is_refused_in_either_order() {
    for gone in [delete("k", ""), delete("a", "z"), delete("k", "l")] {
        assert_eq!(check([op(put("k", "1")), op(gone.clone())]), DUPLICATE);
        assert_eq!(check([op(gone), op(put("k", "1"))]), DUPLICATE);
    }
    assert_eq!(check([op(put("k", "1")), op(delete("l", "z"))]), Ok(()));
    assert_eq!(check([op(put("k", "1")), op(delete("a", "k"))]), Ok(()));
    // To the end, etcd does not see it.
    assert_eq!(check([op(put("k", "1")), op(delete("a", "\0"))]), Ok(()));
}

#[test]
fn kv_6_1_deletes_may_overlap() {
    let deletes = [delete("a", "m"), delete("c", "z"), delete("b", ""), delete("x", "b")];
    assert_eq!(check(deletes.map(op)), Ok(()));
    let around = |key: &str| {
        let deletes = [delete("a", "c"), delete("e", "g"), delete("b", "f"), delete("x", "")];
        check(deletes.map(op).into_iter().chain([op(put(key, ""))]))
    };
    for (key, expected) in [("a", DUPLICATE), ("d", DUPLICATE), ("f", DUPLICATE), ("g", Ok(()))] {
        assert_eq!(around(key), expected, "{key}");
    }
    assert_eq!((around("x"), around("xx")), (DUPLICATE, Ok(())));
}

#[test]
fn kv_6_1_only_one_branch_of_a_nested_transaction_runs() {
    assert_eq!(check([branches([op(put("k", "1"))], [op(put("k", "2"))])]), Ok(()));
    assert_eq!(check([branches([op(put("k", "1"))], [op(delete("k", ""))])]), Ok(()));
    assert_eq!(check([branches([op(put("k", "1")), op(delete("k", ""))], [])]), DUPLICATE);
}

#[test]
fn kv_6_1_siblings_and_levels_are_held_against_each_other() {
    let nested = |key| branches([op(put(key, "1"))], []);
    assert_eq!(check([nested("k"), nested("k")]), DUPLICATE);
    assert_eq!(check([nested("k"), nested("l")]), Ok(()));
    assert_eq!(check([nested("k"), op(put("k", "2"))]), DUPLICATE);
    assert_eq!(check([nested("k"), op(delete("a", "z"))]), DUPLICATE);
    let deleting = || branches([op(delete("a", "z"))], []);
    assert_eq!(check([deleting(), nested("k")]), DUPLICATE);
    assert_eq!(check([deleting(), op(put("k", "1"))]), DUPLICATE);
    // The hole.
    assert_eq!(check([nested("k"), deleting()]), Ok(()));
}

#[test]
fn kv_6_1_too_many_operations() {
    let puts = |count: usize| {
        let keys = (0..count).map(|number| alloc::format!("{number}"));
        keys.map(|key| op(put(&key, ""))).collect::<Vec<_>>()
    };
    assert_eq!(check(puts(128)), Ok(()));
    assert_eq!(check(puts(129)), Err(Invalid::TooManyOperations));
    assert_eq!(check([branches(puts(127), [])]), Ok(()));
    assert_eq!(check([branches(puts(128), [])]), Err(Invalid::TooManyOperations));
    let compares = TxnRequest { compare: vec![version("k", 1); 129], ..TxnRequest::default() };
    assert_eq!(check::txn(&compares, 128), Err(Invalid::TooManyOperations));
}

#[test]
fn kv_6_1_keys_and_operations_must_be_there() {
    assert_eq!(check([RequestOp { request: None }]), Err(Invalid::EmptyOperation));
    assert_eq!(check([op(put("", ""))]), Err(Invalid::EmptyKey));
    assert_eq!(check([op(delete("", ""))]), Err(Invalid::EmptyKey));
    assert_eq!(check([op(range("", ""))]), Err(Invalid::EmptyKey));
    assert_eq!(check([branches([op(put("", ""))], [])]), Err(Invalid::EmptyKey));
    let compares = TxnRequest { compare: vec![version("", 1)], ..TxnRequest::default() };
    assert_eq!(check::txn(&compares, 128), Err(Invalid::EmptyKey));
    let strange = Compare { result: 9, target: 9, ..version("k", 1) };
    let strange = TxnRequest { compare: vec![strange], ..TxnRequest::default() };
    assert_eq!(check::txn(&strange, 128), Ok(()), "numbers are not looked at");
}

fn holds(world: &World, compare: Compare) -> bool {
    let request = TxnRequest { compare: vec![compare], ..TxnRequest::default() };
    read::txn(world.published(), &request).expect("no faults").expect("it reads").succeeded
}

#[test]
fn kv_6_2_1_every_key_of_an_interval_must_pass() {
    use CompareResult::{Equal, Greater, Less, NotEqual};
    use CompareTarget::{Create, Lease, Mod, Value, Version};
    let mut world = World::new();
    world.put("a", "x");
    world.put("a", "x");
    world.put("b", "x");
    let with = |one: Compare, union| Compare { target_union: Some(union), ..one };
    let ask =
        |end, target, result, union| holds(&world, with(compare("a", end, target, result), union));
    assert!(ask("z", Value, Equal, TargetUnion::Value(bytes("x"))));
    assert!(!ask("z", Version, Equal, TargetUnion::Version(2)));
    assert!(ask("", Version, Equal, TargetUnion::Version(2)));
    assert!(ask("z", Version, Greater, TargetUnion::Version(0)));
    assert!(ask("\0", Mod, Less, TargetUnion::ModRevision(5)));
    assert!(!ask("\0", Create, NotEqual, TargetUnion::CreateRevision(2)));
    assert!(ask("z", Lease, Equal, TargetUnion::Lease(0)));
    // A missing key is all zeros, but has no value.
    let missing = |target, result| holds(&world, compare("m", "", target, result));
    assert!(missing(Version, Equal) && missing(Create, Equal) && missing(Mod, Equal));
    assert!(missing(Lease, Equal) && !missing(Version, Greater));
    assert!(!missing(Value, Equal) && !missing(Value, NotEqual) && !missing(Value, Less));
    assert!(holds(&world, compare("m", "z", Version, Equal)));
    // Another field than the target's counts as zero or empty.
    assert!(!ask("", Version, Equal, TargetUnion::ModRevision(2)));
    assert!(ask("", Value, Greater, TargetUnion::Version(7)));
    // Numbers that mean nothing.
    assert!(holds(&world, Compare { target: 9, ..version("a", 1) }));
    assert!(holds(&world, Compare { result: 9, ..version("a", 1) }));
}

#[test]
fn kv_6_2_2_nested_comparisons_see_the_state_before() {
    let mut world = World::new();
    let nested = TxnRequest {
        compare: vec![version("k", 1)],
        success: vec![op(put("saw", ""))],
        failure: vec![op(put("did-not-see", ""))],
    };
    world.txn(all([op(put("k", "1")), op(nested)])).expect("it is done");
    assert_eq!(world.keys(), ["did-not-see", "k"]);
}

#[test]
fn kv_6_2_3_checks_see_the_state_before_and_fail_the_whole() {
    let mut world = World::new();
    let keeps = proto::etcdserverpb::PutRequest { ignore_value: true, ..put("k", "") };
    let txn = all([op(put("k", "1")), branches([op(keeps)], [])]);
    assert_eq!(world.txn(txn), Err(Refusal::KeyNotFound));
    let leased = proto::etcdserverpb::PutRequest { lease: 9, ..put("l", "") };
    assert_eq!(world.txn(all([op(put("k", "1")), op(leased)])), Err(Refusal::LeaseNotFound));
    assert_eq!((world.revision(), world.keys()), (1, vec![]));
    // The first that fails, in the order of operations.
    let future = RangeRequest { revision: 9, ..range("k", "") };
    let leased = proto::etcdserverpb::PutRequest { lease: 9, ..put("l", "") };
    assert_eq!(world.txn(all([op(future), op(leased)])), Err(Refusal::Future));
}

#[test]
fn m6_a_negative_revision_is_taken_literally() {
    let mut world = World::new();
    world.put("k", "1");
    let at = |revision| all([op(put("l", "1")), op(RangeRequest { revision, ..range("k", "") })]);
    assert_eq!(world.txn(at(-5)), Err(Refusal::Compacted));
    assert!(world.txn(at(-1)).is_ok());
    world.compact(2).expect("it can be");
    assert_eq!(world.txn(at(-1)), Err(Refusal::Compacted));
    let reads = all([op(RangeRequest { revision: -5, ..range("k", "") })]);
    assert!(is_read_only(&reads));
    let answer = read::txn(world.published(), &reads).expect("no faults");
    assert_eq!(answer, Err(Refusal::Compacted));
}

#[test]
fn kv_6_2_4_operations_see_those_before_them() {
    let mut world = World::new();
    world.put("a", "1");
    let count = |response: &Response| match response {
        Response::ResponseRange(range) => {
            (range.count, range.header.as_ref().map(|header| header.revision))
        }
        other => unreachable!("{other:?}"),
    };
    let past = RangeRequest { revision: 2, ..range("a", "z") };
    let txn = all([
        op(range("a", "z")),
        op(put("b", "1")),
        op(range("a", "z")),
        op(delete("a", "")),
        op(range("a", "z")),
        op(past),
    ]);
    let response = world.txn(txn).expect("it is done");
    let answers: Vec<_> =
        [0, 2, 4, 5].iter().map(|place| count(answer(&response, *place))).collect();
    assert_eq!(answers, [(1, Some(2)), (2, Some(3)), (1, Some(3)), (1, Some(3))]);
}

fn answer(response: &TxnResponse, place: usize) -> &Response {
    response.responses[place].response.as_ref().expect("it is answered")
}

#[test]
fn kv_6_3_headers() {
    let mut world = World::new();
    let revision = |header: &Option<ResponseHeader>| header.as_ref().map(|header| header.revision);
    let txn = all([
        op(delete("x", "")),
        op(put("k", "1")),
        op(delete("x", "")),
        branches([op(put("n", "1"))], []),
    ]);
    let response = world.txn(txn).expect("it is done");
    assert_eq!(revision(&response.header), Some(2));
    let inner: Vec<_> = response
        .responses
        .iter()
        .map(|op| match op.response.as_ref().expect("it is answered") {
            Response::ResponseDeleteRange(response) => revision(&response.header),
            Response::ResponsePut(response) => revision(&response.header),
            Response::ResponseTxn(response) => {
                assert_eq!(response.header, Some(ResponseHeader::default()));
                revision(&response.header)
            }
            Response::ResponseRange(_) => unreachable!("nothing is read"),
        })
        .collect();
    assert_eq!(inner, [Some(1), Some(2), Some(2), Some(0)], "5 D3: the third sees the second");
    // Nothing changed: the current revision.
    let nothing = world.txn(all([op(delete("x", ""))])).expect("it is done");
    assert_eq!(revision(&nothing.header), Some(2));
    assert_eq!(world.revision(), 2);
}

#[test]
fn kv_6_3_which_transactions_only_read() {
    let local = RangeRequest { serializable: true, ..range("k", "") };
    let cases = [
        (all([]), true, true),
        (all([op(range("k", ""))]), true, false),
        (all([op(local.clone())]), true, true),
        (all([op(local.clone()), op(range("k", ""))]), true, false),
        (all([op(put("k", ""))]), false, false),
        (all([branches([op(local)], [])]), false, false),
    ];
    for (txn, reads, serializable) in cases {
        assert_eq!((is_read_only(&txn), is_serializable(&txn)), (reads, serializable));
        let swapped = TxnRequest { failure: txn.success.clone(), ..TxnRequest::default() };
        assert_eq!(is_read_only(&swapped), reads);
    }
}

#[test]
fn a_reading_transaction_answers_the_same_with_and_without_the_log() {
    let mut world = World::new();
    world.put("a", "1");
    world.put("b", "2");
    let txn = TxnRequest {
        compare: vec![version("a", 2)],
        success: vec![op(range("a", ""))],
        failure: vec![op(range("a", "z")), op(RangeRequest { revision: 2, ..range("a", "z") })],
    };
    let read = read::txn(world.published(), &txn).expect("no faults").expect("it reads");
    assert!(!read.succeeded);
    assert_eq!(world.txn(txn), Ok(read));
}

#[test]
fn r8_a_key_may_change_twice_in_one_revision() {
    let mut world = World::new();
    world.put("k", "before");
    let hole = all([branches([op(put("k", "1"))], []), branches([op(delete("a", "z"))], [])]);
    assert_eq!(check::txn(&hole, 128), Ok(()));
    let applied = world.apply(Command { txn: Some(hole), ..Command::default() });
    assert_eq!(applied.events[0].events.len(), 2);
    assert_eq!((world.revision(), world.get("k")), (3, None));
    // And the other way round, by a deletion to the end.
    let other = all([op(delete("\0", "\0")), op(put("k", "2"))]);
    assert_eq!(check::txn(&other, 128), Ok(()));
    world.put("k", "again");
    world.txn(other).expect("it is done");
    let kv = world.get("k").expect("it lives");
    assert_eq!((kv.version, kv.create_revision, kv.mod_revision), (1, 5, 5));
    // What is to be kept is gone by then: nothing is kept.
    let keeps = proto::etcdserverpb::PutRequest { ignore_value: true, ..put("k", "") };
    world.txn(all([op(delete("\0", "\0")), op(keeps)])).expect("it is done");
    assert_eq!(world.get("k").map(|kv| kv.value), Some(bytes("")));
    world.compact(6).expect("it can be");
    world.finish_compaction();
    assert!(world.get("k").is_some());
}

#[test]
fn a_response_is_what_protobuf_would_have_written() {
    let mut world = World::new();
    world.put("k", "1");
    let response = world.txn(all([op(put("k", "2")), op(range("k", ""))])).expect("it is done");
    let plain = proto::etcdserverpb::TxnResponse::decode(&*response.encode_to_vec());
    let plain = plain.expect("it is one");
    let text: String = alloc::format!("{plain:?}");
    assert!(text.contains("mod_revision: 3"), "{text}");
}

/// On a quarter of the stack that threads have, from the check to the answer and the words for a
/// log.
#[test]
fn transactions_may_lie_in_each_other() {
    let small = std::thread::Builder::new().stack_size(1 << 19);
    let test = small.spawn(|| {
        for levels in [49, 50, 100, 127, proto::NESTING_MAX] {
            let innermost = TxnRequest { success: vec![op(put("k", "v"))], ..Default::default() };
            let txn = (0..levels).fold(innermost, |txn, _| TxnRequest {
                success: vec![op(txn)],
                ..TxnRequest::default()
            });
            assert_eq!(check::txn(&txn, levels + 1), Ok(()));
            assert_eq!(check::txn(&txn, levels), Err(Invalid::TooManyOperations));
            assert!(!is_read_only(&txn));
            let mut world = World::new();
            let command = Command { txn: Some(txn.clone()), ..Command::default() };
            assert!(crate::cost(&command) > 0 && !crate::describe::command(&command).is_empty());
            let answer = world.txn(txn).expect("it can be done");
            assert!(answer.succeeded && !answer.encode_to_vec().is_empty());
            assert_eq!(world.revision(), 2);
            assert_eq!(world.restart(0).keys(), ["k"]);
        }
    });
    test.expect("a thread starts").join().expect("it does not panic");
}
