//! What flags say about how connections are secured.

use std::path::PathBuf;

use tls::{Allowed, Pair, Protocol};

use super::{BadConfig, Settings};

/// Which versions and cipher suites are spoken, by clients and peers alike.
pub(super) fn protocol(settings: &Settings) -> Result<Protocol, BadConfig> {
    let (min, max) = (settings.text("tls-min-version"), settings.text("tls-max-version"));
    Protocol::of(min, max, &list(settings, "cipher-suites")).map_err(BadConfig::TlsProtocol)
}

/// How connections of clients are secured.
pub(super) fn of_clients(
    settings: &Settings,
    protocol: &Protocol,
) -> Result<tls::Settings, BadConfig> {
    let common = common(settings, "")?;
    Ok(tls::Settings {
        revoked: file(settings, "client-crl-file"),
        allowed: match common.own {
            Some(_) => allowed(Vec::new(), list(settings, "client-cert-allowed-hostname"))?,
            None => Allowed::All,
        },
        protocol: protocol.clone(),
        ..common
    })
}

/// How connections of members are secured, on both sides.
pub(super) fn of_peers(
    settings: &Settings,
    protocol: &Protocol,
) -> Result<tls::Settings, BadConfig> {
    let common = common(settings, "peer-")?;
    let names = || {
        let common_names = list(settings, "peer-cert-allowed-cn");
        allowed(common_names, list(settings, "peer-cert-allowed-hostname"))
    };
    Ok(tls::Settings {
        revoked: file(settings, "peer-crl-file"),
        // Without a certificate of one's own, etcd looks at none of these.
        allowed: if common.own.is_some() { names()? } else { Allowed::All },
        checks_addresses: !settings.bool("peer-skip-client-san-verification"),
        protocol: protocol.clone(),
        ..common
    })
}

/// What the flags of both kinds are called alike, but for what stands in front.
fn common(settings: &Settings, prefix: &str) -> Result<tls::Settings, BadConfig> {
    let text = |flag: &str| settings.text(&format!("{prefix}{flag}"));
    let own = Pair::of(text("cert-file"), text("key-file"));
    let client = Pair::of_client(text("client-cert-file"), text("client-key-file"));
    Ok(tls::Settings {
        own: own.map_err(BadConfig::Tls)?,
        client: client.map_err(BadConfig::Tls)?,
        trusted: file(settings, &format!("{prefix}trusted-ca-file")),
        asks_clients: settings.bool(&format!("{prefix}client-cert-auth")),
        ..tls::Settings::default()
    })
}

fn allowed(common_names: Vec<String>, host_names: Vec<String>) -> Result<Allowed, BadConfig> {
    Allowed::of(common_names, host_names).map_err(BadConfig::Tls)
}

fn file(settings: &Settings, flag: &str) -> Option<PathBuf> {
    Some(settings.text(flag)).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// With commas between, as etcd takes it.
fn list(settings: &Settings, flag: &str) -> Vec<String> {
    let text = settings.text(flag);
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests;
