//! An authority for tests, which makes the certificates they need. Its keys are on the curve P-256,
//! as those are made fastest.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

use crate::Pair;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    next_serial: AtomicU64,
}

/// Whose a certificate is to be.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The common name.
    pub common_name: &'a str,
    /// Hosts and addresses.
    pub hosts: &'a [&'a str],
    /// Whether its time is over.
    pub is_expired: bool,
}

impl<'a> Subject<'a> {
    /// Somebody on this machine.
    #[must_use]
    pub fn here(common_name: &'a str) -> Self {
        Self { common_name, hosts: &["localhost", "127.0.0.1", "::1"], is_expired: false }
    }
}

/// A certificate as it was made.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The certificate, in PEM.
    pub certificate: String,
    /// Its key, in PEM.
    pub key: String,
    /// Its number, of its authority.
    pub serial: u64,
}

impl Certified {
    /// Writes both as `<name>.pem` and `<name>-key.pem`, over those that are there.
    ///
    /// # Panics
    ///
    /// When that is not possible.
    pub fn write(&self, directory: &Path, name: &str) -> Pair {
        let pair = Pair {
            certificate: directory.join(format!("{name}.pem")),
            key: directory.join(format!("{name}-key.pem")),
        };
        fs::write(&pair.certificate, &self.certificate).expect("a test's directory takes files");
        fs::write(&pair.key, &self.key).expect("a test's directory takes files");
        pair
    }
}

impl Authority {
    /// A new one of this name.
    ///
    /// # Panics
    ///
    /// When the system has no entropy.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("the system has entropy");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("there is nothing odd in it");
        Self { issuer, next_serial: AtomicU64::new(1000) }
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// Signs a certificate for servers and clients.
    ///
    /// # Panics
    ///
    /// When the subject is none.
    pub fn certify(&self, subject: Subject<'_>) -> Certified {
        let hosts: Vec<String> = subject.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("a test names its hosts well");
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name.push(DnType::CommonName, subject.common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let now = date_time_ymd(1970, 1, 1) + since_1970();
        params.not_before = now - 2 * DAY;
        params.not_after = if subject.is_expired { now - DAY } else { now + DAY };
        let key = KeyPair::generate().expect("the system has entropy");
        let certificate = params.signed_by(&key, &self.issuer).expect("nothing odd in it");
        Certified { certificate: certificate.pem(), key: key.serialize_pem(), serial }
    }

    /// A list that says that these certificates are trusted no more, in DER.
    ///
    /// # Panics
    ///
    /// When a library does.
    pub fn revoke(&self, serials: &[u64]) -> Vec<u8> {
        let now = date_time_ymd(1970, 1, 1) + since_1970();
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: now + DAY,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("there is nothing odd in it").der().to_vec()
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
