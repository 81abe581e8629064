//! What a member serves to its clients.

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::HttpBody;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::kv_server::Kv;
use proto::etcdserverpb::lease_server::Lease;
use tokio::task::spawn_blocking;
use tonic::Status;
use tower_service::Service as Tower;

use crate::error;
use crate::gate::{self, Rules};
use crate::service::Service;
use crate::unary::{self, Body};

/// gRPC over HTTP/2, and pages over HTTP of any version. Cheap to clone.
///
/// The calls that make up nearly all the load go straight to their service, past routing and the
/// library's framing; see `unary.rs` for what that saves. So do those whose answers may be so long
/// that nobody else should wait until they are encoded.
#[derive(Clone)]
pub struct Clients(Arc<Doors>);

struct Doors {
    service: Service,
    rules: Rules,
    /// Everything else.
    rest: Router,
}

/// A call that is made often, or whose answer may be long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    DeleteRange,
    LeaseLeases,
    LeaseTimeToLive,
    Put,
    Range,
    Txn,
}

impl Call {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/etcdserverpb.KV/DeleteRange" => Some(Self::DeleteRange),
            "/etcdserverpb.KV/Put" => Some(Self::Put),
            "/etcdserverpb.KV/Range" => Some(Self::Range),
            "/etcdserverpb.KV/Txn" => Some(Self::Txn),
            "/etcdserverpb.Lease/LeaseLeases" => Some(Self::LeaseLeases),
            "/etcdserverpb.Lease/LeaseTimeToLive" => Some(Self::LeaseTimeToLive),
            _ => None,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::DeleteRange => "/etcdserverpb.KV/DeleteRange",
            Self::LeaseLeases => "/etcdserverpb.Lease/LeaseLeases",
            Self::LeaseTimeToLive => "/etcdserverpb.Lease/LeaseTimeToLive",
            Self::Put => "/etcdserverpb.KV/Put",
            Self::Range => "/etcdserverpb.KV/Range",
            Self::Txn => "/etcdserverpb.KV/Txn",
        }
    }

    /// The call that a request makes, if it is one of these and in the usual form.
    fn of_request<B>(request: &Request<B>) -> Option<Self> {
        let headers = request.headers();
        let usual =
            request.method() == Method::POST && gate::is_grpc(headers) && unary::is_plain(headers);
        if usual { Self::of(request.uri().path()) } else { None }
    }
}

impl Clients {
    pub(crate) fn new(service: Service, rules: Rules, rest: Router) -> Self {
        Self(Arc::new(Doors { service, rules, rest }))
    }
}

impl<B> Tower<Request<B>> for Clients
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self(doors) = self;
        if let Some(call) = Call::of_request(&request) {
            let doors = Arc::clone(doors);
            return Box::pin(async move { Ok(doors.answer(call, request).await) });
        }
        let response = doors.rest.clone().call(request.map(axum::body::Body::new));
        Box::pin(async move { response.await.map(Body::other) })
    }
}

/// The longest answer that is encoded where others wait: a tenth of a millisecond's work.
const SHORT_BYTES_MAX: usize = 512 << 10;

/// Puts an answer into its frame, on a thread for that if it is long. Not on one of those that
/// read: they may refuse, and what is answered may have been done.
async fn encoded(answer: impl Message + 'static) -> Result<Response<Body>, Status> {
    if answer.encoded_len() <= SHORT_BYTES_MAX {
        return unary::response(&answer);
    }
    let encoding = spawn_blocking(move || unary::response(&answer));
    encoding.await.unwrap_or_else(|ended| match ended.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // The runtime has ended.
        Err(_) => Err(error::stopped()),
    })
}

impl Doors {
    async fn answer<B>(&self, call: Call, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes>,
    {
        let (head, body) = request.into_parts();
        let standing = (self.rules.ask)();
        let answer = async {
            gate::admit(call.path(), &head.headers, standing)?;
            self.serve(call, body).await
        };
        match self.rules.timed(call.path(), answer).await {
            Ok(response) => response,
            Err(status) => Body::other(gate::refusal(status)),
        }
    }

    async fn serve<B>(&self, call: Call, body: B) -> Result<Response<Body>, Status>
    where
        B: HttpBody<Data = Bytes>,
    {
        let Self { service, .. } = self;
        let bytes_max = service.options.message_bytes_max();
        macro_rules! answer {
            ($method:ident) => {{
                let request = unary::request(body, bytes_max).await?;
                service.$method(tonic::Request::new(request)).await?.into_inner()
            }};
        }
        match call {
            Call::DeleteRange => encoded(answer!(delete_range)).await,
            Call::LeaseLeases => encoded(answer!(lease_leases)).await,
            Call::LeaseTimeToLive => encoded(answer!(lease_time_to_live)).await,
            Call::Put => encoded(answer!(put)).await,
            // Most of it is encoded already.
            Call::Range => unary::range(answer!(range)),
            Call::Txn => encoded(answer!(txn)).await,
        }
    }
}
