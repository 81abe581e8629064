use prost::Message;
use proto::etcdserverpb::{
    PutRequest, RangeRequest, RequestOp, ResponseHeader, TxnRequest, TxnResponse, request_op,
};

use super::{Field, Noise, Template, blank, bytes_of, fields, key, number_in, number_of};

#[test]
fn keys_are_ordered_as_their_numbers() {
    assert!(key("load/", 99) < key("load/", 100));
    assert_eq!(key("load/", 7), b"load/0000000007");
    assert_eq!(number_in(&key("load/", 1_234_567)), Some(1_234_567));
    assert_eq!(number_in(b"load/000000000x"), None);
    assert_eq!(number_in(b"7"), None);
}

#[test]
fn fields_are_found_without_decoding() {
    let header = ResponseHeader { revision: 300, ..ResponseHeader::default() };
    let answer = TxnResponse { header: Some(header), succeeded: true, ..TxnResponse::default() };
    let bytes = answer.encode_to_vec();
    let header = bytes_of(&bytes, 1).expect("it was encoded");
    assert_eq!(number_of(header, 3), 300);
    assert_eq!(number_of(&bytes, 2), 1);
    assert_eq!(number_of(&bytes, 9), 0);
    assert_eq!(fields(&bytes).count(), 2);
}

#[test]
fn what_is_malformed_ends_the_fields() {
    assert_eq!(fields(&[0x0a, 200, 1]).count(), 0);
    assert_eq!(fields(&[0x08]).count(), 0);
    assert_eq!(fields(&[0xff; 20]).count(), 0);
    let found: Vec<_> = fields(&[0x08, 5, 0x0d, 0, 0, 0, 0]).collect();
    assert_eq!(found, [(1, Field::Number(5))]);
}

#[test]
fn a_template_is_filled_in_where_keys_and_values_are() {
    let value_bytes = [1, 16, 126, 254, 510, 1_022];
    for len in value_bytes.into_iter().skip(1) {
        let put = |n| PutRequest { key: key("p/", n).into(), ..PutRequest::default() };
        let operation = |put| RequestOp { request: Some(request_op::Request::RequestPut(put)) };
        let blanks = (0..3).map(|_| operation(PutRequest { value: blank(len).into(), ..put(0) }));
        let request = TxnRequest { success: blanks.collect(), ..TxnRequest::default() };
        let mut template = Template::new("/p", &request, "p/");
        let mut noise = Noise::new(1);
        for first in [0, 1_000_000] {
            let bytes = template.fill(first.., &mut noise);
            let decoded = TxnRequest::decode(&bytes[5..]).expect("it is still a message");
            let mut values = Vec::new();
            for (n, operation) in decoded.success.iter().enumerate() {
                let Some(request_op::Request::RequestPut(put)) = &operation.request else {
                    panic!("{operation:?}")
                };
                assert_eq!(put.key, key("p/", first + n));
                assert_eq!(put.value.len(), len);
                assert!(put.value.iter().all(u8::is_ascii_alphanumeric), "{len}");
                values.push(put.value.clone());
            }
            assert_ne!(values[0], values[1]);
        }
    }
}

#[test]
fn other_prefixes_are_left_alone() {
    let request = RangeRequest {
        key: key("p/", 0).into(),
        range_end: key("q/", 0).into(),
        ..RangeRequest::default()
    };
    let mut template = Template::new("/p", &request, "p/");
    let bytes = template.fill([42], &mut Noise::new(1));
    let decoded = RangeRequest::decode(&bytes[5..]).expect("it is still a message");
    assert_eq!(decoded.key, key("p/", 42));
    assert_eq!(decoded.range_end, key("q/", 0));
}
