//! Messages that no member would send, among those of a cluster at work.

use std::time::Duration;

use bytes::Bytes;
use consensus::suite::{Cluster, Make, Member};
use consensus::{Body, Config, Limits, Marker, Message, ReadPolicy, ReadTicket};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Position, Term};

use crate::random::Dice;

/// How many clusters are talked to, and for how many steps each.
const SEEDS: u64 = 400;
const STEPS: usize = 1_500;

/// Whatever a peer says, no member panics. What it makes of a lie is another matter.
pub(crate) fn no_message_panics(make: Make) {
    for seed in 0..SEEDS {
        let talk = std::panic::AssertUnwindSafe(|| Talk::new(make, seed).go_on());
        if let Err(panic) = std::panic::catch_unwind(talk) {
            eprintln!("failed with seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

struct Talk {
    cluster: Cluster,
    dice: Dice,
}

impl Talk {
    fn new(make: Make, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let voters: Vec<_> = (1..=1 + dice.roll(3) as u64).map(NodeId).collect();
        let conf = ConfState { voters, ..ConfState::default() };
        let mut cluster = Cluster::new(make, conf);
        let cached_bytes_max = if dice.chance(500) { 0 } else { 1 << 20 };
        let check_quorum = dice.chance(500);
        for id in 1..=3 {
            cluster.add(Config {
                id: NodeId(id),
                heartbeat: Duration::from_millis(100),
                election_timeout: Duration::from_millis(1000),
                pre_vote: seed.is_multiple_of(2),
                check_quorum,
                reads: ReadPolicy::Quorum,
                limits: Limits {
                    message_bytes_max: 1 << 20,
                    inflight_messages_max: 4,
                    inflight_bytes_max: 1 << 20,
                    uncommitted_bytes_max: 1 << 20,
                    cached_bytes_max,
                    apply_bytes_max: 1 << 20,
                },
                seed,
            });
        }
        Self { cluster, dice }
    }

    fn go_on(mut self) {
        for _ in 0..STEPS {
            let ids = self.cluster.ids();
            let id = self.dice.pick(&ids).expect("there are members");
            match self.dice.roll(100) {
                0..45 => self.deliver(),
                45..60 => self.cluster.with(id, |member| member.sync(1)),
                60..66 => self.cluster.with(id, Member::read_log),
                66..74 if self.cluster.member(id).applies() > 0 => {
                    self.cluster.with(id, Member::apply);
                }
                74..82 => self.pass_time(&ids),
                82..90 => {
                    let commands = vec![Bytes::from_static(b"x"); self.dice.roll(3)];
                    self.cluster.call(id, |machine, now| machine.propose(now, commands).ok());
                }
                90..92 => {
                    let ticket = ReadTicket(self.dice.roll(1 << 30) as u64);
                    self.cluster.call(id, |machine, now| machine.read_index(now, ticket).ok());
                }
                _ => {
                    let message = self.message(id);
                    self.cluster.call(id, |machine, now| machine.step(now, message));
                }
            }
            self.cluster.seen.clear();
        }
    }

    fn pass_time(&mut self, ids: &[NodeId]) {
        self.cluster.skip(ids, Duration::from_millis(200));
        for id in ids {
            self.cluster.call(*id, |machine, now| machine.handle_timeout(now));
        }
    }

    fn deliver(&mut self) {
        if let Some(message) = self.cluster.network.pop_front() {
            self.cluster.deliver(message);
        }
        self.cluster.network.truncate(50);
    }

    /// Something that could be said to the member: numbers are about those that it knows.
    fn message(&mut self, to: NodeId) -> Message {
        let from = NodeId(self.dice.roll(6) as u64);
        let status = self.cluster.member(to).status().expect("it runs");
        let term = Term(self.about(status.term.0));
        let term = (!self.dice.chance(50)).then_some(term);
        let (last, commit) = (status.last, status.commit.0);
        let granted = self.dice.chance(500);
        let transfer = self.dice.chance(300);
        let context = Bytes::copy_from_slice(&[7; 8][..self.dice.roll(9)]);
        let ticket = ReadTicket(self.dice.roll(4) as u64);
        let place = self.position(last);
        let index = Index(self.about(commit));
        let body = match self.dice.roll(15) {
            0 | 1 => Body::Append { previous: place, entries: self.entries(place), commit: index },
            2 => Body::AppendAccepted { matched: Index(self.about(last.index.0)) },
            3 => Body::AppendRejected { refused: index, hint: place },
            4 => Body::Heartbeat { commit: index, context },
            5 => Body::HeartbeatAnswer { context },
            6 => Body::PreVote { last: place, transfer, committed: place },
            7 => Body::PreVoteAnswer { granted, committed: place },
            8 => Body::Propose { entries: vec![(EntryKind::Normal, context); self.dice.roll(3)] },
            9 => Body::ReadIndex { ticket },
            10 => Body::ReadIndexAnswer { ticket, index },
            11 => Body::Snapshot { marker: Marker { position: place, conf_state: self.conf() } },
            12 => Body::TimeoutNow,
            13 => Body::TransferLeader { transferee: from },
            _ if self.dice.chance(500) => Body::Vote { last: place, transfer, committed: place },
            _ => Body::VoteAnswer { granted, committed: place },
        };
        Message { from, to, term, body }
    }

    /// This number, one near it, or one far from any.
    fn about(&mut self, number: u64) -> u64 {
        match self.dice.roll(20) {
            0 => 0,
            1 => u64::MAX - self.dice.roll(2) as u64,
            2 => u64::MAX / 2,
            3..10 => number,
            _ => (number + self.dice.roll(6) as u64).saturating_sub(2),
        }
    }

    fn position(&mut self, near: Position) -> Position {
        Position { term: Term(self.about(near.term.0)), index: Index(self.about(near.index.0)) }
    }

    fn entries(&mut self, previous: Position) -> Vec<Entry> {
        let mut term = previous.term;
        let entries = (1..=self.dice.roll(4) as u64).map(|nth| {
            term = Term(term.0.saturating_add(self.dice.roll(2) as u64));
            let index = Index(previous.index.0.wrapping_add(nth));
            Entry { kind: EntryKind::Normal, term, index, data: Bytes::from_static(b"lie") }
        });
        entries.collect()
    }

    fn conf(&mut self) -> ConfState {
        let mut some = |often| {
            let nodes = (0..5).filter(|_| self.dice.chance(often)).map(NodeId).collect();
            if self.dice.chance(950) { nodes } else { vec![NodeId(2), NodeId(1)] }
        };
        let (voters, learners) = (some(600), some(100));
        let (voters_outgoing, learners_next) = (some(200), some(100));
        let auto_leave = self.dice.chance(300);
        ConfState { voters, learners, voters_outgoing, learners_next, auto_leave }
    }
}
