//! What browsers, balancers and kubelets ask: plain HTTP beside gRPC.
//!
//! Paths, bodies, codes and headers are etcd's; a header's case may differ.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use proto::etcdserverpb::{AlarmType, RangeRequest};
use state::read;

use crate::service::Service;
use crate::{VERSION, error, gate, words};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// What any page from anywhere may do: etcd's `--cors "*"`.
const CORS: [(HeaderName, HeaderValue); 3] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE"),
    ),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("accept, content-type, authorization"),
    ),
];

/// What is served to clients beside gRPC.
pub(crate) fn pages(service: Service) -> Router {
    checks()
        .route("/version", page(version))
        .fallback(not_found)
        .layer(middleware::from_fn(cross_origin))
        .with_state(service)
}

/// What is served to those who look after the member.
pub(crate) fn check_pages(service: Service) -> Router {
    checks().fallback(not_found).with_state(service)
}

/// How the member is.
fn checks() -> Router<Service> {
    Router::new()
        .route("/health", page(health))
        .route("/livez", page(livez))
        .route("/livez/{check}", page(livez_check))
        .route("/readyz", page(readyz))
        .route("/readyz/{check}", page(readyz_check))
}

/// What members ask each other.
pub(crate) fn peer_pages(service: Service) -> Router {
    Router::new()
        .route("/members", page(members))
        .route("/version", page(version))
        .fallback(not_found)
        .with_state(service)
}

/// A page, which is only looked at.
fn page<T: 'static>(handler: impl Handler<T, Service>) -> MethodRouter<Service> {
    get(handler).head(not_allowed).fallback(not_allowed)
}

async fn not_allowed() -> Response {
    let mut refused = failure(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n".to_owned());
    refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
    refused
}

/// Lets pages of other origins see the answer; gRPC is none of theirs.
async fn cross_origin(request: Request, next: Next) -> Response {
    if gate::is_grpc(request.headers()) {
        return next.run(request).await;
    }
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::OK.into_response(),
        _ => next.run(request).await,
    };
    response.headers_mut().extend(CORS);
    response
}

/// A path that leads nowhere, in the language of whoever asks.
async fn not_found(request: Request) -> Response {
    if gate::is_grpc(request.headers()) {
        return gate::refusal(words::unknown(request.uri().path(), false));
    }
    failure(StatusCode::NOT_FOUND, "404 page not found\n".to_owned())
}

/// An error as Go's servers give it.
fn failure(code: StatusCode, text: String) -> Response {
    let headers = [(header::CONTENT_TYPE, TEXT), (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF)];
    (code, headers, text).into_response()
}

async fn version(State(service): State<Service>) -> Response {
    let cluster = service.handle.published().cluster_version;
    let known = |unknown: &str| cluster.map_or(unknown.to_owned(), |version| version.to_string());
    let text = format!(
        "{{\"etcdserver\":\"{VERSION}\",\"etcdcluster\":\"{}\",\"storage\":\"{}\"}}",
        known("not_decided"),
        known("unknown")
    );
    ([(header::CONTENT_TYPE, JSON)], text).into_response()
}

async fn members(State(service): State<Service>) -> Response {
    let members: Vec<_> = service.handle.published().members.current.values().cloned().collect();
    let text = match serde_json::to_string(&members) {
        Ok(text) => text + "\n",
        Err(error) => return failure(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    };
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, JSON)]);
    let cluster = service.handle.identity().cluster.to_string();
    if let Ok(cluster) = HeaderValue::from_str(&cluster) {
        headers.insert("x-etcd-cluster-id", cluster);
    }
    (headers, text).into_response()
}

async fn health(State(service): State<Service>, RawQuery(query): RawQuery) -> Response {
    let query = Query(query.unwrap_or_default());
    let (code, text) = match service.ails(&query).await {
        None => (StatusCode::OK, "{\"health\":\"true\",\"reason\":\"\"}".to_owned()),
        Some(reason) => {
            let reason = serde_json::Value::from(reason);
            let text = format!("{{\"health\":\"false\",\"reason\":{reason}}}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
    };
    (code, [(header::CONTENT_TYPE, TEXT)], text).into_response()
}

async fn livez(State(service): State<Service>, RawQuery(query): RawQuery) -> Response {
    service.check(&Check::LIVE, query).await
}

async fn readyz(State(service): State<Service>, RawQuery(query): RawQuery) -> Response {
    service.check(&Check::READY, query).await
}

async fn livez_check(
    State(service): State<Service>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    match Check::LIVE.into_iter().find(|check| check.name() == name) {
        Some(check) => service.check(&[check], query).await,
        None => not_found(request).await,
    }
}

async fn readyz_check(
    State(service): State<Service>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    match Check::READY.into_iter().find(|check| check.name() == name) {
        Some(check) => service.check(&[check], query).await,
        None => not_found(request).await,
    }
}

/// One thing that must hold for a member to be of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    DataCorruption,
    LinearizableRead,
    NonLearner,
    SerializableRead,
}

impl Check {
    /// What tells a member that should be started anew.
    const LIVE: [Self; 1] = [Self::SerializableRead];

    /// What tells a member that clients should not be sent to.
    const READY: [Self; 4] =
        [Self::DataCorruption, Self::SerializableRead, Self::LinearizableRead, Self::NonLearner];

    fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::LinearizableRead => "linearizable_read",
            Self::NonLearner => "non_learner",
            Self::SerializableRead => "serializable_read",
        }
    }
}

impl Service {
    /// Runs checks, all of them even when one fails.
    async fn check(&self, checks: &[Check], query: Option<String>) -> Response {
        let query = Query(query.unwrap_or_default());
        let mut lines = String::new();
        let mut is_well = true;
        for check in checks.iter().filter(|check| !query.excludes(check.name())) {
            match self.holds(*check).await {
                Ok(()) => writeln!(lines, "[+]{} ok", check.name()),
                Err(reason) => {
                    is_well = false;
                    writeln!(lines, "[-]{} failed: {reason}", check.name())
                }
            }
            .expect("a string takes everything");
        }
        if !is_well {
            return failure(StatusCode::SERVICE_UNAVAILABLE, lines);
        }
        let text = if query.has("verbose") { lines + "ok\n" } else { "ok\n".to_owned() };
        failure(StatusCode::OK, text)
    }

    async fn holds(&self, check: Check) -> Result<(), String> {
        match check {
            Check::DataCorruption => {
                let is_corrupt = self.handle.published().alarms.any(AlarmType::Corrupt);
                if is_corrupt { Err("alarm activated: CORRUPT".to_owned()) } else { Ok(()) }
            }
            Check::LinearizableRead => self.read_one(Freshness::Linearizable).await,
            Check::NonLearner => {
                let is_learner = self.standing().is_learner;
                if is_learner { Err("not supported for learner".to_owned()) } else { Ok(()) }
            }
            Check::SerializableRead => self.read_one(Freshness::Serializable).await,
        }
    }

    /// What is wrong with the member, as `/health` says it.
    async fn ails(&self, query: &Query) -> Option<String> {
        let alarms = Arc::clone(&self.handle.published().alarms);
        for alarm in alarms.of(AlarmType::None) {
            let name =
                AlarmType::try_from(alarm.alarm).map_or("UNKNOWN", |kind| kind.as_str_name());
            if !query.excludes(name) {
                return Some(format!("ALARM {name}"));
            }
        }
        let freshness = match query.values("serializable").next() {
            Some("true") => Freshness::Serializable,
            _ => Freshness::Linearizable,
        };
        if freshness == Freshness::Linearizable && self.leader().is_none() {
            return Some("RAFT NO LEADER".to_owned());
        }
        let read = self.read_one(freshness).await;
        read.err().map(|reason| format!("RANGE ERROR:{reason}"))
    }

    /// Reads as a client would, though nothing in particular.
    async fn read_one(&self, freshness: Freshness) -> Result<(), String> {
        let read = async {
            if freshness == Freshness::Linearizable {
                self.linearize().await?;
            }
            let request = RangeRequest { keys_only: true, limit: 1, ..RangeRequest::default() };
            self.read(move |state| read::range(state, &request)).await
        };
        match read.await {
            Ok(_) => Ok(()),
            Err(status) => Err(error::in_words(&status)),
        }
    }
}

/// How true an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    /// Now.
    Linearizable,
    /// At some time.
    Serializable,
}

/// What follows the question mark. Names and values that matter here need no decoding.
struct Query(String);

impl Query {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs().filter(move |(key, _)| *key == name).map(|(_, value)| value)
    }

    fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn excludes(&self, name: &str) -> bool {
        self.values("exclude").any(|value| value == name)
    }
}

#[cfg(test)]
mod tests;
