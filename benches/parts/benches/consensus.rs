//! Consensus: proposals until all members have applied them, with disks and networks that take no
//! time, and the same of a library.

use std::time::Duration;

use bytes::Bytes;
use consensus::{Config, Consensus, Effect, Limits, Marker, ReadPolicy, Role, Start};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parts_bench::raw::Group;
use server::{ConsensusPart, Parts};
use units::{ConfState, HardState, Index, NodeId, Position, Term, Time};

/// Proposals at once: what a busy member takes up together.
const BATCH: usize = 100;

/// Bytes of a proposal.
const COMMAND_BYTES: usize = 300;

/// A marker under which a founded log begins.
const FOUNDED: Position = Position { term: Term(1), index: Index(1) };

const LIMITS: Limits = Limits {
    message_bytes_max: 1 << 20,
    inflight_messages_max: 512,
    inflight_bytes_max: 16 << 20,
    uncommitted_bytes_max: 1 << 30,
    cached_bytes_max: 16 << 20,
    apply_bytes_max: 1 << 20,
};

/// Members that hear and keep everything at once.
struct World {
    machines: Vec<Box<dyn Consensus>>,
    now: Time,
    applied: Vec<Index>,
}

impl World {
    fn new(part: &dyn ConsensusPart, members: u64) -> Self {
        let voters = (1..=members).map(NodeId).collect();
        let marker =
            Marker { position: FOUNDED, conf_state: ConfState { voters, ..ConfState::default() } };
        let now = Time(Duration::ZERO);
        let machine = |id: u64| {
            let hard_state = HardState { term: Term(1), vote: None, commit: FOUNDED.index };
            let start = Start {
                marker: marker.clone(),
                hard_state,
                runs: Vec::new(),
                last: FOUNDED,
                applied: FOUNDED.index,
            };
            part.make(now, config(id), start)
        };
        let machines = (1..=members).map(machine).collect();
        let applied = vec![FOUNDED.index; members as usize];
        let mut this = Self { machines, now, applied };
        this.elect();
        this
    }

    /// Lets time pass until somebody leads.
    fn elect(&mut self) {
        while self.leader().is_none() {
            let deadlines = self.machines.iter().filter_map(|machine| machine.deadline());
            self.now = deadlines.min().unwrap_or(self.now).max(self.now);
            for machine in &mut self.machines {
                machine.handle_timeout(self.now);
            }
            self.settle();
        }
    }

    fn leader(&self) -> Option<usize> {
        self.machines.iter().position(|machine| machine.status().role == Role::Leader)
    }

    /// Does what they want until they want nothing.
    fn settle(&mut self) {
        let mut is_busy = true;
        while is_busy {
            is_busy = false;
            for at in 0..self.machines.len() {
                while let Some(effect) = self.machines[at].poll() {
                    is_busy = true;
                    self.act(at, effect);
                }
            }
        }
    }

    fn act(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Append { ticket, .. } => self.machines[at].persisted(self.now, ticket),
            Effect::Apply { entries } => {
                let last = entries.last().map_or(self.applied[at], |entry| entry.index);
                self.applied[at] = last;
                self.machines[at].applied(self.now, last);
            }
            Effect::Send(message) => {
                let to = usize::try_from(message.to.0).expect("members are few") - 1;
                self.machines[to].step(self.now, message);
            }
            Effect::Changed(_) => {}
            other => panic!("nothing of this kind is needed here: {other:?}"),
        }
    }

    /// Proposes, and waits until all have applied it.
    fn order(&mut self, leader: usize, commands: Vec<Bytes>) {
        let wanted = Index(self.applied[leader].0 + commands.len() as u64);
        self.machines[leader].propose(self.now, commands).expect("it leads");
        self.settle();
        while self.applied.iter().any(|applied| *applied < wanted) {
            // Followers hear of the last commit with the next heartbeat.
            let deadlines = self.machines.iter().filter_map(|machine| machine.deadline());
            self.now = deadlines.min().expect("somebody waits for something").max(self.now);
            for machine in &mut self.machines {
                machine.handle_timeout(self.now);
            }
            self.settle();
        }
    }
}

fn config(id: u64) -> Config {
    Config {
        id: NodeId(id),
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_secs(1),
        pre_vote: true,
        check_quorum: true,
        reads: ReadPolicy::Quorum,
        limits: LIMITS,
        seed: id,
    }
}

fn consensus(criterion: &mut Criterion) {
    let parts = Parts::compiled_in();
    let command = Bytes::from(vec![b'x'; COMMAND_BYTES]);
    let mut group = criterion.benchmark_group("order a hundred proposals");
    group.throughput(Throughput::Elements(BATCH as u64));
    for name in parts.consensus.names() {
        let part = parts.consensus.get(name).expect("it has just been named");
        for members in [1, 3] {
            if part.members_max().is_some_and(|max| max < members) {
                continue;
            }
            let mut world = World::new(&*part, members as u64);
            let leader = world.leader().expect("somebody was elected");
            group.bench_function(BenchmarkId::new(name, members), |bencher| {
                bencher.iter(|| world.order(leader, vec![command.clone(); BATCH]));
            });
            if let Some(mut raw) = Group::of(name, members as u64) {
                let commands = vec![command.clone(); BATCH];
                group.bench_function(
                    BenchmarkId::new(format!("{name}, raw"), members),
                    |bencher| {
                        bencher.iter(|| raw.order(&commands));
                    },
                );
            }
        }
    }
    group.finish();
}

criterion_group!(benches, consensus);
criterion_main!(benches);
