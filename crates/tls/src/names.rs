//! Whose a certificate is, by what it says.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{self, Decode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The attribute of a subject that is its common name (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What a certificate says about whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The subject's common name, by which etcd knows users; perhaps empty.
    pub common_name: String,
    /// The hosts it holds for, some with `*` in front.
    pub hosts: Vec<String>,
    /// The addresses it holds for.
    pub addresses: Vec<IpAddr>,
    /// Its number, of its authority.
    pub(crate) serial: Vec<u8>,
}

impl Names {
    /// Reads a certificate.
    ///
    /// # Errors
    ///
    /// When it is none, in words.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let read = |error: der::Error| format!("x509: malformed certificate: {error}");
        let certificate = Certificate::from_der(certificate).map_err(read)?.tbs_certificate;
        let mut names = Self {
            serial: significant(certificate.serial_number.as_bytes()).to_vec(),
            ..Self::default()
        };
        // Of several the last counts, as in Go.
        for attribute in certificate.subject.0.iter().flat_map(|relative| relative.0.iter()) {
            if attribute.oid == COMMON_NAME {
                names.common_name = String::from_utf8_lossy(attribute.value.value()).into_owned();
            }
        }
        let alternatives = certificate.get::<SubjectAltName>().map_err(read)?;
        for name in alternatives.map(|(_, names)| names.0).unwrap_or_default() {
            match name {
                GeneralName::DnsName(host) => names.hosts.push(host.to_string()),
                GeneralName::IpAddress(bytes) => names.addresses.extend(address(bytes.as_bytes())),
                _ => {}
            }
        }
        Ok(names)
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// A number without zeros in front, as numbers are compared.
pub(crate) fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
