//! Three members of our own parts in one process, with our own service beside etcd's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use custom::wire::Prefix;
use custom::wire::count_client::CountClient;
use proto::etcdserverpb::PutRequest;
use proto::etcdserverpb::kv_client::KvClient;
use server::{Config, Member};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Seat {
    name: &'static str,
    folder: TempDir,
    clients: String,
    peers: String,
}

impl Seat {
    fn new(name: &'static str) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        Self { name, folder, clients: free_url(), peers: free_url() }
    }

    fn flags(&self, cluster: &str) -> [String; 7] {
        [
            format!("--name={}", self.name),
            format!("--data-dir={}", self.folder.path().join("data").display()),
            format!("--listen-client-urls={}", self.clients),
            format!("--advertise-client-urls={}", self.clients),
            format!("--listen-peer-urls={}", self.peers),
            format!("--initial-advertise-peer-urls={}", self.peers),
            format!("--initial-cluster={cluster}"),
        ]
    }

    fn config(&self, cluster: &str) -> Config {
        let flags = self.flags(cluster);
        Config::from_flags(flags.iter().map(String::as_str)).expect("the flags are fine")
    }

    async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.clients.clone()).expect("it is a URL");
        endpoint.connect().await.expect("the member listens")
    }

    async fn count(&self, prefix: &str) -> u64 {
        let mut client = CountClient::new(self.connect().await);
        let request = Prefix { prefix: prefix.into() };
        within(async {
            loop {
                match client.below(request.clone()).await {
                    Ok(keys) => return keys.into_inner().count,
                    Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable, "{status}"),
                }
            }
        })
        .await
    }
}

/// An address where nobody listens. Each process has a loopback address of its own, and gives away
/// its ports one by one, below those that the system gives to whoever asks for none.
fn free_url() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("http://127.{}.{middle}.{low}:{port}", 64 + high % 64)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not take that long")
}

/// The program, killed when a test leaves it behind.
struct Program(Child);

impl Program {
    /// Runs it until it serves clients.
    fn start(flags: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custom-etcdd"));
        let child = command.args(flags).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut this = Self(child);
        let log = this.0.stderr.take().expect("it is piped");
        let (tell, told) = mpsc::channel();
        // Read to its end, so that it never waits for its log to be read.
        std::thread::spawn(move || {
            let lines = BufReader::new(log).lines().map_while(Result::ok);
            for line in lines.filter(|line| line.contains("ready to serve client requests")) {
                // Nobody waits for it any more when a test has failed.
                drop(tell.send(line));
            }
        });
        told.recv_timeout(PATIENCE).expect("it serves");
        this
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_is_a_server_of_these_parts() {
    let seat = Seat::new("alone");
    let flags = seat.flags(&format!("alone={}", seat.peers));
    for life in 1..=2 {
        let program = Program::start(&flags);
        let mut client = KvClient::new(seat.connect().await);
        let key = format!("key/{life}").into();
        let put = PutRequest { key, value: "v".into(), ..PutRequest::default() };
        within(client.put(put)).await.expect("it is written");
        // What was acknowledged before it was killed is counted, too.
        assert_eq!(seat.count("key/").await, life);
        drop(program);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_custom-etcdd"));
    let refused = command.args(&flags).arg("--backend=lsm").output().expect("it starts");
    assert_eq!(refused.status.code(), Some(1));
    let log = String::from_utf8_lossy(&refused.stderr);
    assert!(log.contains("(this build has journal)"), "{log}");
}

async fn start(seats: &[Seat], cluster: &str) -> Vec<Member> {
    let starting = seats.iter().map(|seat| custom::assembly().start(seat.config(cluster)));
    let starting: Vec<_> = starting.map(|member| tokio::spawn(within(member))).collect();
    let mut members = Vec::new();
    for member in starting {
        members.push(member.await.expect("no panic").expect("it starts"));
    }
    members
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_other_parts_are_members() {
    let seats = ["a", "b", "c"].map(Seat::new);
    let listing = |seat: &Seat| format!("{}={}", seat.name, seat.peers);
    let cluster = seats.iter().map(listing).collect::<Vec<_>>().join(",");
    let members = start(&seats, &cluster).await;
    let mut client = KvClient::new(seats[0].connect().await);
    for number in 0..50 {
        let key = format!("even{}/{number}", number % 2 == 0).into();
        let put = PutRequest { key, value: "v".into(), ..PutRequest::default() };
        within(async {
            // Again while leaders change: what was on its way to a lost one is lost.
            while let Err(status) = client.put(put.clone()).await {
                assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
            }
        })
        .await;
    }
    for seat in &seats {
        assert_eq!(seat.count("eventrue/").await, 25);
        assert_eq!(seat.count("").await, 50);
        assert_eq!(seat.count("odd").await, 0);
    }
    for member in members {
        within(member.stop()).await.expect("it stops well");
    }

    // All of them again, from what their own log and engine have kept.
    let note = seats[0].folder.path().join("data/member/parts");
    let note = std::fs::read_to_string(note).expect("there is a note");
    assert!(note.ends_with("raft-log=journal\nbackend=journal\n"), "{note}");
    let members = start(&seats, &cluster).await;
    assert_eq!(seats[2].count("").await, 50);
    for member in members {
        within(member.stop()).await.expect("it stops well");
    }
}
