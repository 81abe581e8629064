use std::io;
use std::sync::Arc;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError};

use super::{Failure, in_words};
use crate::{Names, Refused};

#[test]
fn errors_are_in_the_words_of_go() {
    let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    for (error, words) in [
        (Error::NoCertificatesPresented, "tls: client didn't provide a certificate"),
        (
            CertificateError::UnknownIssuer.into(),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ),
        (
            CertificateError::ExpiredContext { time: at(86_400), not_after: at(60) }.into(),
            "tls: failed to verify certificate: x509: certificate has expired or is not yet \
             valid: current time 1970-01-02T00:00:00Z is after 1970-01-01T00:01:00Z",
        ),
        (
            CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("c.example").expect("a name"),
                presented: vec!["DnsName(\"a.example\")".into(), "IpAddress(127.0.0.1)".into()],
            }
            .into(),
            "tls: failed to verify certificate: x509: certificate is valid for a.example, \
             127.0.0.1, not c.example",
        ),
        (
            Error::AlertReceived(AlertDescription::BadCertificate),
            "remote error: tls: bad certificate",
        ),
        (
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            "tls: first record does not look like a TLS handshake",
        ),
    ] {
        assert_eq!(in_words(&error), words);
    }
}

#[test]
fn our_own_refusals_come_through_whole() {
    let names = Names { common_name: "somebody".to_owned(), ..Names::default() };
    let refused = Refused { why: "because".to_owned(), names: names.clone() };
    let failure = Failure::of(&io::Error::other(Error::from(refused)));
    assert_eq!((failure.why.as_str(), failure.names), ("because", Some(names)));
    let other = CertificateError::Other(OtherError(Arc::new(io::Error::other("else"))));
    assert_eq!(Failure::of(&io::Error::other(Error::from(other))).why, "else");
}

#[test]
fn who_leaves_at_once_was_silent() {
    assert!(Failure::of(&io::ErrorKind::UnexpectedEof.into()).was_silent);
    assert!(!Failure::of(&io::ErrorKind::ConnectionReset.into()).was_silent);
}
