//! What files hold: certificates, keys, authorities, revoked certificates.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

use crate::names::significant;
use crate::{Error, Pair};

/// A certificate with those that lead to its authority, and its key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What PEM begins its blocks with.
const PEM_BEGIN: &[u8] = b"-----BEGIN";

pub(crate) fn identity(pair: &Pair) -> Result<Identity, Error> {
    let certificates = certificates(&pair.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes(&pair.key)?)
        .map_err(|error| Error::pem(&pair.key, "a private key", &error))?;
    Ok((certificates, key))
}

/// The authorities that a file names, or those that the machine trusts.
pub(crate) fn authorities(file: Option<&Path>) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| Error::content(file, error.to_string()))?;
            }
        }
        None => {
            // A machine trusts many; one that cannot be read is none that is missed here.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Error::NoAuthorities);
            }
        }
    }
    Ok(Arc::new(roots))
}

/// The serial numbers of certificates that are trusted no more.
pub(crate) fn revoked(file: &Path) -> Result<BTreeSet<Vec<u8>>, Error> {
    let bytes = bytes(file)?;
    let der = if bytes.starts_with(PEM_BEGIN) {
        CertificateRevocationListDer::from_pem_slice(&bytes)
            .map_err(|error| Error::pem(file, "a revocation list", &error))?
    } else {
        CertificateRevocationListDer::from(bytes)
    };
    let list = CertificateList::from_der(&der)
        .map_err(|error| Error::content(file, format!("x509: malformed crl: {error}")))?;
    let entries = list.tbs_cert_list.revoked_certificates.unwrap_or_default();
    let serials = entries.iter().map(|entry| significant(entry.serial_number.as_bytes()).to_vec());
    Ok(serials.collect())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = bytes(file)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| Error::pem(file, "certificates", &error))?;
    if certificates.is_empty() {
        return Err(Error::content(file, "failed to find certificates: there are none in PEM"));
    }
    Ok(certificates)
}

fn bytes(file: &Path) -> Result<Vec<u8>, Error> {
    fs::read(file).map_err(|error| Error::open(file, &error))
}
