use std::path::Path;

use tls::{Allowed, Pair};

use crate::{Config, Error};

fn config(flags: &[&str]) -> Result<Config, Error> {
    Config::from_flags(flags.iter().copied())
}

#[test]
fn nothing_is_secured_by_default() {
    let config = config(&[]).expect("the defaults are fine");
    assert_eq!(config.client_tls, tls::Settings::default());
    assert_eq!(config.peer_tls, tls::Settings { checks_addresses: true, ..config.client_tls });
}

#[test]
fn flags_become_settings() {
    let config = config(&[
        "--cert-file=c.pem",
        "--key-file=c-key.pem",
        "--client-cert-auth",
        "--trusted-ca-file=ca.pem",
        "--client-crl-file=c.crl",
        "--client-cert-allowed-hostname=a,b",
        "--peer-cert-file=p.pem",
        "--peer-key-file=p-key.pem",
        "--peer-client-cert-file=pc.pem",
        "--peer-client-key-file=pc-key.pem",
        "--peer-trusted-ca-file=pca.pem",
        "--peer-crl-file=p.crl",
        "--peer-cert-allowed-cn=x,y",
        "--peer-skip-client-san-verification",
        "--listen-client-urls=https://127.0.0.1:1",
        "--advertise-client-urls=https://a:1",
        "--listen-peer-urls=https://127.0.0.1:2",
    ])
    .expect("all of it fits");
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let path = |name: &str| Some(Path::new(name).to_owned());
    let pair = |certificate, key| Pair::of(certificate, key).expect("both are there");
    let clients = &config.client_tls;
    assert_eq!(clients.own, pair("c.pem", "c-key.pem"));
    assert!(clients.asks_clients && !clients.checks_addresses);
    assert_eq!((&clients.trusted, &clients.revoked), (&path("ca.pem"), &path("c.crl")));
    assert_eq!(clients.allowed, Allowed::HostNames(texts(&["a", "b"])));
    let peers = &config.peer_tls;
    assert_eq!(peers.own, pair("p.pem", "p-key.pem"));
    assert_eq!(peers.client, pair("pc.pem", "pc-key.pem"));
    assert!(!peers.asks_clients && !peers.checks_addresses);
    assert_eq!((&peers.trusted, &peers.revoked), (&path("pca.pem"), &path("p.crl")));
    assert_eq!(peers.allowed, Allowed::CommonNames(texts(&["x", "y"])));
}

#[test]
fn what_cannot_be_is_said_in_etcds_words() {
    for (flags, words) in [
        (
            &["--cert-file=a.pem"][..],
            "KeyFile and CertFile must both be present[key: , cert: a.pem]",
        ),
        (
            &["--peer-client-key-file=a.pem"],
            "ClientKeyFile and ClientCertFile must both be present or both absent: key: a.pem, \
             cert: ]",
        ),
        (
            &[
                "--peer-cert-file=a",
                "--peer-key-file=b",
                "--peer-cert-allowed-cn=x",
                "--peer-cert-allowed-hostname=y,z",
            ],
            "AllowedCNs and AllowedHostnames are mutually exclusive (cns=[\"x\"], \
             hostnames=[\"y\" \"z\"])",
        ),
        (
            &["--tls-max-version=TLS1.4"],
            "unexpected TLS version \"TLS1.4\" (must be one of: TLS1.2, TLS1.3)",
        ),
        (&["--cipher-suites=a,b"], "unexpected TLS cipher suite \"a\""),
        (
            &["--auto-tls", "--self-signed-cert-validity=0"],
            "selfSignedCertValidity is invalid,it should be greater than 0",
        ),
    ] {
        assert_eq!(config(flags).expect_err("it cannot be").to_string(), words, "{flags:?}");
    }
}

#[test]
fn odd_values_are_taken_as_etcd_takes_them() {
    let names = ["--peer-cert-allowed-cn=x", "--peer-cert-allowed-hostname=y"];
    assert_eq!(config(&names).expect("nobody is asked").peer_tls.allowed, Allowed::All);
    let automatic = ["--listen-peer-urls=https://127.0.0.1:2", "--peer-auto-tls"];
    assert!(config(&automatic).is_ok());
}
