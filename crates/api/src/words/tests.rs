use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use tonic::codec::{Codec, Streaming};
use tonic::{Code, Status};

use super::of_etcd;

const PUT: &str = "/etcdserverpb.KV/Put";

/// What the library itself says of this body.
async fn refused(body: &'static [u8], limit: usize) -> Status {
    let mut framed = BytesMut::from(&[0][..]);
    framed.extend_from_slice(&u32::try_from(body.len()).expect("it is short").to_be_bytes());
    framed.extend_from_slice(body);
    let decoder =
        tonic_prost::ProstCodec::<(), proto::etcdserverpb::PutRequest>::default().decoder();
    let body = Full::new(Bytes::from(framed));
    let mut messages = Streaming::new_request(decoder, body, None, Some(limit));
    messages.message().await.expect_err("it is refused")
}

#[tokio::test]
async fn the_librarys_refusals_are_translated() {
    let status = of_etcd(PUT, refused(&[0; 100], 64).await);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "grpc: received message larger than max (100 vs. 64)");
    let status = of_etcd(PUT, refused(&[0xff; 100], 128).await);
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().starts_with("grpc: error unmarshalling request: "),
        "{}",
        status.message()
    );
}

#[test]
fn unknown_methods_are_named() {
    for (path, text) in [
        ("/etcdserverpb.KV/Fly", "unknown method Fly for service etcdserverpb.KV"),
        ("nonsense", "malformed method name: \"nonsense\""),
    ] {
        let status = of_etcd(path, Status::unimplemented(""));
        assert_eq!((status.code(), status.message()), (Code::Unimplemented, text));
    }
    assert_eq!(super::unknown("/a.B/C", false).message(), "unknown service a.B");
}

#[test]
fn our_own_are_left_alone() {
    for status in [
        Status::out_of_range("etcdserver: mvcc: required revision has been compacted"),
        Status::internal("x"),
        Status::unimplemented("RangeStream does not support revision filters"),
    ] {
        let (code, text) = (status.code(), status.message().to_owned());
        let same = of_etcd(PUT, status);
        assert_eq!((same.code(), same.message()), (code, text.as_str()));
    }
}
