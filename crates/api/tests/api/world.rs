//! One member over memory, and clients that speak to it without a socket.

use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use api::urls::Scheme;
use api::{Api, Clients, Options};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use backend::{MemBackend, MemDisk};
use bytes::Buf;
use host::testing::ELECTION_TIMEOUT;
use host::{Config, Handle, Parts, Space, found, start};
use http_body_util::BodyExt;
use proto::etcdserverpb::cluster_client::ClusterClient;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::watch_client::WatchClient;
use raft::Raft;
use raftlog::Identity;
use raftlog::memory::Disk;
use state::{Member, Quota};
use tempfile::TempDir;
use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;
use tonic::codegen::Service;
use tonic::{Code, Status};
use transport::memory::Network;
use units::{ClusterId, NodeId};

pub(crate) use host::testing::within;

pub(crate) const CLUSTER: ClusterId = ClusterId(0xc1);
pub(crate) const MEMBER: NodeId = NodeId(0x8e9e);

/// So small that a test can exceed it.
pub(crate) const REQUEST_BYTES_MAX: usize = 100_000;
pub(crate) const TXN_OPS_MAX: usize = 4;
pub(crate) const QUOTA_BYTES: u64 = 1 << 20;

/// A member that leads itself.
pub(crate) struct World {
    pub(crate) handle: Handle,
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) clients: Clients,
    pub(crate) peers: Router,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().expect("there is room for a folder");
        let log = Disk::new();
        let identity = Identity { node: MEMBER, cluster: CLUSTER };
        let mut opened = log.create(identity).expect("it is new");
        let member = Member {
            id: MEMBER.0,
            peer_urls: vec!["http://127.0.0.1:2380".to_owned()],
            is_learner: false,
            name: String::new(),
            client_urls: Vec::new(),
        };
        found(&mut opened, &[member]).expect("the disk is sound");
        let network = Network::default();
        let parts = Parts {
            log: opened,
            backend: Arc::new(MemBackend::open(&MemDisk::new()).expect("it is new")),
            consensus: Box::new(|now, config, start| Box::new(Raft::new(now, config, start))),
            transport: Box::new(move |sink| Ok(Arc::new(network.join(CLUSTER, MEMBER, sink)))),
            space: Space::of_directories(&[]),
            runtime: Runtime::current(),
        };
        let config = config(folder.path().join("snapshots"));
        let handle = start(parts, config, Vec::new()).expect("it can start");
        within("the member", handle.ready()).await.expect("it does not stop");
        let stopping = watch::Sender::new(false);
        let options = Options {
            txn_ops_max: TXN_OPS_MAX,
            request_bytes_max: REQUEST_BYTES_MAX,
            quota: Quota { bytes_max: Some(QUOTA_BYTES) },
            election_timeout: ELECTION_TIMEOUT,
            slow_read: Duration::from_millis(100),
            slow_request: Duration::from_millis(300),
            peer_schemes: &[Scheme::Http, Scheme::Https],
        };
        let api = Api::new(handle.clone(), options, stopping.subscribe());
        Self {
            handle,
            stopping,
            clients: api.clients(Router::new()),
            peers: api.peers(),
            _folder: folder,
        }
    }

    pub(crate) fn kv(&self) -> KvClient<Plain> {
        KvClient::new(self.plain())
    }

    pub(crate) fn watch(&self) -> WatchClient<Plain> {
        WatchClient::new(self.plain())
    }

    pub(crate) fn lease(&self) -> LeaseClient<Plain> {
        LeaseClient::new(self.plain())
    }

    pub(crate) fn cluster(&self) -> ClusterClient<Plain> {
        ClusterClient::new(self.plain())
    }

    pub(crate) fn maintenance(&self) -> MaintenanceClient<Plain> {
        MaintenanceClient::new(self.plain())
    }

    /// The clients' port, for generated clients.
    pub(crate) fn plain(&self) -> Plain {
        Plain(self.clients.clone())
    }

    /// Asks for a page.
    pub(crate) async fn page(&self, request: Request<Body>) -> (Response<()>, String) {
        let mut router = self.clients.clone();
        let response = within("a page", router.call(request)).await.expect("routers do not fail");
        let (head, body) = response.into_parts();
        let body = within("its end", body.collect()).await.expect("it ends").to_bytes();
        let text = String::from_utf8(body.to_vec()).expect("it is text");
        (Response::from_parts(head, ()), text)
    }
}

/// Answers in the kind of data that generated clients ask for.
#[derive(Clone)]
pub(crate) struct Plain(Clients);

impl<B> Service<Request<B>> for Plain
where
    Clients: Service<Request<B>, Response = Response<api::Body>, Error = Infallible>,
    <Clients as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let response = self.0.call(request);
        let plain = |mut data: api::Data| data.copy_to_bytes(data.remaining());
        Box::pin(async move {
            let body =
                |body: api::Body| Body::new(body.map_frame(move |frame| frame.map_data(plain)));
            Ok(response.await?.map(body))
        })
    }
}

fn config(spool: PathBuf) -> Config {
    let mut config = host::testing::config(MEMBER, spool);
    config.name = "one".to_owned();
    config.client_urls = vec!["http://127.0.0.1:2379".to_owned()];
    config.state.lease.ttl_min_s = 2;
    config.state.quota_bytes = Some(QUOTA_BYTES);
    config.request_bytes_max = REQUEST_BYTES_MAX;
    config
}

/// What an answer should have been: this refusal.
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    words: &str,
) {
    let status = answer.expect_err(words);
    assert_eq!((status.code(), status.message()), (code, words));
}
