use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::{Buf, BufMut, Bytes};
use futures_util::FutureExt;
use http_body::Frame;
use http_body_util::BodyExt;
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, Message};
use proto::etcdserverpb::{PutRequest, ResponseHeader, TxnRequest};
use proto::spliced::RangeResponse;
use tonic::{Code, Status};

use super::{WHOLE_BYTES_MAX, range, request, response};

const BYTES_MAX: usize = 100;

/// A request in these frames.
struct Frames(VecDeque<Bytes>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }
}

fn put() -> PutRequest {
    PutRequest { key: "key".into(), value: "a value".into(), lease: 7, ..PutRequest::default() }
}

fn framed(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).expect("it is short");
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

fn read(frames: &[&[u8]]) -> Result<PutRequest, (Code, String)> {
    let frames = Frames(frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect());
    let read = request(frames, BYTES_MAX).now_or_never().expect("all frames are there");
    read.map_err(|status: Status| (status.code(), status.message().to_owned()))
}

#[test]
fn a_message_is_read_from_any_number_of_frames() {
    let whole = framed(&put());
    assert_eq!(read(&[&whole]), Ok(put()));
    assert_eq!(read(&[&whole, b""]), Ok(put()));
    for at in 0..whole.len() {
        let (head, tail) = whole.split_at(at);
        assert_eq!(read(&[head, tail]), Ok(put()), "cut at {at}");
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(read(&bytes), Ok(put()));
}

#[test]
fn what_is_no_message_is_refused() {
    let refused = |frame: &[u8]| read(&[frame]).expect_err("it is refused");
    let whole = framed(&put());
    assert_eq!(refused(b""), (Code::Internal, "Missing request message.".to_owned()));
    assert_eq!(refused(&whole[..3]), (Code::Internal, "Missing request message.".to_owned()));
    assert_eq!(refused(&whole[..9]), (Code::Internal, "unexpected EOF".to_owned()));
    let mut compressed = whole.clone();
    compressed[0] = 1;
    let (code, text) = refused(&compressed);
    assert_eq!(code, Code::Internal);
    assert_eq!(text, "grpc: compressed flag set with identity or empty encoding");
    let (code, text) = refused(&[0, 0, 0, 0, 2, 0xff, 0xff]);
    assert_eq!(code, Code::Internal);
    assert!(text.starts_with("grpc: error unmarshalling request: "), "{text}");
}

/// A stack has no room for it; what it has room for is held against the operations there may be.
#[test]
fn a_transaction_that_is_nested_too_deep_is_refused() {
    let embed = |tag: u32, message: &Vec<u8>| {
        let mut bytes = Vec::new();
        prost::encoding::bytes::encode(tag, message, &mut bytes);
        bytes
    };
    let read = |levels: usize| {
        let txn = (0..levels).fold(Vec::new(), |txn, _| embed(2, &embed(4, &txn)));
        let length = u32::try_from(txn.len()).expect("it is short");
        let frame = [&[0][..], &length.to_be_bytes(), &txn].concat();
        let read = request::<TxnRequest>(Frames([frame.into()].into()), usize::MAX);
        let read = read.now_or_never().expect("all frames are there");
        read.map_err(|status: Status| (status.code(), status.message().to_owned()))
    };
    for levels in [49, 50, 100, 128] {
        assert!(read(levels).is_ok(), "{levels}");
    }
    let (code, text) = read(10_000).expect_err("it is refused");
    assert_eq!(code, Code::Internal);
    assert!(text.starts_with("grpc: error unmarshalling request: "), "{text}");
}

#[test]
fn a_message_that_is_too_large_is_refused_by_its_length_alone() {
    let (code, text) = read(&[&[0, 0xff, 0xff, 0xff, 0xff]]).expect_err("it is too large");
    assert_eq!(code, Code::ResourceExhausted);
    assert_eq!(text, "grpc: received message larger than max (4294967295 vs. 100)");
    let largest = PutRequest { key: vec![b'k'; BYTES_MAX - 2].into(), ..PutRequest::default() };
    assert_eq!(largest.encoded_len(), BYTES_MAX);
    assert_eq!(read(&[&framed(&largest)]), Ok(largest));
}

#[test]
fn an_answer_is_one_message_and_that_it_went_well() {
    let response = response(&put()).expect("it is short");
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert!(!response.body().is_end_stream());
    let collected = response.into_body().collect().now_or_never().expect("it is all there");
    let collected = collected.expect("it does not fail");
    assert_eq!(collected.trailers().expect("they end it")["grpc-status"], "0");
    assert_eq!(collected.to_bytes(), framed(&put()));
}

#[test]
fn a_range_is_the_same_in_pieces() {
    for records in [0, 1, 40, 60, 5000] {
        let kvs = (0..records).map(|at| vec![7; 300 + at % 100]).collect();
        let header = Some(ResponseHeader { revision: 300, ..ResponseHeader::default() });
        let answer = RangeResponse { header, kvs, more: true, count: 1 << 40 };
        let wanted = framed(&answer);
        assert_eq!(wanted.len() > WHOLE_BYTES_MAX, records >= 60, "{records}");
        let collected = range(answer).expect("it is short").into_body().collect();
        let collected = collected.now_or_never().expect("it is all there");
        assert_eq!(collected.expect("it does not fail").to_bytes(), wanted);
    }
}

/// A message of more bytes than an answer may have.
#[derive(Debug)]
struct Endless;

impl Message for Endless {
    fn encode_raw(&self, _: &mut impl BufMut) {
        panic!("it is not to be encoded");
    }

    fn merge_field(
        &mut self,
        _: u32,
        _: WireType,
        _: &mut impl Buf,
        _: DecodeContext,
    ) -> Result<(), DecodeError> {
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        1 << 31
    }

    fn clear(&mut self) {}
}

#[test]
fn what_is_longer_than_an_answer_may_be_is_refused() {
    let refused = response(&Endless).err().expect("it is too long");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let text = "grpc: trying to send message larger than max (2147483648 vs. 2147483647)";
    assert_eq!(refused.message(), text);
}
