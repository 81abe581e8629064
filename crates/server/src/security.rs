//! How connections are secured: with certificates that are there, or that are made.

use api::urls::{Url, Urls};
use tls::{Acceptor, Connector};
use tracing::field::display;
use tracing::{info, warn};

use crate::{Config, Error};

/// What is spoken over TLS, the one that is preferred first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How connections are secured, with files that can be used.
#[derive(Debug)]
pub(crate) struct Security {
    /// Lets clients in, if any of their URLs is secured.
    pub(crate) clients: Option<Acceptor>,
    /// Lets those in who look after the member, if any of their URLs is secured.
    pub(crate) metrics: Option<Acceptor>,
    /// Lets peers in, if any of this member's URLs for them is secured.
    pub(crate) peers: Option<Acceptor>,
    /// How connections to and from peers are secured, by whatever carries them.
    pub(crate) among_peers: tls::Settings,
}

/// A kind of connection, as flags and log call it.
#[derive(Clone, Copy)]
struct Side<'a> {
    name: &'static str,
    urls: &'a Urls,
    settings: &'a tls::Settings,
    is_automatic: bool,
}

impl Security {
    /// Looks whether the files can be used, and makes those that are to be made.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let side = Side {
            name: "peer",
            urls: &config.listen_peer_urls,
            settings: &config.peer_tls,
            is_automatic: config.peer_auto_tls,
        };
        let (peers, among_peers) = side.open(config)?;
        if among_peers.own.is_some() {
            // They are connected to as well, be it at a URL that is not known yet.
            Connector::new(&among_peers, &[]).config().map_err(Error::Tls)?;
        }
        let side = Side {
            name: "client",
            urls: &config.listen_client_urls,
            settings: &config.client_tls,
            is_automatic: config.client_auto_tls,
        };
        let (clients, settings) = side.open(config)?;
        let metrics = config.listen_metrics_urls.iter().flat_map(Urls::iter).any(Url::is_secure);
        let metrics = metrics.then(|| Acceptor::new(&settings, &PROTOCOLS));
        if let Some(acceptor) = &metrics {
            acceptor.config().map_err(Error::Tls)?;
        }
        Ok(Self { clients, metrics, peers, among_peers })
    }

    /// Connects to peers over HTTP/1.
    pub(crate) fn connector(&self) -> Connector {
        Connector::new(&self.among_peers, &[b"http/1.1"])
    }
}

impl Side<'_> {
    fn open(self, config: &Config) -> Result<(Option<Acceptor>, tls::Settings), Error> {
        let settings = self.effective(config)?;
        if settings.own.is_some() {
            info!(
                "tls-info" = %settings,
                "cipher-suites" = ?settings.protocol.suites(),
                "starting with {} TLS",
                self.name
            );
        }
        self.warn_of_plain_urls(&settings);
        if self.urls.iter().any(Url::is_quic) {
            Acceptor::new(&settings, &[]).config().map_err(Error::Tls)?;
        }
        if !self.urls.iter().any(Url::is_secure) {
            return Ok((None, settings));
        }
        let acceptor = Acceptor::new(&settings, &PROTOCOLS);
        acceptor.config().map_err(Error::Tls)?;
        Ok((Some(acceptor), settings))
    }

    /// What is configured, or a certificate that was made and is trusted by whoever is shown it.
    fn effective(self, config: &Config) -> Result<tls::Settings, Error> {
        let has_none = self.settings.own.is_none() && self.urls.iter().any(Url::is_quic);
        if !self.is_automatic && !has_none {
            return Ok(self.settings.clone());
        }
        if !self.is_automatic {
            warn!(
                "there are no certificates for QUIC, so that members make their own: what they say \
                 to each other is encrypted, and nobody knows whom it is said to"
            );
        }
        if self.settings.own.is_some() {
            warn!("ignoring {} auto TLS since certs given", self.name);
            return Ok(self.settings.clone());
        }
        let directory = config.data_dir.join("fixtures").join(self.name);
        let hosts: Vec<&str> =
            self.urls.iter().filter(|url| !url.is_unix()).map(Url::host).collect();
        let made = tls::self_made(&directory, &hosts, config.self_signed_cert_validity);
        Ok(tls::Settings {
            own: Some(made.map_err(Error::Tls)?),
            protocol: self.settings.protocol.clone(),
            trusts_any_server: true,
            ..tls::Settings::default()
        })
    }

    fn warn_of_plain_urls(self, settings: &tls::Settings) {
        let (scheme, flag) = match self.name {
            "peer" => ("HTTP", "--peer-client-cert-auth"),
            _ => ("http or unix", "--client-cert-auth"),
        };
        let of = |name, url| (self.name == name).then(|| display(url));
        for url in self.urls.iter().filter(|url| !url.is_secure() && !url.is_quic()) {
            if settings.own.is_some() {
                warn!(
                    "peer-url" = of("peer", url),
                    "client-url" = of("client", url),
                    "scheme is {scheme} while key and cert files are present; ignoring key and \
                     cert files"
                );
            }
            if settings.asks_clients {
                warn!(
                    "peer-url" = of("peer", url),
                    "client-url" = of("client", url),
                    "scheme is {scheme} while {flag} is enabled; ignoring client cert auth for \
                     this URL"
                );
            }
        }
    }
}
