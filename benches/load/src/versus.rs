//! Servers in turn, on the same machine, with the same loads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use integration::{Cluster, Joining, Server};

use crate::closed::{Amount, run};
use crate::fill::fill;
use crate::lease::keep_alives;
use crate::link::Link;
use crate::measure::Measure;
use crate::outcome::Outcome;
use crate::plan::{HISTORY, Plan, Stage, Trial};
use crate::pool::Pool;
use crate::recorder::Recorder;
use crate::report::{Report, plural};
use crate::request::{Load, RANGE, get_any};
use crate::upkeep::{Steady, upkeep};
use crate::usage::{Usage, bytes_below, disk_written};
use crate::watch::{Watching, watch};
use crate::wire::Broken;

/// A small value.
const VALUE_BYTES: usize = 256;

/// A value as Kubernetes has many.
const LARGE_VALUE_BYTES: usize = 1_024;

/// A page as Kubernetes asks for it.
const PAGE_LEN: usize = 500;

/// Walking pages is for a few clients that list, not for a crowd.
const PAGE_CLIENTS: usize = 4;

/// Watchers, the streams they share, and puts a second: first as many as most servers can tell all
/// of, then more than that.
const FAN_OUTS: [(usize, usize, u32); 2] = [(1_000, 1_000, 300), (1_000, 1_000, 600)];
const FAN_OUT_10K: (usize, usize, u32) = (10_000, 1_000, 30);

/// How many leases are kept alive, and how many keep-alives are under way.
const LEASES: usize = 10_000;
const KEEP_ALIVES: usize = 1_000;

/// Puts a second while the server tidies up: well below what it could do.
const STEADY_PUTS: u32 = 1_000;

/// Both kinds of server stop taking puts at 2 GiB, if nobody says otherwise. etcd warns of more
/// than 8 GiB, and takes it.
const FLAGS: [&str; 1] = ["--quota-backend-bytes=34359738368"];

/// How long a member is left alone before what it weighs idle is looked at.
const IDLE: Duration = Duration::from_secs(3);

/// A server that does not serve by then hangs.
const RESTART_MAX: Duration = Duration::from_secs(600);

/// How long one attempt to read may take while a cluster has no leader yet.
const ATTEMPT_MAX: Duration = Duration::from_secs(1);

/// How long to wait between two attempts: little of the shortest restart.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(2);

const MIB: f64 = (1 << 20) as f64;

/// A server and what to call it.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its name in the table.
    pub name: String,
    /// Its binary.
    pub server: Server,
    /// What it is told besides what all are.
    pub flags: Vec<String>,
}

impl Plan {
    /// A report without numbers, for these servers.
    pub fn report(&self, sides: &[Side]) -> Report {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let conditions = format!(
            "{cores} cores, shared by all members and the generator; values of {VALUE_BYTES} bytes \
             that cannot be compressed; {} keys; {} of {:?} a load; {}.",
            self.keys,
            plural(self.rounds, "round"),
            self.measured,
            plural(self.connections, "connection")
        );
        let servers = sides.iter().map(|side| side.name.clone()).collect();
        Report { servers, conditions, ..Report::default() }
    }
}

/// Gives each server its turn, again and again. A turn that fails is noted, and the next one
/// follows.
pub fn compare(sides: &[Side], plan: &Plan, recorder: &mut Recorder) {
    let mut stages: Vec<Stage> = plan.trials.iter().map(|trial| trial.stage()).collect();
    stages.dedup();
    for round in 1..=plan.rounds {
        for &members in &plan.members {
            for (position, side) in sides.iter().enumerate() {
                let words = format!(
                    "round {round}/{}, {}, {}",
                    plan.rounds,
                    plural(members, "member"),
                    side.name
                );
                recorder.begin_turn(position, members, words);
                for &stage in &stages {
                    let mut turn = Turn {
                        plan,
                        members,
                        recorder,
                        seconds_with_few: None,
                        resident_with_few: None,
                    };
                    let result = catch_unwind(AssertUnwindSafe(|| turn.take(side, stage)));
                    let reason = match result {
                        Ok(Ok(())) => continue,
                        Ok(Err(broken)) => broken.to_string(),
                        Err(panic) => reason(&*panic),
                    };
                    recorder.fail(&reason);
                }
            }
        }
    }
}

/// What a panic says.
fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// One server's turn on fresh data.
struct Turn<'a> {
    plan: &'a Plan,
    members: usize,
    recorder: &'a mut Recorder,
    /// How long the first restart took.
    seconds_with_few: Option<f64>,
    /// How many MiB were resident when it was looked at for the first time.
    resident_with_few: Option<f64>,
}

impl Turn<'_> {
    fn take(&mut self, side: &Side, stage: Stage) -> Result<(), Broken> {
        let own = side.flags.iter().map(String::as_str);
        let flags: Vec<&str> = FLAGS.iter().chain(stage.flags()).copied().chain(own).collect();
        // Until the members are gone.
        let link =
            self.plan.weather.map(|weather| Link::make(self.members, weather)).transpose()?;
        let places = link.as_ref().map_or(&[][..], Link::places);
        let mut cluster = Cluster::prepare_at(places, &side.server, self.members, &flags);
        cluster.start_all();
        cluster.leader();
        let Plan { keys, keys_max, .. } = *self.plan;
        match stage {
            Stage::Few => {
                if self.plan.has(Trial::Idle) {
                    self.idle(&mut cluster)?;
                }
                self.fill(&mut cluster, 0, keys)?;
                self.recorder.done(self.plan.stage_estimate(stage, self.members));
                for &trial in self.plan.trials.iter().filter(|trial| trial.stage() == stage) {
                    self.ask(&mut cluster, trial)?;
                    self.recorder.done(self.plan.trial_estimate(trial, self.members));
                }
            }
            Stage::Upkeep => {
                for _ in 0..HISTORY {
                    self.fill(&mut cluster, 0, keys)?;
                }
                self.recorder.done(self.plan.stage_estimate(stage, self.members));
                self.upkeep(&mut cluster)?;
                self.recorder.done(self.plan.trial_estimate(Trial::Maintenance, self.members));
            }
            Stage::Unsynced => {
                self.fill(&mut cluster, 0, keys)?;
                self.recorder.done(self.plan.stage_estimate(stage, self.members));
                let load = Load::Put { keys, value_bytes: VALUE_BYTES };
                for &clients in &self.plan.clients {
                    self.run(&mut cluster, "put without syncs", load, clients)?;
                }
                self.recorder.done(self.plan.trial_estimate(Trial::Unsynced, self.members));
            }
            Stage::Trimmed => {
                self.fill(&mut cluster, 0, keys)?;
                self.recorder.done(self.plan.stage_estimate(stage, self.members));
                self.join(&mut cluster, keys)?;
                self.recorder.done(self.plan.trial_estimate(Trial::Join, self.members));
            }
            Stage::Many => {
                self.fill(&mut cluster, 0, keys)?;
                self.weigh(&mut cluster, keys)?;
                self.fill(&mut cluster, keys, keys_max)?;
                self.recorder.done(self.plan.stage_estimate(stage, self.members));
                self.weigh(&mut cluster, keys_max)?;
                for &trial in self.plan.trials.iter().filter(|trial| trial.stage() == stage) {
                    self.recorder.done(self.plan.trial_estimate(trial, self.members));
                }
            }
        }
        Ok(())
    }

    /// What a member weighs that has only been started.
    fn idle(&mut self, cluster: &mut Cluster) -> Result<(), Broken> {
        thread::sleep(IDLE);
        let usage = Usage::of(&pids(cluster))?;
        let each = MIB * self.members as f64;
        self.recorder.note("idle, each", Measure::ResidentMib, usage.resident_bytes as f64 / each);
        let anonymous = usage.anonymous_bytes as f64 / each;
        self.recorder.note("idle, each", Measure::AnonymousMib, anonymous);
        Ok(())
    }

    /// A load that is put on the few keys.
    fn ask(&mut self, cluster: &mut Cluster, trial: Trial) -> Result<(), Broken> {
        let keys = self.plan.keys;
        let value_bytes = VALUE_BYTES;
        let (name, load) = match trial {
            Trial::Page => {
                let name = format!("page of {PAGE_LEN} of {keys} keys");
                let load = Load::Page { keys, limit: PAGE_LEN };
                return self.run(cluster, &name, load, PAGE_CLIENTS);
            }
            Trial::Range => {
                let name = format!("whole range of {keys} keys");
                return self.run(cluster, &name, Load::Range { keys }, 1);
            }
            Trial::Get => ("linearizable get", Load::Get { keys, serializable: false }),
            Trial::SerializableGet => ("serializable get", Load::Get { keys, serializable: true }),
            Trial::Put => ("put", Load::Put { keys, value_bytes }),
            Trial::Put1k => ("put of 1 KiB", Load::Put { keys, value_bytes: LARGE_VALUE_BYTES }),
            Trial::Mix => ("nine gets for a put", Load::Mix { keys, value_bytes }),
            Trial::Txn => ("transaction", Load::Txn { keys, value_bytes }),
            Trial::Watch => return self.watch(cluster, None),
            Trial::FanOut => {
                for fan_out in FAN_OUTS {
                    self.watch(cluster, Some(fan_out))?;
                }
                return Ok(());
            }
            Trial::FanOut10k => return self.watch(cluster, Some(FAN_OUT_10K)),
            Trial::Lease => return self.keep_alives(cluster),
            Trial::Idle
            | Trial::Maintenance
            | Trial::Million
            | Trial::Restart
            | Trial::Unsynced
            | Trial::Join => return Ok(()),
        };
        for &clients in &self.plan.clients {
            self.run(cluster, name, load, clients)?;
        }
        Ok(())
    }

    fn run(
        &mut self,
        cluster: &mut Cluster,
        name: &str,
        load: Load,
        clients: usize,
    ) -> Result<(), Broken> {
        let Plan { warmup, measured, .. } = *self.plan;
        let pids = pids(cluster);
        let mut pool = self.pool(cluster)?;
        let before = disk_written(cluster.path())?;
        let outcome = run(&mut pool, load, Amount { clients, warmup, measured }, &pids)?;
        let after = disk_written(cluster.path())?;
        let far = if self.plan.weather.is_some() { " over a bad link" } else { "" };
        let name = format!("{name}{far}, {}", plural(clients, "client"));
        self.recorder.note_outcome(&name, &outcome);
        if matches!(load, Load::Put { .. } | Load::Txn { .. }) {
            self.note_written(&name, before, after, outcome.answered_ever as f64);
        }
        Ok(())
    }

    fn note_written(&mut self, name: &str, before: Option<u64>, after: Option<u64>, each: f64) {
        if let (Some(before), Some(after)) = (before, after) {
            let written = (after - before) as f64 / 1_024.0 / each;
            self.recorder.note(name, Measure::WrittenKib, written);
        }
    }

    /// One watcher that hears of each put before the next; or a crowd, and puts at a steady rate.
    fn watch(
        &mut self,
        cluster: &mut Cluster,
        crowd: Option<(usize, usize, u32)>,
    ) -> Result<(), Broken> {
        let (watchers, streams, _) = crowd.unwrap_or((1, 1, 0));
        let watching = Watching {
            watchers,
            streams,
            per_second: crowd.map(|(.., rate)| rate),
            value_bytes: VALUE_BYTES,
            warmup: self.plan.warmup,
            measured: self.plan.measured,
        };
        let pids = pids(cluster);
        let outcome = watch(&mut self.pool(cluster)?, watching, &pids)?;
        let name = match crowd {
            None => "one watcher, one put after the other".to_owned(),
            Some((.., rate)) => format!("{watchers} watchers of {rate} puts a second"),
        };
        self.recorder.note_outcome(&name, &outcome);
        Ok(())
    }

    fn keep_alives(&mut self, cluster: &mut Cluster) -> Result<(), Broken> {
        let Plan { warmup, measured, .. } = *self.plan;
        let pids = pids(cluster);
        let amount = Amount { clients: KEEP_ALIVES, warmup, measured };
        let outcome = keep_alives(&mut self.pool(cluster)?, LEASES, amount, &pids)?;
        self.recorder.note_outcome(&format!("keep-alives of {LEASES} leases"), &outcome);
        Ok(())
    }

    fn upkeep(&mut self, cluster: &mut Cluster) -> Result<(), Broken> {
        let steady = Steady {
            per_second: STEADY_PUTS,
            keys: self.plan.keys,
            value_bytes: VALUE_BYTES,
            phase: self.plan.measured,
        };
        let upkeep = upkeep(&mut self.pool(cluster)?, steady, self.members)?;
        let load = format!("{STEADY_PUTS} puts a second");
        let (p99, longest) = {
            let calm = &upkeep.calm.outcome.latencies;
            (calm.quantile(0.99).as_secs_f64(), calm.longest().as_secs_f64())
        };
        self.recorder.note_phase(&format!("{load} in calm"), &upkeep.calm);
        for (chore, phase) in
            [("compaction", &upkeep.compaction), ("Defragment", &upkeep.defragment)]
        {
            let load = format!("{load} during {chore}");
            self.recorder.note_phase(&load, phase);
            let latencies = &phase.outcome.latencies;
            let p99 = latencies.quantile(0.99).as_secs_f64() / p99;
            self.recorder.note(&load, Measure::P99ToCalm, p99);
            let longest = latencies.longest().as_secs_f64() / longest;
            self.recorder.note(&load, Measure::LongestToCalm, longest);
            self.recorder.note(&load, Measure::Seconds, phase.chore.as_secs_f64());
        }
        self.recorder.note_timeline(&load, upkeep);
        Ok(())
    }

    /// What keys weigh, and how long a cluster that is killed needs to serve them again.
    fn weigh(&mut self, cluster: &mut Cluster, keys: usize) -> Result<(), Broken> {
        let name = format!("{keys} keys");
        if self.plan.has(Trial::Million) {
            let resident = self.note_memory(&name, cluster)?;
            match self.resident_with_few {
                None => self.resident_with_few = Some(resident),
                Some(few) => self.recorder.note(&name, Measure::ResidentToFew, resident / few),
            }
            let mut files = 0;
            for member in &cluster.members {
                files += bytes_below(&member.data_dir)?;
            }
            self.recorder.note(&name, Measure::DiskMib, files as f64 / MIB);
        }
        if self.plan.has(Trial::Restart) {
            self.restart(&format!("restart with {name}"), cluster)?;
        }
        Ok(())
    }

    /// From the processes' start to the first linearizable get.
    fn restart(&mut self, name: &str, cluster: &mut Cluster) -> Result<(), Broken> {
        thread::scope(|scope| {
            for member in &mut cluster.members {
                scope.spawn(|| member.kill());
            }
        });
        let started = Instant::now();
        for member in &mut cluster.members {
            member.spawn();
        }
        let endpoints = cluster.endpoints();
        while !serves(&endpoints) {
            if started.elapsed() > RESTART_MAX {
                return Err(Broken(format!("{name}: no answer within {RESTART_MAX:?}")));
            }
            thread::sleep(ATTEMPT_INTERVAL);
        }
        let seconds = started.elapsed().as_secs_f64();
        self.recorder.note(name, Measure::Seconds, seconds);
        match self.seconds_with_few {
            None => self.seconds_with_few = Some(seconds),
            Some(few) => self.recorder.note(name, Measure::SecondsToFew, seconds / few),
        }
        for member in &mut cluster.members {
            member.wait_until_ready();
        }
        cluster.leader();
        self.note_memory(name, cluster)?;
        Ok(())
    }

    /// From a new member's start until it has all that the others have. Their logs begin so late
    /// that it needs a snapshot.
    fn join(&mut self, cluster: &mut Cluster, keys: usize) -> Result<(), Broken> {
        let name = format!("a new member with {keys} keys");
        let position = cluster.add(Joining::AsLearner);
        let started = Instant::now();
        cluster.members[position].start();
        while !are_level(cluster)? {
            if started.elapsed() > RESTART_MAX {
                return Err(Broken(format!("{name}: not level within {RESTART_MAX:?}")));
            }
            thread::sleep(ATTEMPT_INTERVAL);
        }
        self.recorder.note(&name, Measure::Seconds, started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Keeps what the members weigh; how much of it is resident.
    fn note_memory(&mut self, name: &str, cluster: &mut Cluster) -> Result<f64, Broken> {
        let usage = Usage::of(&pids(cluster))?;
        let resident = usage.resident_bytes as f64 / MIB;
        self.recorder.note(name, Measure::ResidentMib, resident);
        self.recorder.note(name, Measure::AnonymousMib, usage.anonymous_bytes as f64 / MIB);
        Ok(resident)
    }

    fn fill(&mut self, cluster: &mut Cluster, from: usize, to: usize) -> Result<(), Broken> {
        let pids = pids(cluster);
        let mut pool = self.pool(cluster)?;
        let before = disk_written(cluster.path())?;
        let outcome = fill(&mut pool, from, to, VALUE_BYTES, &pids)?;
        if to == self.plan.keys_max {
            let after = disk_written(cluster.path())?;
            let Outcome { servers, measured, .. } = outcome;
            let (name, keys) = (format!("fill up to {to} keys"), (to - from) as f64);
            self.recorder.note(&name, Measure::PerSecond, keys / measured.as_secs_f64());
            let cpu = servers.cpu_seconds * 1_000.0 / keys;
            self.recorder.note(&name, Measure::CpuPerThousand, cpu);
            self.note_written(&name, before, after, keys);
        }
        Ok(())
    }

    /// Connections to all members, the leader first, so that a client alone is the leader's; once
    /// the members are done with what was asked before.
    fn pool(&self, cluster: &mut Cluster) -> Result<Pool, Broken> {
        let mut endpoints = cluster.endpoints();
        endpoints.rotate_left(cluster.leader());
        let mut pool = Pool::open(&endpoints, self.plan.connections)?;
        pool.settle()?;
        Ok(pool)
    }
}

/// Whether any member serves a linearizable get.
fn serves(endpoints: &[String]) -> bool {
    endpoints.iter().any(|endpoint| {
        let pool = Pool::open(std::slice::from_ref(endpoint), 1);
        pool.is_ok_and(|mut pool| pool.ask(RANGE, &get_any(), ATTEMPT_MAX).is_ok())
    })
}

/// Whether all members have applied the same.
fn are_level(cluster: &mut Cluster) -> Result<bool, Broken> {
    let statuses = cluster.statuses().map_err(Broken)?;
    let mut revisions = statuses.iter().map(|(_, status)| status.revision);
    let first = revisions.next();
    Ok(revisions.all(|revision| Some(revision) == first))
}

fn pids(cluster: &mut Cluster) -> Vec<u32> {
    cluster.members.iter_mut().map(|member| member.process().pid()).collect()
}
