//! A script of large things: too long for a file, and too slow for chance.

use bytes::Bytes;
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    PutRequest, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest, request_op,
};

use crate::script::{Script, Step};

/// More revisions than a watcher that is behind is told at a time.
const REVISIONS: usize = 1_105;

/// Some of these are more than a fragment of a watch's response may be.
const VALUE_LEN: usize = 900_000;

/// More than a request may be, and more than a message may be.
const TOO_LONG: [usize; 2] = [1_600_000, 2_200_000];

/// The script.
pub(crate) fn script() -> Script {
    let mut steps = Vec::new();
    for number in 0..REVISIONS {
        steps.push(put(&format!("many/{:03}", number % 700), number.to_string().len()));
    }
    steps.extend([watch(1, "many/", 2, true), Step::Settle { stream: 1 }]);
    for limit in [0, 10, 11, 650] {
        steps.push(Step::call("KV.RangeStream", &range("many/", limit)));
        steps.push(Step::call("KV.Range", &range("many/", limit)));
    }
    let first = i64::try_from(REVISIONS).expect("they are few") + 2;
    for number in 0..5 {
        steps.push(put(&format!("large/{number}"), VALUE_LEN));
    }
    for fragment in [true, false] {
        steps.extend([watch(2, "large/", first, fragment), Step::Settle { stream: 2 }]);
    }
    // One revision that is too long for a message together with what was there before.
    steps.extend([pair(), watch(3, "pair/", 0, true), pair(), Step::Settle { stream: 3 }]);
    for len in TOO_LONG {
        steps.push(put("large/0", len));
    }
    steps.push(Step::call("KV.RangeStream", &range("large/", 0)));
    steps.push(Step::call("KV.Range", &range("large/", 3)));
    Script { steps }
}

fn put(key: &str, value_len: usize) -> Step {
    let (key, value) = (key.to_owned().into(), vec![b'v'; value_len].into());
    Step::call("KV.Put", &PutRequest { key, value, ..PutRequest::default() })
}

/// Two puts in a transaction, about as long as a request may be.
fn pair() -> Step {
    let put = |key: &'static str| {
        let (key, value) = (key.into(), vec![b'v'; VALUE_LEN * 3 / 4].into());
        let put = PutRequest { key, value, ..PutRequest::default() };
        RequestOp { request: Some(request_op::Request::RequestPut(put)) }
    };
    let success = vec![put("pair/1"), put("pair/2")];
    Step::call("KV.Txn", &TxnRequest { success, ..TxnRequest::default() })
}

fn range(prefix: &'static str, limit: i64) -> RangeRequest {
    let (key, range_end) = prefixed(prefix);
    RangeRequest { key, range_end, limit, ..RangeRequest::default() }
}

fn watch(stream: u8, prefix: &'static str, start_revision: i64, fragment: bool) -> Step {
    let (key, range_end) = prefixed(prefix);
    let create = WatchCreateRequest {
        key,
        range_end,
        start_revision,
        fragment,
        prev_kv: true,
        ..WatchCreateRequest::default()
    };
    Step::watch(stream, &WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) })
}

/// Everything below a folder: `/` comes before `0`.
fn prefixed(prefix: &'static str) -> (Bytes, Bytes) {
    let end = format!("{}0", prefix.trim_end_matches('/'));
    (prefix.into(), end.into())
}
