//! Keeping a lane to a peer connected, and the connections beside the lanes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use links::{Introduction, Refusal, lane_word};
use tls::Connector;
use tokio::time;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tracing::{info, warn};
use transport::Lane;

use crate::wire;
use crate::wire::generated::Batch;
use crate::wire::generated::peer_client::PeerClient;

/// The least time between two attempts to connect, as etcd's.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The most. A peer that comes back is wanted within an election timeout.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often a connection that carries nothing is tested, and how long it may take to answer: a
/// peer that is gone without a word is noticed within etcd's five seconds.
const TEST_INTERVAL: Duration = Duration::from_secs(2);
const TEST_TIMEOUT: Duration = Duration::from_secs(3);

/// What may be on its way unread. The product of a fast network's rate and a distant peer's answer
/// time: 1 Gbit/s and 32 ms.
const WINDOW_BYTES: u32 = 4 << 20;

/// Connects to peers that are secured; of the connections it makes, that for questions is kept.
pub(crate) struct Dialer(pub(crate) Connector);

pub(crate) type Peers = links::Peers<Dialer>;
pub(crate) type Line = links::Line<Dialer>;

impl links::Dialer for Dialer {
    type Kept = Option<Channel>;
}

/// Keeps the lane connected for as long as it is polled.
pub(crate) async fn run(line: Arc<Line>, lane: Lane) {
    let queue = &line.queues[lane as usize];
    let mut pause = PAUSE_MIN;
    let mut complained = String::new();
    loop {
        let end = session(&line, lane).await;
        let was_open = line.is_open(lane);
        line.set_open(lane, None);
        // What waits would be old by the next attempt; what was on its way may have arrived or not.
        if queue.clear() {
            line.local.sink.unreachable(line.peer.id);
        }
        if wire::read_refusal(&end) == Some(Refusal::Removed) {
            line.local.sink.removed(line.peer.id);
        }
        if was_open {
            pause = PAUSE_MIN;
            complained.clear();
        }
        // Once for each reason, else a peer that is away fills the log.
        if end.message() != complained {
            end.message().clone_into(&mut complained);
            warn!(
                "local-member-id" = %line.local.options.id,
                "remote-peer-id" = %line.peer.id,
                "lane" = lane_word(lane),
                "error" = end.message(),
                "lost TCP streaming connection with remote peer"
            );
        }
        time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One connection, from the attempt to its end. Says why it ended.
async fn session(line: &Arc<Line>, lane: Lane) -> Status {
    let opened = async {
        let mut client = PeerClient::new(dial(line).await?);
        let batches = line.queues[lane as usize].outgoing().map(|frames| Batch { frames });
        let mut request = introduced(line, batches);
        wire::write_lane(request.metadata_mut(), lane);
        time::timeout(line.local.options.connect_timeout, client.frames(request))
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("the peer does not answer")))
    };
    let answer = match opened.await {
        Ok(answer) => answer,
        Err(status) => {
            line.try_next_url();
            return status;
        }
    };
    line.set_open(lane, Some(Instant::now()));
    info!(
        "local-member-id" = %line.local.options.id,
        "remote-peer-id" = %line.peer.id,
        "lane" = lane_word(lane),
        "established TCP streaming connection with remote peer"
    );
    match answer.into_inner().message().await {
        Ok(_) => Status::unavailable("the peer ended the stream"),
        Err(status) => status,
    }
}

/// A new connection to the peer, at the URL whose turn it is.
pub(crate) async fn dial(line: &Line) -> Result<Channel, Status> {
    let Some(url) = line.url() else {
        return Err(Status::unavailable("the peer has no URL"));
    };
    let in_vain = |why: String| Status::unavailable(format!("cannot connect to {url}: {why}"));
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|error| in_vain(error.to_string()))?
        .connect_timeout(line.local.options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(TEST_INTERVAL)
        .keep_alive_timeout(TEST_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let connected = match url.split_once("://") {
        Some(("http", _)) => endpoint.connect().await,
        Some(("https", _)) => endpoint.connect_with_connector(line.local.dialer.0.clone()).await,
        _ => return Err(in_vain("unknown scheme".to_owned())),
    };
    connected.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        in_vain(cause.unwrap_or_else(|| error.to_string()))
    })
}

/// A request that says who makes it.
pub(crate) fn introduced<T>(line: &Line, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let introduction = Introduction::new(&line.local.options, line.peer.id);
    wire::write_introduction(&introduction, request.metadata_mut());
    request
}
