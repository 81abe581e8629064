use axum::http::{HeaderMap, HeaderValue};
use tonic::Code;

use super::{Standing, admit};

const LEADING: Standing = Standing { has_leader: true, is_learner: false };

fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
    let value = HeaderValue::from_bytes(value).expect("it is a header's value");
    HeaderMap::from_iter([(axum::http::HeaderName::from_static(name), value)])
}

#[test]
fn a_learner_answers_few_calls() {
    let learner = Standing { is_learner: true, ..LEADING };
    let none = HeaderMap::new();
    assert!(admit("/etcdserverpb.Maintenance/Status", &none, learner).is_ok());
    assert!(admit("/etcdserverpb.KV/Range", &none, learner).is_ok());
    for path in
        ["/etcdserverpb.KV/Put", "/etcdserverpb.Watch/Watch", "/grpc.health.v1.Health/Check"]
    {
        let status = admit(path, &none, learner).expect_err("it is a learner");
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), "etcdserver: rpc not supported for learner");
        assert!(admit(path, &none, LEADING).is_ok());
    }
}

#[test]
fn a_leader_can_be_required() {
    let leaderless = Standing { has_leader: false, ..LEADING };
    let put = "/etcdserverpb.KV/Put";
    let required = headers("hasleader", b"true");
    let status = admit(put, &required, leaderless).expect_err("there is no leader");
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "etcdserver: no leader"));
    assert!(admit(put, &required, LEADING).is_ok());
    assert!(admit(put, &headers("hasleader", b"1"), leaderless).is_ok());
    assert!(admit(put, &HeaderMap::new(), leaderless).is_ok());
}

#[test]
fn a_version_is_text() {
    let status =
        admit("/x", &headers("client-api-version", b"\xff"), LEADING).expect_err("is none");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(admit("/x", &headers("client-api-version", b"3.7"), LEADING).is_ok());
}
