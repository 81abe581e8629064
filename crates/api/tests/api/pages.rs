//! Plain HTTP.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use proto::etcdserverpb::AlarmRequest;
use tonic::codegen::Service as _;

use crate::world::{CLUSTER, MEMBER, World};

fn request(method: Method, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.body(Body::empty()).expect("it is a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_etcds() {
    let world = World::new().await;
    for (path, code, text) in [
        ("/health", 200, "{\"health\":\"true\",\"reason\":\"\"}"),
        ("/health?serializable=true", 200, "{\"health\":\"true\",\"reason\":\"\"}"),
        ("/livez", 200, "ok\n"),
        ("/readyz", 200, "ok\n"),
        ("/livez/serializable_read?verbose", 200, "[+]serializable_read ok\nok\n"),
        ("/readyz/non_learner", 200, "ok\n"),
        ("/readyz/nonsense", 404, "404 page not found\n"),
        ("/livez/non_learner", 404, "404 page not found\n"),
        ("/", 404, "404 page not found\n"),
        ("/v2/keys", 404, "404 page not found\n"),
    ] {
        let (head, body) = world.page(request(Method::GET, path)).await;
        assert_eq!((head.status().as_u16(), body.as_str()), (code, text), "{path}");
        assert_eq!(head.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(head.headers()["access-control-allow-origin"], "*");
    }
    let (_, body) = world.page(request(Method::GET, "/readyz?verbose&exclude=non_learner")).await;
    assert_eq!(
        body,
        "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\nok\n"
    );
    for path in ["/version", "/health", "/readyz", "/livez"] {
        let (head, body) = world.page(request(Method::POST, path)).await;
        assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(
            (&head.headers()["allow"], body.as_str()),
            (&"GET".parse().expect("it is one"), "Method Not Allowed\n")
        );
    }
    let (head, body) = world.page(request(Method::OPTIONS, "/anything")).await;
    assert_eq!((head.status(), body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_known_once_the_cluster_has_one() {
    let world = World::new().await;
    let mut published = world.handle.watch_published();
    let known = published.wait_for(|state| state.cluster_version.is_some()).await;
    assert!(known.is_ok());
    let (head, body) = world.page(request(Method::GET, "/version")).await;
    assert_eq!(head.headers()["content-type"], "application/json");
    assert_eq!(body, "{\"etcdserver\":\"3.7.1\",\"etcdcluster\":\"3.7.0\",\"storage\":\"3.7.0\"}");
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_make_a_member_ill() {
    let world = World::new().await;
    let mut maintenance = world.maintenance();
    let mut raise = async |alarm| {
        let request = AlarmRequest { action: 1, member_id: MEMBER.0, alarm };
        maintenance.alarm(request).await.expect("it is raised");
    };
    raise(1).await;
    let (head, body) = world.page(request(Method::GET, "/health")).await;
    assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n");
    let (head, _) = world.page(request(Method::GET, "/health?exclude=NOSPACE")).await;
    assert_eq!(head.status(), StatusCode::OK);
    let (head, _) = world.page(request(Method::GET, "/readyz")).await;
    assert_eq!(head.status(), StatusCode::OK, "a full member still reads");
    raise(2).await;
    let (head, body) = world.page(request(Method::GET, "/readyz?exclude=linearizable_read")).await;
    assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.starts_with("[-]data_corruption failed: alarm activated: CORRUPT\n"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_can_be_asked_who_they_are() {
    let mut world = World::new().await;
    let response = world.peers.call(request(Method::GET, "/members")).await.expect("it is a page");
    assert_eq!(response.headers()["x-etcd-cluster-id"], CLUSTER.to_string());
    let body = response.into_body().collect().await.expect("it ends").to_bytes();
    let text = String::from_utf8(body.to_vec()).expect("it is text");
    assert_eq!(
        text,
        format!(
            "[{{\"id\":{},\"peerURLs\":[\"http://127.0.0.1:2380\"],\"name\":\"one\",\
             \"clientURLs\":[\"http://127.0.0.1:2379\"]}}]\n",
            MEMBER.0
        )
    );
    let response = world.peers.call(request(Method::POST, "/members")).await.expect("it is a page");
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/members/x", "/health", "/livez", "/readyz"] {
        let other = world.peers.call(request(Method::GET, path)).await.expect("it is answered");
        assert_eq!(other.status(), StatusCode::NOT_FOUND, "{path} is for clients, if for anybody");
    }
}
