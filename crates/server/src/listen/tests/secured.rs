//! Where connections are secured.

use std::fs;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use tempfile::TempDir;
use tls::authority::{Authority, Subject};
use tls::{Acceptor, Connector, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Homes, Options, PATIENCE, listening_at};

/// More than sockets hold, so that writing waits for the reader.
const LARGE_BYTES: usize = 16 << 20;

/// A server that is stopped by the sender, and who may connect to it.
struct World {
    address: Option<SocketAddr>,
    connector: Connector,
    settings: Settings,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    directory: TempDir,
}

/// Serves a greeting, and something large.
async fn serving(url: impl FnOnce(&TempDir) -> String) -> World {
    let directory = TempDir::new().expect("there is room for a folder");
    let authority = Authority::new("an authority");
    let trusted = directory.path().join("ca.pem");
    fs::write(&trusted, authority.certificate()).expect("there is room");
    let own = authority.certify(Subject::here("somebody")).write(directory.path(), "somebody");
    let settings = Settings { own: Some(own), trusted: Some(trusted), ..Settings::default() };
    let acceptor = Acceptor::new(&settings, &[b"h2", b"http/1.1"]);
    let connector = Connector::new(&settings, &[b"http/1.1"]);
    let bound = listening_at(&url(&directory)).await.expect("it is free");
    let address = bound.address();
    let (stop, stopped) = watch::channel(false);
    let router = Router::new()
        .route("/", get(async || "done"))
        .route("/large", get(async || "x".repeat(LARGE_BYTES)));
    let options = Options::peers(Some(acceptor));
    let serving = bound.serve(router, Homes::threads(), options, stopped, PATIENCE);
    let serving = tokio::spawn(serving);
    World { address, connector, settings, stop, serving, directory }
}

async fn served_at_a_port() -> World {
    serving(|_| "https://127.0.0.1:0".to_owned()).await
}

impl World {
    fn address(&self) -> SocketAddr {
        self.address.expect("it is bound to a port")
    }

    async fn end(self) {
        self.stop.send_replace(true);
        self.serving.await.expect("it ends");
    }
}

async fn asked(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    stream.flush().await.expect("written");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("it ends");
    text
}

#[tokio::test]
async fn requests_are_answered_whole() {
    let world = served_at_a_port().await;
    let port = world.address().port();
    let connect = async || world.connector.connect("127.0.0.1", port).await.expect("it fits");
    let text = asked(connect().await, "/").await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("done"), "{text}");
    let text = asked(connect().await, "/large").await;
    let (_, body) = text.split_once("\r\n\r\n").expect("there is a head");
    assert_eq!(body.len(), LARGE_BYTES);
    world.end().await;
}

#[tokio::test]
async fn who_says_nothing_holds_up_neither_others_nor_the_end() {
    let world = served_at_a_port().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(world.address()).await.expect("it listens"));
    }
    let port = world.address().port();
    let stream = world.connector.connect("localhost", port).await.expect("it fits");
    assert!(asked(stream, "/").await.ends_with("done"));
    let begin = std::time::Instant::now();
    world.end().await;
    assert!(begin.elapsed() < tls::HANDSHAKE_TIMEOUT, "it waited for the silent");
    drop(silent);
}

#[tokio::test]
async fn who_speaks_no_tls_is_hung_up_on() {
    let world = served_at_a_port().await;
    let mut plain = TcpStream::connect(world.address()).await.expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
    let mut answer = Vec::new();
    // An alert, or nothing but the end; never an answer.
    drop(plain.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let stranger = Settings { own: None, ..world.settings.clone() };
    let port = world.address().port();
    let stranger = Connector::new(&stranger, &[]).connect("127.0.0.1", port).await;
    // Of TLS 1.3 the client is done before it is refused.
    if let Ok(mut stream) = stranger {
        let error = stream.read_u8().await.expect_err("it has no certificate").to_string();
        assert!(error.contains("CertificateRequired"), "{error}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_unix_socket_can_be_secured_too() {
    let world =
        serving(|directory| format!("unixs://{}", directory.path().join("socket").display()));
    let world = world.await;
    let path = world.directory.path().join("socket");
    let stream = UnixStream::connect(&path).await.expect("it listens");
    let stream = world.connector.over(stream, "localhost").await.expect("it fits");
    assert!(asked(stream, "/").await.ends_with("done"));
    world.end().await;
}
