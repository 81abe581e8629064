//! The transport itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use links::{BATCH_BYTES_MAX, Local, Options};
use tls::{Connector, Settings};
use tokio::runtime::Handle;
use transport::{CallError, CallTicket, Lane, Peer, Sink, Source, Transport};
use units::NodeId;

use crate::link::{self, Dialer, Line, Peers};
use crate::service::Service;
use crate::wire::generated::Question;
use crate::wire::generated::peer_client::PeerClient;
use crate::wire::generated::peer_server::{PeerServer, SERVICE_NAME};
use crate::{snapshot, wire};

/// Tags and lengths around the frames of one message.
const FRAMING_BYTES_MAX: usize = 16 << 10;

/// Carries frames over gRPC, on somebody's Tokio runtime. What it does ends when it is dropped.
pub struct Grpc {
    peers: Arc<Peers>,
}

impl Grpc {
    /// A transport without peers; connections to those whose URLs say so are secured as the
    /// settings say.
    #[must_use]
    pub fn new(
        options: Options,
        security: &Settings,
        runtime: Handle,
        sink: Arc<dyn Sink>,
    ) -> Self {
        let dialer = Dialer(Connector::new(security, &[b"h2"]));
        let peers = Peers::new(Local { options, dialer, runtime, sink }, |remote| {
            for lane in Lane::ALL {
                remote.spawn(link::run(Arc::clone(&remote.line), lane));
            }
        });
        Self { peers: Arc::new(peers) }
    }

    /// What has to be served on the peer port, over HTTP/2, beside whatever else is there.
    pub fn router(&self) -> Router {
        let message_bytes_max =
            self.peers.local().options.frame_bytes_max + BATCH_BYTES_MAX + FRAMING_BYTES_MAX;
        let service = PeerServer::new(Service::new(Arc::clone(&self.peers)))
            .max_decoding_message_size(message_bytes_max);
        Router::new().route_service(&format!("/{SERVICE_NAME}/{{*method}}"), service)
    }
}

impl Transport for Grpc {
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        self.peers.send(to, lane, frame);
    }

    fn call(&self, to: NodeId, ticket: CallTicket, request: Bytes) {
        self.peers.call(to, ticket, |line| ask(line, request));
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

async fn ask(line: Arc<Line>, request: Bytes) -> Result<Bytes, CallError> {
    let channel = match line.kept() {
        Some(channel) => channel,
        None => link::dial(&line).await.map_err(|_| CallError::Unreachable)?,
    };
    let mut client = PeerClient::new(channel.clone())
        .max_decoding_message_size(line.local.options.frame_bytes_max);
    match client.call(link::introduced(&line, Question { request })).await {
        Ok(answer) => {
            line.keep(Some(channel));
            answer.into_inner().answer.ok_or(CallError::NoAnswer)
        }
        Err(status) => {
            line.keep(None);
            let was_refused = wire::read_refusal(&status).is_some();
            Err(if was_refused { CallError::Unreachable } else { CallError::NoAnswer })
        }
    }
}
