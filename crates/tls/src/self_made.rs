//! Certificates that a member makes for itself.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tracing::{info, warn};

use crate::{Error, Pair};

/// Only the owner may look, as with etcd.
const DIRECTORY_MODE: u32 = 0o700;
const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;

/// As etcd counts years here.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The certificate that lies in this directory with its key; made now if it is not there, for these
/// hosts (names and addresses) and so many years.
///
/// Nobody but its own key has signed it. Unlike etcd's it is no authority, which libraries that
/// tell the two apart would not take from a server, and its key is on the curve P-256.
///
/// # Errors
///
/// When it cannot be made.
pub fn self_made(directory: &Path, hosts: &[&str], years: u32) -> Result<Pair, Error> {
    let pair = Pair { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
    if pair.certificate.exists() && pair.key.exists() {
        return Ok(pair);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|error| Error::open(directory, &error))?;
    let (certificate, key) = make(hosts, years).map_err(|error| Error::Tls(error.to_string()))?;
    // The certificate last: where it is there is a key.
    write(&pair.key, &key, KEY_MODE)?;
    info!("path" = %pair.key.display(), "created key file");
    write(&pair.certificate, &certificate, CERTIFICATE_MODE)?;
    info!("path" = %pair.certificate.display(), "created cert file");
    Ok(pair)
}

fn make(hosts: &[&str], years: u32) -> Result<(String, String), rcgen::Error> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "etcd");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = date_time_ymd(1970, 1, 1) + now;
    params.not_after = params.not_before + YEAR.saturating_mul(years);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    warn!(
        "certificate-validity-bound-not-after" = %params.not_after,
        "automatically generate certificates"
    );
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Writes a file that is there whole or not at all.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let unfinished = path.with_extension("pem.tmp");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| Error::open(path, &error))
}

#[cfg(test)]
mod tests;
