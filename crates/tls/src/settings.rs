//! What is said about one kind of connection: that of clients, or that of peers.

use std::fmt;
use std::path::PathBuf;

use crate::Protocol;

/// How one kind of connection is secured, as etcd's flags say it. Empty, it secures nothing, and
/// trusts the authorities that the machine trusts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// What a server shows; and a client too, unless it has something else.
    pub own: Option<Pair>,
    /// What a client shows, if that is something else.
    pub client: Option<Pair>,
    /// Certificates of the authorities that are trusted; if there is none, those of the machine.
    pub trusted: Option<PathBuf>,
    /// Whether clients must show a certificate. They must in any case if authorities are named.
    pub asks_clients: bool,
    /// A list of certificates that are trusted no more, in DER or PEM.
    pub revoked: Option<PathBuf>,
    /// Whose certificates are taken.
    pub allowed: Allowed,
    /// Whether a client's certificate must fit the address it comes from, if it names any.
    pub checks_addresses: bool,
    /// The versions and cipher suites that are spoken.
    pub protocol: Protocol,
    /// Whether a client takes whatever certificate a server shows.
    pub trusts_any_server: bool,
}

/// The files of a certificate, with those that lead to its authority, and of its key; in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificates.
    pub certificate: PathBuf,
    /// The key of the first one.
    pub key: PathBuf,
}

/// Whose certificates are taken, of those that a trusted authority has signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Everybody's.
    #[default]
    All,
    /// Those whose subject has one of these common names.
    CommonNames(Vec<String>),
    /// Those that hold for one of these hosts, or addresses.
    HostNames(Vec<String>),
}

/// Why settings cannot be, in etcd's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadSettings {
    /// There are names of both kinds.
    Allowed {
        /// The common names.
        common_names: Vec<String>,
        /// The hosts.
        host_names: Vec<String>,
    },
    /// There is a certificate without a key for clients, or the other way round.
    HalfAClientPair {
        /// The key's file, or nothing.
        key: String,
        /// The certificate's file, or nothing.
        certificate: String,
    },
    /// There is a certificate without a key, or the other way round.
    HalfAPair {
        /// The key's file, or nothing.
        key: String,
        /// The certificate's file, or nothing.
        certificate: String,
    },
}

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed { common_names, host_names } => write!(
                f,
                "AllowedCNs and AllowedHostnames are mutually exclusive (cns=[{}], \
                 hostnames=[{}])",
                quoted(common_names),
                quoted(host_names)
            ),
            Self::HalfAClientPair { key, certificate } => write!(
                f,
                "ClientKeyFile and ClientCertFile must both be present or both absent: key: \
                 {key}, cert: {certificate}]"
            ),
            Self::HalfAPair { key, certificate } => write!(
                f,
                "KeyFile and CertFile must both be present[key: {key}, cert: {certificate}]"
            ),
        }
    }
}

impl std::error::Error for BadSettings {}

/// As Go's `%q` shows a list.
fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" ")
}

impl Pair {
    /// A pair of files, if both are named; none, if neither is.
    ///
    /// # Errors
    ///
    /// When one is named alone.
    pub fn of(certificate: &str, key: &str) -> Result<Option<Self>, BadSettings> {
        match (certificate, key) {
            ("", "") => Ok(None),
            ("", _) | (_, "") => {
                let (key, certificate) = (key.to_owned(), certificate.to_owned());
                Err(BadSettings::HalfAPair { key, certificate })
            }
            _ => Ok(Some(Self { certificate: certificate.into(), key: key.into() })),
        }
    }

    /// The same of what clients show.
    ///
    /// # Errors
    ///
    /// When one is named alone.
    pub fn of_client(certificate: &str, key: &str) -> Result<Option<Self>, BadSettings> {
        Self::of(certificate, key).map_err(|_| BadSettings::HalfAClientPair {
            key: key.to_owned(),
            certificate: certificate.to_owned(),
        })
    }
}

impl Allowed {
    /// Whom two lists allow.
    ///
    /// # Errors
    ///
    /// When there are names of both kinds.
    pub fn of(common_names: Vec<String>, host_names: Vec<String>) -> Result<Self, BadSettings> {
        match (common_names.is_empty(), host_names.is_empty()) {
            (true, true) => Ok(Self::All),
            (false, true) => Ok(Self::CommonNames(common_names)),
            (true, false) => Ok(Self::HostNames(host_names)),
            (false, false) => Err(BadSettings::Allowed { common_names, host_names }),
        }
    }
}

impl Settings {
    /// Whether clients must show a certificate.
    pub(crate) fn wants_certificates(&self) -> bool {
        self.asks_clients || self.trusted.is_some()
    }
}

impl fmt::Display for Settings {
    /// As etcd logs it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |file: Option<&PathBuf>| {
            file.map_or_else(String::new, |file| file.display().to_string())
        };
        let (own, client) = (self.own.as_ref(), self.client.as_ref());
        write!(
            f,
            "cert = {}, key = {}, client-cert={}, client-key={}, trusted-ca = {}, \
             client-cert-auth = {}, crl-file = {}",
            shown(own.map(|pair| &pair.certificate)),
            shown(own.map(|pair| &pair.key)),
            shown(client.map(|pair| &pair.certificate)),
            shown(client.map(|pair| &pair.key)),
            shown(self.trusted.as_ref()),
            self.asks_clients,
            shown(self.revoked.as_ref())
        )
    }
}
