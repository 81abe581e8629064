//! A member that does as a test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use client::{Client, Options};
use futures_util::{Stream, stream};
use prost::Message;
use proto::etcdserverpb::kv_server::{Kv, KvServer};
use proto::etcdserverpb::lease_server::{Lease, LeaseServer};
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::watch_server::{Watch, WatchServer};
use proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, LeaseGrantRequest,
    LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
    LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse, PutRequest, RangeRequest, ResponseHeader, TxnRequest,
    WatchCreateRequest, WatchRequest, WatchResponse,
};
use proto::spliced;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a runtime of its own, so that it can vanish with all its connections at once.
pub(crate) struct Member {
    pub(crate) address: SocketAddr,
    script: Arc<Script>,
    runtime: Option<Runtime>,
    /// Watch streams as clients open them.
    pub(crate) watches: mpsc::UnboundedReceiver<Peer<WatchRequest, WatchResponse>>,
    /// Keep-alive streams as clients open them.
    pub(crate) keep_alives:
        mpsc::UnboundedReceiver<Peer<LeaseKeepAliveRequest, LeaseKeepAliveResponse>>,
}

/// What to answer to calls, and what was asked.
#[derive(Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Answer>>,
    calls: Mutex<Vec<Call>>,
}

/// What a member makes of a call.
pub(crate) enum Answer {
    /// It refuses.
    Refuse(Status),
    /// It never answers.
    Silence,
    /// It vanishes while it works on it.
    Vanish,
}

/// A call that came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) leader_required: bool,
    pub(crate) with_timeout: bool,
}

/// The member's side of a stream.
pub(crate) struct Peer<Q, A> {
    pub(crate) requests: Streaming<Q>,
    pub(crate) answers: mpsc::UnboundedSender<Result<A, Status>>,
    pub(crate) leader_required: bool,
}

impl Member {
    pub(crate) fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// At this address: where one was that has vanished.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let script = Arc::new(Script::default());
        let (watch_sender, watches) = mpsc::unbounded_channel();
        let (keep_alive_sender, keep_alives) = mpsc::unbounded_channel();
        let service = Service {
            script: Arc::clone(&script),
            watches: watch_sender,
            keep_alives: keep_alive_sender,
        };
        // `block_on` would panic on the test's own runtime.
        let (sender, receiver) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let listener = TcpListener::bind(address).await.expect("the address is free");
            sender.send(listener.local_addr().expect("it is bound")).expect("the test waits");
            let service = Arc::new(service);
            Server::builder()
                .add_service(KvServer::from_arc(Arc::clone(&service)))
                .add_service(WatchServer::from_arc(Arc::clone(&service)))
                .add_service(LeaseServer::from_arc(service))
                .serve_with_incoming(TcpIncoming::from(listener))
                .await
                .expect("the server serves");
        });
        let address = receiver.recv_timeout(PATIENCE).expect("the server starts");
        Self { address, script, runtime: Some(runtime), watches, keep_alives }
    }

    /// What to make of the next call that has no answer yet; all others succeed.
    pub(crate) fn will(&self, answer: Answer) {
        self.script.answers.lock().expect("nobody panics with it").push_back(answer);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.script.calls.lock().expect("nobody panics with it").clone()
    }

    pub(crate) fn methods(&self) -> Vec<&'static str> {
        self.calls().iter().map(|call| call.method).collect()
    }

    /// All its sockets close.
    pub(crate) fn vanish(&mut self) {
        let runtime = self.runtime.take().expect("it has not vanished yet");
        // A runtime cannot be waited for on another.
        let end = thread::spawn(move || runtime.shutdown_timeout(PATIENCE));
        end.join().expect("a runtime ends");
    }

    /// The next watch stream that a client opens here.
    pub(crate) async fn watch_stream(&mut self) -> Peer<WatchRequest, WatchResponse> {
        soon(self.watches.recv()).await.expect("the member serves")
    }

    /// The next keep-alive stream that a client opens here.
    pub(crate) async fn keep_alive_stream(
        &mut self,
    ) -> Peer<LeaseKeepAliveRequest, LeaseKeepAliveResponse> {
        soon(self.keep_alives.recv()).await.expect("the member serves")
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A client of these members.
pub(crate) fn client_of(members: &[&Member]) -> Client {
    let endpoints = members.iter().map(|member| member.address.to_string());
    Client::new(Options::new(endpoints)).expect("these are endpoints")
}

/// Waits, but not for ever.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens soon")
}

impl<Q, A> Peer<Q, A> {
    pub(crate) async fn request(&mut self) -> Q {
        soon(self.requests.message()).await.expect("the client goes on").expect("and asks")
    }

    pub(crate) fn answer(&self, answer: A) {
        self.answers.send(Ok(answer)).expect("the stream is open");
    }

    pub(crate) fn fail(&self, status: Status) {
        self.answers.send(Err(status)).expect("the stream is open");
    }
}

impl Peer<WatchRequest, WatchResponse> {
    pub(crate) async fn union(&mut self) -> RequestUnion {
        self.request().await.request_union.expect("clients ask for something")
    }

    /// Waits for a new watch and begins it under this name, at this revision.
    pub(crate) async fn begin(&mut self, name: i64, revision: i64) -> WatchCreateRequest {
        let RequestUnion::CreateRequest(request) = self.union().await else {
            panic!("a watch is expected to begin")
        };
        self.answer(WatchResponse { created: true, ..response(name, revision) });
        request
    }
}

/// A response to this watch at this revision, without events.
pub(crate) fn response(name: i64, revision: i64) -> WatchResponse {
    let header = Some(ResponseHeader { revision, ..ResponseHeader::default() });
    WatchResponse { header, watch_id: name, ..WatchResponse::default() }
}

struct Service {
    script: Arc<Script>,
    watches: mpsc::UnboundedSender<Peer<WatchRequest, WatchResponse>>,
    keep_alives: mpsc::UnboundedSender<Peer<LeaseKeepAliveRequest, LeaseKeepAliveResponse>>,
}

impl Service {
    async fn play<M, R: Default>(
        &self,
        method: &'static str,
        request: &Request<M>,
    ) -> Result<Response<R>, Status> {
        let call = Call {
            method,
            leader_required: leader_required(request),
            with_timeout: request.metadata().contains_key("grpc-timeout"),
        };
        self.script.calls.lock().expect("nobody panics with it").push(call);
        let answer = self.script.answers.lock().expect("nobody panics with it").pop_front();
        match answer {
            None => Ok(Response::new(R::default())),
            Some(Answer::Refuse(status)) => Err(status),
            Some(Answer::Silence) => std::future::pending().await,
            Some(Answer::Vanish) => panic!("the connection's task ends here"),
        }
    }
}

fn leader_required<M>(request: &Request<M>) -> bool {
    request.metadata().get("hasleader").is_some_and(|value| value == "true")
}

type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// Hands a stream to the test.
fn hand_over<Q, A: Send + 'static, B: 'static>(
    request: Request<Streaming<Q>>,
    to: &mpsc::UnboundedSender<Peer<Q, A>>,
    convert: impl Fn(A) -> B + Send + Copy + 'static,
) -> Response<Answers<B>> {
    let leader_required = leader_required(&request);
    let (answers, mut receiver) = mpsc::unbounded_channel::<Result<A, Status>>();
    // A test that has seen enough does not listen any more.
    drop(to.send(Peer { requests: request.into_inner(), answers, leader_required }));
    let outgoing = stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|answer| answer.map(|answer| answer.map(convert)))
    });
    Response::new(Box::pin(outgoing))
}

fn spliced(response: WatchResponse) -> spliced::WatchResponse {
    spliced::WatchResponse::decode(&response.encode_to_vec()[..]).expect("they are twins")
}

#[tonic::async_trait]
impl Kv for Service {
    type RangeStreamStream = Answers<spliced::RangeStreamResponse>;

    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<spliced::RangeResponse>, Status> {
        self.play("range", &request).await
    }

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let played: Response<()> = self.play("range_stream", &request).await?;
        let chunk = |revision: Option<i64>, key: &str| {
            let kv = proto::mvccpb::KeyValue { key: key.to_owned().into(), ..Default::default() };
            let header = |revision| ResponseHeader { revision, ..ResponseHeader::default() };
            let range_response = Some(spliced::RangeResponse {
                header: revision.map(header),
                kvs: [kv.encode_to_vec()].into_iter().collect(),
                more: false,
                count: if revision.is_some() { 2 } else { 0 },
            });
            Ok(spliced::RangeStreamResponse { range_response })
        };
        let chunks = [chunk(None, "a"), chunk(Some(7), "b")];
        Ok(played.map(|()| Box::pin(stream::iter(chunks)) as Answers<_>))
    }

    async fn put(
        &self,
        request: Request<PutRequest>,
    ) -> Result<Response<spliced::PutResponse>, Status> {
        self.play("put", &request).await
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<spliced::DeleteRangeResponse>, Status> {
        self.play("delete_range", &request).await
    }

    async fn txn(
        &self,
        request: Request<TxnRequest>,
    ) -> Result<Response<spliced::TxnResponse>, Status> {
        self.play("txn", &request).await
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        self.play("compact", &request).await
    }
}

#[tonic::async_trait]
impl Watch for Service {
    type WatchStream = Answers<spliced::WatchResponse>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Ok(hand_over(request, &self.watches, spliced))
    }
}

#[tonic::async_trait]
impl Lease for Service {
    type LeaseKeepAliveStream = Answers<LeaseKeepAliveResponse>;

    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        self.play("lease_grant", &request).await
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        self.play("lease_revoke", &request).await
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        Ok(hand_over(request, &self.keep_alives, |answer| answer))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        self.play("lease_time_to_live", &request).await
    }

    async fn lease_leases(
        &self,
        request: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        self.play("lease_leases", &request).await
    }
}
