//! Members' places, and what every test does with them.

use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::{PutRequest, RangeRequest};
use server::{Config, Member};
use tempfile::TempDir;
use tls::Connector;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

/// How long something that must happen may take, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A member's place.
pub(crate) struct Seat {
    pub(crate) name: String,
    pub(crate) folder: TempDir,
    pub(crate) client_url: String,
    pub(crate) peer_url: String,
    /// How clients connect, if that is secured.
    pub(crate) connector: Option<Connector>,
}

impl Seat {
    pub(crate) fn new(name: &str) -> Self {
        let folder = TempDir::new().expect("there is room for a folder");
        let (client_url, peer_url) = (free_url(), free_url());
        Self { name: name.to_owned(), folder, client_url, peer_url, connector: None }
    }

    /// One where TLS is spoken, to clients who connect like this.
    pub(crate) fn secured(name: &str, connector: Connector) -> Self {
        let mut seat = Self { connector: Some(connector), ..Self::new(name) };
        for url in [&mut seat.client_url, &mut seat.peer_url] {
            *url = url.replacen("http", "https", 1);
        }
        seat
    }

    /// One whose peers reach it as this transport's do.
    pub(crate) fn by(name: &str, transport: &str) -> Self {
        let seat = Self::new(name);
        let scheme = if transport == "quic" { "quic" } else { "http" };
        let peer_url = seat.peer_url.replacen("http", scheme, 1);
        Self { peer_url, ..seat }
    }

    pub(crate) fn config(&self, cluster: &str, more: &[&str]) -> Config {
        let data_dir = self.folder.path().join("data");
        let flags = [
            format!("--name={}", self.name),
            format!("--data-dir={}", data_dir.display()),
            format!("--listen-client-urls={}", self.client_url),
            format!("--advertise-client-urls={}", self.client_url),
            format!("--listen-peer-urls={}", self.peer_url),
            format!("--initial-advertise-peer-urls={}", self.peer_url),
            format!("--initial-cluster={cluster}"),
        ];
        let flags = flags.iter().map(String::as_str).chain(more.iter().copied());
        Config::from_flags(flags).expect("the flags are fine")
    }

    pub(crate) fn listing(&self) -> String {
        format!("{}={}", self.name, self.peer_url)
    }

    pub(crate) async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.client_url.clone()).expect("it is a URL");
        let connected = match &self.connector {
            Some(connector) => endpoint.connect_with_connector(connector.clone()).await,
            None => endpoint.connect().await,
        };
        connected.expect("the member listens")
    }
}

/// An address where nobody listens. Each process has a loopback address of its own, and gives away
/// its ports one by one, below those that the system gives to whoever asks for none.
fn free_url() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("http://127.{}.{middle}.{low}:{port}", 128 + high % 64)
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

pub(crate) async fn start(config: Config) -> Member {
    within("the member", Member::start(config)).await.expect("it starts")
}

/// Puts a value, again while leaders change: what was on its way to a lost one is lost.
pub(crate) async fn put(seat: &Seat, key: &'static str, value: &'static str) {
    let put = PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() };
    let mut client = KvClient::new(seat.connect().await);
    within("a put", async {
        while let Err(status) = client.put(put.clone()).await {
            let is_lost = matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded);
            assert!(is_lost, "{status}");
        }
    })
    .await;
}

pub(crate) async fn get(seat: &Seat, key: &'static str) -> Option<Vec<u8>> {
    let range = RangeRequest { key: key.into(), ..RangeRequest::default() };
    let found = within("a range", KvClient::new(seat.connect().await).range(range)).await;
    found.expect("it is read").into_inner().kvs.first().map(|kv| kv.value.to_vec())
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("it is there");
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| name(entry.expect("it can be read"))).collect()
}
