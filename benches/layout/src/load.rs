//! The loads of `design.md`, one after the other on one store.

use crate::engine::{self, Batch, Engine};
use crate::layout::{Layout, key_of};
use std::path::Path;
use std::time::{Duration, Instant};

/// Puts that reach the engine as one batch, about what 1000 clients make of a group commit.
const GROUP: u64 = 100;
const GETS: u64 = 200_000;
const PAGE: usize = 500;
const PAGES: u64 = 1000;
const PACED_BATCHES: u32 = 4000;
const PACED_INTERVAL: Duration = Duration::from_millis(5);

/// A generator of numbers that only have to look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn key(number: u64) -> Vec<u8> {
    format!("/registry/pods/default/pod-{number:010}").into_bytes()
}

struct Run {
    engine: Box<dyn Engine>,
    layout: Layout,
    random: Random,
    keys: u64,
    /// Half of it compresses, as JSON and protobuf do.
    value: Vec<u8>,
    revision: u64,
}

pub(crate) fn run(engine_name: &str, layout: &str, keys: u64, value_bytes: usize, dir: &Path) {
    let mut run = Run {
        engine: engine::open(engine_name, dir),
        layout: Layout::named(layout),
        random: Random(7),
        keys,
        value: vec![b'x'; value_bytes],
        revision: 1,
    };
    println!("{engine_name} {layout}, {keys} keys of {value_bytes} B");
    run.fill();
    run.report_space(dir);
    run.update();
    run.settle();
    run.report_space(dir);
    run.reads();
    run.paced();
    run.compaction();
    run.settle();
    run.report_space(dir);
    let Run { engine, .. } = run;
    let start = Instant::now();
    engine.sync();
    println!("  sync                 {:?}", start.elapsed());
    drop(engine);
    let start = Instant::now();
    let engine = engine::open(engine_name, dir);
    println!("  open                 {:?}", start.elapsed());
    println!("  resident after open  {} MiB", resident_mib());
    drop(engine);
}

impl Run {
    fn put_group(&mut self, keys: &[u64]) -> Duration {
        let start = Instant::now();
        let mut batch = Batch::default();
        for &number in keys {
            self.revision += 1;
            let half = self.value.len() / 2;
            for at in (0..half.saturating_sub(7)).step_by(8) {
                let noise = self.random.next().to_le_bytes();
                self.value[at..at + 8].copy_from_slice(&noise);
            }
            let key = key(number);
            let put = (self.revision, &*key, &*self.value);
            self.layout.put(&*self.engine, &mut batch, put);
        }
        self.engine.write(batch);
        start.elapsed()
    }

    /// Every key once, in an order far from theirs.
    fn fill(&mut self) {
        let mut times = Times::new("fill");
        let stride = 611_953;
        for group in 0..self.keys / GROUP {
            let numbers: Vec<u64> =
                (0..GROUP).map(|at| (group * GROUP + at) * stride % self.keys).collect();
            times.add(GROUP, self.put_group(&numbers));
        }
        times.report();
    }

    fn update(&mut self) {
        let mut times = Times::new("update");
        for _ in 0..self.keys / GROUP / 2 {
            let mut numbers: Vec<u64> = (0..GROUP).map(|_| self.random.below(self.keys)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            times.add(GROUP, self.put_group(&numbers));
        }
        times.report();
    }

    fn reads(&mut self) {
        let mut times = Times::new("get");
        for _ in 0..GETS {
            let key = key(self.random.below(self.keys));
            let start = Instant::now();
            assert!(self.layout.get(&*self.engine, &key).is_some());
            times.add(1, start.elapsed());
        }
        times.report();
        for (name, behind) in
            [("page now", 0), ("page 1% behind", self.keys / 100), ("page 50%", self.keys / 2)]
        {
            let mut times = Times::new(name);
            let revision = self.revision - behind;
            for _ in 0..if behind == 0 { PAGES } else { PAGES / 10 } {
                let from = key(self.random.below(self.keys - 1000));
                let start = Instant::now();
                let mut count = 0;
                let query = (&*from, PAGE, revision);
                self.layout.range(&*self.engine, query, &mut |_| count += 1);
                assert_eq!(count, PAGE);
                times.add(PAGE as u64, start.elapsed());
            }
            times.report();
        }
        let (mut times, start, mut bytes) = (Times::new("whole range"), Instant::now(), 0);
        let query = (&b"/"[..], usize::MAX, self.revision);
        self.layout.range(&*self.engine, query, &mut |record| bytes += record.len());
        times.add(self.keys, start.elapsed());
        times.report();
        let (mut times, start) = (Times::new("catch-up 100k"), Instant::now());
        let query = (self.revision - 100_000, 100_000);
        self.layout.since(&*self.engine, query, &mut |record| bytes += key_of(record).len());
        times.add(100_000, start.elapsed());
        times.report();
        let (mut times, start, mut records) = (Times::new("hash, export"), Instant::now(), 0);
        self.layout.since(&*self.engine, (0, usize::MAX), &mut |record| {
            records += 1;
            bytes += record.len();
        });
        times.add(records, start.elapsed());
        times.report();
        assert!(bytes > 0);
    }

    /// Puts at a rate that every engine can keep up with: what do its threads do to their latency?
    fn paced(&mut self) {
        let mut times: Vec<Duration> = Vec::new();
        let begin = Instant::now();
        for batch in 0..PACED_BATCHES {
            let due = PACED_INTERVAL * batch;
            if let Some(early) = due.checked_sub(begin.elapsed()) {
                std::thread::sleep(early);
            }
            let numbers: Vec<u64> = (0..GROUP).map(|_| self.random.below(self.keys)).collect();
            self.put_group(&numbers);
            // From when it was due, so that one long batch is not counted as one.
            times.push(begin.elapsed() - due);
        }
        times.sort_unstable();
        let at = |part: usize| times[times.len() * part / 10_000];
        println!(
            "  paced, 20,000/s      median {:?}, 99 % {:?}, 99.9 % {:?}, longest {:?}",
            at(5_000),
            at(9_900),
            at(9_990),
            times[times.len() - 1],
        );
    }

    /// Two revisions are compacted for each that is put, up to where the puts begin.
    fn compaction(&mut self) {
        let (to, mut at) = (self.revision, self.keys);
        let (mut puts, mut steps) = (Times::new("put, compacting"), Times::new("compact"));
        while at < to {
            let start = Instant::now();
            let last = (at + 2 * GROUP).min(to);
            let mut batch = Batch::default();
            self.layout.compact(&*self.engine, &mut batch, (at, last));
            self.engine.write(batch);
            steps.add(last - at, start.elapsed());
            at = last + 1;
            let numbers: Vec<u64> = (0..GROUP).map(|_| self.random.below(self.keys)).collect();
            puts.add(GROUP, self.put_group(&numbers));
        }
        puts.report();
        steps.report();
    }

    fn settle(&self) {
        let start = Instant::now();
        self.engine.settle();
        println!("  settled after        {:?}", start.elapsed());
    }

    fn report_space(&self, dir: &Path) {
        println!("  disk {} MiB, resident {} MiB", bytes_below(dir) >> 20, resident_mib());
    }
}

struct Times {
    name: &'static str,
    operations: u64,
    total: Duration,
    longest: Duration,
}

impl Times {
    fn new(name: &'static str) -> Self {
        Self { name, operations: 0, total: Duration::ZERO, longest: Duration::ZERO }
    }

    fn add(&mut self, operations: u64, time: Duration) {
        self.operations += operations;
        self.total += time;
        self.longest = self.longest.max(time);
    }

    fn report(&self) {
        let rate = self.operations as f64 / self.total.as_secs_f64();
        println!("  {:<20} {rate:>12.0}/s   longest {:?}", self.name, self.longest);
    }
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the kernel tells");
    let kib = line.split_whitespace().nth(1).expect("a number follows");
    kib.parse::<u64>().expect("it is a number") / 1024
}

fn bytes_below(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("the directory is ours");
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
