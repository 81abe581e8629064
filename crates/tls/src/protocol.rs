//! Which versions of TLS are spoken, and with which ciphers.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// The versions that etcd names.
const NAMES: [&str; 2] = ["TLS1.2", "TLS1.3"];

/// Cipher suites by the names that Go has for them, which are those that etcd takes.
const SUITES: [(&str, SupportedCipherSuite); 11] = {
    use ring::cipher_suite as suite;
    [
        ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
        ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
        ("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        (
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
        (
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
        (
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
            suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
        (
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
    ]
};

/// What Go has besides: RC4, 3DES, CBC, or keys that tell all former secrets when they are lost.
const ONLY_GOS: [&str; 16] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

type Versions = [&'static SupportedProtocolVersion];

static BOTH: &Versions = &[&TLS13, &TLS12];
static ONLY_12: &Versions = &[&TLS12];
static ONLY_13: &Versions = &[&TLS13];

/// The versions and cipher suites that are spoken; by default all there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    versions: &'static Versions,
    /// Of TLS 1.2, the one to be preferred first; those of 1.3 are not chosen, as in Go.
    suites: Option<Vec<SupportedCipherSuite>>,
}

/// Why something is no choice of versions and cipher suites, in etcd's words where it has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadProtocol {
    /// The least version is above the greatest.
    MinAboveMax {
        /// The least.
        min: String,
        /// The greatest.
        max: String,
    },
    /// Go has this cipher suite, and `rustls` does not.
    OnlyGosSuite(String),
    /// Nobody has this cipher suite.
    Suite(String),
    /// Cipher suites are of TLS 1.2, and that is not spoken.
    SuitesOf13,
    /// There is no such version, or none that is still spoken.
    Version(String),
}

impl fmt::Display for BadProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinAboveMax { min, max } => {
                write!(f, "min version ({min}) is greater than max version ({max})")
            }
            Self::OnlyGosSuite(name) => write!(
                f,
                "TLS cipher suite {name:?} is not supported by etcdd, which has those with ECDHE \
                 and GCM or ChaCha20 only"
            ),
            Self::Suite(name) => write!(f, "unexpected TLS cipher suite {name:?}"),
            Self::SuitesOf13 => {
                f.write_str("cipher suites cannot be configured when only TLS1.3 is enabled")
            }
            Self::Version(name) => {
                write!(f, "unexpected TLS version {name:?} (must be one of: {})", NAMES.join(", "))
            }
        }
    }
}

impl std::error::Error for BadProtocol {}

impl Default for Protocol {
    fn default() -> Self {
        Self { versions: BOTH, suites: None }
    }
}

impl Protocol {
    /// What `--tls-min-version`, `--tls-max-version` and `--cipher-suites` say; without a least or
    /// greatest version there is no such limit, without suites all are spoken.
    ///
    /// # Errors
    ///
    /// When they say something that cannot be.
    pub fn of(min: &str, max: &str, suites: &[String]) -> Result<Self, BadProtocol> {
        let position = |name: &str| {
            let found = NAMES.iter().position(|known| *known == name);
            found.ok_or_else(|| BadProtocol::Version(name.to_owned()))
        };
        let least = if min.is_empty() { 0 } else { position(min)? };
        let most = if max.is_empty() { NAMES.len() - 1 } else { position(max)? };
        let versions = match (least, most) {
            (0, 0) => ONLY_12,
            (0, _) => BOTH,
            (_, 0) => {
                let (min, max) = (min.to_owned(), max.to_owned());
                return Err(BadProtocol::MinAboveMax { min, max });
            }
            _ if !suites.is_empty() => return Err(BadProtocol::SuitesOf13),
            _ => ONLY_13,
        };
        let suites: Vec<_> = suites.iter().map(|name| suite(name)).collect::<Result<_, _>>()?;
        Ok(Self { versions, suites: Some(suites).filter(|suites| !suites.is_empty()) })
    }

    /// Whether TLS 1.3 is spoken, which QUIC needs.
    #[must_use]
    pub fn has_13(&self) -> bool {
        self.versions.contains(&&TLS13)
    }

    /// The names of the suites that were chosen, if any were.
    #[must_use]
    pub fn suites(&self) -> Vec<&'static str> {
        let name = |chosen: &SupportedCipherSuite| {
            SUITES.iter().rev().find(|(_, suite)| suite == chosen).map(|(name, _)| *name)
        };
        self.suites.iter().flatten().filter_map(name).collect()
    }

    pub(crate) fn versions(&self) -> &'static Versions {
        self.versions
    }

    /// What encrypts, signs and verifies.
    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = ring::default_provider();
        if let Some(chosen) = &self.suites {
            provider.cipher_suites.retain(|suite| suite.tls13().is_some());
            provider.cipher_suites.extend(chosen.iter().filter(|suite| suite.tls13().is_none()));
        }
        Arc::new(provider)
    }
}

fn suite(name: &str) -> Result<SupportedCipherSuite, BadProtocol> {
    match SUITES.iter().find(|(known, _)| *known == name) {
        Some((_, suite)) => Ok(*suite),
        None if ONLY_GOS.contains(&name) => Err(BadProtocol::OnlyGosSuite(name.to_owned())),
        None => Err(BadProtocol::Suite(name.to_owned())),
    }
}

#[cfg(test)]
mod tests;
