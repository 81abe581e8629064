//! Connecting to peers.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, TokioRuntime};
use tls::{Connector, Settings};
use tokio::net::lookup_host;

use crate::tuning;
use crate::wire::{self, PROTOCOL};
use crate::words::{bare, in_words};

/// How connections to peers are begun: each from a socket for its kind of addresses.
pub(crate) struct Dialer {
    connector: Connector,
    /// For IPv4 and for IPv6.
    endpoints: Mutex<[Option<Endpoint>; 2]>,
}

/// The peers, and the connection to each, kept for as long as it lasts.
pub(crate) type Peers = links::Peers<Dialer>;
pub(crate) type Line = links::Line<Dialer>;

/// The way to a peer.
#[derive(Clone, Default)]
pub(crate) enum Way {
    /// It was not tried yet.
    #[default]
    Untried,
    /// It was tried in vain, or has been lost.
    Closed,
    /// It is open.
    Open {
        connection: Connection,
        /// Which of the peer's lives it leads to.
        life: u64,
    },
}

impl links::Dialer for Dialer {
    type Kept = Way;
}

impl Dialer {
    /// Refuses settings without TLS 1.3, with which a handshake cannot even begin.
    pub(crate) fn new(settings: &Settings) -> io::Result<Self> {
        if !settings.protocol.has_13() {
            return Err(io::Error::other("QUIC needs TLS 1.3, which is not among the versions"));
        }
        Ok(Self { connector: Connector::new(settings, &[PROTOCOL]), endpoints: Mutex::default() })
    }

    /// Shakes hands with whoever is there.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> io::Result<Connection> {
        // An address of IPv6 has brackets around it.
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address = lookup_host((bare, port)).await?.next();
        let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
        let secured = self.connector.config().map_err(io::Error::other)?;
        let secured = QuicClientConfig::try_from(secured).map_err(io::Error::other)?;
        let mut config = ClientConfig::new(Arc::new(secured));
        config.transport_config(tuning::transport());
        let connecting = self.endpoint(address)?.connect_with(config, address, bare);
        connecting.map_err(io::Error::other)?.await.map_err(|error| in_vain(&error))
    }

    /// All that was connected learns that this member is gone.
    pub(crate) fn close(&self) {
        let endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        for endpoint in endpoints.iter().flatten() {
            endpoint.close(wire::GONE, b"");
        }
    }

    fn endpoint(&self, address: SocketAddr) -> io::Result<Endpoint> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let place = &mut endpoints[usize::from(address.is_ipv6())];
        if let Some(endpoint) = place {
            return Ok(endpoint.clone());
        }
        let socket = if address.is_ipv6() {
            UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?
        } else {
            UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?
        };
        tuning::enlarge(&socket)?;
        let endpoint = Endpoint::new(tuning::endpoint(), None, socket, Arc::new(TokioRuntime))?;
        Ok(place.insert(endpoint).clone())
    }
}

/// In the words of whoever ended it.
fn in_vain(error: &ConnectionError) -> io::Error {
    io::Error::other(match error {
        ConnectionError::ConnectionClosed(close) if !close.reason.is_empty() => {
            bare(&String::from_utf8_lossy(&close.reason))
        }
        error => in_words(error),
    })
}

/// The host and port of a URL of ours.
pub(crate) fn place(url: &str) -> Option<(&str, u16)> {
    let (host, port) = url.strip_prefix("quic://")?.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}
