//! Whether a certificate fits the address that it comes from: etcd asks that of its peers, so that
//! a certificate that was stolen is of no use elsewhere.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use tokio::net::lookup_host;
use tokio::task::spawn_blocking;

use crate::{Names, Refused};

/// Checks that a client's certificate holds for the address it comes from: that it names it, or a
/// host that has it. One that names neither fits anywhere.
///
/// # Errors
///
/// When it does not, or it cannot be found out.
pub async fn check_address(certificate: &CertificateDer<'_>, from: IpAddr) -> Result<(), Refused> {
    let unread = |why| Refused { why, names: Names::default() };
    let names = Names::of(certificate).map_err(unread)?;
    let from = from.to_canonical();
    let is_silent = names.addresses.is_empty() && names.hosts.is_empty();
    if is_silent || names.addresses.contains(&from) || is_any_of(from, &names.hosts).await {
        return Ok(());
    }
    let why = if names.hosts.is_empty() {
        let addresses: Vec<_> = names.addresses.iter().map(IpAddr::to_string).collect();
        format!("x509: certificate is valid for {}, not {from}", addresses.join(", "))
    } else {
        let hosts: Vec<_> = names.hosts.iter().map(|host| format!("{host:?}")).collect();
        let from = from.to_string();
        format!("tls: {from:?} does not match any of DNSNames [{}]", hosts.join(" "))
    };
    Err(Refused { why, names })
}

/// Whether one of the hosts, some of them with `*` in front, has this address.
async fn is_any_of(address: IpAddr, hosts: &[String]) -> bool {
    if hosts.is_empty() {
        return false;
    }
    for host in hosts.iter().filter(|host| !host.starts_with("*.")) {
        // A host that nobody knows has no address.
        let mut addresses = lookup_host((host.as_str(), 0)).await.into_iter().flatten();
        if addresses.any(|known| known.ip().to_canonical() == address) {
            return true;
        }
    }
    let named = spawn_blocking(move || dns_lookup::lookup_addr(&address)).await;
    let Ok(Ok(name)) = named else { return false };
    let name = name.strip_suffix('.').unwrap_or(&name);
    hosts.iter().any(|host| match host.strip_prefix('*') {
        Some(suffix) => name.ends_with(suffix),
        None => name == host,
    })
}
