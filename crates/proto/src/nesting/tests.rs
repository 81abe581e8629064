//! What is decoded, how deep, and that it is what the library makes of it.

extern crate std;

use alloc::vec;

use super::*;
use crate::etcdserverpb::{DeleteRangeRequest, InternalRaftRequest, PutRequest, RangeRequest};

/// The same as the library would read it, as far as one transaction goes.
#[derive(Clone, Message, PartialEq)]
struct Plain {
    #[prost(message, repeated, tag = "1")]
    compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    success: Vec<RequestOp>,
    #[prost(message, repeated, tag = "3")]
    failure: Vec<RequestOp>,
}

fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn embedded(tag: u32, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoding::bytes::encode(tag, &message.to_vec(), &mut bytes);
    bytes
}

/// A transaction around so many others.
fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(Vec::new(), |txn, _| embedded(SUCCESS, &embedded(REQUEST_TXN, &txn)))
}

fn in_an_entry(txn: &[u8]) -> Vec<u8> {
    embedded(6, txn)
}

#[test]
fn the_bytes_are_the_librarys() {
    let key = Bytes::from_static(b"k");
    let compare = Compare { key: key.clone(), ..Compare::default() };
    let put = PutRequest { key: key.clone(), ..PutRequest::default() };
    let range = RangeRequest { key: key.clone(), ..RangeRequest::default() };
    let delete = DeleteRangeRequest { key, ..DeleteRangeRequest::default() };
    let inner = TxnRequest { success: vec![RequestOp::default()], ..TxnRequest::default() };
    let txn = TxnRequest {
        compare: vec![compare, Compare::default()],
        success: vec![op(Request::RequestPut(put)), op(Request::RequestRange(range))],
        failure: vec![op(Request::RequestDeleteRange(delete)), op(Request::RequestTxn(inner))],
    };
    let bytes = txn.encode_to_vec();
    let plain = Plain::decode(&*bytes).expect("the library reads it");
    let TxnRequest { compare, success, failure } = txn.clone();
    assert_eq!(plain, Plain { compare, success, failure });
    assert_eq!(plain.encode_to_vec(), bytes);
    assert_eq!(TxnRequest::decode(Bytes::from(bytes)), Ok(txn));
}

#[test]
fn what_is_there_twice_is_merged_and_what_is_unknown_skipped() {
    let failing = embedded(FAILURE, &[]);
    let twice = [embedded(REQUEST_TXN, &nested(1)), embedded(REQUEST_TXN, &failing)].concat();
    let unknown = [embedded(SUCCESS, &twice), embedded(99, b"what")].concat();
    let txn = TxnRequest::decode(&*unknown).expect("it can be read");
    let [RequestOp { request: Some(Request::RequestTxn(inner)) }] = &*txn.success else {
        unreachable!("{txn:?}")
    };
    assert_eq!((inner.success.len(), inner.failure.len()), (1, 1));
    let mut put_last = embedded(REQUEST_TXN, &nested(1));
    put_last.extend(embedded(2, &[]));
    let txn = TxnRequest::decode(&*embedded(SUCCESS, &put_last)).expect("it can be read");
    assert_eq!(txn.success, [op(Request::RequestPut(PutRequest::default()))]);
}

#[test]
fn what_is_cut_short_is_refused() {
    let whole = nested(5);
    for length in 1..whole.len() {
        assert!(TxnRequest::decode(&whole[..length]).is_err(), "{length}");
    }
    assert!(TxnRequest::decode(&[0x10, 1][..]).is_err(), "a number is no operation");
}

/// In everything that is done with a transaction by this crate, on a stack as threads have it.
#[test]
fn nesting_is_bounded_alike_in_requests_and_in_entries() {
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let test = small.spawn(|| {
        for levels in [49, 50, 100, 128, NESTING_MAX] {
            let txn = TxnRequest::decode(&*nested(levels)).expect("it is not too deep");
            assert_eq!(txn.encode_to_vec(), nested(levels));
            assert_eq!(txn.clone(), txn);
            let entry = in_an_entry(&nested(levels));
            let entry = InternalRaftRequest::decode(&*entry).expect("it is not too deep");
            assert_eq!(entry.txn, Some(txn));
            assert!(std::format!("{entry:?}").contains("RequestTxn") || levels == 0);
        }
        for levels in [NESTING_MAX + 1, 10_000] {
            let refused = TxnRequest::decode(&*nested(levels)).expect_err("it is too deep");
            assert!(std::format!("{refused}").ends_with("transactions are nested too deep"));
            let entry = in_an_entry(&nested(levels));
            assert!(InternalRaftRequest::decode(&*entry).is_err(), "it is too deep");
        }
    });
    test.expect("a thread starts").join().expect("it does not panic");
}
