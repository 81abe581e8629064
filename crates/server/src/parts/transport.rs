//! What carries frames between members.

use std::sync::Arc;
use std::time::Duration;

use ::transport::{Sink, Transport};
use axum::Router;
use tokio::runtime::Handle as Runtime;
use units::{ClusterId, NodeId};

use super::choices::{Choices, Kind};

const KIND: Kind =
    Kind { flag: "peer-transport", noun: "transport", features: &[("grpc", "transport-grpc")] };

/// What can carry frames between members.
pub trait TransportPart: Send + Sync {
    /// A transport that delivers into the sink from now on, and has no peers yet.
    fn start(&self, site: TransportSite, sink: Arc<dyn Sink>) -> Carrier;
}

/// Who this member is, and what it may expect of its peers.
#[derive(Clone, Debug)]
pub struct TransportSite {
    /// The cluster; members of others are refused.
    pub cluster: ClusterId,
    /// This member.
    pub id: NodeId,
    /// Where members reach this one: told to those who have not heard of it yet.
    pub urls: Vec<String>,
    /// The largest frame, sent or received.
    pub frame_bytes_max: usize,
    /// How long an answer to a call is waited for.
    pub call_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How connections to peers are secured, where their URLs say so; and those of a transport that
    /// listens by itself. The files could be used a moment ago.
    pub tls: tls::Settings,
    /// Where whatever waits for sockets runs: one thread, that of all that peers say. What takes
    /// long is done elsewhere.
    pub runtime: Runtime,
}

/// A transport, and what has to be served for it.
pub struct Carrier {
    /// The transport.
    pub transport: Arc<dyn Transport>,
    /// What the peer port serves for it, beside its other paths; empty if it listens by itself.
    pub served: Router,
}

pub(super) fn compiled_in() -> Choices<dyn TransportPart> {
    Choices::of(
        KIND,
        [
            #[cfg(feature = "transport-grpc")]
            ("grpc", Arc::new(grpc::GrpcPart)),
        ],
    )
}

#[cfg(feature = "transport-grpc")]
mod grpc {
    use transport_grpc::{Grpc, Options, SNAPSHOT_BYTES_PER_SECOND};

    use super::{Arc, Carrier, Sink, TransportPart, TransportSite};

    pub(super) struct GrpcPart;

    impl TransportPart for GrpcPart {
        fn start(&self, site: TransportSite, sink: Arc<dyn Sink>) -> Carrier {
            let options = Options {
                cluster: site.cluster,
                id: site.id,
                urls: site.urls,
                frame_bytes_max: site.frame_bytes_max,
                call_timeout: site.call_timeout,
                connect_timeout: site.connect_timeout,
                snapshot_bytes_per_second: SNAPSHOT_BYTES_PER_SECOND,
            };
            let grpc = Grpc::new(options, &site.tls, site.runtime, sink);
            let served = grpc.router();
            Carrier { transport: Arc::new(grpc), served }
        }
    }
}
