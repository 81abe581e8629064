//! Logs: entries appended and synced, alone and many at once, and the same of what they are kept
//! in.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use parts_bench::raw;
use raftlog::{Identity, Marker, RaftLog};
use server::{LogSite, Parts};
use tempfile::TempDir;
use units::{ClusterId, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term};

/// Bytes of an entry: a put of 256 bytes, with what belongs to it.
const ENTRY_BYTES: usize = 300;

/// Entries after which the log's head is given up, as a member does.
const TRIM_EVERY: u64 = 10_000;

/// A log that grows, and loses its head.
struct Growing {
    log: Box<dyn RaftLog>,
    last: u64,
    trimmed: u64,
    data: Bytes,
}

impl Growing {
    fn add(&mut self, len: u64) {
        let entry = |index| Entry {
            kind: EntryKind::Normal,
            term: Term(1),
            index: Index(index),
            data: self.data.clone(),
        };
        let entries: Vec<Entry> = (self.last + 1..=self.last + len).map(entry).collect();
        let hard_state = HardState { term: Term(1), vote: None, commit: Index(self.last) };
        self.log.append(&entries, Some(hard_state)).expect("the disk of a benchmark is sound");
        self.log.sync().expect("the disk of a benchmark is sound");
        if self.last >= self.trimmed + TRIM_EVERY {
            let position = Position { term: Term(1), index: Index(self.last) };
            let marker = Marker { position, conf_state: ConfState::default() };
            self.log.trim(&marker).expect("the disk of a benchmark is sound");
            self.trimmed = self.last;
        }
        self.last += len;
    }
}

fn logs(criterion: &mut Criterion) {
    let parts = Parts::compiled_in();
    for name in parts.logs.names() {
        let part = parts.logs.get(name).expect("it has just been named");
        let directory = TempDir::new().expect("there is room for a directory");
        let site = LogSite { directory: &directory.path().join("log"), skips_syncs: false };
        let identity = Identity { node: NodeId(1), cluster: ClusterId(2) };
        let opened = part.create(&site, identity).expect("it is made");
        let data = Bytes::from(vec![b'x'; ENTRY_BYTES]);
        let mut growing = Growing { log: opened.log, last: 0, trimmed: 0, data: data.clone() };
        measure(criterion, name, &mut |len| growing.add(len));
        if let Some(mut raw) = raw::open_log(name, &directory.path().join("raw")) {
            let mut next = 1;
            measure(criterion, &format!("{name}, raw"), &mut |len| {
                raw.append(next, len, &data);
                next += len;
            });
        }
    }
}

fn measure(criterion: &mut Criterion, name: &str, add: &mut dyn FnMut(u64)) {
    for len in [1, 100] {
        let mut group = criterion.benchmark_group(format!("append {len} and sync"));
        group.throughput(Throughput::Elements(len));
        group.sample_size(30);
        group.bench_function(name, |bencher| bencher.iter(|| add(len)));
        group.finish();
    }
}

criterion_group!(benches, logs);
criterion_main!(benches);
