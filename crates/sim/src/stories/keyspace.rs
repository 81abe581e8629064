//! What members say of the keyspace.

use bytes::Bytes;
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RequestOp, TxnRequest};

use super::Story;

/// Where no key lives etcd hashes whatever it finds. A compaction drops things bit by bit, and each
/// member at its own pace, so two that agree would differ until both have come to its end. Here a
/// hash shows what is left at the end from the beginning.
#[test]
fn an_empty_keyspace_hashes_the_same_while_it_is_compacted() {
    let mut story = Story::of(3);
    let leader = story.leader();
    let late = leader % 3 + 1;
    for value in 0..20 {
        story.put("a", &value.to_string());
    }
    story.delete("a");
    story.catches_up(late);
    story.cut_off(late);
    story.compact(22);
    for id in 1..=3 {
        story.hash(id);
    }
    // Who leads goes on dropping with every command; nothing lives after them either.
    for _ in 0..3 {
        story.delete("a");
        story.hash(leader);
    }
    story.mend();
    story.catches_up(late);
    story.hash(late);
    for _ in 0..10 {
        story.delete("a");
    }
    story.catches_up(late);
    story.hash(leader);
    story.hash(late);
}

/// A command deletes a key, puts it and deletes it again (etcd lets it, if the deletions say "to
/// the end of the keyspace"). Whoever watches hears of each change with what the key held before
/// the command: also who reads all of that later, from the engine.
#[test]
fn what_a_key_held_before_a_command_that_changed_it_thrice() {
    let mut story = Story::of(1);
    let (key, end) = (Bytes::from_static(b"a"), Bytes::from_static(b"\0"));
    let delete = DeleteRangeRequest { key: key.clone(), range_end: end, prev_kv: false };
    let put = PutRequest { key, value: Bytes::from_static(b"2"), ..PutRequest::default() };
    let changes = [
        Request::RequestDeleteRange(delete.clone()),
        Request::RequestPut(put),
        Request::RequestDeleteRange(delete),
    ];
    let success = changes.map(|change| RequestOp { request: Some(change) }).to_vec();
    let txn = TxnRequest { success, ..TxnRequest::default() };
    assert_eq!(state::check::txn(&txn, 128), Ok(()), "clients can ask for it");
    story.put("a", "1");
    story.txn(txn);
    story.put("a", "3");
    story.watch(2);
}
