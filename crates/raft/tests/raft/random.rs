//! Random clusters in random trouble, and what must be true of them whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use consensus::suite::{Cluster, Make, Member, encode};
use consensus::{Config, Limits, ReadPolicy, ReadTicket, Role};
use units::{ConfState, EntryKind, Index, NodeId};

use crate::oracle::{Oracle, Tally};
use crate::show;

/// How many worlds `cargo test` looks at; `RAFT_SEEDS=from..to` asks for others.
const SEEDS: std::ops::Range<u64> = 0..2_000;

/// Steps of trouble in a world, before everything is healed and must come to rest.
const STEPS: usize = 2_000;

/// A generator that is the same everywhere (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = dice.roll(2));
        dice
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (bits as usize * sides) >> 32
    }

    /// True in so many of a thousand cases.
    pub(crate) fn chance(&mut self, per_mille: usize) -> bool {
        self.roll(1000) < per_mille
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.roll(from.len())]) }
    }
}

/// How likely each trouble is in a world; most are absent from most worlds.
struct Trouble {
    lose: usize,
    double: usize,
    reorder: usize,
    crash: usize,
    cut: usize,
    pause: usize,
    change: usize,
    transfer: usize,
    trim: usize,
    slow_disk: usize,
    /// How many ms may pass at once.
    haste: usize,
}

struct World {
    cluster: Cluster,
    oracle: Oracle,
    dice: Dice,
    trouble: Trouble,
    template: Config,
    paused: BTreeSet<NodeId>,
    /// Removed for good, as whoever runs them would do.
    retired: BTreeSet<NodeId>,
    next_id: u64,
    next_ticket: u64,
    proposed: usize,
}

impl World {
    fn new(make: Make, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut some = |often, much| if dice.chance(often) { 1 + dice.roll(much) } else { 0 };
        let trouble = Trouble {
            lose: some(500, 200),
            double: some(300, 100),
            reorder: some(500, 1000),
            crash: some(600, 150),
            cut: some(600, 200),
            pause: some(300, 100),
            change: some(500, 150),
            transfer: some(300, 100),
            trim: some(500, 150),
            slow_disk: some(500, 900),
            haste: 20 + dice.roll(600),
        };
        let voters: Vec<_> = (1..=1 + dice.roll(5) as u64).map(NodeId).collect();
        let template = config(&mut dice, seed);
        let conf = ConfState { voters, ..ConfState::default() };
        let mut cluster = Cluster::new(make, conf.clone());
        for id in &conf.voters {
            cluster.add(Config { id: *id, ..template.clone() });
        }
        Self {
            next_id: conf.voters.len() as u64 + 1,
            cluster,
            oracle: Oracle::default(),
            dice,
            trouble,
            template,
            paused: BTreeSet::new(),
            retired: BTreeSet::new(),
            next_ticket: 0,
            proposed: 0,
        }
    }

    fn live(&mut self, steps: usize) {
        for step in 0..steps {
            match self.dice.roll(100) {
                0..40 => self.network(),
                40..55 => self.disk(),
                55..70 => self.engine(),
                70..80 => self.time(),
                80..88 => self.clients(),
                _ => self.mishap(),
            }
            if step % 64 == 0 {
                self.oracle.logs_match(&self.cluster);
            }
        }
    }

    fn look(&mut self, id: NodeId) {
        self.oracle.look(&mut self.cluster, id);
    }

    fn up(&self) -> Vec<NodeId> {
        let up = |(id, member): (&NodeId, &Member)| {
            (member.machine.is_some() && !self.paused.contains(id)).then_some(*id)
        };
        self.cluster.members.iter().filter_map(up).collect()
    }

    fn network(&mut self) {
        for _ in 0..self.dice.roll(8) {
            let waiting = self.cluster.network.len();
            if waiting == 0 {
                return;
            }
            let reorder = self.dice.chance(self.trouble.reorder);
            let place = if reorder { self.dice.roll(waiting) } else { 0 };
            let message = self.cluster.network.remove(place).expect("it is there");
            let to = message.to;
            if self.paused.contains(&to) {
                self.cluster.network.push_back(message);
                continue;
            }
            if self.dice.chance(self.trouble.double) {
                self.cluster.network.push_back(message.clone());
            }
            if self.dice.chance(self.trouble.lose) {
                self.cluster.lose(message);
            } else {
                self.cluster.deliver(message);
            }
            if self.cluster.members.contains_key(&to) {
                self.look(to);
            }
        }
        // What is never delivered is lost in the end.
        while self.cluster.network.len() > 400 {
            let message = self.cluster.network.pop_front().expect("it is there");
            self.cluster.lose(message);
        }
    }

    fn disk(&mut self) {
        for id in self.up() {
            let writes = self.cluster.member(id).writes();
            if writes > 0 && !self.dice.chance(self.trouble.slow_disk) {
                let writes = 1 + self.dice.roll(writes);
                self.cluster.with(id, |member| member.sync(writes));
                self.look(id);
            }
        }
    }

    fn engine(&mut self) {
        for id in self.up() {
            self.cluster.with(id, Member::read_log);
            self.look(id);
            if self.dice.chance(700) && self.cluster.member(id).applies() > 0 {
                self.cluster.with(id, Member::apply);
                self.look(id);
                self.oracle.applied(self.cluster.member(id));
            }
            if self.dice.chance(300) {
                self.cluster.member(id).flush_engine();
            }
            if self.dice.chance(self.trouble.trim) {
                let durable = self.cluster.member(id).engine_durable;
                self.cluster.with(id, |member| member.trim(durable));
                self.look(id);
            }
        }
    }

    fn time(&mut self) {
        let span = Duration::from_millis(1 + self.dice.roll(self.trouble.haste) as u64);
        for member in self.cluster.members.values_mut() {
            member.now = member.now + span;
        }
        for id in self.up() {
            let member = self.cluster.member(id);
            if member.deadline().is_some_and(|at| at <= member.now) {
                self.cluster.call(id, |machine, now| machine.handle_timeout(now));
                self.look(id);
            }
        }
    }

    fn clients(&mut self) {
        let up = self.up();
        let leads = |id: &NodeId| {
            let status = self.cluster.members[id].status();
            status.is_some_and(|status| status.role == Role::Leader)
        };
        // Whoever leads, or still believes to, is most likely to say what is not true.
        let leaders: Vec<_> = up.iter().copied().filter(leads).collect();
        let asked = if self.dice.chance(600) { &leaders } else { &up };
        let Some(id) = self.dice.pick(asked) else { return };
        if self.dice.chance(400) {
            self.next_ticket += 1;
            let ticket = ReadTicket(self.next_ticket);
            self.oracle.asked(ticket.0);
            self.cluster.call(id, |machine, now| machine.read_index(now, ticket).ok());
        } else {
            let count = 1 + self.dice.roll(4);
            let commands = (0..count).map(|_| self.command()).collect();
            self.cluster.call(id, |machine, now| machine.propose(now, commands).ok());
        }
        self.look(id);
    }

    /// No two are alike.
    fn command(&mut self) -> Bytes {
        self.proposed += 1;
        Bytes::from(format!("{:>width$}", self.proposed, width = self.dice.roll(40)))
    }

    fn mishap(&mut self) {
        let ids = self.cluster.ids();
        let any = self.dice.pick(&ids).expect("there is a member");
        // Trouble with a leader is the most telling.
        let id = self.cluster.leader().filter(|_| self.dice.chance(300)).unwrap_or(any);
        let running = self.cluster.member(id).machine.is_some();
        if self.dice.chance(self.trouble.crash) && running {
            self.crash(id);
        } else if self.dice.chance(300) && !running && !self.retired.contains(&id) {
            self.restart(id);
        }
        if self.dice.chance(self.trouble.cut) {
            self.cut(id);
        } else if self.dice.chance(100) {
            self.cluster.cut.clear();
        }
        if self.dice.chance(self.trouble.pause) {
            self.paused.insert(id);
        } else if self.dice.chance(150) {
            self.paused.clear();
        }
        if self.paused.contains(&id) || self.cluster.member(id).machine.is_none() {
            return;
        }
        if self.dice.chance(self.trouble.transfer) {
            let to = self.dice.pick(&ids).expect("there is one");
            self.cluster.call(id, |machine, now| machine.transfer(now, to).ok());
        }
        if self.dice.chance(self.trouble.change) {
            self.change(id);
        }
        if self.dice.chance(100) {
            let to = self.dice.pick(&ids).expect("there is one");
            self.cluster.call(id, |machine, _| machine.unreachable(to));
        }
        self.look(id);
        self.retire(id, id);
    }

    /// Nothing passes between the member and one other, or all, in one direction or both.
    fn cut(&mut self, id: NodeId) {
        let alone = self.dice.chance(500);
        let only = self.dice.pick(&self.cluster.ids());
        for other in self.cluster.ids().into_iter().filter(|other| alone || Some(*other) == only) {
            let ways = self.dice.roll(4);
            self.cluster.cut.extend((ways != 0).then_some((id, other)));
            self.cluster.cut.extend((ways != 1).then_some((other, id)));
        }
    }

    fn crash(&mut self, id: NodeId) {
        let writes = self.cluster.member(id).writes();
        let kept = self.dice.roll(writes + 1);
        self.cluster.member(id).crash(kept);
        self.oracle.crashed(id);
    }

    fn restart(&mut self, id: NodeId) {
        self.cluster.with(id, Member::start);
        self.look(id);
    }

    /// A member that was removed, as far as `knower` knows, is stopped for good.
    fn retire(&mut self, id: NodeId, knower: NodeId) {
        let knower = self.cluster.member(knower);
        let index = knower.applied.index;
        let belonged = (0..index.0).any(|index| knower.conf_at(Index(index)).contains(id));
        if belonged && !knower.conf_at(index).contains(id) {
            self.retired.insert(id);
            self.crash(id);
        }
    }

    /// Members that were stopped are needed as long as those who run do not know of their removal.
    fn bring_back(&mut self) {
        let needed = |id: &NodeId| match self.cluster.leader() {
            Some(leader) => self.conf(leader).contains(*id),
            None => self.up().into_iter().any(|knower| self.conf(knower).contains(*id)),
        };
        let needed: Vec<_> = self.retired.iter().copied().filter(needed).collect();
        for id in needed {
            self.retired.remove(&id);
            self.restart(id);
        }
    }

    /// Whether some member could win an election among those who run. As changes take effect when
    /// they are applied, a leader that is removed and fails before the others hear of the commit
    /// may leave nobody who could: whoever is needed by the old configuration holds more than
    /// whoever remains in the new one. That is so in etcd too.
    fn somebody_can_win(&self) -> bool {
        let up: Vec<_> = self.up().into_iter().map(|id| &self.cluster.members[&id]).collect();
        up.iter().any(|candidate| {
            let conf = self.conf(candidate.id());
            let supports = |voter: &&NodeId| {
                up.iter().any(|it| it.id() == **voter && it.given.last() <= candidate.given.last())
            };
            let most = |voters: &[NodeId]| {
                voters.is_empty() || voters.iter().filter(supports).count() * 2 > voters.len()
            };
            let id = candidate.id();
            let votes = conf.voters.contains(&id) || conf.voters_outgoing.contains(&id);
            votes && most(&conf.voters) && most(&conf.voters_outgoing)
        })
    }

    fn change(&mut self, id: NodeId) {
        let conf = self.cluster.member(id).conf_at(Index(u64::MAX));
        let mut steps = Vec::new();
        let joint = self.dice.chance(400);
        for _ in 0..if joint { 1 + self.dice.roll(3) } else { 1 } {
            let known: Vec<_> = conf.voters.iter().chain(&conf.learners).copied().collect();
            let old = self.dice.pick(&known);
            let step = match (self.dice.roll(4), old) {
                (0, Some(old)) if conf.voters.len() > 2 => format!("remove {old}"),
                (1, Some(old)) if conf.voters.len() > 2 => format!("learn {old}"),
                (2, Some(old)) => format!("add {old}"),
                _ if self.next_id < 8 => self.newcomer(),
                _ => continue,
            };
            steps.push(step);
        }
        let how = self.dice.pick(&["auto", "implicit", "explicit"]).expect("there is one");
        let (kind, data) = match (joint, conf.is_joint()) {
            (_, true) => (EntryKind::ConfChangeV2, Bytes::new()),
            (true, _) => (EntryKind::ConfChangeV2, encode(&format!("{how}: {}", steps.join(",")))),
            _ => (EntryKind::ConfChange, encode(&steps.join(","))),
        };
        self.cluster.call(id, |machine, now| machine.propose_change(now, kind, data).ok());
    }

    fn newcomer(&mut self) -> String {
        let id = NodeId(self.next_id);
        self.next_id += 1;
        self.cluster.add(Config { id, ..self.template.clone() });
        self.look(id);
        format!("{} {id}", if self.dice.chance(500) { "add" } else { "learn" })
    }

    /// Everything works again, so what is wanted must happen.
    fn heal(&mut self) {
        self.cluster.cut.clear();
        self.paused.clear();
        self.trouble = Trouble {
            lose: 0,
            double: 0,
            reorder: 0,
            crash: 0,
            cut: 0,
            pause: 0,
            change: 0,
            transfer: 0,
            trim: 0,
            slow_disk: 0,
            haste: 120,
        };
        for id in self.cluster.ids() {
            if self.cluster.member(id).machine.is_none() && !self.retired.contains(&id) {
                self.restart(id);
            }
        }
    }

    /// A last command is applied by every member of the last configuration.
    fn come_to_rest(&mut self) {
        self.heal();
        let mut wanted = None;
        for _ in 0..600 {
            self.time();
            while !self.cluster.network.is_empty() {
                self.network();
            }
            for _ in 0..4 {
                self.disk();
                self.engine();
            }
            self.bring_back();
            let Some(leader) = self.cluster.leader() else { continue };
            for id in self.cluster.ids() {
                self.retire(id, leader);
            }
            let committed = self.oracle.committed();
            if wanted.is_none_or(|(_, by)| by != leader) {
                let command = vec![self.command()];
                let taken = self.cluster.call(leader, |machine, now| machine.propose(now, command));
                self.look(leader);
                wanted = (taken == Some(Ok(()))).then_some((committed.next(), leader));
            }
            let done = |id: &NodeId| {
                let applied = self.cluster.members.get(id).map(|member| member.applied.index);
                wanted.is_some_and(|(index, _)| applied >= Some(index))
            };
            if self.conf(leader).voters.iter().all(done) && !self.conf(leader).auto_leave {
                return self.oracle.logs_match(&self.cluster);
            }
        }
        if self.cluster.leader().is_none() && !self.somebody_can_win() {
            self.oracle.tally.stuck += 1;
            return;
        }
        for status in self.cluster.members.values().filter_map(Member::status) {
            eprintln!("{}", show::status(&status));
        }
        panic!("they do not come to rest, or {wanted:?} is not applied");
    }

    fn conf(&self, id: NodeId) -> ConfState {
        self.cluster.members[&id].conf_at(Index(u64::MAX))
    }
}

/// Small limits, so that rare paths are common.
fn config(dice: &mut Dice, seed: u64) -> Config {
    let mut small = |usual: usize, least: usize, most: usize| {
        if dice.chance(400) { least + dice.roll(most - least) } else { usual }
    };
    let limits = Limits {
        message_bytes_max: small(1 << 20, 60, 400),
        inflight_messages_max: small(512, 1, 6),
        inflight_bytes_max: small(1 << 20, 60, 2000),
        uncommitted_bytes_max: small(1 << 20, 200, 4000),
        cached_bytes_max: small(1 << 20, 0, 1000),
        apply_bytes_max: small(1 << 20, 60, 500),
    };
    let check_quorum = dice.chance(850);
    let lease = check_quorum && dice.chance(200);
    Config {
        id: NodeId(1),
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_millis(1000),
        pre_vote: dice.chance(750),
        check_quorum,
        reads: if lease { ReadPolicy::Lease } else { ReadPolicy::Quorum },
        limits,
        seed,
    }
}

/// Whatever happens, nothing that is committed is lost.
pub(crate) fn nothing_committed_is_lost(make: Make) {
    let range = std::env::var("RAFT_SEEDS").ok().map(|words| {
        let (from, to) = words.split_once("..").expect("RAFT_SEEDS is from..to");
        from.parse().expect("from is a number")..to.parse().expect("to is a number")
    });
    let mut tally = Tally::default();
    for seed in range.unwrap_or(SEEDS) {
        let world = std::panic::AssertUnwindSafe(|| {
            let mut world = World::new(make, seed);
            world.live(STEPS);
            world.come_to_rest();
            world.oracle.tally
        });
        match std::panic::catch_unwind(world) {
            Ok(of_world) => tally.add(&of_world),
            Err(panic) => {
                eprintln!("failed with RAFT_SEEDS={seed}..{}", seed + 1);
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{tally:?}");
}
