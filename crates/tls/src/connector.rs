//! The side that connects.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use crate::reloading::Reloading;
use crate::words::{Failure, in_words};
use crate::{Error, Settings, read, verify};

/// The port of `https` if none is said.
const PORT: u16 = 443;

/// Connects to servers whose certificates fit. Clones look at files together.
///
/// As a service it connects to wherever a URI leads, by TLS in any case.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<Reloading<ClientConfig>>,
}

impl Connector {
    /// A connector for these application protocols, the one that is preferred first. Files are not
    /// looked at yet: [`config`](Self::config) tells whether they can be used.
    #[must_use]
    pub fn new(settings: &Settings, protocols: &[&[u8]]) -> Self {
        let files = settings.files_of_clients();
        let settings = settings.clone();
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.to_vec()).collect();
        let make = move || {
            let mut config = configure(&settings)?;
            config.alpn_protocols.clone_from(&protocols);
            Ok(config)
        };
        Self { config: Arc::new(Reloading::new(files, make)) }
    }

    /// How to shake hands now.
    ///
    /// # Errors
    ///
    /// When the files can not be used, and never could.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        self.config.current()
    }

    /// Connects to a host, by name or address. How long that may take is the caller's business.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, or one of both sides does not trust the other.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((host, port)).await?;
        // Else requests would wait for acknowledgements; a connection without is still one.
        drop(stream.set_nodelay(true));
        self.over(stream, host).await
    }

    /// Shakes hands with this host, by name or address, over a connection that is there.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or one of both sides does not trust the other.
    pub async fn over<S>(&self, stream: S, host: &str) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.config().map_err(io::Error::other)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
            let Failure { why, .. } = Failure::of(&error);
            io::Error::new(error.kind(), format!("authentication handshake failed: {why}"))
        })
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            // An address of IPv6 has brackets around it.
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let port = uri.port_u16().unwrap_or(PORT);
            connector.connect(bare.unwrap_or(host), port).await.map(TokioIo::new)
        })
    }
}

fn configure(settings: &Settings) -> Result<ClientConfig, Error> {
    let provider = settings.protocol.provider();
    let verifier = verify::of_servers(settings, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(settings.protocol.versions())
        .map_err(|error| Error::Tls(in_words(&error)))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match settings.client.as_ref().or(settings.own.as_ref()) {
        Some(pair) => {
            let (certificates, key) = read::identity(pair)?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|error| Error::content(&pair.certificate, in_words(&error)))?
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

impl Settings {
    fn files_of_clients(&self) -> Vec<PathBuf> {
        let pair = self.client.as_ref().or(self.own.as_ref());
        let pair = pair.into_iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        pair.chain(&self.trusted).chain(&self.revoked).cloned().collect()
    }
}
