//! Clients that ask as fast as they are answered.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::{PutRequest, RangeRequest, RequestOp, TxnRequest, request_op::Request};
use tokio::task::LocalSet;
use tonic::Status;
use tonic::transport::Channel;

use crate::connections::Connections;
use crate::usage::Usage;

/// A put of one key after another would be one node of a tree after another; so filling goes by
/// transactions, well below the 128 operations that etcd allows in one.
const FILL_BATCH: usize = 100;

/// How many transactions fill at the same time.
const FILL_CLIENTS: usize = 32;

/// What a client asks for. Keys are those that [`fill`] writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// One key, drawn at random, at its newest.
    Get {
        /// Of how many keys it is drawn.
        keys: usize,
        /// Whether the member that is asked answers from what it has.
        serializable: bool,
    },
    /// All keys, this many at a time, at one revision; then again.
    Page {
        /// How many keys one page holds.
        limit: usize,
    },
    /// One key, drawn at random, written.
    Put {
        /// Of how many keys it is drawn.
        keys: usize,
        /// How long its value is.
        value_bytes: usize,
    },
}

/// How much to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Amount {
    /// How many clients ask at the same time, each one thing at a time.
    pub clients: usize,
    /// How long to ask before measuring.
    pub warmup: Duration,
    /// How long to measure.
    pub measured: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Requests that were answered in the measured time.
    pub answered: usize,
    /// Requests that failed, in all the time.
    pub failed: usize,
    /// The last failure.
    pub failure: Option<String>,
    /// The measured time.
    pub seconds: f64,
    /// Half of the answers came faster.
    pub p50: Duration,
    /// One answer in a hundred came slower.
    pub p99: Duration,
    /// CPU time of the servers in the measured time.
    pub server_cpu_seconds: f64,
    /// CPU time of this process in the measured time.
    pub own_cpu_seconds: f64,
    /// The servers' memory at the end.
    pub resident_bytes: u64,
}

impl Outcome {
    /// Answers per second.
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    /// The servers' CPU seconds per thousand answers.
    pub fn cpu_per_thousand(&self) -> f64 {
        self.server_cpu_seconds * 1_000.0 / self.answered as f64
    }
}

/// The n-th key under a prefix. All have the same length, so that their order is that of the
/// numbers.
fn key(prefix: &str, n: usize) -> Vec<u8> {
    format!("{prefix}{n:010}").into_bytes()
}

/// The keys that loads use.
const PREFIX: &str = "load/";

/// The first key behind those.
const PREFIX_END: &[u8] = b"load0";

/// Writes keys under the loads' prefix, from a position up to another, with values of this length,
/// and tells how long it took.
///
/// # Errors
///
/// When a write fails.
pub async fn fill(
    connections: &Connections,
    from: usize,
    to: usize,
    value_bytes: usize,
) -> Result<Duration, Status> {
    let started = Instant::now();
    let next = Rc::new(RefCell::new(from));
    let local = LocalSet::new();
    let clients: Vec<_> = (0..FILL_CLIENTS)
        .map(|n| {
            let (mut client, next) = (connections.client(n), Rc::clone(&next));
            local.spawn_local(async move {
                loop {
                    let first = next.replace_with(|&mut first| (first + FILL_BATCH).min(to));
                    if first >= to {
                        return Ok::<(), Status>(());
                    }
                    let keys = first..(first + FILL_BATCH).min(to);
                    let success = keys.map(|n| put_operation(n, value_bytes)).collect();
                    client.txn(TxnRequest { success, ..TxnRequest::default() }).await?;
                }
            })
        })
        .collect();
    local.await;
    for client in clients {
        client.await.expect("a client neither panics nor is cancelled")?;
    }
    Ok(started.elapsed())
}

fn put_operation(n: usize, value_bytes: usize) -> RequestOp {
    let put = PutRequest {
        key: key(PREFIX, n).into(),
        value: vec![b'v'; value_bytes].into(),
        ..PutRequest::default()
    };
    RequestOp { request: Some(Request::RequestPut(put)) }
}

/// What all clients have noted. They share one thread.
#[derive(Debug, Default)]
struct Tally {
    latencies_us: Vec<u32>,
    failed: usize,
    failure: Option<String>,
}

/// Asks for a while, and measures what the processes with these ids use meanwhile.
///
/// # Panics
///
/// When one of the processes ends.
pub async fn run(connections: &Connections, load: Load, amount: Amount, pids: &[u32]) -> Outcome {
    let usage = || {
        let servers = Usage::of(pids).expect("a server that is measured runs");
        (Instant::now(), servers, Usage::own().expect("this process runs"))
    };
    let tally = Rc::new(RefCell::new(Tally::default()));
    let begin = Instant::now() + amount.warmup;
    let end = begin + amount.measured;
    let local = LocalSet::new();
    for n in 0..amount.clients {
        let client = Client::new(connections.client(n), load, n);
        local.spawn_local(client.ask(begin, end, Rc::clone(&tally)));
    }
    let watch = local.run_until(async {
        tokio::time::sleep_until(begin.into()).await;
        let before = usage();
        tokio::time::sleep_until(end.into()).await;
        (before, usage())
    });
    let ((started, servers_before, own_before), (ended, servers, own)) = watch.await;
    // Each client has one answer to come.
    local.await;

    let mut tally = tally.take();
    let (p50, p99) = percentiles(&mut tally.latencies_us);
    Outcome {
        answered: tally.latencies_us.len(),
        failed: tally.failed,
        failure: tally.failure,
        seconds: (ended - started).as_secs_f64(),
        p50,
        p99,
        server_cpu_seconds: servers - servers_before,
        own_cpu_seconds: own - own_before,
        resident_bytes: servers.resident_bytes,
    }
}

/// The times that half and 99 of a hundred are within; zero of none.
fn percentiles(latencies_us: &mut [u32]) -> (Duration, Duration) {
    latencies_us.sort_unstable();
    let at = |hundredths: usize| {
        let rank = (latencies_us.len() * hundredths).div_ceil(100).saturating_sub(1);
        Duration::from_micros(latencies_us.get(rank).copied().unwrap_or(0).into())
    };
    (at(50), at(99))
}

/// One client and where it is.
struct Client {
    kv: KvClient<Channel>,
    load: Load,
    rng: Rng,
    /// The next page: from which key, at which revision (0 for the newest).
    page: (Vec<u8>, i64),
}

impl Client {
    fn new(kv: KvClient<Channel>, load: Load, n: usize) -> Self {
        let rng = Rng::with_seed(n as u64);
        Self { kv, load, rng, page: (PREFIX.into(), 0) }
    }

    async fn ask(mut self, begin: Instant, end: Instant, tally: Rc<RefCell<Tally>>) {
        loop {
            let asked = Instant::now();
            if asked >= end {
                return;
            }
            let result = self.ask_once().await;
            let answered = Instant::now();
            let mut tally = tally.borrow_mut();
            match result {
                Ok(()) if answered >= begin && answered <= end => {
                    let latency = (answered - asked).as_micros();
                    tally.latencies_us.push(u32::try_from(latency).unwrap_or(u32::MAX));
                }
                Ok(()) => {}
                Err(status) => {
                    tally.failed += 1;
                    tally.failure = Some(status.to_string());
                }
            }
        }
    }

    async fn ask_once(&mut self) -> Result<(), Status> {
        match self.load {
            Load::Get { keys, serializable } => {
                let key = key(PREFIX, self.rng.usize(..keys)).into();
                let request = RangeRequest { key, serializable, ..RangeRequest::default() };
                let answer = self.kv.range(request).await?.into_inner();
                if answer.kvs.is_empty() {
                    return Err(Status::not_found("a key that was filled in is not there"));
                }
            }
            Load::Page { limit } => self.ask_page(limit).await?,
            Load::Put { keys, value_bytes } => {
                let put = PutRequest {
                    key: key(PREFIX, self.rng.usize(..keys)).into(),
                    value: vec![b'p'; value_bytes].into(),
                    ..PutRequest::default()
                };
                self.kv.put(put).await?;
            }
        }
        Ok(())
    }

    async fn ask_page(&mut self, limit: usize) -> Result<(), Status> {
        let (from, revision) = &self.page;
        let request = RangeRequest {
            key: from.clone().into(),
            range_end: PREFIX_END.into(),
            limit: i64::try_from(limit).expect("a page is small"),
            revision: *revision,
            ..RangeRequest::default()
        };
        let answer = self.kv.range(request).await?.into_inner();
        self.page = match (answer.kvs.last(), answer.header) {
            (Some(last), Some(header)) if answer.more => {
                let mut next = last.key.to_vec();
                next.push(0);
                let first_page = *revision == 0;
                (next, if first_page { header.revision } else { *revision })
            }
            _ => (PREFIX.into(), 0),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
