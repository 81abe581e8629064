//! `tonic`: a message for each frame, over HTTP/2 that is set up as the peer port is.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response as HttpResponse;
use axum::routing::post;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::uri::PathAndQuery;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedSender};
use tonic::client::Grpc;
use tonic::server::StreamingService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::{Heard, Way, thread};

/// What may be on its way unread, in a stream and in all of a connection.
const WINDOW_BYTES: u32 = 4 << 20;

/// Streams that are heard and counted, and streams that are sent back.
const COUNTED: &str = "/raw/Counted";
const ECHOED: &str = "/raw/Echoed";

const THERE: &str = "the other end is there as long as this";

pub(super) struct Tonic {
    heard: Arc<Heard>,
    grpc: Grpc<Channel>,
    say: UnboundedSender<Bytes>,
    ask: (UnboundedSender<Bytes>, Streaming<Bytes>),
    /// What is counted lasts as long as its answer is waited for.
    _unanswered: Streaming<Bytes>,
    speaker: Runtime,
    _listener: Runtime,
}

impl Tonic {
    pub(super) fn connect() -> Self {
        let (speaker, listener) = (thread(), thread());
        let heard = Arc::<Heard>::default();
        let router = Router::new()
            .route(COUNTED, post(counted))
            .route(ECHOED, post(echoed))
            .with_state(Arc::clone(&heard));
        let address = serve(&listener, router);
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("it is a URL");
        let endpoint = endpoint
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        let mut grpc = Grpc::new(speaker.block_on(endpoint.connect()).expect(THERE));
        let (say, unanswered) = speaker.block_on(open(&mut grpc, COUNTED));
        let ask = speaker.block_on(open(&mut grpc, ECHOED));
        Self { heard, grpc, say, ask, _unanswered: unanswered, speaker, _listener: listener }
    }
}

/// A stream that stays open, and what comes back on it.
async fn open(
    grpc: &mut Grpc<Channel>,
    path: &'static str,
) -> (UnboundedSender<Bytes>, Streaming<Bytes>) {
    let (say, said) = mpsc::unbounded_channel();
    let said = stream::unfold(said, |mut said| async { said.recv().await.map(|m| (m, said)) });
    (say, call(grpc, path, said).await)
}

async fn call(
    grpc: &mut Grpc<Channel>,
    path: &'static str,
    said: impl Stream<Item = Bytes> + Send + 'static,
) -> Streaming<Bytes> {
    grpc.ready().await.expect(THERE);
    let codec = ProstCodec::<Bytes, Bytes>::default();
    let answers = grpc.streaming(Request::new(said), PathAndQuery::from_static(path), codec);
    answers.await.expect(THERE).into_inner()
}

impl Way for Tonic {
    fn send(&mut self, frames: &[Bytes]) {
        for frame in frames {
            self.say.send(frame.clone()).expect(THERE);
        }
        self.heard.wait_for(frames.iter().map(Bytes::len).sum());
    }

    fn ask(&mut self, frame: &Bytes) {
        let (say, hear) = &mut self.ask;
        say.send(frame.clone()).expect(THERE);
        self.speaker.block_on(hear.message()).expect(THERE).expect(THERE);
    }

    fn pass(&mut self, piece: &Bytes, pieces: usize) {
        let said = stream::iter(std::iter::repeat_n(piece.clone(), pieces));
        let grpc = &mut self.grpc;
        self.speaker.block_on(async {
            let end = call(grpc, COUNTED, said).await.message().await.expect(THERE);
            assert_eq!(end, None);
        });
        self.heard.wait_for(pieces * piece.len());
    }
}

/// Serves over HTTP/2 at a free port of this machine.
pub fn serve(runtime: &Runtime, router: Router) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("it is TCP");
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder
                .http2()
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES);
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                drop(builder.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    address
}

async fn counted(State(heard): State<Arc<Heard>>, request: HttpRequest) -> HttpResponse {
    answer(Counted(heard), request).await
}

async fn echoed(request: HttpRequest) -> HttpResponse {
    answer(Echoed, request).await
}

async fn answer<S>(service: S, request: HttpRequest) -> HttpResponse
where
    S: StreamingService<Bytes, Response = Bytes, ResponseStream = Answers> + Send,
    S::Future: Send,
{
    let mut grpc = tonic::server::Grpc::new(ProstCodec::<Bytes, Bytes>::default());
    grpc.streaming(service, request).await.map(axum::body::Body::new)
}

type Answers = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

struct Counted(Arc<Heard>);

impl StreamingService<Bytes> for Counted {
    type Response = Bytes;
    type ResponseStream = Answers;
    type Future = Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let counting = (request.into_inner(), Arc::clone(&self.0));
        let end = stream::try_unfold(counting, |(mut frames, heard)| async move {
            while let Some(frame) = frames.message().await? {
                heard.add(frame.len());
            }
            Ok(None)
        });
        ready(Ok(Response::new(Box::pin(end))))
    }
}

struct Echoed;

impl StreamingService<Bytes> for Echoed {
    type Response = Bytes;
    type ResponseStream = Answers;
    type Future = Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        ready(Ok(Response::new(Box::pin(request.into_inner()))))
    }
}
