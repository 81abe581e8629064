//! The archive of `cargo xtask dist`: unpacked, and run as a service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use integration::{Etcdctl, PATIENCE, Server, Tools, eventually, free_address};
use tempfile::TempDir;
use tls::authority::{Authority, Subject};

use crate::service::{Notify, Service, Unit};

/// What must be in it, below its folder.
const CONTENTS: [&str; 15] = [
    "LICENSE",
    "README.md",
    "completions/etcdctl.bash",
    "completions/etcdctl.fish",
    "completions/etcdctl.ps1",
    "completions/etcdctl.zsh",
    "completions/etcdutl.bash",
    "completions/etcdutl.fish",
    "completions/etcdutl.ps1",
    "completions/etcdutl.zsh",
    "etcdctl",
    "etcdd",
    "etcdd.conf",
    "etcdd.service",
    "etcdutl",
];

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}");
    out.into_owned()
}

/// Makes the archive of the programs that are under test, and unpacks it; the folder in it.
fn unpacked(into: &Path) -> PathBuf {
    assert!(Server::under_test().is_etcdd(), "the archive is ours");
    let binaries = Server::under_test().path.with_file_name("");
    let made = run(Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "xtask", "--", "dist"])
        .arg(format!("--binaries={}", binaries.display()))
        .arg(format!("--output={}", into.join("made").display())));
    let archive = Path::new(made.trim());
    let name = archive.file_name().and_then(|name| name.to_str()).expect("it has a name");
    let folder = name.strip_suffix(".tar.gz").expect("it is an archive");
    assert!(folder.starts_with("etcdd-v") && folder.contains("-linux-"), "{folder}");
    let listed = run(Command::new("tar").arg("-tzf").arg(archive));
    let prefix = format!("{folder}/");
    let listed = listed.lines().filter_map(|line| line.strip_prefix(&prefix));
    let files: Vec<&str> = listed.filter(|path| !path.is_empty() && !path.ends_with('/')).collect();
    assert_eq!(files, CONTENTS);
    run(Command::new("tar").arg("-C").arg(into).arg("-xzf").arg(archive));
    into.join(folder)
}

/// A member's place.
struct Seat {
    name: &'static str,
    client_url: String,
    peer_url: String,
}

impl Seat {
    fn new(name: &'static str, scheme: &str) -> Self {
        let url = || format!("{scheme}://{}", free_address());
        Self { name, client_url: url(), peer_url: url() }
    }

    fn unit(&self, sample: &Unit, cluster: &str, folder: &Path) -> Unit {
        sample
            .clone()
            .with("ETCD_NAME", self.name)
            .with("ETCD_DATA_DIR", &text(&folder.join(self.name)))
            .with("ETCD_LISTEN_CLIENT_URLS", &self.client_url)
            .with("ETCD_ADVERTISE_CLIENT_URLS", &self.client_url)
            .with("ETCD_LISTEN_PEER_URLS", &self.peer_url)
            .with("ETCD_INITIAL_ADVERTISE_PEER_URLS", &self.peer_url)
            .with("ETCD_INITIAL_CLUSTER", cluster)
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of ours is text").to_owned()
}

/// An authority's certificate, one for each member, and one for a client, in a folder.
struct Certificates(PathBuf);

impl Certificates {
    fn make(folder: &Path, seats: &[Seat]) -> Self {
        let authority = Authority::new("the cluster's");
        fs::write(folder.join("ca.pem"), authority.certificate()).expect("there is room");
        authority.certify(Subject::here("client")).write(folder, "client");
        for seat in seats {
            let (_, address) = seat.peer_url.split_once("://").expect("it is a URL");
            let (listened, _) = address.rsplit_once(':').expect("it has a port");
            // Where it listens, and where its own connections come from.
            let hosts = ["127.0.0.1", listened];
            let subject = Subject { hosts: &hosts, ..Subject::here(seat.name) };
            authority.certify(subject).write(folder, seat.name);
        }
        Self(folder.to_owned())
    }

    fn file(&self, name: &str) -> String {
        text(&self.0.join(name))
    }

    /// The unit of a member that lets in whoever has a certificate, and nobody else.
    fn secure(&self, unit: Unit, seat: &Seat) -> Unit {
        ["", "PEER_"].iter().fold(unit, |unit, side| {
            unit.and(&format!("ETCD_{side}CERT_FILE"), &self.file(&format!("{}.pem", seat.name)))
                .and(&format!("ETCD_{side}KEY_FILE"), &self.file(&format!("{}-key.pem", seat.name)))
                .and(&format!("ETCD_{side}TRUSTED_CA_FILE"), &self.file("ca.pem"))
                .and(&format!("ETCD_{side}CLIENT_CERT_AUTH"), "true")
        })
    }

    /// What `etcdctl` is told.
    fn flags(&self) -> Vec<String> {
        [("cacert", "ca.pem"), ("cert", "client.pem"), ("key", "client-key.pem")]
            .map(|(flag, file)| format!("--{flag}={}", self.file(file)))
            .into()
    }
}

#[test]
fn three_services_from_the_archive_lose_one_and_get_it_back() {
    let folder = TempDir::with_prefix("etcdd-packaging-").expect("a temporary folder");
    let programs = unpacked(folder.path());
    let seats = ["a", "b", "c"].map(|name| Seat::new(name, "http"));
    scenario(folder.path(), &programs, &seats, None);
    run(Command::new(programs.join("etcdutl")).arg("version"));
    for program in ["etcdctl", "etcdutl"] {
        let script = programs.join(format!("completions/{program}.bash"));
        run(Command::new("bash").arg("-n").arg(script));
    }
}

/// As a production install has it: an authority, a certificate for each member, and nobody served
/// who has none.
#[test]
fn services_with_certificates_lose_one_and_get_it_back() {
    let folder = TempDir::with_prefix("etcdd-packaging-").expect("a temporary folder");
    let programs = unpacked(folder.path());
    let seats = ["a", "b", "c"].map(|name| Seat::new(name, "https"));
    let certificates = Certificates::make(folder.path(), &seats);
    scenario(folder.path(), &programs, &seats, Some(&certificates));
}

/// Three members as services. Each is stopped, written around, and gets even. What genuine
/// `etcdctl` has written is read by ours, and the other way round.
fn scenario(
    folder: &Path,
    programs: &Path,
    seats: &[Seat; 3],
    certificates: Option<&Certificates>,
) {
    let sample = Unit::read(&programs.join("etcdd.service"), &programs.join("etcdd.conf"));
    let listing = |seat: &Seat| format!("{}={}", seat.name, seat.peer_url);
    let cluster = seats.iter().map(listing).collect::<Vec<_>>().join(",");
    let units = seats.each_ref().map(|seat| {
        let unit = seat.unit(&sample, &cluster, folder);
        certificates.map_or_else(|| unit.clone(), |them| them.secure(unit.clone(), seat))
    });
    let start = |nth: usize, notify: Notify| -> Service {
        units[nth].start(programs, &folder.join(format!("{nth}.log")), notify)
    };
    let notify = |nth: usize| match nth {
        0 => Notify::abstracted(&text(&folder.join("notify"))),
        nth => Notify::at(folder.join(format!("{nth}.notify"))),
    };
    let mut services = [0, 1, 2].map(|nth| start(nth, notify(nth))).into_iter().collect::<Vec<_>>();
    services.iter().for_each(Service::wait_until_ready);

    let endpoints = seats.each_ref().map(|seat| seat.client_url.clone());
    let flags = certificates.map_or_else(Vec::new, Certificates::flags);
    let clients = [Tools::installed().etcdctl("3.5.1"), programs.join("etcdctl")]
        .map(|path| Etcdctl { path, endpoints: endpoints.to_vec(), flags: flags.clone() });
    for (nth, seat) in seats.iter().enumerate() {
        let (writer, reader) = (&clients[nth % 2], &clients[(nth + 1) % 2]);
        let (status, notify) = services.remove(0).stop();
        assert!(status.success(), "{} ended with {status}", seat.name);
        let others = endpoints.iter().filter(|url| **url != seat.client_url);
        let others = others.cloned().collect::<Vec<_>>();
        let key = format!("without-{}", seat.name);
        eventually(PATIENCE, "a write", || writer.to(&others).attempt(&["put", &key, "3"]));
        let service = start(nth, notify);
        service.wait_until_ready();
        services.push(service);
        // What it is asked alone, and does not ask of the others, it has caught up with.
        let returned = reader.to(&endpoints[nth..=nth]);
        let read = ["get", &key, "--print-value-only", "--consistency=s"];
        eventually(PATIENCE, "what was written meanwhile", || match returned.run(&read) {
            value if value == "3\n" => Ok(()),
            other => Err(format!("{other:?}")),
        });
        clients[0].check_same_data();
    }
    if certificates.is_some() {
        for client in clients {
            let stranger = Etcdctl { flags: flags[..1].to_vec(), ..client };
            stranger.attempt(&["get", "without-a"]).expect_err("it has no certificate");
        }
    }
    for service in services {
        let (status, _) = service.stop();
        assert!(status.success(), "{status}");
    }
}
