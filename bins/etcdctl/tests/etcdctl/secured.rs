//! Genuine etcd with certificates, and the built `etcdctl`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tls::authority::{Authority, Subject};

use crate::program::{Member, Outcome, own_address, run};

/// A member that wants certificates, and those there are.
struct World {
    files: TempDir,
    member: Member,
}

impl World {
    fn new() -> Self {
        let files = TempDir::with_prefix("etcdctl-test-").expect("a folder can be made");
        let path = |name: &str| files.path().join(name);
        let (ours, other) = (Authority::new("ours"), Authority::new("another"));
        fs::write(path("ca.pem"), ours.certificate()).expect("there is room");
        fs::write(path("other-ca.pem"), other.certificate()).expect("there is room");
        ours.certify(Subject::here("client")).write(files.path(), "client");
        other.certify(Subject::here("stranger")).write(files.path(), "stranger");
        let hosts = [&*own_address()];
        ours.certify(Subject { hosts: &hosts, ..Subject::here("server") })
            .write(files.path(), "server");
        let flags = [
            format!("--cert-file={}", path("server.pem").display()),
            format!("--key-file={}", path("server-key.pem").display()),
            format!("--trusted-ca-file={}", path("ca.pem").display()),
            "--client-cert-auth".to_owned(),
        ];
        let member = Member::start_with("https", &flags);
        Self { files, member }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn etcdctl(&self, endpoint: &str, files: &[(&str, &str)], more: &[&str]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdctl"));
        command.arg(format!("--endpoints={endpoint}")).arg("--command-timeout=2s");
        for (flag, name) in files {
            command.arg(format!("--{flag}={}", self.file(name).display()));
        }
        command.args(more);
        run(command, "")
    }
}

#[test]
fn certificates_are_shown_and_asked_for() {
    let world = World::new();
    let fits = [("cacert", "ca.pem"), ("cert", "client.pem"), ("key", "client-key.pem")];
    let https = format!("https://{}", world.member.endpoint);
    let outcome = world.etcdctl(&https, &fits, &["put", "k", "v"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    // Without a scheme it is spoken to as the other flags say.
    let outcome = world.etcdctl(&world.member.endpoint, &fits, &["get", "k"]);
    assert_eq!(String::from_utf8_lossy(&outcome.out), "k\nv\n", "{outcome:?}");

    let skips = world.etcdctl(&https, &fits[1..], &["--insecure-skip-tls-verify", "get", "k"]);
    assert_eq!(String::from_utf8_lossy(&skips.out), "k\nv\n", "{skips:?}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdctl"));
    command.args(["get", "k"]).env("ETCDCTL_ENDPOINTS", &https);
    for (flag, name) in fits {
        command.env(format!("ETCDCTL_{}", flag.to_uppercase()), world.file(name));
    }
    let outcome = run(command, "");
    assert_eq!(String::from_utf8_lossy(&outcome.out), "k\nv\n", "{outcome:?}");
}

#[test]
fn who_does_not_fit_is_told_why() {
    let world = World::new();
    let https = format!("https://{}", world.member.endpoint);
    let unknown = "x509: certificate signed by unknown authority";
    let refused = "remote error: tls: bad certificate";
    for (files, why) in [
        (
            &[("cacert", "other-ca.pem"), ("cert", "client.pem"), ("key", "client-key.pem")][..],
            unknown,
        ),
        (&[("cert", "client.pem"), ("key", "client-key.pem")], unknown),
        (&[("cacert", "ca.pem")], refused),
        (&[("cacert", "ca.pem"), ("cert", "stranger.pem"), ("key", "stranger-key.pem")], refused),
    ] {
        let outcome = world.etcdctl(&https, files, &["get", "k"]);
        assert_eq!(outcome.code, Some(1), "{files:?}: {outcome:?}");
        assert!(outcome.err.contains(why), "{files:?}: {outcome:?}");
    }
    let outcome = world.etcdctl(&https, &[("cacert", "none.pem")], &["get", "k"]);
    assert_eq!(outcome.code, Some(128));
    let path = world.file("none.pem");
    assert_eq!(outcome.err, format!("Error: open {}: no such file or directory\n", path.display()));
    let plain = world.etcdctl(&format!("http://{}", world.member.endpoint), &[], &["get", "k"]);
    assert_eq!(plain.code, Some(1), "{plain:?}");
}
