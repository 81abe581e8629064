use prost::Message;
use proto::etcdserverpb::{
    PutRequest, PutResponse, RangeRequest, RangeResponse, ResponseHeader, TxnRequest, TxnResponse,
};
use proto::mvccpb::KeyValue;

use super::{Cursor, Load, PUT, RANGE, Requests, TXN};

fn header() -> Option<ResponseHeader> {
    Some(ResponseHeader { revision: 77, ..ResponseHeader::default() })
}

fn range_answer(keys: usize) -> Vec<u8> {
    let kvs = vec![KeyValue { key: "k".into(), ..KeyValue::default() }; keys];
    RangeResponse { header: header(), kvs, ..RangeResponse::default() }.encode_to_vec()
}

fn next<M: Message + Default>(requests: &mut Requests, cursor: &mut Cursor) -> (&'static str, M) {
    let (path, bytes) = requests.next(cursor);
    (path, M::decode(&bytes[5..]).expect("a request is a message"))
}

#[test]
fn pages_follow_each_other_at_one_revision() {
    let mut requests = Requests::new(Load::Page { keys: 1_200, limit: 500 });
    let mut cursor = Cursor::new(0);
    let mut asked = Vec::new();
    for len in [500, 500, 200, 500] {
        let (path, request) = next::<RangeRequest>(&mut requests, &mut cursor);
        asked.push((request.key, request.revision, request.limit));
        assert_eq!(path, RANGE);
        assert_eq!(requests.check(&mut cursor, &range_answer(len)), Ok(()));
    }
    let page = |n: usize, revision| (format!("load/{n:010}").into(), revision, 500);
    assert_eq!(asked, [page(0, 0), page(500, 77), page(1_000, 77), page(0, 0)]);
}

#[test]
fn an_answer_without_the_keys_is_none() {
    let check = |load, answer: &[u8]| Requests::new(load).check(&mut Cursor::new(0), answer);
    let get = Load::Get { keys: 10, serializable: false };
    assert!(check(get, &range_answer(0)).is_err());
    assert!(check(get, &range_answer(1)).is_ok());
    assert!(check(Load::Range { keys: 10 }, &range_answer(9)).is_err());
    assert!(check(Load::Page { keys: 10, limit: 5 }, &range_answer(4)).is_err());
    let put = PutResponse { header: header(), ..PutResponse::default() }.encode_to_vec();
    assert!(check(Load::Put { keys: 10, value_bytes: 1 }, &put).is_ok());
    assert!(check(Load::Put { keys: 10, value_bytes: 1 }, &[]).is_err());
    let txn = |succeeded| TxnResponse { succeeded, header: header(), responses: Vec::new() };
    let load = Load::Txn { keys: 10, value_bytes: 1 };
    assert!(check(load, &txn(true).encode_to_vec()).is_ok());
    assert!(check(load, &txn(false).encode_to_vec()).is_err());
}

#[test]
fn keys_are_among_those_that_are_there() {
    let mut requests = Requests::new(Load::Put { keys: 3, value_bytes: 100 });
    let mut cursor = Cursor::new(7);
    for _ in 0..50 {
        let (path, put) = next::<PutRequest>(&mut requests, &mut cursor);
        assert_eq!((path, put.value.len()), (PUT, 100));
        assert!(put.key <= b"load/0000000002"[..]);
    }
}

#[test]
fn a_transaction_is_about_one_key() {
    let mut requests = Requests::new(Load::Txn { keys: 1_000, value_bytes: 100 });
    let (path, txn) = next::<TxnRequest>(&mut requests, &mut Cursor::new(7));
    assert_eq!(path, TXN);
    let texts = format!("{txn:?}");
    let key = String::from_utf8_lossy(&txn.compare[0].key).into_owned();
    assert_eq!(texts.matches(&key).count(), 3, "{texts}");
}

#[test]
fn one_of_ten_is_a_put() {
    let mut requests = Requests::new(Load::Mix { keys: 1_000, value_bytes: 100 });
    let mut cursor = Cursor::new(7);
    let puts = (0..10_000).filter(|_| requests.next(&mut cursor).0 == PUT).count();
    assert!((900..1_100).contains(&puts), "{puts}");
}
