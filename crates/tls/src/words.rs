//! What goes wrong while hands are shaken, in the words of Go's library: people search their logs
//! for them.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use x509_cert::der::DateTime;

use crate::{Names, Refused};

/// Why hands were not shaken.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) why: String,
    /// Whose certificate was refused, if one was that is in order.
    pub(crate) names: Option<Names>,
    /// Whether the other side has gone without a word.
    pub(crate) was_silent: bool,
}

impl From<Refused> for Failure {
    fn from(Refused { why, names }: Refused) -> Self {
        Self { why, names: Some(names), was_silent: false }
    }
}

impl Failure {
    pub(crate) fn new(why: String) -> Self {
        Self { why, names: None, was_silent: false }
    }

    /// What a stream of TLS says is wrong.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(CertificateError::Other(other))) => {
                match other.0.downcast_ref::<Refused>() {
                    Some(refused) => refused.clone().into(),
                    None => Self::new(other.0.to_string()),
                }
            }
            Some(error) => Self::new(in_words(error)),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self { was_silent: true, ..Self::new("EOF".to_owned()) }
            }
            None => Self::new(error.to_string()),
        }
    }
}

/// An error of `rustls` as Go's library says it, where it has one like it.
#[must_use]
pub fn in_words(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_in_words(*alert)),
        Error::InconsistentKeys(_) => "tls: private key does not match public key".to_owned(),
        Error::InvalidCertificate(error) => {
            format!("tls: failed to verify certificate: {}", certificate_in_words(error))
        }
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => "tls: first record does not look like a TLS handshake".to_owned(),
        Error::NoCertificatesPresented => "tls: client didn't provide a certificate".to_owned(),
        Error::NoApplicationProtocol => {
            "tls: client requested unsupported application protocols".to_owned()
        }
        Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoKxGroupsInCommon,
        ) => "tls: no cipher suite supported by both client and server".to_owned(),
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => "tls: client offered only unsupported versions".to_owned(),
        other => format!("tls: {other}"),
    }
}

fn certificate_in_words(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::BadSignature => "x509: certificate signed by unknown authority",
        CertificateError::Expired | CertificateError::NotValidYet => {
            "x509: certificate has expired or is not yet valid"
        }
        CertificateError::ExpiredContext { time, not_after } => {
            return untimely(*time, "after", *not_after);
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            return untimely(*time, "before", *not_before);
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "x509: certificate specifies an incompatible key usage"
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            if presented.is_empty() {
                return format!(
                    "x509: certificate is not valid for any names, but wanted to match {expected}"
                );
            }
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            return format!("x509: certificate is valid for {}, not {expected}", names.join(", "));
        }
        CertificateError::UnknownIssuer => "x509: certificate signed by unknown authority",
        other => return format!("x509: {other}"),
    };
    text.to_owned()
}

fn untimely(now: UnixTime, relation: &str, limit: UnixTime) -> String {
    let shown = |time: UnixTime| {
        let since = std::time::Duration::from_secs(time.as_secs());
        DateTime::from_unix_duration(since)
            .map_or_else(|_| time.as_secs().to_string(), |time| time.to_string())
    };
    format!(
        "x509: certificate has expired or is not yet valid: current time {} is {relation} {}",
        shown(now),
        shown(limit)
    )
}

/// A name without what says of which kind it is, as in `DnsName("a.example")`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, inside)| inside.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

fn alert_in_words(alert: AlertDescription) -> String {
    let text = match alert {
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::DecryptError => "error decrypting message",
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::InternalError => "internal error",
        AlertDescription::NoApplicationProtocol => "no application protocol",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::UnexpectedMessage => "unexpected message",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::UnsupportedCertificate => "unsupported certificate",
        other => return format!("{other:?}"),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests;
