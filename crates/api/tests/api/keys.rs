//! Keys and values.

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::request_op::Request as Op;
use proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, RequestOp,
    TxnRequest,
};
use tonic::{Code, Request};

use crate::world::{CLUSTER, MEMBER, REQUEST_BYTES_MAX, TXN_OPS_MAX, World, assert_refused};

fn put(key: &str, value: &str) -> PutRequest {
    let (key, value) = (Bytes::from(key.to_owned()), Bytes::from(value.to_owned()));
    PutRequest { key, value, ..PutRequest::default() }
}

fn get(key: &str) -> RangeRequest {
    RangeRequest { key: Bytes::from(key.to_owned()), ..RangeRequest::default() }
}

fn op(op: Op) -> RequestOp {
    RequestOp { request: Some(op) }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_can_be_read() {
    let world = World::new().await;
    let mut kv = world.kv();
    let answer = kv.put(put("a", "1")).await.expect("it is put").into_inner();
    let header = answer.header.expect("every answer has one");
    assert_eq!((header.cluster_id, header.member_id), (CLUSTER.0, MEMBER.0));
    assert_eq!(header.revision, 2);
    assert!(header.raft_term > 0 && answer.prev_kv.is_none());
    let again = PutRequest { prev_kv: true, ..put("a", "2") };
    let former = kv.put(again).await.expect("it is put").into_inner().prev_kv;
    assert_eq!(former.expect("there was one").value, "1");
    for serializable in [false, true] {
        let range = RangeRequest { serializable, ..get("a") };
        let found = kv.range(range).await.expect("it is read").into_inner();
        assert_eq!((found.count, found.kvs[0].version), (1, 2));
        assert_eq!(found.kvs[0].value, "2");
        assert_eq!(found.header.expect("every answer has one").raft_term, header.raft_term);
    }
    let delete = DeleteRangeRequest { key: "a".into(), prev_kv: true, ..Default::default() };
    let deleted = kv.delete_range(delete).await.expect("it is deleted").into_inner();
    assert_eq!((deleted.deleted, &deleted.prev_kvs[0].value[..]), (1, &b"2"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_in_etcds_words() {
    let world = World::new().await;
    let mut kv = world.kv();
    kv.put(put("a", "1")).await.expect("it is put");
    let invalid = Code::InvalidArgument;
    for (request, words) in [
        (put("", ""), "etcdserver: key is not provided"),
        (PutRequest { ignore_value: true, ..put("a", "x") }, "etcdserver: value is provided"),
        (
            PutRequest { ignore_lease: true, lease: 1, ..put("a", "") },
            "etcdserver: lease is provided",
        ),
        (PutRequest { ignore_value: true, ..put("none", "") }, "etcdserver: key not found"),
        (put("a", &"x".repeat(REQUEST_BYTES_MAX)), "etcdserver: request is too large"),
    ] {
        assert_refused(kv.put(request).await, invalid, words);
    }
    let leased = PutRequest { lease: 99, ..put("a", "") };
    assert_refused(kv.put(leased).await, Code::NotFound, "etcdserver: requested lease not found");
    let sorted = RangeRequest { sort_order: 9, ..get("a") };
    assert_refused(kv.range(sorted).await, invalid, "etcdserver: invalid sort option");
    assert_refused(
        kv.range(RangeRequest { revision: 9, ..get("a") }).await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
    );
    let many = (0..=TXN_OPS_MAX).map(|_| op(Op::RequestRange(get("a")))).collect();
    assert_refused(
        kv.txn(TxnRequest { success: many, ..TxnRequest::default() }).await,
        invalid,
        "etcdserver: too many operations in txn request",
    );
    let twice = vec![op(Op::RequestPut(put("a", "1"))), op(Op::RequestPut(put("a", "2")))];
    assert_refused(
        kv.txn(TxnRequest { success: twice, ..TxnRequest::default() }).await,
        invalid,
        "etcdserver: duplicate key given in txn request",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_librarys_own_refusals_have_the_words_of_etcds() {
    let world = World::new().await;
    let large = put("a", &"x".repeat(REQUEST_BYTES_MAX + (512 << 10)));
    let (found, limit) = (large.encoded_len(), REQUEST_BYTES_MAX + (512 << 10));
    assert_refused(
        world.kv().put(large).await,
        Code::ResourceExhausted,
        &format!("grpc: received message larger than max ({found} vs. {limit})"),
    );
    let mut stranger = proto::etcdserverpb::auth_client::AuthClient::new(world.plain());
    assert_refused(
        stranger.auth_status(proto::etcdserverpb::AuthStatusRequest::default()).await,
        Code::Unimplemented,
        "unknown service etcdserverpb.Auth",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_is_as_any_other() {
    const KEYS: usize = 200;
    let world = World::new().await;
    let mut kv = world.kv();
    let value = "v".repeat(3000);
    for number in 0..KEYS {
        kv.put(put(&format!("k{number:03}"), &value)).await.expect("it is put");
    }
    let range = RangeRequest { range_end: "l".into(), ..get("k") };
    let found = kv.range(range.clone()).await.expect("it is read").into_inner();
    assert!(found.encoded_len() > 512 << 10, "{}", found.encoded_len());
    assert!(found.kvs.len() == KEYS && found.kvs.iter().all(|kv| kv.value == value));
    let txn = TxnRequest { success: vec![op(Op::RequestRange(range))], ..TxnRequest::default() };
    let done = kv.txn(txn).await.expect("it is done").into_inner();
    assert!(done.succeeded && done.encoded_len() > found.encoded_len());
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_a_range_make_the_range() {
    let world = World::new().await;
    let mut kv = world.kv();
    for number in 0..100 {
        kv.put(put(&format!("k{number:03}"), &"v".repeat(3000))).await.expect("it is put");
    }
    let range = RangeRequest { range_end: "l".into(), limit: 90, ..get("k") };
    let whole = kv.range(range.clone()).await.expect("it is read").into_inner();
    let mut chunks = kv.range_stream(range).await.expect("it is read").into_inner();
    let (mut merged, mut count) = (RangeResponse::default(), 0);
    while let Some(chunk) = chunks.message().await.expect("it goes on") {
        let chunk = chunk.range_response.expect("a chunk is a part of an answer");
        assert!(merged.header.is_none(), "only the last one has a header");
        let bytes = chunk.encode_to_vec();
        merged.merge(&bytes[..]).expect("it is what it was");
        count += 1;
    }
    assert!(count > 2 && merged == whole, "{count} chunks with {} keys", merged.kvs.len());
    assert_refused(
        kv.range_stream(RangeRequest { sort_order: 2, ..get("k") }).await,
        Code::Unimplemented,
        "RangeStream does not support custom sort orders",
    );
    assert_refused(
        kv.range_stream(RangeRequest { min_mod_revision: 2, ..get("k") }).await,
        Code::Unimplemented,
        "RangeStream does not support revision filters",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compacted_is_gone_when_that_was_waited_for() {
    let world = World::new().await;
    let mut kv = world.kv();
    for value in ["1", "2", "3"] {
        kv.put(put("a", value)).await.expect("it is put");
    }
    let compact = |revision| CompactionRequest { revision, physical: true };
    let header = kv.compact(compact(3)).await.expect("it is compacted").into_inner().header;
    assert_eq!(header.expect("every answer has one").revision, 4);
    let finished = world.handle.published().snapshot.store().finished;
    assert_eq!(finished.0, 3);
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    assert_refused(kv.compact(compact(3)).await, Code::OutOfRange, compacted);
    let old = RangeRequest { revision: 2, ..get("a") };
    assert_refused(kv.range(old).await, Code::OutOfRange, compacted);
    assert_refused(
        kv.compact(compact(9)).await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_required_is_there() {
    let world = World::new().await;
    let mut request = Request::new(put("a", "1"));
    let required = "true".parse().expect("it is a value");
    request.metadata_mut().insert("hasleader", required);
    world.kv().put(request).await.expect("the member leads itself");
}
