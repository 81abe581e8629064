//! The way in: who connects, and what it says.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use links::{Arrivals, Refusal};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connecting, VarInt};
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, ServerConfig, TokioRuntime};
use tls::rustls::pki_types::CertificateDer;
use tls::{Acceptor, HANDSHAKE_TIMEOUT, check_address};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time;
use tracing::{debug, warn};
use transport::Lane;
use units::NodeId;

use crate::dialer::{Dialer, Peers, Way};
use crate::link::lost;
use crate::visit::Visit;
use crate::wire::{self, Broken};
use crate::words::in_words;
use crate::{question, snapshot, tuning};

/// Connections at a time. Each member needs one, and strangers in numbers come with no good
/// intentions.
const CONNECTIONS_MAX: usize = 256;

/// Handshakes at a time, from which on whoever begins one must show that it is where it says it is.
const TRUSTING_MAX: usize = CONNECTIONS_MAX / 8;

/// Chunks of a lane that are taken at one go.
const CHUNKS_MAX: usize = 16;

/// How long somebody has to say who it is, once hands are shaken.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a visit may last: as long as a member may take for an answer, and then some.
const VISIT_TIMEOUT: Duration = Duration::from_secs(30);

/// What all connections here share.
pub(crate) struct Service {
    pub(crate) peers: Arc<Peers>,
    pub(crate) arrivals: Arrivals<Dialer>,
    pub(crate) acceptor: Acceptor,
    /// Whether a certificate must fit the address that it comes from.
    pub(crate) checks_addresses: bool,
    pub(crate) visitors: mpsc::Sender<Visit>,
    /// Which of its lives this member is in.
    pub(crate) life: u64,
    pub(crate) places: Arc<Semaphore>,
}

/// How many may be connected.
pub(crate) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONNECTIONS_MAX))
}

impl Service {
    /// Begins to hear whoever connects at a socket. Must be called on a runtime.
    pub(crate) fn listen(&self, socket: UdpSocket) -> io::Result<Endpoint> {
        let address = socket.local_addr()?;
        let listening = || {
            tuning::enlarge(&socket)?;
            let config = self.config().map_err(io::Error::other)?;
            Endpoint::new(tuning::endpoint(), Some(config), socket, Arc::new(TokioRuntime))
        };
        listening()
            .map_err(|error| io::Error::new(error.kind(), format!("listen udp {address}: {error}")))
    }

    /// Attends to whoever connects, for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>, endpoint: Endpoint) {
        let _closing = Closing(endpoint.clone());
        let mut connections = JoinSet::new();
        while let Some(incoming) = endpoint.accept().await {
            while connections.try_join_next().is_some() {}
            if let Some((connecting, place)) = self.let_in(incoming) {
                connections.spawn(Arc::clone(&self).attend(connecting, place));
            }
        }
    }

    /// How to shake hands now: files may have been replaced.
    fn config(&self) -> Result<ServerConfig, String> {
        let secured = self.acceptor.config().map_err(|error| error.to_string())?;
        let secured = QuicServerConfig::try_from(secured).map_err(|error| error.to_string())?;
        let mut config = ServerConfig::with_crypto(Arc::new(secured));
        config.transport_config(tuning::transport()).migration(true);
        Ok(config)
    }

    /// Lets somebody shake hands if there is room. When many do, it must be where it says it is:
    /// who forges addresses cannot answer.
    fn let_in(&self, incoming: Incoming) -> Option<(Connecting, OwnedSemaphorePermit)> {
        let is_trusting = self.places.available_permits() + TRUSTING_MAX >= CONNECTIONS_MAX;
        if !is_trusting && !incoming.remote_address_validated() {
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
            return None;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            incoming.refuse();
            return None;
        };
        let from = incoming.remote_address();
        let accepted = match self.config() {
            Ok(config) => incoming.accept_with(Arc::new(config)).map_err(|e| e.to_string()),
            Err(error) => {
                incoming.refuse();
                Err(error)
            }
        };
        accepted.map_err(|error| complain(from, &error)).ok().map(|connecting| (connecting, place))
    }

    /// One connection, from its handshake to its end.
    async fn attend(self: Arc<Self>, connecting: Connecting, place: OwnedSemaphorePermit) {
        let from = connecting.remote_address();
        let connection = match time::timeout(HANDSHAKE_TIMEOUT, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return complain(from, &in_words(&error)),
            Err(_) => return complain(from, "i/o timeout"),
        };
        if let Err(error) = self.check(&connection).await {
            complain(from, &error);
            connection.close(wire::BROKEN, error.as_bytes());
            return;
        }
        let began = time::timeout(INTRODUCTION_TIMEOUT, self.begin(&connection)).await;
        let late = || Err(Broken::Nonsense("it does not say who it is"));
        let broken = match began.unwrap_or_else(|_| late()) {
            Ok(Some(member)) => {
                let Err(broken) = self.hear(&connection, member).await;
                broken
            }
            Ok(None) => {
                // What was said last is still on its way: whoever visits ends it.
                let ended = time::timeout(VISIT_TIMEOUT, connection.closed()).await;
                Broken::Lost(ended.map_or_else(|late| late.to_string(), |end| end.to_string()))
            }
            Err(broken) => broken,
        };
        if let Broken::Nonsense(what) = broken {
            complain(from, what);
            connection.close(wire::BROKEN, what.as_bytes());
        }
        connection.close(wire::GONE, b"");
        drop(place);
    }

    /// Whether the certificate fits where it comes from.
    async fn check(&self, connection: &Connection) -> Result<(), String> {
        let shown = connection.peer_identity().filter(|_| self.checks_addresses);
        let shown = shown.and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
        let Some(certificate) = shown.as_ref().and_then(|shown| shown.first()) else {
            return Ok(());
        };
        let from = connection.remote_address().ip();
        check_address(certificate, from).await.map_err(|refused| refused.to_string())
    }

    /// The first thing that somebody says. If it is a member, it is heard from now on.
    async fn begin(&self, connection: &Connection) -> Result<Option<NodeId>, Broken> {
        let (mut say, mut hear) = connection.accept_bi().await.map_err(lost)?;
        match wire::read_kind(&mut hear).await? {
            wire::INTRODUCTION => {}
            wire::VISIT => {
                let visit = Visit::from(connection.clone(), (say, hear));
                if self.visitors.try_send(visit).is_err() {
                    connection.close(wire::BUSY, b"others are being heard");
                }
                return Ok(None);
            }
            _ => return Err(Broken::Nonsense("a stream is of unknown kind")),
        }
        let record = wire::read_record(&mut hear, wire::INTRODUCTION_BYTES_MAX).await?;
        let (caller, life) = wire::read_introduction(record)?;
        if let Err(refusal) = self.peers.admit(&caller) {
            refuse(connection, refusal);
            return Ok(None);
        }
        self.note(caller.from, life);
        connection.set_max_concurrent_uni_streams(VarInt::from_u32(Lane::ALL.len() as u32));
        connection.set_max_concurrent_bi_streams(VarInt::from_u32(tuning::MEMBER_STREAMS_MAX));
        connection.set_receive_window(VarInt::from_u32(tuning::MEMBER_WINDOW_BYTES));
        say.write_all(&wire::write_welcome(self.life)).await?;
        Ok(Some(caller.from))
    }

    /// A connection to a former life of the peer leads nowhere, and would be missed seconds later.
    fn note(&self, from: NodeId, life: u64) {
        let way = self.peers.get(from).map(|remote| remote.line.kept());
        if let Some(Way::Open { connection, life: known }) = way
            && known != life
        {
            connection.close(wire::ANEW, b"the peer has begun anew");
        }
    }

    /// Hears a member until its connection ends.
    async fn hear(
        self: &Arc<Self>,
        connection: &Connection,
        from: NodeId,
    ) -> Result<Infallible, Broken> {
        let room = Arc::new(Semaphore::new(self.peers.local().options.frame_bytes_max));
        let mut lanes = [false; Lane::ALL.len()];
        let mut streams: JoinSet<Result<(), Broken>> = JoinSet::new();
        loop {
            let opened = tokio::select! {
                lane = connection.accept_uni() => Opened::Lane(lane.map_err(lost)?),
                stream = connection.accept_bi() => Opened::Both(stream.map_err(lost)?),
                Some(ended) = streams.join_next() => {
                    match ended {
                        Ok(Err(broken @ Broken::Nonsense(_))) => return Err(broken),
                        // One lost stream says nothing about the others.
                        Ok(Err(Broken::Lost(why))) => debug!("error" = why, "a stream ended"),
                        Ok(Ok(())) => {}
                        Err(error) => return Err(Broken::Lost(error.to_string())),
                    }
                    continue;
                }
            };
            match opened {
                Opened::Lane(mut stream) => {
                    let lane = wire::read_kind(&mut stream).await?;
                    let lane = wire::lane(lane).ok_or(Broken::Nonsense("no such lane"))?;
                    if std::mem::replace(&mut lanes[lane as usize], true) {
                        return Err(Broken::Nonsense("a lane is opened twice"));
                    }
                    let service = Arc::clone(self);
                    let connection = connection.clone();
                    streams
                        .spawn(async move { service.drain(&connection, from, lane, stream).await });
                }
                Opened::Both(stream) => {
                    let room = Arc::clone(&room);
                    streams.spawn(Arc::clone(self).serve(from, room, stream));
                }
            }
        }
    }

    /// Delivers a lane's frames.
    async fn drain(
        &self,
        connection: &Connection,
        from: NodeId,
        lane: Lane,
        mut stream: RecvStream,
    ) -> Result<(), Broken> {
        let local = self.peers.local();
        let mut records = wire::Records::new(local.options.frame_bytes_max);
        let mut chunks = [const { Bytes::new() }; CHUNKS_MAX];
        while let Some(count) = stream.read_chunks(&mut chunks).await? {
            if self.peers.is_removed(from) {
                refuse(connection, Refusal::Removed);
                return Ok(());
            }
            for chunk in &mut chunks[..count] {
                let give = |frame| local.sink.frame(from, lane, frame);
                records.take(std::mem::take(chunk), give)?;
            }
        }
        Ok(())
    }

    /// A question or a snapshot.
    async fn serve(
        self: Arc<Self>,
        from: NodeId,
        room: Arc<Semaphore>,
        mut stream: (SendStream, RecvStream),
    ) -> Result<(), Broken> {
        match wire::read_kind(&mut stream.1).await? {
            wire::QUESTION => question::reply(&self.peers, from, &room, stream).await,
            wire::SNAPSHOT => {
                let header_bytes_max = self.peers.local().options.frame_bytes_max;
                snapshot::receive(&self.arrivals, from, header_bytes_max, stream).await
            }
            _ => Err(Broken::Nonsense("a stream is of unknown kind")),
        }
    }
}

/// A stream that a member has opened.
enum Opened {
    Lane(RecvStream),
    Both((SendStream, RecvStream)),
}

/// Whoever is connected learns that this member is gone.
struct Closing(Endpoint);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close(wire::GONE, b"");
    }
}

fn refuse(connection: &Connection, refusal: Refusal) {
    connection.close(wire::code(refusal), refusal.to_string().as_bytes());
}

/// In etcd's words.
fn complain(from: std::net::SocketAddr, why: &str) {
    warn!("remote-addr" = %from, "error" = why, "rejected connection on peer endpoint");
}
