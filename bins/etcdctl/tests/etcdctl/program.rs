//! Programs as processes: a member, and commands.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Where `integration/setup` puts the genuine programs.
pub(crate) fn genuine(program: &str) -> PathBuf {
    let tools = env::var_os("ETCDD_TOOLS").map_or_else(
        || Path::new(&env::var_os("HOME").expect("HOME is set")).join(".cache/etcdd-tools"),
        PathBuf::from,
    );
    let path = tools.join("etcd-3.5.1/bin").join(program);
    assert!(
        path.exists(),
        "{} is missing: run integration/setup, which installs it",
        path.display()
    );
    path
}

/// A genuine member, alone in its cluster.
pub(crate) struct Member {
    process: Child,
    pub(crate) endpoint: String,
    _data: TempDir,
}

impl Member {
    pub(crate) fn start() -> Self {
        Self::start_with("http", &[])
    }

    /// One that is spoken to like this, and has these flags too.
    pub(crate) fn start_with(scheme: &str, flags: &[String]) -> Self {
        let data = TempDir::with_prefix("etcdctl-test-").expect("a folder can be made");
        let (endpoint, peer) = (free_address(), free_address());
        let (client_url, peer_url) = (format!("{scheme}://{endpoint}"), format!("http://{peer}"));
        let mut process = isolated(Command::new(genuine("etcd")))
            .arg("--name=m0")
            .arg(format!("--data-dir={}", data.path().display()))
            .arg(format!("--listen-client-urls={client_url}"))
            .arg(format!("--advertise-client-urls={client_url}"))
            .arg(format!("--listen-peer-urls={peer_url}"))
            .arg(format!("--initial-advertise-peer-urls={peer_url}"))
            .arg(format!("--initial-cluster=m0={peer_url}"))
            .arg("--unsafe-no-fsync")
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("etcd starts");
        let log = lines_of(process.stderr.take().expect("it is piped"));
        loop {
            let line = log.recv_timeout(PATIENCE).expect("etcd says when it is ready");
            if line.contains("ready to serve client requests") {
                break;
            }
        }
        // Its log is read on, so that it never waits for us.
        thread::spawn(move || log.iter().for_each(drop));
        Self { process, endpoint, _data: data }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.process.kill().expect("a member runs until it is killed");
        self.process.wait().expect("and then ends");
    }
}

/// A command that goes on by itself.
pub(crate) struct Running {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        let mut process = isolated(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let lines = lines_of(process.stdout.take().expect("it is piped"));
        Self { process, lines }
    }

    /// Waits for so many lines of output.
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next().expect("the program prints more")).collect()
    }

    /// The next line of output, unless that has ended.
    fn next(&self) -> Result<String, mpsc::RecvTimeoutError> {
        let next = self.lines.recv_timeout(PATIENCE);
        assert!(next != Err(mpsc::RecvTimeoutError::Timeout), "the program says nothing any more");
        next
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.process.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").expect("the program reads");
    }

    /// Ends its input and waits for its end.
    pub(crate) fn end(mut self) -> Option<i32> {
        drop(self.process.stdin.take());
        while let Ok(_more) = self.next() {}
        self.process.wait().expect("the program has closed its output").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, and been waited for.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What a command has left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: Command, input: &str) -> Outcome {
    let mut process = isolated(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = process.stdin.take().expect("it is piped");
    // A command that reads nothing may be gone already.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let out = all_of(process.stdout.take().expect("it is piped"));
    let err = all_of(process.stderr.take().expect("it is piped"));
    let (Ok(out), Ok(err)) = (out.recv_timeout(PATIENCE), err.recv_timeout(PATIENCE)) else {
        process.kill().expect("it is still there");
        panic!("the program does not end");
    };
    let code = process.wait().expect("the program has closed its output").code();
    Outcome { code, out, err: String::from_utf8_lossy(&err).into_owned() }
}

/// All that a stream has, when it ends.
fn all_of(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        // Whoever has lost patience does not listen any more.
        drop(sender.send(bytes));
    });
    receiver
}

/// Keeps a command from variables meant for others.
fn isolated(mut command: Command) -> Command {
    let given: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        let meant = text.starts_with("ETCD_") || text.starts_with("ETCDCTL_");
        if (meant || text.ends_with("_PROXY")) && !given.contains(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn lines_of(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// An address where nobody listens: each test process counts ports upwards.
fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}:{port}", own_address())
}

/// The loopback address that each test process has of its own.
pub(crate) fn own_address() -> String {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    format!("127.{}.{middle}.{low}", 128 + high % 64)
}
