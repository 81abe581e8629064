//! Keeping a peer connected, and its lanes filled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use links::{Introduction, Outgoing, Refusal};
use quinn::{Connection, ConnectionError, SendStream};
use tokio::time;
use tracing::{info, warn};
use transport::Lane;

use crate::dialer::{self, Line, Way};
use crate::wire::{self, Broken};
use crate::words::in_words;

/// The least time between two attempts to connect, as etcd's.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The most. A peer that comes back is wanted within an election timeout.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Questions are as urgent as entries are, and a snapshot is the least urgent of all.
pub(crate) const QUESTION_PRIORITY: i32 = 2;
pub(crate) const SNAPSHOT_PRIORITY: i32 = 0;

fn priority(lane: Lane) -> i32 {
    match lane {
        Lane::Heartbeat => 3,
        Lane::Append => 2,
        Lane::Bulk => 1,
    }
}

/// Why a connection has ended, or did not come about.
struct End {
    why: String,
    refusal: Option<Refusal>,
}

/// Keeps the peer connected for as long as it is polled. `life` is which of its lives this member
/// is in.
pub(crate) async fn run(line: Arc<Line>, life: u64) {
    let mut pause = PAUSE_MIN;
    let mut complained = String::new();
    loop {
        let end = session(&line, life).await;
        line.keep(Way::Closed);
        let was_open = line.is_open(Lane::Heartbeat);
        Lane::ALL.into_iter().for_each(|lane| line.set_open(lane, None));
        // What waits would be old by the next attempt; what was on its way may have arrived or not.
        let lost = line.queues.iter().filter(|queue| queue.clear()).count();
        if lost > 0 {
            line.local.sink.unreachable(line.peer.id);
        }
        if end.refusal == Some(Refusal::Removed) {
            line.local.sink.removed(line.peer.id);
        }
        if was_open {
            pause = PAUSE_MIN;
            complained.clear();
        } else {
            line.try_next_url();
        }
        // Once for each reason, else a peer that is away fills the log.
        if end.why != complained {
            warn!(
                "local-member-id" = %line.local.options.id,
                "remote-peer-id" = %line.peer.id,
                "error" = end.why,
                "lost QUIC connection with remote peer"
            );
            complained = end.why;
        }
        time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One connection, from the attempt to its end.
async fn session(line: &Line, life: u64) -> End {
    let timeout = line.local.options.connect_timeout;
    let connected = time::timeout(timeout, connect(line, life)).await;
    let connected = connected.unwrap_or_else(|_| Err(End::of("the peer does not answer")));
    let (connection, peers_life) = match connected {
        Ok(connected) => connected,
        Err(end) => return end,
    };
    let [heartbeat, append, bulk] = match lanes(&connection).await {
        Ok(streams) => streams,
        Err(broken) => return ended(&connection, broken),
    };
    let now = Some(Instant::now());
    Lane::ALL.into_iter().for_each(|lane| line.set_open(lane, now));
    line.keep(Way::Open { connection: connection.clone(), life: peers_life });
    info!(
        "local-member-id" = %line.local.options.id,
        "remote-peer-id" = %line.peer.id,
        "remote-addr" = %connection.remote_address(),
        "established QUIC connection with remote peer"
    );
    let outgoing = |lane: Lane| line.queues[lane as usize].outgoing();
    let broken = tokio::select! {
        broken = fill(heartbeat, outgoing(Lane::Heartbeat)) => broken,
        broken = fill(append, outgoing(Lane::Append)) => broken,
        broken = fill(bulk, outgoing(Lane::Bulk)) => broken,
        error = connection.closed() => lost(error),
    };
    ended(&connection, broken)
}

/// Connects to the URL whose turn it is, introduces this member and is welcome, in one of the
/// peer's lives.
async fn connect(line: &Line, life: u64) -> Result<(Connection, u64), End> {
    let Some(url) = line.url() else { return Err(End::of("the peer has no URL")) };
    let Some((host, port)) = dialer::place(url) else {
        return Err(End::of(format!("cannot connect to {url}: unknown scheme")));
    };
    let connection = line.local.dialer.connect(host, port).await;
    let connection =
        connection.map_err(|error| End::of(format!("cannot connect to {url}: {error}")))?;
    let introduction = Introduction::new(&line.local.options, line.peer.id);
    let welcome = async {
        let (mut say, mut hear) = connection.open_bi().await.map_err(lost)?;
        say.write_all(&wire::write_introduction(&introduction, life)).await?;
        let record = wire::read_record(&mut hear, wire::INTRODUCTION_BYTES_MAX).await?;
        wire::read_welcome(record)
    };
    match welcome.await {
        Ok(life) => Ok((connection, life)),
        Err(broken) => Err(ended(&connection, broken)),
    }
}

/// Opens a stream for each lane, by `Lane as usize`.
async fn lanes(connection: &Connection) -> Result<[SendStream; Lane::ALL.len()], Broken> {
    let [heartbeat, append, bulk] = Lane::ALL.map(|lane| open(connection, lane));
    Ok([heartbeat.await?, append.await?, bulk.await?])
}

async fn open(connection: &Connection, lane: Lane) -> Result<SendStream, Broken> {
    let mut stream = connection.open_uni().await.map_err(lost)?;
    stream.set_priority(priority(lane)).map_err(|error| Broken::Lost(error.to_string()))?;
    stream.write_all(&[wire::lane_byte(lane)]).await?;
    Ok(stream)
}

/// Sends a lane's frames, those together that wait together, until that fails.
async fn fill(mut stream: SendStream, mut outgoing: Outgoing) -> Broken {
    while let Some(frames) = outgoing.next().await {
        if let Err(error) = stream.write_all_chunks(&mut wire::write_batch(frames)).await {
            return error.into();
        }
    }
    Broken::Lost("another connection has taken its place".to_owned())
}

/// What the connection says about its end, if it has ended; else what was in the way.
fn ended(connection: &Connection, broken: Broken) -> End {
    let end = match connection.close_reason() {
        Some(ConnectionError::ApplicationClosed(close)) => End {
            why: String::from_utf8_lossy(&close.reason).into_owned(),
            refusal: wire::refusal(close.error_code),
        },
        Some(error) => End::of(in_words(&error)),
        None => End::of(broken.to_string()),
    };
    connection.close(wire::GONE, b"");
    if end.why.is_empty() { End { why: "the peer is gone".to_owned(), ..end } } else { end }
}

pub(crate) fn lost(error: ConnectionError) -> Broken {
    Broken::Lost(in_words(&error))
}

impl End {
    fn of(why: impl Into<String>) -> Self {
        Self { why: why.into(), refusal: None }
    }
}

/// The connection to a peer, as soon as it was tried whether there is one.
pub(crate) async fn connection(line: &Line) -> Option<Connection> {
    let mut changes = line.changes();
    let tried = changes.wait_for(|way| !matches!(way, Way::Untried)).await;
    match tried.as_deref() {
        Ok(Way::Open { connection, .. }) => Some(connection.clone()),
        _ => None,
    }
}
