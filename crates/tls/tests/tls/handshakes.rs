//! Who is let in, and why others are not.

use std::fs;
use std::net::Ipv4Addr;

use tls::authority::{Authority, Subject};
use tls::rustls::ProtocolVersion;
use tls::rustls::pki_types::ServerName;
use tls::{Acceptor, Allowed, Connector, Error, Pair, Protocol, Settings};
use tokio::io::{AsyncWriteExt, duplex};

use crate::pair::{World, shake, shake_from};

fn acceptor(settings: &Settings) -> Acceptor {
    Acceptor::new(settings, &[b"h2", b"http/1.1"])
}

fn connector(settings: &Settings) -> Connector {
    Connector::new(settings, &[b"h2"])
}

/// Why the server lets nobody in who has these settings.
async fn refusal(server: &Settings, client: &Settings) -> String {
    let (served, asked) = shake(&acceptor(server), &connector(client)).await;
    asked.expect_err("nobody is let in");
    served.expect_err("nobody is let in").why
}

#[tokio::test]
async fn who_fits_is_let_in() {
    let world = World::new();
    let (server, client) = (world.ordinary("server"), world.ordinary("client"));
    let (served, asked) = shake(&acceptor(&server), &connector(&client)).await;
    assert_eq!((served, asked), (Ok(()), Ok(())));
}

#[tokio::test]
async fn nobody_is_asked_for_a_certificate_where_no_authority_is_named() {
    let world = World::new();
    let server = Settings { trusted: None, ..world.ordinary("server") };
    let (served, asked) = shake(&acceptor(&server), &connector(&world.settings(None))).await;
    assert_eq!((served, asked), (Ok(()), Ok(())));
}

#[tokio::test]
async fn clients_that_do_not_fit_are_refused_with_the_reason() {
    let world = World::new();
    let server = world.ordinary("server");
    let words = refusal(&server, &world.settings(None)).await;
    assert_eq!(words, "tls: client didn't provide a certificate");
    let stranger = Authority::new("another authority").certify(Subject::here("client"));
    let stranger = stranger.write(world.directory(), "stranger");
    let words = refusal(&server, &world.settings(Some(stranger))).await;
    assert_eq!(
        words,
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    );
    let old = Subject { is_expired: true, ..Subject::here("client") };
    let old = world.settings(Some(world.certify("old", old)));
    let words = refusal(&server, &old).await;
    let expected = "tls: failed to verify certificate: x509: certificate has expired or is not yet \
                    valid: current time ";
    assert!(words.starts_with(expected), "{words}");
}

#[tokio::test]
async fn servers_that_do_not_fit_are_refused() {
    let world = World::new();
    let client = world.ordinary("client");
    let other = Subject { hosts: &["elsewhere.example"], ..Subject::here("server") };
    let server = world.settings(Some(world.certify("server", other)));
    let words = refusal(&server, &client).await;
    assert_eq!(words, "remote error: tls: bad certificate");
    let anybody = Settings { trusts_any_server: true, ..client };
    let (served, asked) = shake(&acceptor(&server), &connector(&anybody)).await;
    assert_eq!((served, asked), (Ok(()), Ok(())));
}

#[tokio::test]
async fn revoked_certificates_are_refused_on_both_sides() {
    let world = World::new();
    let certified = world.authority.certify(Subject::here("lost"));
    let list = world.path("revoked.crl");
    fs::write(&list, world.authority.revoke(&[])).expect("there is room");
    let server = Settings { revoked: Some(list.clone()), ..world.ordinary("server") };
    let lost = world.settings(Some(certified.write(world.directory(), "lost")));
    let (keeps, asks) = (acceptor(&server), connector(&lost));
    let (served, asked) = shake(&keeps, &asks).await;
    assert_eq!((served, asked), (Ok(()), Ok(())));

    fs::write(&list, world.authority.revoke(&[certified.serial])).expect("there is room");
    let (served, asked) = shake(&keeps, &asks).await;
    let rejected = served.expect_err("it is revoked");
    assert_eq!(
        rejected.why,
        format!("transport: certificate serial {:04x} revoked", certified.serial)
    );
    assert_eq!(rejected.server_name, "localhost");
    let names = rejected.names.expect("it was read");
    assert_eq!(names.common_name, "lost");
    assert_eq!(names.hosts, ["localhost"]);
    asked.expect_err("nobody is let in");

    let (served, asked) = shake(&acceptor(&lost), &connector(&server)).await;
    served.expect_err("nobody is let in");
    asked.expect_err("the server is revoked");
}

#[tokio::test]
async fn only_allowed_names_are_let_in() {
    let world = World::new();
    let client = world.ordinary("client");
    let with = |allowed| Settings { allowed, ..world.ordinary("server") };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for allowed in [
        Allowed::CommonNames(names(&["other", "client"])),
        Allowed::HostNames(names(&["elsewhere.example", "localhost"])),
        Allowed::HostNames(names(&["127.0.0.1"])),
    ] {
        let (served, _) = shake(&acceptor(&with(allowed.clone())), &connector(&client)).await;
        assert_eq!(served, Ok(()), "{allowed:?}");
    }
    for allowed in [
        Allowed::CommonNames(names(&["other", "localhost"])),
        Allowed::HostNames(names(&["client", "127.0.0.2"])),
    ] {
        let words = refusal(&with(allowed.clone()), &client).await;
        assert_eq!(words, "client certificate authentication failed", "{allowed:?}");
    }
}

#[tokio::test]
async fn a_certificate_must_fit_where_it_comes_from_if_that_is_asked() {
    let world = World::new();
    let server = Settings { checks_addresses: true, ..world.ordinary("server") };
    let server = acceptor(&server);
    let with = |hosts| {
        let subject = Subject { hosts, ..Subject::here("client") };
        connector(&world.settings(Some(world.certify("client", subject))))
    };
    for (hosts, from, words) in [
        (&["127.0.0.1"][..], [127, 0, 0, 1], None),
        (&["localhost"], [127, 0, 0, 1], None),
        (&[], [10, 0, 0, 1], None),
        (
            &["127.0.0.191"],
            [127, 0, 0, 1],
            Some("x509: certificate is valid for 127.0.0.191, not 127.0.0.1"),
        ),
        (
            &["localhost"],
            [192, 0, 2, 1],
            Some("tls: \"192.0.2.1\" does not match any of DNSNames [\"localhost\"]"),
        ),
    ] {
        let (served, _) = shake_from(&server, &with(hosts), Ipv4Addr::from(from).into()).await;
        let why = served.err().map(|rejected| rejected.why);
        assert_eq!(why.as_deref(), words, "{hosts:?} from {from:?}");
    }
}

#[tokio::test]
async fn certificates_are_replaced_under_way_and_broken_ones_are_not_used() {
    let world = World::new();
    let (server, client) = (world.ordinary("server"), world.ordinary("client"));
    let (keeps, asks) = (acceptor(&server), connector(&client));
    let both = async || {
        let (served, asked) = shake(&keeps, &asks).await;
        served.is_ok() && asked.is_ok()
    };
    assert!(both().await, "all is in order");

    let Settings { own: Some(Pair { key, .. }), .. } = &server else { panic!("it has one") };
    fs::write(key, "no key").expect("there is room");
    assert!(both().await, "the former key is still in use");

    // Another authority from now on, for all.
    let next = Authority::new("the next authority");
    next.certify(Subject::here("server")).write(world.directory(), "server");
    fs::write(world.path("ca.pem"), next.certificate()).expect("there is room");
    assert!(!both().await, "the client's is of the former authority");
    next.certify(Subject::here("client")).write(world.directory(), "client");
    assert!(both().await, "all are of the next authority");
}

#[tokio::test]
async fn versions_are_held_to() {
    let world = World::new();
    let at_least = |min: &str, max: &str| Settings {
        protocol: Protocol::of(min, max, &[]).expect("there are such versions"),
        ..world.ordinary("somebody")
    };
    let (old, new) = (at_least("", "TLS1.2"), at_least("TLS1.3", ""));
    assert_eq!(refusal(&new, &old).await, "tls: client offered only unsupported versions");
    let (near, far) = duplex(64 << 10);
    let (server, client) = (acceptor(&at_least("", "")), connector(&old));
    let config = client.config().expect("it can be used");
    let name = ServerName::try_from("localhost").expect("a name");
    let asking = tokio_rustls::TlsConnector::from(config).connect(name, near);
    let (served, asked) = tokio::join!(server.accept(far, None), asking);
    let (served, _) = (served.expect("both speak it"), asked.expect("both speak it"));
    let (_, connection) = served.get_ref();
    assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(connection.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_apart_from_who_says_nothing() {
    let world = World::new();
    let server = acceptor(&world.ordinary("server"));
    let (mut near, far) = duplex(1024);
    near.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.expect("there is room");
    let rejected = server.accept(far, None).await.expect_err("it is no handshake");
    assert_eq!(rejected.why, "tls: first record does not look like a TLS handshake");
    assert!(!rejected.was_silent);
    let (near, far) = duplex(1024);
    drop(near);
    let rejected = server.accept(far, None).await.expect_err("it is no handshake");
    assert!(rejected.was_silent, "{rejected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_go_on_comes_to_an_end() {
    let world = World::new();
    let server = acceptor(&world.ordinary("server"));
    let (_near, far) = duplex(1024);
    let begin = tokio::time::Instant::now();
    let rejected = server.accept(far, None).await.expect_err("it is no handshake");
    assert_eq!((rejected.why.as_str(), begin.elapsed()), ("i/o timeout", tls::HANDSHAKE_TIMEOUT));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let world = World::new();
    let good = world.ordinary("server");
    let missing = Settings { trusted: Some(world.path("none.pem")), ..good.clone() };
    let path = world.path("none.pem").display().to_string();
    let words = |settings: &Settings| {
        acceptor(settings).config().map(drop).expect_err("it cannot be used").to_string()
    };
    assert_eq!(words(&missing), format!("open {path}: no such file or directory"));
    let Some(Pair { certificate, .. }) = good.own.clone() else { panic!("it has one") };
    let other = world.certify("other", Subject::here("other"));
    let apart = Pair { certificate: certificate.clone(), key: other.key };
    let apart = Settings { own: Some(apart), ..good.clone() };
    let path = certificate.display();
    assert_eq!(words(&apart), format!("{path}: tls: private key does not match public key"));
    let nothing = Settings { own: None, ..good };
    assert_eq!(acceptor(&nothing).config().map(drop), Err(Error::NoCertificate));
}
