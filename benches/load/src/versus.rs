//! Two servers in turn, on the same machine, with the same loads.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use integration::{Cluster, Server};
use tokio::runtime::Runtime;

use crate::connections::Connections;
use crate::drive::{Amount, Load, Outcome, fill, run};
use crate::report::{Measure, Report, Sample};
use crate::usage::Usage;

/// 256 bytes, a small value.
const VALUE_BYTES: usize = 256;

/// A page as Kubernetes asks for it.
const PAGE_LEN: usize = 500;

/// Walking pages is for a few clients that list, not for a crowd.
const PAGE_CLIENTS: usize = 4;

/// A server that does not serve by then hangs.
const RESTART_MAX: Duration = Duration::from_secs(600);

/// How long one attempt to read may take while a cluster has no leader yet.
const ATTEMPT_MAX: Duration = Duration::from_secs(1);

const MIB: f64 = (1 << 20) as f64;

/// How much is asked of each server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Sizes of clusters to try.
    pub members: Vec<usize>,
    /// How often each server has its turn, each time with fresh data.
    pub rounds: usize,
    /// How many clients are a crowd.
    pub crowd: usize,
    /// How many connections the crowd shares.
    pub connections: usize,
    /// How many keys there are for gets, puts and pages.
    pub keys: usize,
    /// How many keys there are when memory, files and the restart are looked at.
    pub keys_max: usize,
    /// How long to ask before measuring.
    pub warmup: Duration,
    /// How long to measure each load.
    pub measured: Duration,
}

impl Plan {
    /// What a release is measured by: about half an hour.
    pub fn full() -> Self {
        Self {
            members: vec![1, 3],
            rounds: 2,
            crowd: 1_000,
            connections: 20,
            keys: 100_000,
            keys_max: 1_000_000,
            warmup: Duration::from_secs(2),
            measured: Duration::from_secs(10),
        }
    }

    /// A look at whether something has changed much: a few minutes.
    pub fn quick() -> Self {
        Self {
            keys: 20_000,
            keys_max: 50_000,
            warmup: Duration::from_millis(500),
            measured: Duration::from_secs(3),
            ..Self::full()
        }
    }
}

/// Compares: the reference, the candidate, the reference, and so on.
///
/// # Panics
///
/// When a server does not start, or fails what is asked of it.
pub fn compare(reference: &Server, candidate: &Server, plan: &Plan) -> Report {
    let mut samples = Vec::new();
    for &members in &plan.members {
        for round in 1..=plan.rounds {
            for (server, is_candidate) in [(reference, false), (candidate, true)] {
                let what = format!(
                    "members {members}, round {round}/{}, {}",
                    plan.rounds,
                    describe(server)
                );
                Turn { plan, members, is_candidate, what, samples: &mut samples }.take(server);
            }
        }
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let conditions = format!(
        "{cores} cores, shared with the generator and all members; values of {VALUE_BYTES} bytes; \
         {} keys, at the end {}; {} rounds of {:?} a load; {} connections.",
        plan.keys, plan.keys_max, plan.rounds, plan.measured, plan.connections
    );
    Report::new(describe(reference), describe(candidate), conditions, &samples)
}

/// A server's path and version.
fn describe(server: &Server) -> String {
    let (major, minor, patch) = server.version;
    let name = server.path.file_name().unwrap_or_default().to_string_lossy();
    format!("{name} ({major}.{minor}.{patch})")
}

/// Where clients reach the members, the leader first, so that a client alone is the leader's.
fn leader_first(cluster: &mut Cluster) -> Vec<String> {
    let mut endpoints = cluster.endpoints();
    endpoints.rotate_left(cluster.leader());
    endpoints
}

/// One server's turn on fresh data.
struct Turn<'a> {
    plan: &'a Plan,
    members: usize,
    is_candidate: bool,
    what: String,
    samples: &'a mut Vec<Sample>,
}

impl Turn<'_> {
    fn take(mut self, server: &Server) {
        let mut cluster = Cluster::prepare(server, self.members, &[]);
        cluster.start_all();
        cluster.leader();
        self.ask(&mut cluster);
        self.weigh(&mut cluster);
        self.restart(&mut cluster);
    }

    /// Gets, puts and pages.
    fn ask(&mut self, cluster: &mut Cluster) {
        let Plan { keys, crowd, .. } = *self.plan;
        self.fill(cluster, 0, keys);
        let get = |serializable| Load::Get { keys, serializable };
        let put = Load::Put { keys, value_bytes: VALUE_BYTES };
        self.run(cluster, "page of 500 keys", Load::Page { limit: PAGE_LEN }, PAGE_CLIENTS);
        for (name, load) in
            [("linearizable get", get(false)), ("serializable get", get(true)), ("put", put)]
        {
            for clients in [1, crowd] {
                self.run(cluster, name, load, clients);
            }
        }
    }

    /// Many keys, and what they weigh.
    fn weigh(&mut self, cluster: &mut Cluster) {
        let Plan { keys, keys_max, .. } = *self.plan;
        self.fill(cluster, keys, keys_max);
        let name = format!("{keys_max} keys");
        let usage = Usage::of(&pids(cluster)).expect("the members run");
        self.note(&name, Measure::ResidentMib, usage.resident_bytes as f64 / MIB);
        let files: u64 = cluster
            .members
            .iter()
            .map(|member| bytes_below(&member.data_dir).expect("the members' files can be listed"))
            .sum();
        self.note(&name, Measure::DiskMib, files as f64 / MIB);
    }

    /// From the processes' start to the first linearizable get.
    fn restart(&mut self, cluster: &mut Cluster) {
        let name = format!("restart with {} keys", self.plan.keys_max);
        thread::scope(|scope| {
            for member in &mut cluster.members {
                scope.spawn(|| member.terminate());
            }
        });
        let started = Instant::now();
        for member in &mut cluster.members {
            member.spawn();
        }
        let endpoints = cluster.endpoints();
        runtime().block_on(async {
            while first_get(&endpoints).await.is_none() {
                assert!(started.elapsed() < RESTART_MAX, "{}: no answer", self.what);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        self.note(&name, Measure::Seconds, started.elapsed().as_secs_f64());
        for member in &mut cluster.members {
            member.wait_until_ready();
        }
        let usage = Usage::of(&pids(cluster)).expect("the members run");
        self.note(&name, Measure::ResidentMib, usage.resident_bytes as f64 / MIB);
    }

    fn fill(&mut self, cluster: &mut Cluster, from: usize, to: usize) {
        let before = Usage::of(&pids(cluster)).expect("the members run");
        let endpoints = leader_first(cluster);
        let took = runtime().block_on(async {
            let connections = self.connect(&endpoints).await;
            fill(&connections, from, to, VALUE_BYTES).await
        });
        let took = took.unwrap_or_else(|status| panic!("{}: fill: {status}", self.what));
        let cpu = Usage::of(&pids(cluster)).expect("the members run") - before;
        let name = format!("fill {from} to {to}, 100 a transaction");
        let keys = (to - from) as f64;
        self.note(&name, Measure::PerSecond, keys / took.as_secs_f64());
        self.note(&name, Measure::CpuPerThousand, cpu * 1_000.0 / keys);
    }

    fn run(&mut self, cluster: &mut Cluster, name: &str, load: Load, clients: usize) {
        let Plan { warmup, measured, .. } = *self.plan;
        let pids = pids(cluster);
        let endpoints = leader_first(cluster);
        let outcome = runtime().block_on(async {
            let connections = self.connect(&endpoints).await;
            run(&connections, load, Amount { clients, warmup, measured }, &pids).await
        });
        let name = if clients == 1 {
            format!("{name}, 1 client")
        } else {
            format!("{name}, {clients} clients")
        };
        self.note_outcome(&name, &outcome);
    }

    /// Connects to all of them, in this order: a client alone speaks to the first.
    async fn connect(&self, endpoints: &[String]) -> Connections {
        Connections::open(endpoints, self.plan.connections)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }

    fn note_outcome(&mut self, name: &str, outcome: &Outcome) {
        let Outcome { answered, failed, failure, .. } = outcome;
        assert!(*answered > 0, "{}: {name}: no answer; {failure:?}", self.what);
        if *failed > 0 {
            eprintln!("{}: {name}: {failed} failed, the last by {failure:?}", self.what);
        }
        for (measure, value) in [
            (Measure::PerSecond, outcome.per_second()),
            (Measure::P50Ms, outcome.p50.as_secs_f64() * 1_000.0),
            (Measure::P99Ms, outcome.p99.as_secs_f64() * 1_000.0),
            (Measure::CpuPerThousand, outcome.cpu_per_thousand()),
        ] {
            self.note(name, measure, value);
        }
    }

    /// Keeps a number, and shows it to whoever waits.
    fn note(&mut self, load: &str, measure: Measure, value: f64) {
        eprintln!("{}: {load}: {value:.4} {}", self.what, measure.name());
        self.samples.push(Sample {
            members: self.members,
            load: load.to_owned(),
            measure,
            is_candidate: self.is_candidate,
            value,
        });
    }
}

/// A linearizable get by whichever member serves it, if one does.
async fn first_get(endpoints: &[String]) -> Option<()> {
    for endpoint in endpoints {
        let attempt = async {
            let connections = Connections::open(std::slice::from_ref(endpoint), 1).await.ok()?;
            connections.get_any().await.ok()
        };
        if let Ok(Some(())) = tokio::time::timeout(ATTEMPT_MAX, attempt).await {
            return Some(());
        }
    }
    None
}

/// A thread of its own for each load, so that nothing of the last one is left.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs a few descriptors only")
}

fn pids(cluster: &mut Cluster) -> Vec<u32> {
    cluster.members.iter_mut().map(|member| member.process().pid()).collect()
}

/// What the files below a folder take on the disk.
fn bytes_below(dir: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // A running server removes files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // Blocks are of 512 bytes, whatever the file system's are.
        sum += metadata.blocks() * 512;
        if metadata.is_dir() {
            sum += bytes_below(&entry.path())?;
        }
    }
    Ok(sum)
}
