//! The members a client may speak to, and which of them to ask next.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use proto::etcdserverpb::cluster_client::ClusterClient;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::watch_client::WatchClient;
use tls::Connector;
use tonic::transport::{Channel, Endpoint};

use crate::client::Options;
use crate::error::Error;

/// How long a member that failed is asked only if all others have failed too: about what a restart
/// or an election takes.
const AVOIDED_FOR: Duration = Duration::from_secs(1);

/// gRPC servers hang up on clients that test their connections more often.
const KEEP_ALIVE_EVERY_MIN: Duration = Duration::from_secs(10);

/// The members, in the order they were given, each with a connection that is made when it is needed
/// and made again when it has broken.
#[derive(Debug)]
pub(crate) struct Pool {
    channels: Vec<Channel>,
    turns: Mutex<Turns>,
    receive_bytes_max: usize,
    send_bytes_max: usize,
}

#[derive(Debug)]
struct Turns {
    next: usize,
    /// For each member until when to avoid it, if it has failed.
    avoided_until: Vec<Option<Instant>>,
}

/// A member to ask.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Its position.
    pub(crate) member: usize,
    channel: Channel,
    receive_bytes_max: usize,
    send_bytes_max: usize,
}

impl Pool {
    /// # Errors
    ///
    /// When there is no endpoint, or one that cannot be spoken to, or files of TLS cannot be used.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        if options.endpoints.is_empty() {
            return Err(Error::Endpoint { endpoint: String::new(), why: "there is none" });
        }
        let connector = Connector::new(&options.tls.clone().unwrap_or_default(), &[b"h2"]);
        if options.tls.is_some() {
            connector.config().map_err(Error::Tls)?;
        }
        let channels: Vec<Channel> = options
            .endpoints
            .iter()
            .map(|endpoint| channel(endpoint, options, &connector))
            .collect::<Result<_, _>>()?;
        let turns = Turns { next: 0, avoided_until: vec![None; channels.len()] };
        Ok(Self {
            channels,
            turns: Mutex::new(turns),
            receive_bytes_max: options.receive_bytes_max,
            send_bytes_max: options.send_bytes_max,
        })
    }

    pub(crate) fn members(&self) -> usize {
        self.channels.len()
    }

    /// The next member in turn that is not to be avoided; if all are, the one that was longest.
    pub(crate) fn pick(&self) -> Link {
        let now = Instant::now();
        let mut turns = self.turns();
        let members = self.channels.len();
        let first = turns.next;
        let in_turn = (first..first + members).map(|position| position % members);
        let avoided = |member: &usize| turns.avoided_until[*member].filter(|until| *until > now);
        // Of equals the first in turn.
        let member = in_turn.min_by_key(avoided).expect("a pool has a member");
        turns.next = (member + 1) % members;
        Link {
            member,
            channel: self.channels[member].clone(),
            receive_bytes_max: self.receive_bytes_max,
            send_bytes_max: self.send_bytes_max,
        }
    }

    /// Says that a member did as it should.
    pub(crate) fn praise(&self, member: usize) {
        self.turns().avoided_until[member] = None;
    }

    /// Says that a member failed, in a way that others might not.
    pub(crate) fn blame(&self, member: usize) {
        self.turns().avoided_until[member] = Some(Instant::now() + AVOIDED_FOR);
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().expect("whoever holds the turns does not panic")
    }
}

impl Link {
    pub(crate) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone())
            .max_decoding_message_size(self.receive_bytes_max)
            .max_encoding_message_size(self.send_bytes_max)
    }

    pub(crate) fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.channel.clone())
            .max_decoding_message_size(self.receive_bytes_max)
            .max_encoding_message_size(self.send_bytes_max)
    }

    pub(crate) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
            .max_decoding_message_size(self.receive_bytes_max)
            .max_encoding_message_size(self.send_bytes_max)
    }

    pub(crate) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
            .max_decoding_message_size(self.receive_bytes_max)
            .max_encoding_message_size(self.send_bytes_max)
    }

    pub(crate) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
            .max_decoding_message_size(self.receive_bytes_max)
            .max_encoding_message_size(self.send_bytes_max)
    }
}

fn channel(endpoint: &str, options: &Options, connector: &Connector) -> Result<Channel, Error> {
    let refuse = |why| Error::Endpoint { endpoint: endpoint.to_owned(), why };
    let (scheme, rest) = match endpoint.split_once("://") {
        Some(parts) => parts,
        None if options.tls.is_some() => ("https", endpoint),
        None => ("http", endpoint),
    };
    match scheme {
        "http" | "https" => {}
        "unix" | "unixs" => return Err(refuse("Unix sockets are not supported yet")),
        _ => return Err(refuse("the scheme is none of etcd's")),
    }
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    if authority.is_empty() {
        return Err(refuse("there is no host"));
    }
    let endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
        .map_err(|_| refuse("this is no host and port"))?
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(options.keep_alive_every.max(KEEP_ALIVE_EVERY_MIN))
        .keep_alive_timeout(options.keep_alive_timeout)
        .tcp_nodelay(true);
    Ok(match scheme {
        "https" => endpoint.connect_with_connector_lazy(connector.clone()),
        _ => endpoint.connect_lazy(),
    })
}
