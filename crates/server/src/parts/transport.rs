//! What carries frames between members.

use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;

use ::transport::{Sink, Transport};
use api::urls::{Scheme, Url};
use axum::Router;
use futures_util::Stream;
pub use links::Options as TransportOptions;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle as Runtime;

use super::choices::{Choices, Kind};

const KIND: Kind = Kind {
    flag: "peer-transport",
    noun: "transport",
    features: &[("grpc", "transport-grpc"), ("quic", "transport-quic")],
};

/// What can carry frames between members.
pub trait TransportPart: Send + Sync {
    /// A transport that delivers into the sink from now on, and has no peers yet.
    ///
    /// # Errors
    ///
    /// When it listens by itself, and cannot. The member does not start then.
    fn start(&self, site: TransportSite, sink: Arc<dyn Sink>) -> io::Result<Carrier>;

    /// The schemes of the peer URLs that it understands; what is said over HTTP, by default.
    fn schemes(&self) -> &'static [Scheme] {
        &[Scheme::Http, Scheme::Https]
    }

    /// Visits a member at a URL that is not said over HTTP, to ask it something by HTTP/1.
    fn visit<'a>(&'a self, url: &'a Url, _tls: &'a tls::Settings) -> Visiting<'a> {
        Box::pin(async move { Err(io::Error::other(format!("{url}: nobody is visited so"))) })
    }
}

/// Bytes in both directions.
pub trait Passage: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Passage for T {}

/// A visit that is being made.
pub type Visiting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Passage>>> + Send + 'a>>;

/// Visitors, one after the other.
pub type Visitors = Pin<Box<dyn Stream<Item = Box<dyn Passage>> + Send>>;

/// What a transport starts from.
#[derive(Debug)]
pub struct TransportSite {
    /// Who this member is, and how it treats its peers.
    pub options: TransportOptions,
    /// Where members are heard whose URLs have a scheme over UDP.
    pub sockets: Vec<UdpSocket>,
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
    /// Who comes to the transport's own sockets to ask something by HTTP, if it has any.
    pub visitors: Option<Visitors>,
}

pub(super) fn compiled_in() -> Choices<dyn TransportPart> {
    Choices::of(
        KIND,
        [
            #[cfg(feature = "transport-grpc")]
            ("grpc", Arc::new(grpc::GrpcPart)),
            #[cfg(feature = "transport-quic")]
            ("quic", Arc::new(quic::QuicPart)),
        ],
    )
}

#[cfg(feature = "transport-grpc")]
mod grpc {
    use transport_grpc::Grpc;

    use super::{Arc, Carrier, Sink, TransportPart, TransportSite, io};

    pub(super) struct GrpcPart;

    impl TransportPart for GrpcPart {
        fn start(&self, site: TransportSite, sink: Arc<dyn Sink>) -> io::Result<Carrier> {
            let grpc = Grpc::new(site.options, &site.tls, site.runtime, sink);
            let served = grpc.router();
            Ok(Carrier { transport: Arc::new(grpc), served, visitors: None })
        }
    }
}

#[cfg(feature = "transport-quic")]
mod quic {
    use futures_util::stream;
    use transport_quic::Quic;

    use super::{
        Arc, Carrier, Passage, Router, Scheme, Sink, TransportPart, TransportSite, Url, Visiting,
        io,
    };

    pub(super) struct QuicPart;

    impl TransportPart for QuicPart {
        fn start(&self, site: TransportSite, sink: Arc<dyn Sink>) -> io::Result<Carrier> {
            let TransportSite { options, sockets, tls, runtime } = site;
            let (quic, visits) = Quic::new(options, &tls, sockets, runtime, sink)?;
            let visitors = stream::unfold(visits, |mut visits| async {
                let visitor: Box<dyn Passage> = Box::new(visits.recv().await?);
                Some((visitor, visits))
            });
            let visitors = Some(Box::pin(visitors) as _);
            Ok(Carrier { transport: Arc::new(quic), served: Router::new(), visitors })
        }

        fn schemes(&self) -> &'static [Scheme] {
            &[Scheme::Quic]
        }

        fn visit<'a>(&'a self, url: &'a Url, tls: &'a tls::Settings) -> Visiting<'a> {
            Box::pin(async move {
                let visit = transport_quic::visit(tls, url.host(), url.port()).await?;
                Ok(Box::new(visit) as Box<dyn Passage>)
            })
        }
    }
}
