//! Listening: connections come in and are served HTTP/1 or HTTP/2, whichever they begin with.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use api::urls::Urls;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tls::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;
use tower_service::Service;

use self::authority::Tolerant;
use self::gathering::Gathering;
use self::guard::Guard;
pub(crate) use self::homes::Homes;
use self::homes::Key;
use self::socket::{Listener, Socket, Stream};
use self::streams::Streams;
use crate::parts::Visitors;
use crate::{Error, Keepalive};

mod authority;
mod gathering;
mod guard;
mod homes;
mod socket;
mod streams;

/// How long a client of HTTP/1 may take to say what it wants.
const HEADER_PATIENCE: Duration = Duration::from_secs(300);

/// How long to wait when the system has no descriptor for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What a connection may have on its way unread, and a stream in it: enough for a large request at
/// a time, and for a peer's entries over a distance.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// Descriptors that are not for connections or their threads: files of log and engine, of which
/// each long read opens some for itself, and connections to peers.
const DESCRIPTORS_KEPT: u64 = 400;

/// How connections are treated.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Who lets them in where they are secured.
    pub(crate) guard: Option<Guard>,
    /// HTTP/2 streams at a time in one connection.
    pub(crate) streams_max: u32,
    /// How connections of HTTP/2 are tested that say nothing.
    pub(crate) keepalive: Keepalive,
    /// What a stream may have on its way unread.
    pub(crate) stream_window_bytes: u32,
}

impl Options {
    /// For members among each other: a silent connection is noticed within etcd's five seconds, and
    /// a stream may use all of it.
    pub(crate) const PEERS: Self = Self {
        guard: None,
        streams_max: u32::MAX,
        keepalive: Keepalive { interval: Duration::from_secs(2), timeout: Duration::from_secs(3) },
        stream_window_bytes: CONNECTION_WINDOW_BYTES,
    };

    pub(crate) fn peers(acceptor: Option<Acceptor>) -> Self {
        let complaint = "rejected connection on peer endpoint";
        let guard = acceptor.map(|acceptor| Guard { acceptor, complaint });
        Self { guard, ..Self::PEERS }
    }

    pub(crate) fn clients(config: &crate::Config, acceptor: Option<Acceptor>) -> Self {
        let complaint = "rejected connection on client endpoint";
        Self {
            guard: acceptor.map(|acceptor| Guard { acceptor, complaint }),
            streams_max: config.concurrent_streams_max,
            keepalive: config.keepalive,
            stream_window_bytes: STREAM_WINDOW_BYTES,
        }
    }
}

/// Addresses that are this program's, and nobody is heard there yet: who connects is refused at
/// once, instead of waiting for an answer.
#[derive(Debug)]
pub(crate) struct Bound {
    sockets: Vec<Socket>,
}

/// Addresses where connections come in, and are not served yet.
pub(crate) struct Listening {
    /// Each with whether TLS is spoken there.
    listeners: Vec<(Listener, bool)>,
}

impl Bound {
    pub(crate) async fn bind(urls: &Urls) -> Result<Self, Error> {
        let mut sockets = Vec::new();
        for url in urls.iter() {
            sockets.push(Socket::bind(url).await?);
        }
        Ok(Self { sockets })
    }

    /// Takes away those that hear datagrams: they are the transport's.
    pub(crate) fn take_udp(&mut self) -> Vec<UdpSocket> {
        let sockets = std::mem::take(&mut self.sockets).into_iter();
        let (udp, others): (Vec<_>, Vec<_>) =
            sockets.map(Socket::into_udp).partition(Result::is_ok);
        self.sockets = others.into_iter().filter_map(Result::err).collect();
        udp.into_iter().flatten().collect()
    }

    pub(crate) fn listen(self) -> Result<Listening, Error> {
        let listeners = self.sockets.into_iter().map(Socket::listen).collect::<Result<_, _>>()?;
        Ok(Listening { listeners })
    }
}

impl Listening {
    /// Those who come within the connections of a transport are served as well.
    pub(crate) fn and(mut self, visitors: Option<Visitors>) -> Self {
        let visits = visitors.map(|visitors| (Listener::Visits(Mutex::new(visitors)), false));
        self.listeners.extend(visits);
        self
    }

    /// The first address, with the port that the system chose.
    #[cfg(test)]
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listeners.first()?.0.tcp_address()
    }

    /// Serves, at these homes, until told to stop, then lets what is under way come to an end, for
    /// so long. Dropped before, it ends all at once.
    pub(crate) async fn serve<S, B>(
        self,
        service: S,
        homes: Homes,
        options: Options,
        stop: watch::Receiver<bool>,
        drain: Duration,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<axum::BoxError>> + Send + 'static,
    {
        let kept = DESCRIPTORS_KEPT + homes.descriptors_max();
        let places = Arc::new(Semaphore::new(connections_max(kept)));
        let homes = Arc::new(homes);
        let serving = self.listeners.into_iter().map(|(listener, is_secure)| {
            let mut options = options.clone();
            options.guard = options.guard.filter(|_| is_secure);
            assert_eq!(options.guard.is_some(), is_secure, "what is secured has a guard");
            let door = Door { listener, homes: Arc::clone(&homes), places: Arc::clone(&places) };
            door.serve(service.clone(), options, stop.clone(), drain)
        });
        serving.collect::<JoinSet<()>>().join_all().await;
        if let Some(homes) = Arc::into_inner(homes) {
            homes.end().await;
        }
    }
}

/// Where connections come in.
struct Door {
    listener: Listener,
    homes: Arc<Homes>,
    /// How many more may come.
    places: Arc<Semaphore>,
}

impl Door {
    async fn serve<S, B>(
        self,
        service: S,
        options: Options,
        mut stop: watch::Receiver<bool>,
        drain: Duration,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<axum::BoxError>> + Send + 'static,
    {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.next() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Arrival { stream, from, home, place } = match accepted {
                Ok(arrival) => arrival,
                Err(error) => {
                    tracing::warn!("error" = %error, "failed to accept a connection");
                    time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let runtime = home.runtime.clone();
            let service = TowerToHyperService::new(service.clone());
            let streams = Streams::default();
            let builder = builder(&options, streams.clone());
            let watcher = graceful.watcher();
            let talk = Talk { service, builder, streams, watcher, _stay: (home, place) };
            // Two tasks, so that one without TLS has no room for it.
            match options.guard.clone() {
                None => connections.spawn_on(talk.over(stream), &runtime),
                Some(guard) => {
                    let admitted = guard.admit(stream, from, stop.clone());
                    let living = async move {
                        if let Some(stream) = admitted.await {
                            talk.over(stream).await;
                        }
                    };
                    connections.spawn_on(living, &runtime)
                }
            };
        }
        let Self { listener, homes, .. } = self;
        drop(listener);
        if time::timeout(drain, graceful.shutdown()).await.is_err() && !drain.is_zero() {
            tracing::warn!("took" = ?drain, "stopped before all connections were done");
        }
        connections.shutdown().await;
        drop(homes);
    }

    /// The next connection, at its home.
    async fn next(&self) -> io::Result<Arrival> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, from) = self.listener.accept().await?;
        let home = self.homes.enter()?;
        let stream = stream.move_to(&home.runtime)?;
        Ok(Arrival { stream, from, home, place })
    }
}

/// A connection that has come in.
struct Arrival {
    stream: Stream,
    from: Option<SocketAddr>,
    home: Key,
    place: OwnedSemaphorePermit,
}

/// What is to be done with a connection.
struct Talk<S> {
    service: TowerToHyperService<S>,
    builder: auto::Builder<Streams>,
    streams: Streams,
    watcher: Watcher,
    /// Given back when it has ended.
    _stay: (Key, OwnedSemaphorePermit),
}

impl<S, B> Talk<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<axum::BoxError>> + Send + 'static,
{
    /// Serves it to its end.
    async fn over(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let outgoing = Gathering::new(stream);
        let stream = TokioIo::new(Tolerant::new(outgoing.clone()));
        let connection = self.builder.serve_connection_with_upgrades(stream, self.service);
        let connection = self.watcher.watch(connection.into_owned());
        if let Err(error) = outgoing.during(self.streams.serve(connection)).await {
            tracing::debug!("error" = %error, "a connection ended");
        }
    }
}

fn builder(options: &Options, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        // etcd's answers have none.
        .auto_date_header(false)
        .max_concurrent_streams(options.streams_max)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(options.stream_window_bytes)
        .keep_alive_interval(options.keepalive.interval)
        .keep_alive_timeout(options.keepalive.timeout);
    builder
}

fn connections_max(descriptors_kept: u64) -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let connections = descriptors.map_or(u64::MAX, |most| most.saturating_sub(descriptors_kept));
    usize::try_from(connections).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests;
