//! The side that is connected to.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::address::check_address;
use crate::names::Names;
use crate::reloading::Reloading;
use crate::words::{Failure, in_words};
use crate::{Error, Refused, Settings, read, verify};

/// How long shaking hands may take, as in etcd.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Lets in whoever connects and fits. Clones look at files together.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<Reloading<ServerConfig>>,
    checks_addresses: bool,
}

/// Why somebody was not let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The server that was asked for, if the client has said so.
    pub server_name: String,
    /// Whose certificate was shown, if it came so far.
    pub names: Option<Names>,
    /// Why, in the words of Go's library.
    pub why: String,
    /// Whether nothing was said at all, as when somebody tries whether the port is open.
    pub was_silent: bool,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Rejected {}

impl Acceptor {
    /// An acceptor for these application protocols, the one that is preferred first. Files are not
    /// looked at yet: [`config`](Self::config) tells whether they can be used.
    #[must_use]
    pub fn new(settings: &Settings, protocols: &[&[u8]]) -> Self {
        let files = settings.files_of_servers();
        let checks_addresses = settings.checks_addresses;
        let settings = settings.clone();
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.to_vec()).collect();
        let make = move || {
            let mut config = configure(&settings)?;
            config.alpn_protocols.clone_from(&protocols);
            Ok(config)
        };
        Self { config: Arc::new(Reloading::new(files, make)), checks_addresses }
    }

    /// How to shake hands now.
    ///
    /// # Errors
    ///
    /// When the files can not be used, and never could.
    pub fn config(&self) -> Result<Arc<ServerConfig>, Error> {
        self.config.current()
    }

    /// Shakes hands with whoever has connected from this address, if there is one.
    ///
    /// # Errors
    ///
    /// When who connects does not fit, or takes too long.
    pub async fn accept<S>(&self, stream: S, from: Option<IpAddr>) -> Result<TlsStream<S>, Rejected>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut server_name = String::new();
        let accepted = time::timeout(HANDSHAKE_TIMEOUT, async {
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
            let start = start.await.map_err(|error| Failure::of(&error))?;
            let named = start.client_hello().server_name().unwrap_or_default().to_owned();
            server_name.clone_from(&named);
            let config = self.config().map_err(|error| Failure::new(error.to_string()))?;
            let stream = start.into_stream(config).await.map_err(|error| Failure::of(&error))?;
            self.check(&stream, from).await?;
            Ok::<_, Failure>(stream)
        });
        let Failure { why, names, was_silent } = match accepted.await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::new("i/o timeout".to_owned()),
        };
        Err(Rejected { server_name, names, why, was_silent })
    }

    /// Whether the certificate fits where it comes from.
    async fn check<S>(&self, stream: &TlsStream<S>, from: Option<IpAddr>) -> Result<(), Refused> {
        let (_, connection) = stream.get_ref();
        match (connection.peer_certificates().and_then(<[_]>::first), from) {
            (Some(certificate), Some(from)) if self.checks_addresses => {
                check_address(certificate, from).await
            }
            _ => Ok(()),
        }
    }
}

fn configure(settings: &Settings) -> Result<ServerConfig, Error> {
    let provider = settings.protocol.provider();
    let own = settings.own.as_ref().ok_or(Error::NoCertificate)?;
    let (certificates, key) = read::identity(own)?;
    if let Some(pair) = &settings.client {
        // A file that cannot be used is known at the start, and not when somebody is to be called.
        read::identity(pair)?;
    }
    let verifier = verify::of_clients(settings, &provider)?;
    let in_vain = |error: rustls::Error| Error::Tls(in_words(&error));
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(settings.protocol.versions())
        .map_err(in_vain)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| Error::content(&own.certificate, in_words(&error)))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

impl Settings {
    fn files_of_servers(&self) -> Vec<PathBuf> {
        let pair = self.own.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        pair.chain(&self.trusted).chain(&self.revoked).cloned().collect()
    }
}
