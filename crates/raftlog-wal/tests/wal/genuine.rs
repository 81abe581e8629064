//! Genuine etcd on a log of ours.
//!
//! etcd 3.5.1 needs nothing but the log: with a `wal` directory whose segments go back to the
//! beginning it says "No snapshot found. Recovering WAL from scratch!", makes a new database and
//! applies every entry again, membership included. What it wants in the log is what its own
//! bootstrap writes: the member as a configuration change with its JSON, then the commands.
//!
//! From a log of which a trim removed segments it cannot start alone ("wal: file not found"): it
//! wants a `.snap` file that belongs to one of the log's markers, and a database that is as far.
//! With those it starts, as the test shows by letting etcd make them.
//!
//! The programs are what `integration/setup` installs; without them the tests say that they were
//! skipped.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::{InternalRaftRequest, PutRequest, RequestHeader};
use proto::membershippb::{Attributes, ClusterMemberAttrSetRequest, ClusterVersionSetRequest};
use proto::raftpb;
use raftlog::{Identity, Marker, Opened, RaftLog};
use raftlog_wal::files::{Files, Syncs, System};
use raftlog_wal::{SEGMENT_BYTES, Wal};
use tempfile::TempDir;
use units::{ClusterId, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term};

const IDENTITY: Identity =
    Identity { node: NodeId(0x8e9e_05c5_2164_694d), cluster: ClusterId(0xcdf8_181e_3227_2e4d) };

/// A data directory of ours, and etcd on it.
struct Place {
    directory: TempDir,
    programs: PathBuf,
    client_url: String,
    peer_url: String,
}

/// Ends with the test, whatever comes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        self.0.wait().expect("a killed child ends");
    }
}

impl Place {
    /// `None` without etcd.
    fn new(version: &str) -> Option<Self> {
        let tools = env::var_os("ETCDD_TOOLS").map(PathBuf::from);
        let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/etcdd-tools"));
        let programs = tools.or_else(home)?.join(format!("etcd-{version}/bin"));
        if !programs.join("etcd").exists() {
            eprintln!("SKIPPED: no etcd in {}; integration/setup gets it", programs.display());
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory for a test");
        let data = directory.path().join("data");
        for made in [&data, &data.join("member")] {
            Self::files().create_dir(made).expect("a directory for the member");
        }
        let (client_url, peer_url) = (free_url(), free_url());
        Some(Self { directory, programs, client_url, peer_url })
    }

    fn wal(&self) -> PathBuf {
        self.directory.path().join("data/member/wal")
    }

    fn files() -> Arc<dyn Files> {
        Arc::new(System { syncs: Syncs::Real })
    }

    fn open(&self) -> Opened {
        Wal::open(Self::files(), &self.wal(), SEGMENT_BYTES).expect("opens")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("etcd.log")
    }

    fn start(&self) -> Running {
        let log = fs::File::create(self.log()).expect("a file for its log");
        let mut command = Command::new(self.programs.join("etcd"));
        command.args(["--name", "m1", "--data-dir"]).arg(self.directory.path().join("data"));
        command.args(["--listen-client-urls", &self.client_url]);
        command.args(["--advertise-client-urls", &self.client_url]);
        command.args(["--listen-peer-urls", &self.peer_url]);
        command.args(["--initial-advertise-peer-urls", &self.peer_url]);
        command.args(["--initial-cluster", &format!("m1={}", self.peer_url)]);
        // Few, so that it takes one soon.
        command.args(["--snapshot-count", "50"]);
        Running(command.stdout(Stdio::null()).stderr(log).spawn().expect("etcd starts"))
    }

    /// What etcdctl says; it waits until etcd answers.
    fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.programs.join("etcdctl"));
        command.env("ETCDCTL_API", "3").arg("--command-timeout=60s");
        let output = command.args(["--endpoints", &self.client_url]).args(arguments).output();
        let output = output.expect("etcdctl runs");
        assert!(
            output.status.success(),
            "etcdctl {arguments:?}: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            fs::read_to_string(self.log()).unwrap_or_default(),
        );
        String::from_utf8(output.stdout).expect("etcdctl says text")
    }
}

fn free_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("a listener has an address"))
}

/// What etcd's bootstrap and a first term write, and then some puts.
fn bootstrap(place: &Place) -> Vec<Entry> {
    let member =
        format!(r#"{{"id":{},"peerURLs":["{}"],"name":"m1"}}"#, IDENTITY.node.0, place.peer_url);
    let change = raftpb::ConfChange {
        id: Some(0),
        r#type: Some(raftpb::ConfChangeType::ConfChangeAddNode as i32),
        node_id: Some(IDENTITY.node.0),
        context: Some(member.into()),
    };
    let attributes = ClusterMemberAttrSetRequest {
        member_id: IDENTITY.node.0,
        member_attributes: Some(Attributes {
            name: "m1".to_owned(),
            client_urls: vec![place.client_url.clone()],
        }),
    };
    let version = ClusterVersionSetRequest { ver: "3.5.0".to_owned() };
    let mut data: Vec<Bytes> = vec![
        change.encode_to_vec().into(),
        Bytes::new(),
        request(1, |request| request.cluster_member_attr_set = Some(attributes)),
        request(2, |request| request.cluster_version_set = Some(version)),
    ];
    for nth in 0..20 {
        data.push(put(3 + nth, &format!("key-{nth:02}"), &format!("value of {nth}")));
    }
    let entry = |(index, data): (u64, Bytes)| Entry {
        kind: if index == 1 { EntryKind::ConfChange } else { EntryKind::Normal },
        term: Term(if index == 1 { 1 } else { 2 }),
        index: Index(index),
        data,
    };
    (1..).zip(data).map(entry).collect()
}

fn put(id: u64, key: &str, value: &str) -> Bytes {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    request(id, |request| request.put = Some(PutRequest { key, value, ..Default::default() }))
}

fn request(id: u64, fill: impl FnOnce(&mut InternalRaftRequest)) -> Bytes {
    let header = Some(RequestHeader { id, ..Default::default() });
    let mut request = InternalRaftRequest { header, ..Default::default() };
    fill(&mut request);
    request.encode_to_vec().into()
}

fn write(log: &mut dyn RaftLog, entries: &[Entry]) {
    for entry in entries {
        let hard_state =
            HardState { term: entry.term, vote: Some(IDENTITY.node), commit: entry.index };
        log.append(std::slice::from_ref(entry), Some(hard_state)).expect("appends");
        log.sync().expect("syncs");
    }
}

/// Keys and values that etcd shows.
fn everything(place: &Place) -> Vec<(String, String)> {
    let said = place.ctl(&["get", "", "--prefix"]);
    let lines: Vec<&str> = said.lines().collect();
    lines.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}

fn segments(wal: &Path) -> usize {
    let names = Place::files().list(wal).expect("there is a log");
    names.iter().filter(|name| name.ends_with(".wal")).count()
}

#[test]
fn etcd_starts_on_our_log_and_we_on_etcd_s() {
    let Some(place) = Place::new("3.5.1") else { return };
    let mut log =
        Wal::create(Place::files(), &place.wal(), IDENTITY, SEGMENT_BYTES).expect("creates").log;
    write(&mut *log, &bootstrap(&place));
    drop(log);

    let etcd = place.start();
    let mut expected: Vec<_> =
        (0..20).map(|nth| (format!("key-{nth:02}"), format!("value of {nth}"))).collect();
    assert_eq!(everything(&place), expected);
    let members = place.ctl(&["member", "list"]);
    let (node, peer_url) = (IDENTITY.node, &place.peer_url);
    assert!(members.starts_with(&format!("{node}, started, m1, {peer_url}, ")), "{members}");
    let locked = Wal::open(Place::files(), &place.wal(), SEGMENT_BYTES);
    assert!(
        matches!(locked, Err(raftlog::Fault::Locked { .. })),
        "etcd has the log open, and we see that"
    );
    place.ctl(&["put", "key-20", "by etcd"]);
    drop(etcd);

    // Ours again: what etcd added is there, and something is added to it.
    let mut opened = place.open();
    assert_eq!(opened.identity, IDENTITY);
    assert!(opened.last.index > Index(24), "{:?}", opened.last);
    assert!(opened.hard_state.term > Term(2), "etcd had an election");
    let term = opened.hard_state.term;
    let entry = Entry {
        kind: EntryKind::Normal,
        term,
        index: opened.last.index.next(),
        data: put(999, "key-21", "by us"),
    };
    write(&mut *opened.log, &[entry]);
    drop(opened);

    let _etcd = place.start();
    expected.push(("key-20".to_owned(), "by etcd".to_owned()));
    expected.push(("key-21".to_owned(), "by us".to_owned()));
    assert_eq!(everything(&place), expected);
}

#[test]
fn etcd_starts_on_our_log_of_several_segments_and_after_we_trimmed_it() {
    let Some(place) = Place::new("3.5.1") else { return };
    let mut log = Wal::create(Place::files(), &place.wal(), IDENTITY, 1000).expect("creates").log;
    let mut entries = bootstrap(&place);
    for nth in 20..200 {
        let value = "v".repeat(usize::try_from(nth).expect("it is small"));
        entries.push(Entry {
            kind: EntryKind::Normal,
            term: Term(2),
            index: Index(entries.len() as u64 + 1),
            data: put(3 + nth, &format!("key-{nth:03}"), &value),
        });
    }
    write(&mut *log, &entries);
    drop(log);
    let before = segments(&place.wal());
    assert!(before > 10, "{before}");

    // etcd takes a snapshot when it likes; its marker is one for us.
    let opened = (0..20).find_map(|_| {
        let etcd = place.start();
        assert_eq!(everything(&place).len(), 200);
        place.ctl(&["put", "key-00", "by etcd"]);
        drop(etcd);
        let opened = place.open();
        (opened.marker.position.index > Index(150)).then_some(opened)
    });
    let mut opened = opened.expect("etcd takes a snapshot");
    assert_eq!(opened.marker.conf_state.voters, [IDENTITY.node]);
    assert!(segments(&place.wal()) < 5, "a start removes what is behind the marker");
    assert!(opened.log.reader().bounds().0 > Index(150));
    let entry = Entry {
        kind: EntryKind::Normal,
        term: opened.hard_state.term,
        index: opened.last.index.next(),
        data: put(9999, "key-01", "by us"),
    };
    write(&mut *opened.log, &[entry]);
    drop(opened);

    let _etcd = place.start();
    let found = everything(&place);
    assert_eq!(found.len(), 200);
    assert_eq!(found[0], ("key-00".to_owned(), "by etcd".to_owned()));
    assert_eq!(found[1], ("key-01".to_owned(), "by us".to_owned()));
    assert_eq!(found[199], ("key-199".to_owned(), "v".repeat(199)));
}

#[test]
fn etcd_wants_more_than_a_trimmed_log() {
    let Some(place) = Place::new("3.5.1") else { return };
    let mut log = Wal::create(Place::files(), &place.wal(), IDENTITY, 1000).expect("creates").log;
    write(&mut *log, &bootstrap(&place));
    let before = segments(&place.wal());
    log.trim(&Marker {
        position: Position { term: Term(2), index: Index(20) },
        conf_state: ConfState { voters: vec![IDENTITY.node], ..ConfState::default() },
    })
    .expect("trims");
    drop(log);
    assert!(segments(&place.wal()) < before, "segments were removed");
    let mut etcd = place.start();
    let status = etcd.0.wait().expect("it ends");
    let said = fs::read_to_string(place.log()).expect("its log");
    assert!(!status.success() && said.contains("wal: file not found"), "{said}");
}
