//! Every order in which a few things can happen to three members, on the real machine.
//!
//! A world is three machines with their disks and the messages between them. From every world all
//! that can happen next is tried, until nothing new is found: any message arrives, or arrives and
//! stays on its way, a write is done, a timer fires, a client proposes, a member crashes. Messages
//! that are lost are those that never arrive. Each kind but the first two may happen a few times.

extern crate std;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::vec::Vec;
use std::{format, println};

use consensus::{
    Config, Consensus, Effect, Limits, Marker, Message, ReadPolicy, Start, TermRun, WriteTicket,
};
use core::time::Duration;
use units::{ConfState, Entry, HardState, Index, NodeId, Position, Term, Time};

use super::Raft;
use crate::leading::Part;

/// How often each kind of thing may happen.
#[derive(Clone, Copy)]
struct Allowed {
    timeouts: usize,
    proposals: usize,
    crashes: usize,
    doubled: usize,
    /// Whether disks take their time, so that a write is done at any later moment.
    slow_disks: bool,
}

#[derive(Clone)]
struct Member {
    machine: Raft,
    entries: Vec<Entry>,
    state: HardState,
    writes: VecDeque<(WriteTicket, Vec<Entry>, Option<HardState>)>,
    /// Of all that its future depends on.
    fingerprint: u64,
}

#[derive(Clone)]
struct World {
    members: Vec<Rc<Member>>,
    /// With their fingerprints.
    network: Vec<(u64, Rc<Message>)>,
    allowed: Allowed,
    leaders: BTreeMap<Term, NodeId>,
    /// What some leader has committed.
    committed: Vec<Entry>,
}

fn config(id: NodeId) -> Config {
    Config {
        id,
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_millis(1000),
        pre_vote: false,
        check_quorum: false,
        reads: ReadPolicy::Quorum,
        limits: Limits {
            message_bytes_max: 1 << 20,
            inflight_messages_max: 8,
            inflight_bytes_max: 1 << 20,
            uncommitted_bytes_max: 1 << 20,
            cached_bytes_max: 1 << 20,
            apply_bytes_max: 1 << 20,
        },
        seed: 1,
    }
}

fn ids() -> [NodeId; 3] {
    [1, 2, 3].map(NodeId)
}

/// A machine that finds this on its disk.
fn machine(id: NodeId, entries: &[Entry], hard_state: HardState) -> Raft {
    let mut runs: Vec<TermRun> = Vec::new();
    for entry in entries {
        if runs.last().is_none_or(|run| run.term < entry.term) {
            runs.push(TermRun { first: entry.index, term: entry.term });
        }
    }
    let last = entries.last();
    let last = last
        .map_or_else(Position::default, |entry| Position { term: entry.term, index: entry.index });
    let conf_state = ConfState { voters: ids().to_vec(), ..ConfState::default() };
    let marker = Marker { conf_state, ..Marker::default() };
    let start = Start { marker, hard_state, runs, last, applied: Index(0) };
    Raft::new(Time::ZERO, config(id), start)
}

impl World {
    fn new(allowed: Allowed) -> Self {
        let member = |id| Member {
            machine: machine(id, &[], HardState::default()),
            entries: Vec::new(),
            state: HardState::default(),
            writes: VecDeque::new(),
            fingerprint: 0,
        };
        Self {
            members: ids().map(|id| Rc::new(member(id))).to_vec(),
            network: Vec::new(),
            allowed,
            leaders: BTreeMap::new(),
            committed: Vec::new(),
        }
    }

    fn member(&mut self, place: usize) -> &mut Member {
        Rc::make_mut(&mut self.members[place])
    }

    /// Calls `found` with every world that this one can become by one thing that happens.
    fn successors(&self, mut found: impl FnMut(Self)) {
        for place in 0..self.network.len() {
            let mut next = self.clone();
            let (_, message) = next.network.swap_remove(place);
            found(next.deliver(&message));
            if self.allowed.doubled > 0 {
                let mut next = self.clone();
                next.allowed.doubled -= 1;
                found(next.deliver(&message));
            }
        }
        for place in 0..self.members.len() {
            let leads = self.members[place].machine.part.is_leader();
            if !self.members[place].writes.is_empty() {
                let mut next = self.clone();
                next.finish_write(place);
                found(next.settle(place));
            }
            // Whoever is first might as well be called member 1.
            let first = self.network.is_empty() && self.leaders.is_empty();
            if self.allowed.timeouts > 0 && !leads && (place == 0 || !first) {
                let mut next = self.clone();
                next.allowed.timeouts -= 1;
                let machine = &mut next.member(place).machine;
                let deadline = machine.deadline().expect("a voter has a timer");
                machine.handle_timeout(deadline);
                found(next.settle(place));
            }
            if self.allowed.proposals > 0 && leads {
                let mut next = self.clone();
                next.allowed.proposals -= 1;
                let machine = &mut next.member(place).machine;
                let taken = machine.propose(machine.now, Vec::from(["x".into()]));
                assert_eq!(taken, Ok(()));
                found(next.settle(place));
            }
            if self.allowed.crashes > 0 && !first {
                let mut next = self.clone();
                next.allowed.crashes -= 1;
                let member = next.member(place);
                member.writes.clear();
                member.machine = machine(ids()[place], &member.entries, member.state);
                found(next.settle(place));
            }
        }
    }

    fn deliver(mut self, message: &Message) -> Self {
        let place = (message.to.0 - 1) as usize;
        let machine = &mut self.member(place).machine;
        machine.step(machine.now, message.clone());
        self.settle(place)
    }

    fn finish_write(&mut self, place: usize) {
        let member = self.member(place);
        let (ticket, entries, state) = member.writes.pop_front().expect("there is a write");
        if let Some(first) = entries.first() {
            member.entries.truncate((first.index.0 - 1) as usize);
            member.entries.extend(entries);
        }
        member.state = state.unwrap_or(member.state);
        member.machine.persisted(member.machine.now, ticket);
    }

    /// Carries out what the machine wants, and looks whether it is what Raft promises.
    fn settle(mut self, place: usize) -> Self {
        while let Some(effect) = self.member(place).machine.poll() {
            let slow_disks = self.allowed.slow_disks;
            match effect {
                Effect::Append { ticket, entries, hard_state, .. } => {
                    self.member(place).writes.push_back((ticket, entries, hard_state));
                    if !slow_disks {
                        self.finish_write(place);
                    }
                }
                Effect::Apply { entries } => {
                    for entry in &entries {
                        let committed = self.committed.get((entry.index.0 - 1) as usize);
                        assert_eq!(committed, Some(entry), "state machine safety");
                    }
                    let machine = &mut self.member(place).machine;
                    machine.applied(machine.now, entries[entries.len() - 1].index);
                }
                Effect::ReadLog { first, .. } => {
                    let member = self.member(place);
                    let entries = member.entries[(first.0 - 1) as usize..].to_vec();
                    member.machine.entries_read(member.machine.now, first, entries);
                }
                Effect::Send(message) => {
                    let fingerprint = hash(&format!("{message:?}"));
                    if self.network.iter().all(|(known, _)| *known != fingerprint) {
                        self.network.push((fingerprint, Rc::new(message)));
                    }
                }
                _ => {}
            }
            self.check_leader(place);
        }
        let member = self.member(place);
        member.fingerprint = member.look();
        self
    }

    fn check_leader(&mut self, place: usize) {
        let machine = &self.members[place].machine;
        if !machine.part.is_leader() {
            return;
        }
        let (id, state) = (machine.config.id, machine.state);
        let known = *self.leaders.entry(state.term).or_insert(id);
        assert_eq!(known, id, "election safety");
        for entry in &self.committed {
            let index = entry.index;
            let held = machine.log.term(index) == Some(entry.term);
            assert!(held || state.term < self.newest_term(), "leader completeness: {entry:?}");
        }
        while self.committed.len() < state.commit.0 as usize {
            let index = Index(self.committed.len() as u64 + 1);
            let entry = self.members[place].machine.log.cached(index, index).next();
            let entry = entry.expect("nothing is evicted here").clone();
            let holders = self.members.iter().filter(|member| member.entries.contains(&entry));
            assert!(holders.count() >= 2, "{entry:?} is committed and not on a quorum's disks");
            self.committed.push(entry);
        }
    }

    fn newest_term(&self) -> Term {
        self.leaders.keys().next_back().copied().unwrap_or_default()
    }

    fn fingerprint(&self) -> u64 {
        let members: Vec<_> = self.members.iter().map(|member| member.fingerprint).collect();
        // The order of messages is chance.
        let network = self.network.iter().fold(0, |sum: u64, (it, _)| sum.wrapping_add(*it));
        let Allowed { timeouts, proposals, crashes, doubled, .. } = self.allowed;
        hash(&(members, network, timeouts, proposals, crashes, doubled, self.committed.len()))
    }
}

impl Member {
    /// Time is left out: timers fire here when they are told to.
    fn look(&self) -> u64 {
        let Self { machine, entries, state, writes, .. } = self;
        let part = match &machine.part {
            Part::Leader(leading) => format!("{:?}", leading.peers),
            part => format!("{part:?}"),
        };
        hash(&format!(
            "{:?}{:?}{part}{:?}{:?}{:?}{entries:?}{state:?}{writes:?}",
            machine.state, machine.leader, machine.log, machine.writes, machine.outbox
        ))
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Looks at all worlds, and returns how many there are and how many entries the luckiest committed.
fn explore(allowed: Allowed) -> (usize, usize) {
    let mut known = HashSet::new();
    let mut waiting = Vec::from([World::new(allowed)]);
    let mut committed = 0;
    while let Some(world) = waiting.pop() {
        world.successors(|next| {
            if known.insert(next.fingerprint()) {
                committed = committed.max(next.committed.len());
                waiting.push(next);
            }
        });
    }
    (known.len(), committed)
}

/// The families are small enough to be looked at wholly; `RAFT_EXHAUSTIVE=1` adds larger ones.
#[test]
fn every_order_of_a_few_things_is_safe() {
    const FEW: Allowed =
        Allowed { timeouts: 1, proposals: 0, crashes: 0, doubled: 0, slow_disks: false };
    let mut families = Vec::from([
        ("two elections", Allowed { timeouts: 2, ..FEW }),
        ("an election and a command", Allowed { proposals: 1, ..FEW }),
        ("an election, a crash, slow disks", Allowed { crashes: 1, slow_disks: true, ..FEW }),
        ("an election, a doubled message", Allowed { doubled: 1, ..FEW }),
    ]);
    if std::env::var_os("RAFT_EXHAUSTIVE").is_some() {
        families.extend([
            ("an election, a command, a crash", Allowed { proposals: 1, crashes: 1, ..FEW }),
            (
                "an election, a command, slow disks",
                Allowed { proposals: 1, slow_disks: true, ..FEW },
            ),
        ]);
    }
    for (name, allowed) in families {
        let (worlds, committed) = explore(allowed);
        println!("{name}: {worlds} worlds");
        assert!(committed > allowed.proposals, "in some of them everything is committed");
    }
}
