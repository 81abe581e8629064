use std::time::Duration;

use api::urls::Urls;
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

use super::{Bound, Homes, Listening, Options};
use crate::{Error, Keepalive};

mod secured;

/// How long what is under way may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

async fn listening() -> Listening {
    listening_at("http://127.0.0.1:0").await.expect("a port is free")
}

async fn listening_at(url: &str) -> Result<Listening, Error> {
    let urls = Urls::parse(&[url]).expect("it is one");
    Bound::bind(&urls).await.and_then(Bound::listen)
}

#[tokio::test]
async fn requests_under_way_are_answered_before_the_end() {
    let bound = listening().await;
    let address = bound.address().expect("it is bound");
    let (begun, begin) = watch::channel(false);
    let (go, gone) = watch::channel(false);
    let answer = move || {
        begun.send_replace(true);
        let mut gone = gone.clone();
        async move { gone.wait_for(|gone| *gone).await.map_or("lost", |_| "done") }
    };
    let (stop, stopped) = watch::channel(false);
    let router = Router::new().route("/", get(answer));
    let serving =
        tokio::spawn(bound.serve(router, Homes::threads(), Options::PEERS, stopped, PATIENCE));
    let mut client = TcpStream::connect(address).await.expect("it listens");
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
    begin.clone().wait_for(|begun| *begun).await.expect("it begins");
    stop.send_replace(true);
    go.send_replace(true);
    let mut text = String::new();
    client.read_to_string(&mut text).await.expect("it ends");
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("done"), "{text}");
    serving.await.expect("it ends");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_connection_that_answers_no_ping_is_given_up() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const PING: u8 = 6;
    let bound = listening().await;
    let address = bound.address().expect("it is bound");
    let soon = Duration::from_millis(50);
    let options =
        Options { keepalive: Keepalive { interval: soon, timeout: soon }, ..Options::PEERS };
    let (_stop, stopped) = watch::channel(false);
    let serving = bound.serve(Router::new(), Homes::threads(), options, stopped, Duration::ZERO);
    let serving = tokio::spawn(serving);
    let mut client = TcpStream::connect(address).await.expect("it listens");
    client.write_all(PREFACE).await.expect("written");
    client.write_all(&SETTINGS).await.expect("written");
    let mut frames = Vec::new();
    client.read_to_end(&mut frames).await.expect("it ends");
    let mut kinds = Vec::new();
    let mut rest = &frames[..];
    while let [a, b, c, kind, ..] = *rest {
        kinds.push(kind);
        let payload = u32::from_be_bytes([0, a, b, c]) as usize;
        rest = rest.get(SETTINGS.len() + payload..).unwrap_or_default();
    }
    assert!(kinds.contains(&PING), "{kinds:?}");
    serving.abort();
}

#[tokio::test]
async fn a_taken_address_is_refused() {
    let first = listening().await;
    let url = format!("http://{}", first.address().expect("it is bound"));
    let urls = Urls::parse(&[url]).expect("it is one");
    let error = Bound::bind(&urls).await.expect_err("it is taken").to_string();
    assert!(error.starts_with("listen tcp 127.0.0.1:"), "{error}");
    assert!(error.ends_with("bind: address already in use"), "{error}");
}

#[tokio::test]
async fn a_unix_socket_is_served_as_long_as_somebody_listens() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("socket");
    let url = format!("unix://{}", path.display());
    // What a killed program left behind is in nobody's way.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("it is free"));
    assert!(path.exists());
    let bound = listening_at(&url).await.expect("nobody listens there");
    let error = listening_at(&url).await.err().expect("somebody listens there").to_string();
    assert_eq!(error, format!("listen unix {}: bind: address already in use", path.display()));
    let router = Router::new().route("/", get(async || "done"));
    let (stop, stopped) = watch::channel(false);
    let serving =
        tokio::spawn(bound.serve(router, Homes::threads(), Options::PEERS, stopped, PATIENCE));
    let mut client = UnixStream::connect(&path).await.expect("it listens");
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.write_all(request).await.expect("written");
    let mut text = String::new();
    client.read_to_string(&mut text).await.expect("it ends");
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("done"), "{text}");
    stop.send_replace(true);
    serving.await.expect("it ends");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_stays() {
    let file = tempfile::NamedTempFile::new().expect("there is room for a file");
    let url = format!("unix://{}", file.path().display());
    let error = listening_at(&url).await.err().expect("it is in the way").to_string();
    assert!(error.ends_with("bind: address already in use"), "{error}");
    assert!(file.path().exists());
}
