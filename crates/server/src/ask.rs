//! What a member asks others over HTTP, as etcd's members ask each other: who the members
//! are.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use state::Member;
use tls::Connector;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time;
use units::ClusterId;

use api::urls::Url;

use crate::parts::TransportPart;

/// The largest answer that is read: thousands of members.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Who the members are, by another member's word.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) cluster: ClusterId,
    pub(crate) members: Vec<Member>,
}

/// How members are reached.
pub(crate) struct Reach<'a> {
    /// By whom those are connected to that are secured.
    pub(crate) connector: Connector,
    /// By whom those are visited that do not speak HTTP over TCP, and how that is secured.
    pub(crate) transport: &'a dyn TransportPart,
    pub(crate) tls: &'a tls::Settings,
}

/// Asks one member after the other who the members are. `None` when none of them knows.
pub(crate) async fn membership(
    urls: &[Url],
    reach: &Reach<'_>,
    patience: Duration,
) -> Option<Membership> {
    for url in urls {
        let answer = time::timeout(patience, members_of(url, reach)).await;
        match answer.unwrap_or_else(|_| Err(format!("{url}: no answer"))) {
            Ok(found) if !found.members.is_empty() => return Some(found),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("address" = %url, "error" = error, "failed to get cluster response");
            }
        }
    }
    None
}

async fn members_of(url: &Url, reach: &Reach<'_>) -> Result<Membership, String> {
    let (answer, cluster) = if url.is_quic() {
        let stream = reach.transport.visit(url, reach.tls).await.map_err(described)?;
        get(stream, url, "/members").await?
    } else if url.is_secure() {
        let connector = &reach.connector;
        let stream = connector.connect(url.host(), url.port()).await.map_err(described)?;
        get(stream, url, "/members").await?
    } else {
        let stream = TcpStream::connect((url.host(), url.port())).await.map_err(described)?;
        get(stream, url, "/members").await?
    };
    let cluster = cluster.ok_or("the answer names no cluster")?;
    let members = serde_json::from_slice(&answer).map_err(described)?;
    Ok(Membership { cluster, members })
}

/// Gets a path, and the cluster that the answer names.
async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    path: &str,
) -> Result<(Bytes, Option<ClusterId>), String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(described)?;
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, url.address())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(described)?;
    let answer = sender.send_request(request).await.map_err(described)?;
    if answer.status() != StatusCode::OK {
        return Err(format!("{url}{path}: unexpected http status {}", answer.status()));
    }
    let cluster = answer
        .headers()
        .get("x-etcd-cluster-id")
        .and_then(|id| u64::from_str_radix(id.to_str().ok()?, 16).ok())
        .map(ClusterId);
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((body, cluster))
}

fn described(error: impl ToString) -> String {
    error.to_string()
}
