use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use super::self_made;
use crate::Names;

#[test]
fn is_made_once_for_hosts_and_addresses() {
    let directory = TempDir::new().expect("there is room");
    let fixtures = directory.path().join("fixtures/peer");
    let hosts = ["example.com", "127.0.0.1", "::1"];
    let pair = self_made(&fixtures, &hosts, 1).expect("it is made");
    assert_eq!(pair.certificate, fixtures.join("cert.pem"));
    let mode = |path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(fixtures.as_path()), mode(&pair.key)), (0o700, 0o600));
    let text = fs::read(&pair.certificate).expect("it is there");
    let certificate = CertificateDer::from_pem_slice(&text).expect("it is a certificate");
    let names = Names::of(&certificate).expect("it can be read");
    assert_eq!(names.hosts, ["example.com"]);
    assert_eq!(names.addresses.len(), 2);
    assert_eq!(self_made(&fixtures, &["other"], 1).as_ref(), Ok(&pair));
    assert_eq!(fs::read(&pair.certificate).expect("it is there"), text, "it is kept");
}
