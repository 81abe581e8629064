//! Each spliced message has its twin's bytes, and they decode to each other.

use alloc::vec;
use core::fmt::Debug;

use bytes::BytesMut;

use super::*;
use crate::{
    etcdserverpb::{self, response_op},
    mvccpb::{Event, KeyValue, event::EventType},
};

fn header() -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id: 1, member_id: u64::MAX, revision: 300, raft_term: 4 })
}

/// Three records: with every field set, with a negative number, and the empty one, whose encoding
/// is empty too and must not vanish.
fn kvs() -> Vec<KeyValue> {
    let full = KeyValue {
        key: Bytes::from_static(b"k"),
        create_revision: 2,
        mod_revision: 300,
        version: 4,
        value: Bytes::from(vec![0xff; 200]),
        lease: i64::MAX,
    };
    let negative = KeyValue { lease: -1, ..full.clone() };
    vec![full, negative, KeyValue::default()]
}

fn encoded<M: Message>(messages: &[M]) -> Vec<Bytes> {
    messages.iter().map(|message| Bytes::from(message.encode_to_vec())).collect()
}

fn records() -> Records {
    encoded(&kvs()).into_iter().collect()
}

#[track_caller]
fn assert_twins<P, S>(plain: &P, spliced: &S)
where
    P: Message + Default + PartialEq + Debug,
    S: Message + Default + PartialEq + Debug,
{
    let bytes = plain.encode_to_vec();
    assert_eq!(bytes, spliced.encode_to_vec());
    assert_eq!(plain.encoded_len(), spliced.encoded_len());
    assert_eq!(S::decode(&*bytes).as_ref(), Ok(spliced));
    assert_eq!(P::decode(&*spliced.encode_to_vec()).as_ref(), Ok(plain));
}

fn range() -> (etcdserverpb::RangeResponse, RangeResponse) {
    let plain =
        etcdserverpb::RangeResponse { header: header(), kvs: kvs(), more: true, count: 1 << 40 };
    let spliced = RangeResponse { header: header(), kvs: records(), more: true, count: 1 << 40 };
    (plain, spliced)
}

fn put(prev_kv: Option<KeyValue>) -> (etcdserverpb::PutResponse, PutResponse) {
    let spliced = prev_kv.as_ref().map(|kv| Bytes::from(kv.encode_to_vec()));
    (
        etcdserverpb::PutResponse { header: header(), prev_kv },
        PutResponse { header: header(), prev_kv: spliced },
    )
}

fn delete_range() -> (etcdserverpb::DeleteRangeResponse, DeleteRangeResponse) {
    (
        etcdserverpb::DeleteRangeResponse { header: header(), deleted: 3, prev_kvs: kvs() },
        DeleteRangeResponse { header: header(), deleted: 3, prev_kvs: encoded(&kvs()) },
    )
}

/// A transaction with an answer of each kind, the last one being `nested`.
fn txn(
    nested: (etcdserverpb::TxnResponse, TxnResponse),
) -> (etcdserverpb::TxnResponse, TxnResponse) {
    use response_op::Response as Plain;
    let ((range, spliced_range), (put, spliced_put)) = (range(), put(None));
    let (delete, spliced_delete) = delete_range();
    let plain = [
        Plain::ResponseRange(range),
        Plain::ResponsePut(put),
        Plain::ResponseDeleteRange(delete),
        Plain::ResponseTxn(nested.0),
    ];
    let spliced = [
        Response::ResponseRange(spliced_range),
        Response::ResponsePut(spliced_put),
        Response::ResponseDeleteRange(spliced_delete),
        Response::ResponseTxn(nested.1),
    ];
    let plain = plain.map(|one| etcdserverpb::ResponseOp { response: Some(one) });
    let spliced = spliced.map(|one| ResponseOp { response: Some(one) });
    (
        etcdserverpb::TxnResponse { header: header(), succeeded: true, responses: plain.into() },
        TxnResponse { header: header(), succeeded: true, responses: spliced.into() },
    )
}

#[test]
fn range_is_the_same_on_the_wire() {
    let (plain, spliced) = range();
    assert_twins(&plain, &spliced);
    let plain = etcdserverpb::RangeStreamResponse { range_response: Some(plain) };
    assert_twins(&plain, &RangeStreamResponse { range_response: Some(spliced) });
}

#[test]
fn a_range_in_pieces_has_the_same_bytes() {
    let (whole, default) = (range().1, RangeResponse::default());
    for header in [header(), None] {
        for kvs in [records(), Records::default()] {
            for (more, count) in [(true, 0), (false, -1), (true, 1), (false, 0)] {
                let range = RangeResponse { header, kvs: kvs.clone(), more, count };
                let mut wanted = b"prefix".to_vec();
                wanted.extend(range.encode_to_vec());
                assert_eq!(range.into_pieces(b"prefix"[..].into()).concat(), wanted);
            }
        }
    }
    assert!(whole.into_pieces(BytesMut::new()).iter().all(|piece| !piece.is_empty()));
    assert!(default.into_pieces(BytesMut::new()).is_empty());
}

#[test]
fn put_is_the_same_on_the_wire() {
    for prev_kv in kvs().into_iter().map(Some).chain([None]) {
        let (plain, spliced) = put(prev_kv);
        assert_twins(&plain, &spliced);
    }
}

#[test]
fn delete_range_is_the_same_on_the_wire() {
    let (plain, spliced) = delete_range();
    assert_twins(&plain, &spliced);
}

#[test]
fn txn_is_the_same_on_the_wire() {
    let empty = (etcdserverpb::TxnResponse::default(), TxnResponse::default());
    let (plain, spliced) = txn(txn(empty));
    assert_twins(&plain, &spliced);
    assert_twins(&etcdserverpb::ResponseOp::default(), &ResponseOp::default());
}

#[test]
fn watch_is_the_same_on_the_wire() {
    let events: Vec<Event> = [EventType::Put, EventType::Delete]
        .into_iter()
        .flat_map(|kind| kvs().into_iter().map(move |kv| (kind, kv)))
        .map(|(kind, kv)| Event { r#type: kind.into(), kv: Some(kv), prev_kv: None })
        .chain([Event::default()])
        .collect();
    let spliced = WatchResponse {
        header: header(),
        watch_id: -1,
        created: true,
        canceled: true,
        compact_revision: 7,
        cancel_reason: "gone".into(),
        fragment: true,
        events: encoded(&events),
    };
    let plain = etcdserverpb::WatchResponse {
        header: header(),
        watch_id: -1,
        created: true,
        canceled: true,
        compact_revision: 7,
        cancel_reason: "gone".into(),
        fragment: true,
        events,
    };
    assert_twins(&plain, &spliced);
}
