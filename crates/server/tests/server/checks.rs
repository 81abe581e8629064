//! How those who look after a member learn how it is, and how it looks after itself.

use std::ops::Bound;

use backend::{Batch, Direction, Part, Step, Table};
use bytes::Bytes;
use server::{Config, Member, Parts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::seat::{Seat, put, start, within};

/// The first line of what is answered to this question.
async fn status(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").expect("it is not secured");
    let mut stream = TcpStream::connect(address).await.expect("somebody listens");
    let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await.expect("it is heard");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it is answered");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn how_it_is_can_be_asked_at_addresses_of_its_own() {
    let (seat, place) = (Seat::new("one"), Seat::new("none"));
    let flag = format!("--listen-metrics-urls={}", place.client_url);
    let member = start(seat.config(&seat.listing(), &[&flag])).await;
    for path in ["/health", "/livez", "/readyz", "/readyz/linearizable_read"] {
        assert_eq!(status(&place.client_url, path).await, "HTTP/1.1 200 OK", "{path}");
    }
    for path in ["/version", "/etcdserverpb.KV/Range"] {
        assert_eq!(status(&place.client_url, path).await, "HTTP/1.1 404 Not Found", "{path}");
    }
    within("the stop", member.stop()).await.expect("it stops well");
    let address = place.client_url.trim_start_matches("http://");
    TcpStream::connect(address).await.expect_err("nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_its_cluster_is_alive_and_not_ready() {
    let [seat, other, place] = ["one", "other", "none"].map(Seat::new);
    let cluster = format!("{},{}", seat.listing(), other.listing());
    let flag = format!("--listen-metrics-urls={}", place.client_url);
    let starting = tokio::spawn(Member::start(seat.config(&cluster, &[&flag])));
    let address = place.client_url.trim_start_matches("http://");
    within("somebody to listen", async {
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(status(&place.client_url, "/livez").await, "HTTP/1.1 200 OK");
    let ready = status(&place.client_url, "/readyz").await;
    assert_eq!(ready, "HTTP/1.1 503 Service Unavailable");
    starting.abort();
}

#[test]
fn metrics_are_secured_with_a_certificate_or_not_at_all() {
    let refused = Config::from_flags(["--listen-metrics-urls=https://127.0.0.1:2381"]);
    assert_eq!(
        refused.expect_err("there is none").to_string(),
        "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url"
    );
}

/// Changes every value of a stopped member that holds this into something else, as a fault of
/// memory could.
fn spoil(config: &Config, value: &[u8]) {
    let part = Parts::compiled_in().engines.get("lsm").expect("it is compiled in");
    let engine = part.open(&config.data_dir.join("member/lsm")).expect("nobody else has it open");
    let mut batch = Batch::new();
    for id in 0..=u8::MAX {
        let table = Table { id, name: "any" };
        let mut visit = |key: &[u8], held: &[u8]| {
            if let Some(at) = held.windows(value.len()).position(|part| part == value) {
                let mut spoilt = held.to_vec();
                spoilt[at] ^= 1;
                batch.put(table, Bytes::copy_from_slice(key), Bytes::from(spoilt));
            }
            Step::Next
        };
        let all = (Bound::Unbounded, Bound::Unbounded);
        let scanned =
            engine.view().scan(table, all, Direction::Ascending, Part::Records, &mut visit);
        scanned.expect("it can be read");
    }
    assert!(!batch.is_empty(), "the value is there");
    engine.write(batch).expect("there is room");
    engine.sync().expect("there is room");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_something_else_than_the_others_does_not_serve() {
    let seats = ["a", "b"].map(Seat::new);
    let cluster = seats.each_ref().map(Seat::listing).join(",");
    let [a, b] = seats.each_ref().map(|seat| {
        let cluster = cluster.clone();
        move || seat.config(&cluster, &["--feature-gates=InitialCorruptCheck=true"])
    });
    let (first, second) = tokio::join!(start(a()), start(b()));
    put(&seats[0], "a", "a value to be spoilt").await;
    within("the stop", second.stop()).await.expect("it stops well");
    // It holds what the other one holds.
    let second = start(b()).await;
    within("the stop", second.stop()).await.expect("it stops well");

    spoil(&b(), b"a value to be spoilt");
    let refused = within("the refusal", Member::start(b())).await.err().expect("they differ");
    assert!(refused.to_string().ends_with("found data inconsistency with peers"), "{refused}");
    within("the stop", first.stop()).await.expect("it stops well");
}
