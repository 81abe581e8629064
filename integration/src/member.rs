//! One member of a cluster: its flags, its folder and, while it runs, its process.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::process::Signal;

use crate::client::Client;
use crate::condition::PATIENCE;
use crate::process::Process;
use crate::tools::Server;

/// A member, running or not.
#[derive(Debug)]
pub struct Member {
    /// Its name, unique in the cluster.
    pub name: String,
    /// Where it keeps its data.
    pub data_dir: PathBuf,
    /// Where clients find it.
    pub client_url: String,
    /// Where the other members find it.
    pub peer_url: String,
    server: Server,
    flags: Vec<String>,
    /// The command that runs the server where it belongs; none here.
    prefix: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

/// Where a member runs: in a network of its own, for those who have one for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The command that runs another one there, which follows it.
    pub prefix: Vec<String>,
    /// The member's address for clients.
    pub client_host: String,
    /// The member's address for the others.
    pub peer_host: String,
}

/// In a network of its own, nobody else has these.
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

impl Member {
    /// A member that has not been started yet, with addresses of its own and a data folder in
    /// `dir`.
    pub(crate) fn new(name: String, server: &Server, dir: &Path, flags: &[String]) -> Self {
        let over_quic = flags.iter().any(|flag| flag == "--peer-transport=quic");
        let peer_scheme = if over_quic { "quic" } else { "http" };
        Self {
            data_dir: dir.join(&name),
            log: dir.join(format!("{name}.log")),
            client_url: format!("http://{}", free_address()),
            peer_url: format!("{peer_scheme}://{}", free_address()),
            server: server.clone(),
            flags: flags.to_vec(),
            prefix: Vec::new(),
            process: None,
            name,
        }
    }

    /// Moves it there before its first start.
    pub(crate) fn move_to(&mut self, place: &Place) {
        self.prefix.clone_from(&place.prefix);
        let scheme = self.peer_url.split("://").next().unwrap_or_default();
        self.peer_url = format!("{scheme}://{}:{PEER_PORT}", place.peer_host);
        self.client_url = format!("http://{}:{CLIENT_PORT}", place.client_host);
    }

    /// Speaks TLS from its first start on.
    pub(crate) fn speak_tls(&mut self) {
        for url in [&mut self.client_url, &mut self.peer_url] {
            *url = url.replacen("http://", "https://", 1);
        }
    }

    /// As `--initial-cluster` lists it.
    pub(crate) fn listing(&self) -> String {
        format!("{}={}", self.name, self.peer_url)
    }

    /// Adds a flag for the next start.
    pub fn add_flag(&mut self, flag: String) {
        self.flags.push(flag);
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut words = self.prefix.iter().map(OsString::from).collect::<Vec<_>>();
        words.push(self.server.path.clone().into());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg(format!("--name={}", self.name))
            .arg(format!("--data-dir={}", self.data_dir.display()))
            .arg(format!("--listen-client-urls={}", self.client_url))
            .arg(format!("--advertise-client-urls={}", self.client_url))
            .arg(format!("--listen-peer-urls={}", self.peer_url))
            .arg(format!("--initial-advertise-peer-urls={}", self.peer_url))
            .arg("--logger=zap")
            .args(&self.flags);
        command
    }

    /// Starts the process without waiting for it to serve, which it cannot before a majority runs.
    pub fn spawn(&mut self) {
        assert!(!self.is_running(), "{} runs already", self.name);
        self.process = Some(Process::spawn(&mut self.command(), Some(&self.log)));
    }

    /// Waits until it serves clients.
    pub fn wait_until_ready(&mut self) {
        let process = self.process.as_mut().expect("a member that is waited for was started");
        if let Err(reason) = process.wait_for_line(self.server.ready_line(), PATIENCE) {
            panic!("{}: {reason}", self.name);
        }
    }

    /// Starts it and waits until it serves.
    pub fn start(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    /// Whether it has a process (paused or not) that has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| !process.has_ended())
    }

    /// Its process.
    ///
    /// # Panics
    ///
    /// When it was killed or never started.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the member runs")
    }

    /// Ends it at once, by SIGKILL. What it had printed stays in its log.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Asks it to end, by SIGTERM, and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process().signal(Signal::TERM);
        let status = self.wait_for_end();
        self.process = None;
        status
    }

    /// Waits until it has ended by itself.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        match self.process().wait(PATIENCE) {
            Ok(status) => status,
            Err(reason) => panic!("{}: {reason}", self.name),
        }
    }

    /// Stops its clock, so to say: the process exists, and does nothing.
    pub fn pause(&mut self) {
        self.process().signal(Signal::STOP);
    }

    /// Lets it go on after a pause.
    pub fn resume(&mut self) {
        self.process().signal(Signal::CONT);
    }

    /// Removes its data: what a new machine in the old one's place has.
    pub fn wipe(&mut self) {
        assert!(!self.is_running(), "{} runs on its data", self.name);
        fs::remove_dir_all(&self.data_dir)
            .unwrap_or_else(|error| panic!("{}: {error}", self.data_dir.display()));
    }

    /// A client that speaks to this member only.
    pub fn client(&self) -> Client {
        Client::new(vec![self.client_url.clone()])
    }

    /// The end of what it printed, over all its starts.
    pub fn log_tail(&self, lines_max: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(lines_max)..].join("\n")
    }
}

/// An address where nobody listens, and where nobody will before its owner does.
///
/// Each test process has a loopback address of its own, made from its id, and counts ports upwards.
/// So a port stays free while its member is down: neither another test nor the local end of a
/// connection, which the kernel takes from 127.0.0.1, can come in between.
pub fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(port >= 20_000, "a test process uses fewer than 45,000 ports");
    format!("127.{}.{middle}.{low}:{port}", 64 + high % 64)
}
