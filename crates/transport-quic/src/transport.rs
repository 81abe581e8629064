//! The transport itself.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use links::{Arrivals, Local, Options};
use tls::{Acceptor, Settings};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use transport::{CallTicket, Lane, Peer, Sink, Source, Transport};
use units::NodeId;

use crate::dialer::{Dialer, Peers};
use crate::service::{self, Service};
use crate::visit::Visit;
use crate::wire::PROTOCOL;
use crate::{link, question, snapshot};

/// Visitors that wait to be heard.
const VISITORS_MAX: usize = 16;

/// Carries frames over QUIC, on somebody's Tokio runtime. What it does ends when it is dropped.
pub struct Quic {
    peers: Arc<Peers>,
    _listening: JoinSet<()>,
}

impl Quic {
    /// A transport without peers, which hears them at these sockets; and those who visit there.
    ///
    /// # Errors
    ///
    /// When nobody can be heard at one of them, or the settings are without TLS 1.3.
    pub fn new(
        options: Options,
        settings: &Settings,
        sockets: Vec<UdpSocket>,
        runtime: Handle,
        sink: Arc<dyn Sink>,
    ) -> io::Result<(Self, mpsc::Receiver<Visit>)> {
        let life = life();
        let dialer = Dialer::new(settings)?;
        let local = Local { options, dialer, runtime: runtime.clone(), sink };
        let peers = Arc::new(Peers::new(local, move |remote| {
            remote.spawn(link::run(Arc::clone(&remote.line), life));
        }));
        let (visitors, visits) = mpsc::channel(VISITORS_MAX);
        let service = Arc::new(Service {
            peers: Arc::clone(&peers),
            arrivals: Arrivals::new(Arc::clone(peers.local())),
            acceptor: Acceptor::new(settings, &[PROTOCOL]),
            checks_addresses: settings.checks_addresses,
            visitors,
            life,
            places: service::places(),
        });
        let mut listening = JoinSet::new();
        let _within = runtime.enter();
        for socket in sockets {
            let endpoint = service.listen(socket)?;
            listening.spawn(Arc::clone(&service).run(endpoint));
        }
        Ok((Self { peers, _listening: listening }, visits))
    }
}

/// Tells this life of the member from its others: when it began.
fn life() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl Drop for Quic {
    fn drop(&mut self) {
        self.peers.local().dialer.close();
    }
}

impl Transport for Quic {
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        self.peers.send(to, lane, frame);
    }

    fn call(&self, to: NodeId, ticket: CallTicket, request: Bytes) {
        self.peers.call(to, ticket, |line| question::ask(line, request));
    }

    fn send_snapshot(&self, to: NodeId, header: Bytes, source: Box<dyn Source>) {
        self.peers.send_snapshot(to, header, source, snapshot::transmit);
    }

    fn set_peers(&self, peers: &[Peer]) {
        self.peers.set(peers);
    }

    fn set_removed(&self, members: &[NodeId]) {
        self.peers.remove(members);
    }

    fn connected(&self, peer: NodeId) -> Option<Duration> {
        self.peers.connected(peer)
    }
}
