//! The archive of `cargo xtask dist`: unpacked, and run as a service.

use std::path::{Path, PathBuf};
use std::process::Command;

use integration::{Etcdctl, PATIENCE, Server, Tools, eventually, free_address};
use tempfile::TempDir;

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

/// A member's place, where certificates belong too once there is TLS: a CA's, and one for each
/// member, in [`Seat::unit`].
struct Seat {
    name: &'static str,
    client_url: String,
    peer_url: String,
}

impl Seat {
    fn new(name: &'static str) -> Self {
        let url = || format!("http://{}", free_address());
        Self { name, client_url: url(), peer_url: url() }
    }

    fn unit(&self, sample: &Unit, cluster: &str, folder: &Path) -> Unit {
        let data_dir = folder.join(self.name);
        sample
            .clone()
            .with("ETCD_NAME", self.name)
            .with("ETCD_DATA_DIR", data_dir.to_str().expect("a path of ours is text"))
            .with("ETCD_LISTEN_CLIENT_URLS", &self.client_url)
            .with("ETCD_ADVERTISE_CLIENT_URLS", &self.client_url)
            .with("ETCD_LISTEN_PEER_URLS", &self.peer_url)
            .with("ETCD_INITIAL_ADVERTISE_PEER_URLS", &self.peer_url)
            .with("ETCD_INITIAL_CLUSTER", cluster)
    }
}

#[test]
fn three_services_from_the_archive_lose_one_and_get_it_back() {
    assert!(Server::under_test().is_etcdd(), "the archive is ours");
    let folder = TempDir::with_prefix("etcdd-packaging-").expect("a temporary folder");
    let programs = unpacked(folder.path());
    let sample = Unit::read(&programs.join("etcdd.service"), &programs.join("etcdd.conf"));
    let seats = ["a", "b", "c"].map(Seat::new);
    let listing = |seat: &Seat| format!("{}={}", seat.name, seat.peer_url);
    let cluster = seats.iter().map(listing).collect::<Vec<_>>().join(",");
    let units = seats.each_ref().map(|seat| seat.unit(&sample, &cluster, folder.path()));
    let start = |nth: usize, notify: Notify| -> Service {
        units[nth].start(&programs, &folder.path().join(format!("{nth}.log")), notify)
    };
    let notify = |nth: usize| match nth {
        0 => Notify::abstracted(&format!("etcdd-packaging-{}", std::process::id())),
        nth => Notify::at(folder.path().join(format!("{nth}.notify"))),
    };
    let mut services = [0, 1, 2].map(|nth| start(nth, notify(nth))).into_iter().collect::<Vec<_>>();
    services.iter().for_each(Service::wait_until_ready);

    let endpoints = seats.each_ref().map(|seat| seat.client_url.clone());
    let genuine =
        Etcdctl { path: Tools::installed().etcdctl("3.5.1"), endpoints: endpoints.to_vec() };
    let ours = Etcdctl { path: programs.join("etcdctl"), endpoints: endpoints.to_vec() };
    genuine.run(&["put", "by-genuine", "1"]);
    ours.run(&["put", "by-ours", "2"]);
    assert_eq!(genuine.run(&["get", "by-ours", "--print-value-only"]), "2\n");
    assert_eq!(ours.run(&["get", "by-genuine", "--print-value-only"]), "1\n");

    for nth in 0..3 {
        let (status, notify) = services.remove(0).stop();
        assert!(status.success(), "{} ended with {status}", seats[nth].name);
        let others: Vec<String> = endpoints
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != nth)
            .map(|(_, url)| url.clone())
            .collect();
        let key = format!("without-{}", seats[nth].name);
        let writer = if nth == 1 { &ours } else { &genuine };
        eventually(PATIENCE, "a write", || writer.to(&others).attempt(&["put", &key, "3"]));
        let service = start(nth, notify);
        service.wait_until_ready();
        services.push(service);
        // What it is asked alone, and does not ask of the others, it has caught up with.
        let returned = genuine.to(&endpoints[nth..=nth]);
        let read = ["get", &key, "--print-value-only", "--consistency=s"];
        eventually(PATIENCE, "what was written meanwhile", || match returned.run(&read) {
            value if value == "3\n" => Ok(()),
            other => Err(format!("{other:?}")),
        });
        let hashes = genuine.json(&["endpoint", "hashkv"]);
        let hashes = hashes.as_array().expect("hashkv prints a list");
        assert_eq!(hashes.len(), 3);
        for answer in hashes {
            assert_eq!(answer["HashKV"]["hash"], hashes[0]["HashKV"]["hash"], "{hashes:?}");
        }
    }
    for service in services {
        let (status, _) = service.stop();
        assert!(status.success(), "{status}");
    }
    run(Command::new(programs.join("etcdutl")).arg("version"));
    for program in ["etcdctl", "etcdutl"] {
        run(Command::new("bash")
            .arg("-n")
            .arg(programs.join(format!("completions/{program}.bash"))));
    }
}
