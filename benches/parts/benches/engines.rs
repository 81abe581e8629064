//! Engines: what a member asks of one, and the same of the library that it is made of.

use std::hint::black_box;
use std::ops::Bound;
use std::sync::Arc;

use backend::{Backend, Batch, Direction, Part, Step, Table};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use parts_bench::raw::{self, Put, Raw};
use parts_bench::{KEYS, PAGE, Records, key};
use server::Parts;
use tempfile::TempDir;

const HISTORY: Table = Table { id: 1, name: "history" };
const HEADS: Table = Table { id: 2, name: "heads" };

/// Puts of one batch: what a busy member applies at once.
const BATCH: usize = 100;

const SOUND: &str = "the disk of a benchmark is sound";

/// What is measured: an engine behind the contract, or a library as it is.
struct Ours(Arc<dyn Backend>);

impl Raw for Ours {
    fn write(&mut self, puts: &[Put]) {
        let mut batch = Batch::new();
        for (revision, key, value) in puts {
            batch.put(HISTORY, revision.to_vec(), value.clone());
            batch.put(HEADS, key.clone(), value.clone());
        }
        self.0.write(batch).expect(SOUND);
        // As a member does, whose readers are to see it.
        drop(black_box(self.0.view()));
    }

    fn sync(&mut self) {
        self.0.sync().expect(SOUND);
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        self.0.view().get(HEADS, key).expect(SOUND).map(|value| value.len())
    }

    fn page(&self, from: &[u8], len: usize) -> usize {
        let (mut seen, mut bytes) = (0, 0);
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let visit = &mut |_: &[u8], value: &[u8]| {
            seen += 1;
            bytes += value.len();
            if seen < len { Step::Next } else { Step::Stop }
        };
        let view = self.0.view();
        view.scan(HEADS, bounds, Direction::Ascending, Part::Records, visit).expect(SOUND);
        bytes
    }
}

/// An engine or a library with all keys, and the directory that it is in.
struct Filled {
    name: String,
    engine: Box<dyn Raw>,
    records: Records,
    _directory: TempDir,
}

impl Filled {
    fn new(name: String, open: impl FnOnce(&TempDir) -> Box<dyn Raw>) -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let (mut engine, mut records) = (open(&directory), Records::default());
        for first in (0..KEYS).step_by(BATCH) {
            let last = KEYS.min(first + BATCH as u64);
            let puts: Vec<Put> = (first..last).map(|number| records.put(key(number))).collect();
            engine.write(&puts);
        }
        engine.sync();
        Self { name, engine, records, _directory: directory }
    }
}

fn measure(criterion: &mut Criterion, filled: &mut Filled) {
    let Filled { name, engine, records, .. } = filled;
    let mut group = criterion.benchmark_group("write a hundred puts");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(&*name, |bencher| {
        bencher.iter_batched(
            || records.puts(BATCH),
            |puts| engine.write(&puts),
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
    let mut group = criterion.benchmark_group("write a put and sync");
    group.sample_size(20);
    group.bench_function(&*name, |bencher| {
        bencher.iter(|| {
            engine.write(&records.puts(1));
            engine.sync();
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("get");
    group.bench_function(&*name, |bencher| {
        bencher.iter(|| assert!(engine.get(&records.any_key()).is_some()));
    });
    group.finish();
    let mut group = criterion.benchmark_group("page of 500");
    group.throughput(Throughput::Elements(PAGE as u64));
    group.bench_function(&*name, |bencher| {
        bencher.iter(|| engine.page(&records.any_key(), PAGE));
    });
    group.finish();
}

fn engines(criterion: &mut Criterion) {
    let parts = Parts::compiled_in();
    for name in parts.engines.names() {
        let part = parts.engines.get(name).expect("it has just been named");
        let ours = |directory: &TempDir| {
            let engine = part.open(&directory.path().join("engine")).expect("it opens");
            Box::new(Ours(engine)) as Box<dyn Raw>
        };
        measure(criterion, &mut Filled::new(name.to_owned(), ours));
        let probe = TempDir::new().expect("there is room for a directory");
        if raw::open(name, probe.path()).is_some() {
            let open = |directory: &TempDir| {
                raw::open(name, directory.path()).expect("it could be opened just now")
            };
            measure(criterion, &mut Filled::new(format!("{name}, raw"), open));
        }
    }
}

criterion_group!(benches, engines);
criterion_main!(benches);
