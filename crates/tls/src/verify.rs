//! What makes a certificate fit, beside what X.509 says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::{fmt, mem};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, SignatureScheme,
};

use crate::{Allowed, Error, Names, Settings, read};

/// Why a certificate is refused that its authority has signed, in etcd's words, and whose it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: String,
    /// What it says about whose it is, as far as that can be read.
    pub names: Names,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// In the same words: whoever passes on an error of `rustls` passes on this.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for rustls::Error {
    fn from(refused: Refused) -> Self {
        CertificateError::Other(OtherError(Arc::new(refused))).into()
    }
}

/// Whom flags and a revocation list let in, of those whose certificates are in order.
#[derive(Debug)]
struct Conditions {
    allowed: Allowed,
    /// By serial number alone, as etcd compares them.
    revoked: BTreeSet<Vec<u8>>,
}

impl Conditions {
    fn read(settings: &Settings) -> Result<Self, Error> {
        let revoked = settings.revoked.as_deref().map(read::revoked).transpose()?;
        Ok(Self { allowed: settings.allowed.clone(), revoked: revoked.unwrap_or_default() })
    }

    /// Looks at a certificate and those that lead to its authority.
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<(), rustls::Error> {
        if self.allowed == Allowed::All && self.revoked.is_empty() {
            return Ok(());
        }
        let unread = |why| Refused { why, names: Names::default() };
        let names = Names::of(certificate).map_err(unread)?;
        if !self.allows(certificate, &names)? {
            let why = "client certificate authentication failed".to_owned();
            return Err(Refused { why, names }.into());
        }
        let mut serials = vec![names.serial.clone()];
        for other in others {
            serials.push(mem::take(&mut Names::of(other).map_err(unread)?.serial));
        }
        match serials.iter().find(|serial| self.revoked.contains(*serial)) {
            Some(serial) => {
                let serial: String = serial.iter().map(|byte| format!("{byte:02x}")).collect();
                let why = format!("transport: certificate serial {serial} revoked");
                Err(Refused { why, names }.into())
            }
            None => Ok(()),
        }
    }

    fn allows(
        &self,
        certificate: &CertificateDer<'_>,
        names: &Names,
    ) -> Result<bool, rustls::Error> {
        Ok(match &self.allowed {
            Allowed::All => true,
            Allowed::CommonNames(allowed) => allowed.contains(&names.common_name),
            Allowed::HostNames(allowed) => {
                let certificate = ParsedCertificate::try_from(certificate)?;
                allowed.iter().any(|host| holds_for(&certificate, host))
            }
        })
    }
}

/// Whether a certificate holds for a host, by name or address.
pub(crate) fn holds_for(certificate: &ParsedCertificate<'_>, host: &str) -> bool {
    let host = ServerName::try_from(host);
    host.is_ok_and(|host| verify_server_name(certificate, &host).is_ok())
}

/// Verifies whoever connects; nothing if nobody is asked for a certificate.
pub(crate) fn of_clients(
    settings: &Settings,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
    if !settings.wants_certificates() {
        return Ok(None);
    }
    let roots = read::authorities(settings.trusted.as_deref())?;
    let usual = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    let usual = usual.map_err(|error| Error::Tls(error.to_string()))?;
    Ok(Some(Arc::new(OfClients { usual, conditions: Conditions::read(settings)? })))
}

/// Verifies whomever this side connects to.
pub(crate) fn of_servers(
    settings: &Settings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if settings.trusts_any_server {
        return Ok(Arc::new(OfAnyServer(Arc::clone(provider))));
    }
    let roots = read::authorities(settings.trusted.as_deref())?;
    let usual = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    let usual = usual.map_err(|error| Error::Tls(error.to_string()))?;
    Ok(Arc::new(OfServers { usual, conditions: Conditions::read(settings)? }))
}

/// The usual verification, and then our conditions.
#[derive(Debug)]
struct OfClients {
    usual: Arc<dyn ClientCertVerifier>,
    conditions: Conditions,
}

impl ClientCertVerifier for OfClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.usual.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.usual.verify_client_cert(certificate, others, now)?;
        self.conditions.check(certificate, others)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// The usual verification, and then our conditions.
#[derive(Debug)]
struct OfServers {
    usual: Arc<WebPkiServerVerifier>,
    conditions: Conditions,
}

impl ServerCertVerifier for OfServers {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.usual.verify_server_cert(certificate, others, name, ocsp, now)?;
        self.conditions.check(certificate, others)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Takes any certificate, as long as its key is at the other end.
#[derive(Debug)]
struct OfAnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for OfAnyServer {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
