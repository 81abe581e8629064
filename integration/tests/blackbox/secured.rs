//! Members with certificates, and genuine and own `etcdctl`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use integration::{Client, Cluster, Etcdctl, PATIENCE, Server, Tools, eventually, free_address};
use tempfile::TempDir;
use tls::authority::{Authority, Subject};

/// What a member logs of clients that do not fit, and of peers.
const CLIENT_REJECTED: &str = "rejected connection on client endpoint";
const PEER_REJECTED: &str = "rejected connection on peer endpoint";

/// An authority, and the certificates that it has made.
struct Certificates {
    authority: Authority,
    files: TempDir,
}

impl Certificates {
    fn new() -> Self {
        let files = TempDir::with_prefix("etcdd-certificates-").expect("a temporary folder");
        let made = Self { authority: Authority::new("an authority"), files };
        made.trust(&made.authority);
        made.certify(&made.authority, "client", Subject::here("client"));
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// This authority is trusted from now on, and no other.
    fn trust(&self, authority: &Authority) {
        fs::write(self.path("ca.pem"), authority.certificate()).expect("there is room");
    }

    /// Returns the certificate's number.
    fn certify(&self, authority: &Authority, name: &str, subject: Subject<'_>) -> u64 {
        let certified = authority.certify(subject);
        certified.write(self.files.path(), name);
        certified.serial
    }

    /// What an `etcdctl` is told that shows this certificate.
    fn of_client(&self, name: &str) -> Vec<String> {
        let file = |name: String| self.path(&name).display().to_string();
        vec![
            format!("--cacert={}", file("ca.pem".to_owned())),
            format!("--cert={}", file(format!("{name}.pem"))),
            format!("--key={}", file(format!("{name}-key.pem"))),
        ]
    }

    /// What a member is told that has the certificate of its name.
    fn of_member(&self, name: &str) -> Vec<String> {
        let file = |name: &str| self.path(name).display().to_string();
        let mut flags = Vec::new();
        for prefix in ["", "peer-"] {
            flags.extend([
                format!("--{prefix}cert-file={}", file(&format!("{name}.pem"))),
                format!("--{prefix}key-file={}", file(&format!("{name}-key.pem"))),
                format!("--{prefix}trusted-ca-file={}", file("ca.pem")),
                format!("--{prefix}client-cert-auth"),
            ]);
        }
        flags
    }
}

/// A cluster in which each member has a certificate for where it is, and these flags too.
fn prepare(certificates: &Certificates, members: usize, flags: &[&str]) -> Cluster {
    prepare_of(Server::under_test(), certificates, members, flags)
}

fn prepare_of(
    server: &Server,
    certificates: &Certificates,
    members: usize,
    flags: &[&str],
) -> Cluster {
    let mut cluster = Cluster::prepare_secured(server, members, flags);
    for member in &mut cluster.members {
        let name = member.name.clone();
        let host = host_of(&member.client_url).to_owned();
        let subject = Subject { hosts: &["127.0.0.1", &host], ..Subject::here(&name) };
        certificates.certify(&certificates.authority, &name, subject);
        for flag in certificates.of_member(&name) {
            member.add_flag(flag);
        }
    }
    cluster
}

/// The host of a URL with a port.
fn host_of(url: &str) -> &str {
    let (_, address) = url.split_once("://").expect("it is a URL");
    address.rsplit_once(':').expect("it has a port").0
}

/// Runs a command with these flags in front.
fn attempt(ctl: &Etcdctl, flags: &[String], arguments: &[&str]) -> Result<String, String> {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    ctl.attempt(&[&flags[..], arguments].concat())
}

/// The one that was built beside the server.
fn own_etcdctl(cluster: &Cluster) -> Etcdctl {
    let path = Server::under_test().beside("etcdctl");
    Etcdctl { path, endpoints: cluster.endpoints(), flags: Vec::new() }
}

#[test]
fn a_production_cluster_serves_whoever_has_a_certificate() {
    let certificates = Certificates::new();
    let cluster = prepare(&certificates, 3, &[]);
    serve_whoever_has_a_certificate(&certificates, cluster);
    println!("three members, https for clients and peers; etcdctl 3.4.23, 3.5.1 and ours");
}

#[test]
fn so_does_one_whose_members_speak_quic() {
    let Some(server) = Server::with_all_parts() else {
        println!("nobody else speaks QUIC");
        return;
    };
    let certificates = Certificates::new();
    let cluster = prepare_of(server, &certificates, 3, &["--peer-transport=quic"]);
    serve_whoever_has_a_certificate(&certificates, cluster);
    println!("three members, https for clients and QUIC for peers");
}

fn serve_whoever_has_a_certificate(certificates: &Certificates, mut cluster: Cluster) {
    cluster.start_all();
    let client = certificates.of_client("client");
    let of_members: Vec<Etcdctl> =
        vec![cluster.etcdctl("3.4.23"), cluster.etcdctl("3.5.1"), own_etcdctl(&cluster)];
    for (round, ctl) in of_members.iter().enumerate() {
        let value = round.to_string();
        attempt(ctl, &client, &["put", "greeting", &value]).expect("it has a certificate");
        for endpoint in cluster.endpoints() {
            let found = attempt(&ctl.to(&[endpoint]), &client, &["get", "greeting"]);
            assert_eq!(found, Ok(format!("greeting\n{value}\n")));
        }
        attempt(ctl, &client, &["endpoint", "health"]).expect("all are well");
    }

    assert_eq!(cluster.members[1].terminate().code(), Some(0));
    let ctl = &of_members[1];
    attempt(ctl, &client, &["put", "greeting", "meanwhile"]).expect("two are a majority");
    cluster.start_all();
    let returned = ctl.to(&[cluster.members[1].client_url.clone()]);
    // At once, as it asks the leader; and by itself, when it has caught up.
    let found = attempt(&returned, &client, &["get", "greeting"]);
    assert_eq!(found.as_deref(), Ok("greeting\nmeanwhile\n"));
    eventually(PATIENCE, "the one that was away to catch up", || {
        match attempt(&returned, &client, &["get", "greeting", "--consistency=s"])?.as_str() {
            "greeting\nmeanwhile\n" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
}

#[test]
fn who_does_not_fit_is_refused_and_logged_with_the_reason() {
    let certificates = Certificates::new();
    let list = certificates.path("revoked.crl");
    fs::write(&list, certificates.authority.revoke(&[])).expect("there is room");
    let flag = format!("--client-crl-file={}", list.display());
    let mut cluster = prepare(&certificates, 1, &[&flag]);
    cluster.start_all();
    let ctl = cluster.etcdctl("3.5.1");
    let fits = certificates.of_client("client");
    attempt(&ctl, &fits, &["put", "k", "v"]).expect("it fits");

    let expired = Subject { is_expired: true, ..Subject::here("client") };
    certificates.certify(&certificates.authority, "expired", expired);
    let stranger = Authority::new("another authority");
    certificates.certify(&stranger, "stranger", Subject::here("client"));
    let member = &mut cluster.members[0];
    let mut refuse = |flags: &[String], why: &str| {
        let refused = attempt(&ctl, flags, &["--command-timeout=1s", "get", "k"]);
        refused.expect_err("it does not fit");
        let line = member.process().wait_for_line(why, PATIENCE).expect("the reason is logged");
        assert!(line.contains(CLIENT_REJECTED), "{line}");
        assert!(line.contains("\"remote-addr\":\"127.0.0.1:"), "{line}");
    };
    refuse(&fits[..1], "tls: client didn't provide a certificate");
    refuse(&certificates.of_client("expired"), "certificate has expired or is not yet valid");
    refuse(&certificates.of_client("stranger"), "x509: certificate signed by unknown authority");

    let lost = certificates.certify(&certificates.authority, "lost", Subject::here("client"));
    attempt(&ctl, &certificates.of_client("lost"), &["get", "k"]).expect("it fits so far");
    fs::write(&list, certificates.authority.revoke(&[lost])).expect("there is room");
    let why = format!("transport: certificate serial {lost:04x} revoked");
    refuse(&certificates.of_client("lost"), &why);
    attempt(&ctl, &fits, &["get", "k"]).expect("it is not in the list");
    println!("no certificate, another authority's, an expired one, a revoked one");
}

#[test]
fn those_who_speak_something_else_hold_up_nobody() {
    let certificates = Certificates::new();
    let mut cluster = prepare(&certificates, 1, &[]);
    cluster.start_all();
    let (_, address) = cluster.members[0].client_url.split_once("://").expect("it is a URL");
    let address = address.to_owned();
    let silent: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(&address).expect("it listens")).collect();
    let ctl = cluster.etcdctl("3.5.1");
    let fits = certificates.of_client("client");
    attempt(&ctl, &fits, &["put", "k", "v"]).expect("it is served beside them");

    let mut plain = TcpStream::connect(&address).expect("it listens");
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").expect("it listens");
    let mut answer = Vec::new();
    // It is hung up on, with an alert or without.
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let why = "tls: first record does not look like a TLS handshake";
    let line = cluster.members[0].process().wait_for_line(why, PATIENCE);
    assert!(line.expect("the reason is logged").contains(CLIENT_REJECTED));

    let elsewhere = Subject { hosts: &["elsewhere.example"], ..Subject::here("m0") };
    certificates.certify(&certificates.authority, "m0", elsewhere);
    let refused = attempt(&ctl, &fits, &["--command-timeout=1s", "get", "k"]);
    let refused = refused.expect_err("it is another server's certificate");
    assert!(refused.contains("x509: "), "{refused}");
    // They said nothing for all this time, and do not hold up its end either.
    assert_eq!(cluster.members[0].terminate().code(), Some(0));
    drop(silent);

    let mut plain = Cluster::start(1);
    let ctl = plain.etcdctl("3.5.1");
    let secured = ctl.to(&[plain.members[0].client_url.replacen("http", "https", 1)]);
    attempt(&secured, &fits, &["--command-timeout=1s", "get", "k"]).expect_err("it is plain");
    ctl.run(&["put", "k", "v"]);
    assert!(plain.members[0].is_running());
    println!("200 silent connections, plain text to TLS, TLS to plain text, another's certificate");
}

/// Who is asked for by peers.
const ALLOWED: &str = "--peer-cert-allowed-cn=m0,m1,m2";

#[test]
fn a_peer_that_does_not_fit_stays_outside() {
    let certificates = Certificates::new();
    let cluster = prepare(&certificates, 3, &[ALLOWED]);
    let line = keep_outside(&certificates, cluster);
    assert!(line.contains("\"ip-addresses\":[\"127.0.0.1\""), "{line}");
    println!("a peer of another name is refused until it has its own certificate");
}

#[test]
fn nor_does_it_come_in_over_quic() {
    let Some(server) = Server::with_all_parts() else {
        println!("nobody else speaks QUIC");
        return;
    };
    let certificates = Certificates::new();
    let cluster = prepare_of(server, &certificates, 3, &[ALLOWED, "--peer-transport=quic"]);
    keep_outside(&certificates, cluster);
    println!("a peer of another name is refused over QUIC, too");
}

/// The third member has another name; what the first one logs of it.
fn keep_outside(certificates: &Certificates, mut cluster: Cluster) -> String {
    // Of the right authority, but nobody's who is allowed.
    let host = host_of(&cluster.members[2].client_url).to_owned();
    let subject = Subject { hosts: &["127.0.0.1", &host], ..Subject::here("intruder") };
    certificates.certify(&certificates.authority, "m2", subject);
    cluster.members[2].spawn();
    cluster.start_these(&[0, 1]);
    let told = [PEER_REJECTED, "client certificate authentication failed"];
    let line = cluster.members[0].process().wait_for_line_with(&told, PATIENCE);
    let line = line.expect("it is logged");
    assert!(!line.contains("OtherError"), "as people can read it: {line}");

    // With its own certificate it comes in, and nobody is restarted for it.
    let subject = Subject { hosts: &["127.0.0.1", &host], ..Subject::here("m2") };
    certificates.certify(&certificates.authority, "m2", subject);
    cluster.members[2].wait_until_ready();
    let ctl = cluster.etcdctl("3.5.1").to(&[cluster.members[2].client_url.clone()]);
    attempt(&ctl, &certificates.of_client("client"), &["put", "k", "v"]).expect("it serves");
    line
}

#[test]
fn certificates_and_their_authority_are_replaced_without_a_restart() {
    let certificates = Certificates::new();
    let mut cluster = prepare(&certificates, 1, &[]);
    cluster.start_all();
    let ctl = cluster.etcdctl("3.4.23");
    let client = certificates.of_client("client");
    attempt(&ctl, &client, &["put", "k", "v"]).expect("it fits");
    certificates.certify(&certificates.authority, "former", Subject::here("client"));

    let next = Authority::new("the next authority");
    let host = host_of(&cluster.members[0].client_url).to_owned();
    let subject = Subject { hosts: &["127.0.0.1", &host], ..Subject::here("m0") };
    certificates.certify(&next, "m0", subject);
    certificates.certify(&next, "client", Subject::here("client"));
    certificates.trust(&next);
    assert_eq!(attempt(&ctl, &client, &["get", "k"]).as_deref(), Ok("k\nv\n"));
    let former = certificates.of_client("former");
    let refused = attempt(&ctl, &former, &["--command-timeout=1s", "get", "k"]);
    refused.expect_err("nobody trusts the former authority");
    println!("certificate, key and authority are replaced under a running member");
}

/// The flags that kubeadm gives to etcd from 3.6 on, beside those of certificates, and the probes
/// of its manifest.
#[test]
fn a_static_pod_of_kubeadm_is_started_and_probed() {
    if Server::under_test().version < (3, 6, 0) {
        println!("its flags are those of later releases");
        return;
    }
    let certificates = Certificates::new();
    let metrics = free_address();
    let flags = [
        "--feature-gates=InitialCorruptCheck=true",
        "--snapshot-count=10000",
        "--watch-progress-notify-interval=5s",
        &format!("--listen-metrics-urls=http://{metrics}"),
    ];
    let mut cluster = prepare(&certificates, 1, &flags);
    cluster.start_all();
    let prober = Client::new(vec![format!("http://{metrics}")]);
    for probe in ["livez", "readyz", "health?exclude=NOSPACE&serializable=true"] {
        eventually(PATIENCE, probe, || match prober.page(probe) {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    println!("kubeadm's flags, and its probes");
}

#[test]
fn a_member_makes_certificates_for_itself() {
    let server = Server::under_test();
    let mut cluster = Cluster::prepare_secured(server, 1, &["--auto-tls", "--peer-auto-tls"]);
    cluster.start_all();
    let made = cluster.members[0].data_dir.join("fixtures/client/cert.pem");
    let trusting = [format!("--cacert={}", made.display())];
    for path in [Tools::installed().etcdctl("3.4.23"), Tools::installed().etcdctl("3.5.1")] {
        let ctl = Etcdctl { path, endpoints: cluster.endpoints(), flags: Vec::new() };
        attempt(&ctl, &trusting, &["put", "k", "v"]).expect("it knows the certificate");
        let anybody = ["--insecure-transport=false", "--insecure-skip-tls-verify"];
        let anybody = anybody.map(str::to_owned);
        assert_eq!(attempt(&ctl, &anybody, &["get", "k"]).as_deref(), Ok("k\nv\n"));
    }
    println!("--auto-tls, --peer-auto-tls");
}
