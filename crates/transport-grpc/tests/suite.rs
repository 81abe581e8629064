//! The transport passes the suite, over loopback.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use links::suite::Waiting;
use tempfile::TempDir;
use tls::Acceptor;
use tls::authority::{Authority, Subject};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use transport::suite::{self, World};
use transport::{Peer, Sink, Transport};
use transport_grpc::{CONNECT_TIMEOUT, Grpc, Options, SNAPSHOT_BYTES_PER_SECOND};
use units::{ClusterId, NodeId};

/// Members on loopback ports, each with a runtime of its own, so that one that is held up holds up
/// nobody else.
#[derive(Default)]
struct Loopback {
    places: BTreeMap<NodeId, Place>,
    security: Option<Security>,
}

/// A certificate that all members show and ask each other for.
struct Security {
    settings: tls::Settings,
    _directory: TempDir,
}

impl Security {
    fn new() -> Self {
        let directory = TempDir::new().expect("there is room for a folder");
        let authority = Authority::new("an authority");
        let own = authority.certify(Subject::here("member")).write(directory.path(), "member");
        let trusted = directory.path().join("ca.pem");
        fs::write(&trusted, authority.certificate()).expect("there is room");
        let settings = tls::Settings {
            own: Some(own),
            trusted: Some(trusted),
            checks_addresses: true,
            ..tls::Settings::default()
        };
        Self { settings, _directory: directory }
    }
}

struct Place {
    /// Kept open over stops, so that nobody else gets the port.
    listener: TcpListener,
    runtime: Option<Runtime>,
}

impl Loopback {
    fn secured() -> Self {
        Self { places: BTreeMap::new(), security: Some(Security::new()) }
    }

    fn place(&mut self, id: NodeId) -> &mut Place {
        self.places.entry(id).or_insert_with(|| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
            listener.set_nonblocking(true).expect("a listener can be made nonblocking");
            Place { listener, runtime: None }
        })
    }
}

impl World for Loopback {
    fn peer(&mut self, id: NodeId) -> Peer {
        let address = self.place(id).listener.local_addr().expect("a bound listener has one");
        let scheme = if self.security.is_some() { "https" } else { "http" };
        Peer { id, urls: vec![format!("{scheme}://{address}")] }
    }

    fn start(&mut self, cluster: ClusterId, id: NodeId, sink: Arc<dyn Sink>) -> Arc<dyn Transport> {
        let urls = self.peer(id).urls;
        let runtime = Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let security = self.security.as_ref().map(|security| security.settings.clone());
        let acceptor = security.as_ref().map(|settings| Acceptor::new(settings, &[b"h2"]));
        let options = Options {
            cluster,
            id,
            urls,
            frame_bytes_max: 8 << 20,
            call_timeout: Duration::from_secs(1),
            connect_timeout: CONNECT_TIMEOUT,
            snapshot_bytes_per_second: SNAPSHOT_BYTES_PER_SECOND,
        };
        let security = security.unwrap_or_default();
        let sink = Arc::new(Waiting(sink));
        let transport = Grpc::new(options, &security, runtime.handle().clone(), sink);
        let place = self.place(id);
        let listener = place.listener.try_clone().expect("a listener can be cloned");
        runtime.spawn(serve(listener, acceptor, transport.router()));
        place.runtime = Some(runtime);
        Arc::new(transport)
    }

    fn stop(&mut self, id: NodeId) {
        if let Some(runtime) = self.place(id).runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        let places = std::mem::take(&mut self.places).into_values();
        places.filter_map(|place| place.runtime).for_each(Runtime::shutdown_background);
    }
}

async fn serve(listener: TcpListener, acceptor: Option<Acceptor>, router: axum::Router) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
    let mut connections = JoinSet::new();
    while let Ok((stream, from)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let Some(acceptor) = acceptor else {
                drop(builder.serve_connection(TokioIo::new(stream), service).await);
                return;
            };
            if let Ok(stream) = acceptor.accept(stream, Some(from.ip())).await {
                drop(builder.serve_connection(TokioIo::new(stream), service).await);
            }
        });
    }
}

#[test]
fn passes_the_suite() {
    suite::run(&mut || Box::new(Loopback::default()));
}

#[test]
fn passes_the_suite_over_tls() {
    suite::run(&mut || Box::new(Loopback::secured()));
}
