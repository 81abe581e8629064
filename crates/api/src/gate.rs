//! The gate that every gRPC call passes: what this member cannot do just now it refuses here,
//! before the request is read, and what the library refuses leaves in etcd's words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tonic::{Code, Status};
use tracing::warn;

use crate::{error, words};

/// What a member can do just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether it knows a leader.
    pub(crate) has_leader: bool,
    /// Whether it only listens to its cluster.
    pub(crate) is_learner: bool,
}

/// What the gate goes by.
#[derive(Clone)]
pub(crate) struct Rules {
    /// Tells how the member stands.
    pub(crate) ask: Arc<dyn Fn() -> Standing + Send + Sync>,
    /// Calls that take longer until they are answered, or begin to be, are worth a line in the log.
    pub(crate) slow: Duration,
}

impl Rules {
    /// Does what a call asks for, and says so if it took long.
    pub(crate) async fn timed<T>(&self, path: &str, call: impl Future<Output = T>) -> T {
        let begin = Instant::now();
        let done = call.await;
        let took = begin.elapsed();
        if took > self.slow {
            warn!("time spent" = ?took, "response type" = path, "request stats");
        }
        done
    }
}

/// What a learner answers: its status and a snapshot. Ranges are looked at where they are read, as
/// serializable ones are answered.
const LEARNERS_OWN: [&str; 3] = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.Maintenance/Snapshot",
    "/etcdserverpb.Maintenance/Status",
];

const GRPC: &str = "application/grpc";

/// Lets a request through, or refuses it.
pub(crate) async fn pass(State(rules): State<Rules>, request: Request, next: Next) -> Response {
    if !is_grpc(request.headers()) {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    if let Err(status) = admit(&path, request.headers(), (rules.ask)()) {
        return refusal(status);
    }
    let response = rules.timed(&path, next.run(request)).await;
    // A refusal has its status in the header, where nothing has been sent yet.
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok => refusal(words::of_etcd(&path, status)),
        _ => response,
    }
}

/// Whether somebody speaks gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(GRPC.as_bytes()))
}

/// A status as an answer without a body.
pub(crate) fn refusal(status: Status) -> Response {
    status.into_http::<axum::body::Body>()
}

/// Refuses what this member cannot do just now.
pub(crate) fn admit(path: &str, headers: &HeaderMap, standing: Standing) -> Result<(), Status> {
    if standing.is_learner && !LEARNERS_OWN.contains(&path) {
        return Err(error::not_supported_for_learner());
    }
    let version = headers.get("client-api-version");
    if version.is_some_and(|version| std::str::from_utf8(version.as_bytes()).is_err()) {
        return Err(error::invalid_client_api_version());
    }
    if requires_leader(headers) && !standing.has_leader {
        return Err(error::no_leader());
    }
    Ok(())
}

/// Whether the caller rather hears that there is no leader than waits for one.
pub(crate) fn requires_leader(headers: &HeaderMap) -> bool {
    headers.get("hasleader").is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests;
