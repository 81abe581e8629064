//! The transport itself.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use tls::Connector;
use tokio::runtime::Handle;
use tokio::time;
use tonic::transport::Channel;
use tracing::warn;
use transport::{CallError, CallTicket, Lane, Peer, Sink, Source, Transport};
use units::NodeId;

use crate::peers::{Line, Local, Peers};
use crate::queue::BATCH_BYTES_MAX;
use crate::service::Service;
use crate::wire::generated::Question;
use crate::wire::generated::peer_client::PeerClient;
use crate::wire::generated::peer_server::{PeerServer, SERVICE_NAME};
use crate::{Options, link, snapshot};

/// Tags and lengths around the frames of one message.
const FRAMING_BYTES_MAX: usize = 16 << 10;

/// Carries frames over gRPC, on somebody's Tokio runtime. What it does ends when it is dropped.
pub struct Grpc {
    peers: Arc<Peers>,
}

impl Grpc {
    /// A transport without peers.
    #[must_use]
    pub fn new(options: Options, runtime: Handle, sink: Arc<dyn Sink>) -> Self {
        let connector = Connector::new(&options.tls, &[b"h2"]);
        Self { peers: Arc::new(Peers::new(Local { options, connector, runtime, sink })) }
    }

    /// What has to be served on the peer port, over HTTP/2, beside whatever else is there.
    pub fn router(&self) -> Router {
        let message_bytes_max =
            self.peers.local.options.frame_bytes_max + BATCH_BYTES_MAX + FRAMING_BYTES_MAX;
        let service = PeerServer::new(Service::new(Arc::clone(&self.peers)))
            .max_decoding_message_size(message_bytes_max);
        Router::new().route_service(&format!("/{SERVICE_NAME}/{{*method}}"), service)
    }
}

impl Transport for Grpc {
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        let local = &self.peers.local;
        let is_sendable = frame.len() <= local.options.frame_bytes_max;
        if !is_sendable {
            warn!("remote-peer-id" = %to, "bytes" = frame.len(), "dropped a frame too large");
        }
        let remote = self.peers.get(to).filter(|_| is_sendable);
        if !remote.is_some_and(|remote| remote.line.queues[lane as usize].push(frame)) {
            local.sink.unreachable(to);
        }
    }

    fn call(&self, to: NodeId, ticket: CallTicket, request: Bytes) {
        let sink = &self.peers.local.sink;
        let mut question =
            Asked { sink: Arc::clone(sink), ticket, result: Err(CallError::Unreachable) };
        let Some(remote) = self.peers.get(to) else { return };
        let Ok(permit) = Arc::clone(&remote.line.calls).try_acquire_owned() else { return };
        let line = Arc::clone(&remote.line);
        remote.spawn(async move {
            let asking = ask(&line, request);
            question.result = time::timeout(line.local.options.call_timeout, asking)
                .await
                .unwrap_or(Err(CallError::TimedOut));
            drop((question, permit));
        });
    }

    fn send_snapshot(&self, to: NodeId, header: Bytes, source: Box<dyn Source>) {
        match self.peers.get(to) {
            Some(remote) => snapshot::send(&remote, header, source),
            None => self.peers.local.sink.snapshot_sent(to, false),
        }
    }

    fn set_peers(&self, peers: &[Peer]) {
        self.peers.set(peers);
    }

    fn set_removed(&self, members: &[NodeId]) {
        self.peers.remove(members);
    }

    fn connected(&self, peer: NodeId) -> Option<Duration> {
        self.peers.get(peer)?.line.connected()
    }
}

/// A question; its result is told when it is dropped, so exactly once, however it ends.
struct Asked {
    sink: Arc<dyn Sink>,
    ticket: CallTicket,
    result: Result<Bytes, CallError>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Err(CallError::Unreachable));
        self.sink.called(self.ticket, result);
    }
}

async fn ask(line: &Line, request: Bytes) -> Result<Bytes, CallError> {
    let kept = line.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let channel = match kept {
        Some(channel) => channel,
        None => link::dial(line).await.map_err(|_| CallError::Unreachable)?,
    };
    let mut client = PeerClient::new(channel.clone())
        .max_decoding_message_size(line.local.options.frame_bytes_max);
    match client.call(link::introduced(line, Question { request })).await {
        Ok(answer) => {
            keep(line, Some(channel));
            answer.into_inner().answer.ok_or(CallError::NoAnswer)
        }
        Err(status) => {
            keep(line, None);
            let was_refused = crate::wire::Refusal::of(&status).is_some();
            Err(if was_refused { CallError::Unreachable } else { CallError::NoAnswer })
        }
    }
}

fn keep(line: &Line, channel: Option<Channel>) {
    *line.channel.lock().unwrap_or_else(PoisonError::into_inner) = channel;
}
