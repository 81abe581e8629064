//! Logs that genuine etcd wrote (see `tests/fixtures/make.py`).

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use prost::Message;
use proto::etcdserverpb::{InternalRaftRequest, PutRequest};
use raftlog::Opened;
use raftlog_wal::files::{Syncs, System};
use raftlog_wal::{SEGMENT_BYTES, Wal};
use tempfile::TempDir;
use units::{Entry, EntryKind, Index, NodeId, Term};

use super::world::{contents, hard_state};

/// A log of genuine etcd, and what etcd said of it.
struct Fixture {
    directory: TempDir,
    said: serde_json::Value,
}

impl Fixture {
    fn unpack(name: &str) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let said = fs::read(fixtures.join(format!("{name}.json"))).expect("a fixture");
        let directory = tempfile::tempdir().expect("a directory for a test");
        fs::create_dir(directory.path().join("wal")).expect("a directory for the log");
        for packed in fs::read_dir(fixtures.join(name)).expect("a fixture") {
            let packed = packed.expect("a segment").path();
            let segment = directory.path().join("wal").join(packed.file_stem().expect("a name"));
            let mut segment = File::create(segment).expect("a segment");
            let packed = File::open(packed).expect("a segment");
            let bytes = io::copy(&mut GzDecoder::new(packed), &mut segment).expect("unpacks");
            segment.set_len(bytes.max(SEGMENT_BYTES)).expect("the zeros at its end");
        }
        Self { directory, said: serde_json::from_slice(&said).expect("a fixture is JSON") }
    }

    fn open(&self) -> Opened {
        let files = Arc::new(System { syncs: Syncs::Skipped });
        let opened = Wal::open(files, &self.directory.path().join("wal"), SEGMENT_BYTES)
            .expect("etcd's log is a log");
        assert_eq!(opened.repaired, None);
        assert_eq!(opened.identity.node.0, self.number("node"));
        assert_eq!(opened.identity.cluster.0, self.number("cluster"));
        opened
    }

    fn number(&self, name: &str) -> u64 {
        self.said[name].as_u64().expect("a number")
    }

    /// The keys and values that were put, in order.
    fn puts(&self) -> Vec<(String, String)> {
        let requests = self.said["requests"].as_array().expect("a list");
        let puts = requests.iter().filter_map(|request| request.as_str()?.strip_prefix("put "));
        let pair = |put: &str| {
            let (key, value) = put.split_once(' ').expect("a key and a value");
            match value.split_once('*') {
                Some((part, times)) => (key.into(), part.repeat(times.parse().expect("a number"))),
                None => (key.into(), value.into()),
            }
        };
        puts.map(pair).collect()
    }

    /// The log goes on under another owner.
    fn goes_on(&self) {
        let mut opened = self.open();
        let (first, last) = opened.log.reader().bounds();
        let before = contents(&*opened.log.reader());
        let term = opened.hard_state.term.0 + 1;
        let new = super::world::entry(term, last.0 + 1, 700);
        opened
            .log
            .append(std::slice::from_ref(&new), Some(hard_state(term, last.0)))
            .expect("appends");
        opened.log.sync().expect("syncs");
        drop(opened);
        let opened = self.open();
        assert_eq!(opened.hard_state, hard_state(term, last.0));
        assert_eq!(opened.log.reader().bounds(), (first, last.next()));
        assert_eq!(contents(&*opened.log.reader()), [before, vec![new]].concat());
    }
}

/// The puts among the entries, in order.
fn puts(entries: &[Entry]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let put = |entry: &Entry| {
        let request = InternalRaftRequest::decode(entry.data.clone()).ok()?;
        let PutRequest { key, value, .. } = request.put?;
        Some((text(&key), text(&value)))
    };
    entries.iter().filter(|entry| entry.kind == EntryKind::Normal).filter_map(put).collect()
}

#[test]
fn everyday_logs_are_read() {
    for version in ["3.4.23", "3.5.1"] {
        let fixture = Fixture::unpack(&format!("everyday-{version}"));
        let opened = fixture.open();
        let entries = contents(&*opened.log.reader());
        assert_eq!(opened.log.reader().bounds(), (Index(1), Index(fixture.number("index"))));
        assert_eq!(opened.hard_state.term.0, fixture.number("term"));
        assert_eq!(opened.hard_state.vote, Some(opened.identity.node));
        assert_eq!(opened.last.term, opened.hard_state.term);
        assert!(opened.hard_state.commit.0 + 1 >= opened.last.index.0);
        assert_eq!(puts(&entries), fixture.puts(), "{version}");

        // The bootstrap's, and the learner's.
        let changes = entries.iter().filter(|entry| entry.kind == EntryKind::ConfChange);
        assert_eq!(changes.count(), 2);
        assert_eq!(entries[0].kind, EntryKind::ConfChange);
        assert_eq!((entries[0].term, entries[1].term), (Term(1), Term(2)));
        assert_eq!(entries[1].data, "", "a leader's first entry is empty");
        let decoded = |entry: &Entry| InternalRaftRequest::decode(entry.data.clone()).ok();
        let requests: Vec<_> = entries.iter().filter_map(decoded).collect();
        assert_eq!(requests.iter().filter(|request| request.txn.is_some()).count(), 1);
        assert_eq!(requests.iter().filter(|request| request.delete_range.is_some()).count(), 1);
        let granted = requests.iter().find_map(|request| request.lease_grant.as_ref());
        assert_eq!(granted.map(|lease| lease.id), Some(4711));

        // Every 20 entries etcd took a snapshot; since 3.5 it says of whom the cluster consisted.
        assert_eq!(opened.marker.position.term, Term(2));
        assert!((41..=43).contains(&opened.marker.position.index.0), "{:?}", opened.marker);
        let voters: &[NodeId] = if version == "3.4.23" { &[] } else { &[opened.identity.node] };
        assert_eq!(opened.marker.conf_state.voters, voters);
        drop(opened);
        fixture.goes_on();
    }
}

#[test]
fn a_log_of_several_segments_is_read() {
    let fixture = Fixture::unpack("full-segment-3.5.1");
    let opened = fixture.open();
    assert_eq!(opened.log.reader().bounds(), (Index(1), Index(fixture.number("index"))));
    let mut found = Vec::new();
    let (mut next, last) = opened.log.reader().bounds();
    while next <= last {
        let some = opened.log.reader().read(next, last, 5 << 20).expect("reads");
        assert!(some.len() <= 5 || found.is_empty());
        next = some.last().expect("one at least").index.next();
        found.extend(some);
    }
    assert_eq!(puts(&found), fixture.puts());
    drop(opened);
    fixture.goes_on();
}

#[test]
fn a_log_that_began_with_a_snapshot_is_read() {
    let fixture = Fixture::unpack("snapshot-received-3.5.1");
    let opened = fixture.open();
    let first = opened.log.reader().bounds().0;
    assert!(opened.marker.position.index > Index(5000), "{:?}", opened.marker);
    assert_eq!(first, opened.marker.position.index.next());
    assert_eq!(opened.last.index, Index(fixture.number("index")));
    assert_eq!(opened.marker.conf_state.learners, [opened.identity.node]);
    assert_eq!(opened.marker.conf_state.voters.len(), 1);
    assert_eq!(puts(&contents(&*opened.log.reader())), fixture.puts());
    drop(opened);
    fixture.goes_on();
}
