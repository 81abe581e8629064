//! Nodes over real consensus, in a world that does everything at once: a disk that never waits, a
//! state machine that only remembers, a network that loses what is told to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use consensus::{Config as ConsensusConfig, Consensus, Limits, ReadPolicy, Solo, TermRun};
use node::{
    Config, Effect, Event, Intake, Marker, Node, ReadTicket, SpoolTicket, Start, Ticket,
    TrimPolicy, Urgency, Verdict,
};
use raft::Raft;
use units::{
    ConfChange, ConfChangeKind, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position,
    Term, Time,
};

/// Longer than any election takes here.
const LONG: Duration = Duration::from_secs(10);

struct Member {
    node: Node,
    /// Where the log begins, and its entries from there on.
    head: Position,
    log: VecDeque<Entry>,
    /// The state machine.
    applied: Vec<Bytes>,
    marker: Marker,
    /// Snapshots that were taken or received.
    taken: BTreeMap<NodeId, (Marker, Vec<Bytes>)>,
    spooled: Option<(Marker, Vec<Bytes>)>,
    done: BTreeSet<Ticket>,
    refused: BTreeSet<Ticket>,
    removed: bool,
    up: bool,
}

struct World {
    now: Time,
    members: BTreeMap<NodeId, Member>,
    /// Frames and events on their way.
    frames: VecDeque<(NodeId, NodeId, Bytes)>,
    snapshots: VecDeque<(NodeId, NodeId, Bytes)>,
    next_ticket: u64,
}

type Part = fn(ConsensusConfig, consensus::Start) -> Box<dyn Consensus>;

fn solo(config: ConsensusConfig, start: consensus::Start) -> Box<dyn Consensus> {
    Box::new(Solo::new(&config, &start))
}

fn raft(config: ConsensusConfig, start: consensus::Start) -> Box<dyn Consensus> {
    Box::new(Raft::new(Time::ZERO, config, start))
}

fn founders(count: u64) -> Marker {
    let voters = (1..=count).map(NodeId).collect();
    let conf_state = ConfState { voters, ..ConfState::default() };
    Marker { position: Position { term: Term(1), index: Index(1) }, conf_state }
}

fn limits() -> Limits {
    Limits {
        message_bytes_max: 1000,
        inflight_messages_max: 16,
        inflight_bytes_max: 100_000,
        uncommitted_bytes_max: 100_000,
        cached_bytes_max: 1000,
        apply_bytes_max: 1000,
    }
}

impl Member {
    fn new(part: Part, id: NodeId, marker: Marker) -> Self {
        let config = ConsensusConfig {
            id,
            heartbeat: Duration::from_millis(100),
            election_timeout: Duration::from_secs(1),
            pre_vote: true,
            check_quorum: true,
            reads: ReadPolicy::Quorum,
            limits: limits(),
            seed: 7,
        };
        let Position { term, index } = marker.position;
        let hard_state = HardState { term, vote: None, commit: index };
        let runs = Vec::<TermRun>::new();
        let start = consensus::Start {
            marker: marker.clone(),
            hard_state,
            runs,
            last: marker.position,
            applied: index,
        };
        let policy = TrimPolicy {
            kept_entries_max: 10,
            kept_bytes_max: 1000,
            step_entries: 4,
            step_bytes: 400,
        };
        let consensus = part(config, start);
        let config = Config { id, first_read: ReadTicket(id.0 << 48), trim: policy };
        let start = Start { applied: marker.clone(), log: marker.position };
        Self {
            node: Node::new(config, start, consensus),
            head: marker.position,
            log: VecDeque::new(),
            applied: Vec::new(),
            marker,
            taken: BTreeMap::new(),
            spooled: None,
            done: BTreeSet::new(),
            refused: BTreeSet::new(),
            removed: false,
            up: true,
        }
    }

    fn write(&mut self, entries: Vec<Entry>) {
        if let Some(first) = entries.first() {
            let keep = first.index.0 - self.head.index.0 - 1;
            self.log.truncate(usize::try_from(keep).expect("a small log"));
        }
        self.log.extend(entries);
    }

    fn apply(&mut self, entries: Vec<Entry>) -> Event {
        let mut changes = Vec::new();
        for entry in entries {
            assert_eq!(entry.index, self.marker.position.index.next(), "applied out of turn");
            self.marker.position = Position { term: entry.term, index: entry.index };
            if entry.kind != EntryKind::Normal {
                changes.push((entry.index, Verdict::Accepted));
            } else if !entry.data.is_empty() {
                self.applied.push(entry.data);
            }
        }
        Event::Applied { index: self.marker.position.index, changes }
    }
}

impl World {
    fn new(part: Part, count: u64) -> Self {
        let start = |id| (NodeId(id), Member::new(part, NodeId(id), founders(count)));
        let mut world = Self {
            now: Time::ZERO,
            members: (1..=count).map(start).collect(),
            frames: VecDeque::new(),
            snapshots: VecDeque::new(),
            next_ticket: 1,
        };
        world.settle();
        world
    }

    fn member(&mut self, id: NodeId) -> &mut Member {
        self.members.get_mut(&id).expect("the test knows its members")
    }

    fn handle(&mut self, id: NodeId, event: Event) {
        let now = self.now;
        self.member(id).node.handle(now, event);
    }

    /// Lets everything happen that happens without time passing.
    fn settle(&mut self) {
        loop {
            let ids: Vec<_> = self.members.keys().copied().collect();
            for id in ids {
                while let Some(effect) = self.member(id).node.poll() {
                    self.carry_out(id, effect);
                }
            }
            if let Some((from, to, frame)) = self.frames.pop_front() {
                if self.reaches(from, to) {
                    self.handle(to, Event::Receive { from, frame });
                } else {
                    self.handle(from, Event::Unreachable { peer: to });
                }
            } else if let Some((from, to, header)) = self.snapshots.pop_front() {
                self.deliver_snapshot(from, to, header);
            } else {
                return;
            }
        }
    }

    fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        [from, to].iter().all(|id| self.members.get(id).is_some_and(|member| member.up))
    }

    fn deliver_snapshot(&mut self, from: NodeId, to: NodeId, header: Bytes) {
        let content = self.member(from).taken.remove(&to);
        let arrived = self.reaches(from, to);
        if arrived {
            self.member(to).spooled = content;
            self.handle(to, Event::SnapshotReceived { from, header, spool: SpoolTicket(1) });
        }
        self.handle(from, Event::SnapshotSent { to, arrived });
    }

    fn carry_out(&mut self, id: NodeId, effect: Effect) {
        match effect {
            Effect::Append { ticket, entries, .. } => {
                self.member(id).write(entries);
                self.handle(id, Event::Persisted { ticket });
            }
            Effect::Apply { entries } => {
                let event = self.member(id).apply(entries);
                let index = self.member(id).marker.position.index;
                self.handle(id, event);
                let conf_state = self.member(id).node.conf_state().clone();
                self.member(id).marker.conf_state = conf_state;
                self.handle(id, Event::Durable { index });
            }
            Effect::DiscardSnapshot { .. } => self.member(id).spooled = None,
            Effect::ForgoSnapshot { to } => drop(self.member(id).taken.remove(&to)),
            Effect::InstallSnapshot { marker, .. } => {
                let member = self.member(id);
                let spooled = member.spooled.take();
                (member.marker, member.applied) = spooled.expect("what is installed was received");
                assert_eq!(member.marker, marker);
                member.head = marker.position;
                member.log.clear();
                self.handle(id, Event::SnapshotInstalled { marker });
            }
            Effect::ReadDone { ticket } => drop(self.member(id).done.insert(ticket)),
            Effect::ReadLog { first, last, .. } => {
                let wanted = first..=last;
                let log = &self.member(id).log;
                let entries =
                    log.iter().filter(|entry| wanted.contains(&entry.index)).cloned().collect();
                self.handle(id, Event::EntriesRead { first, entries });
            }
            Effect::Refused { ticket, .. } => drop(self.member(id).refused.insert(ticket)),
            Effect::Removed => self.member(id).removed = true,
            Effect::Send { to, frame, .. } => self.frames.push_back((id, to, frame)),
            Effect::SendSnapshot { to, header } => self.snapshots.push_back((id, to, header)),
            Effect::SnapshotWanted { to } => {
                let member = self.member(id);
                let taken = (member.marker.clone(), member.applied.clone());
                member.taken.insert(to, taken.clone());
                self.handle(id, Event::SnapshotTaken { to, marker: taken.0 });
            }
            Effect::Trim { marker } => {
                let member = self.member(id);
                member.log.retain(|entry| entry.index > marker.position.index);
                member.head = marker.position;
                self.handle(id, Event::Trimmed { marker });
            }
            Effect::LeaderReady { .. } | Effect::Leadership(_) => {}
        }
    }

    /// Lets time pass until the condition holds.
    fn run_until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = self.now + LONG;
        self.settle();
        while !condition(self) {
            assert!(
                self.now < deadline,
                "waited in vain for {what}: {:#?}",
                self.members.values().map(|member| member.node.status()).collect::<Vec<_>>()
            );
            self.now = self.now + Duration::from_millis(10);
            let now = self.now;
            for member in self.members.values_mut().filter(|member| member.up) {
                member.node.handle_timeout(now);
            }
            self.settle();
        }
    }

    fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        self.run_until("the time to pass", |world| world.now >= end);
    }

    fn leader(&self) -> Option<NodeId> {
        let up = || self.members.values().filter(|member| member.up);
        let leads = |id: &NodeId| up().all(|member| member.node.leadership().leader == Some(*id));
        self.members.keys().copied().find(leads)
    }

    fn elect(&mut self) -> NodeId {
        self.run_until("a leader", |world| world.leader().is_some());
        self.leader().expect("there is one")
    }

    fn propose(&mut self, at: NodeId, command: &'static str) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let (command, urgency) = (command.into(), Urgency::Ordinary);
        self.handle(at, Event::Propose { ticket, command, urgency, by_leader_of: None });
        ticket
    }

    fn read(&mut self, at: NodeId) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.handle(at, Event::Read { ticket });
        ticket
    }

    fn change(&mut self, at: NodeId, kind: ConfChangeKind, node: NodeId) {
        let change = ConfChange { id: 0, kind, node: Some(node), context: Bytes::new() };
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.handle(at, Event::ProposeChange { ticket, change });
    }

    fn has_applied(&self, id: NodeId, command: &'static str) -> bool {
        self.members[&id].applied.iter().any(|applied| *applied == command)
    }

    fn all_have(&self, command: &'static str) -> bool {
        let mut up = self.members.iter().filter(|(_, member)| member.up);
        up.all(|(id, _)| self.has_applied(*id, command))
    }

    /// The one of three who is neither.
    fn third(&self, id: NodeId) -> NodeId {
        let other = self.other_than(id);
        let mut ids = self.members.keys().copied();
        ids.find(|third| ![id, other].contains(third)).expect("there are three")
    }

    fn other_than(&self, id: NodeId) -> NodeId {
        let mut others = self.members.keys().copied().filter(|other| *other != id);
        others.next().expect("there are others")
    }
}

fn writes_and_reads(part: Part) {
    let mut world = World::new(part, 1);
    let only = NodeId(1);
    world.propose(only, "a");
    world.propose(only, "b");
    world.settle();
    assert_eq!(world.member(only).applied, ["a", "b"]);
    let first = world.read(only);
    let second = world.read(only);
    world.settle();
    assert_eq!(world.member(only).done, BTreeSet::from([first, second]));
}

#[test]
fn one_member_writes_and_reads() {
    writes_and_reads(solo);
    writes_and_reads(raft);
}

#[test]
fn any_member_writes_and_reads() {
    let mut world = World::new(raft, 3);
    let leader = world.elect();
    for id in [1, 2, 3].map(NodeId) {
        world.propose(id, "a");
    }
    world.run_until("three writes", |world| {
        world.members.values().all(|member| member.applied.len() == 3)
    });
    let follower = world.other_than(leader);
    let tickets = [world.read(leader), world.read(follower)];
    world.run_until("two reads", |world| {
        world.members[&leader].done.contains(&tickets[0])
            && world.members[&follower].done.contains(&tickets[1])
    });
}

#[test]
fn what_waits_for_a_leader_is_done_when_there_is_one() {
    let mut world = World::new(raft, 3);
    let leader = world.elect();
    let stays = world.other_than(leader);
    for member in world.members.values_mut() {
        member.up = false;
    }
    world.member(stays).up = true;
    world.run_until("the leader to be missed", |world| {
        world.members[&stays].node.leadership().leader.is_none()
    });
    world.propose(stays, "late");
    let read = world.read(stays);
    world.settle();
    assert_eq!(world.member(stays).node.status().proposals_waiting, 1);
    for member in world.members.values_mut() {
        member.up = true;
    }
    world.run_until("the write", |world| world.all_have("late"));
    world.run_until("the read", |world| world.members[&stays].done.contains(&read));
}

#[test]
fn a_member_that_was_away_for_long_gets_a_snapshot() {
    let mut world = World::new(raft, 3);
    let leader = world.elect();
    let away = world.other_than(leader);
    world.member(away).up = false;
    for _ in 0..100 {
        world.propose(leader, "many");
        world.settle();
    }
    assert!(world.member(leader).head.index > Index(50), "the log is trimmed");
    world.member(away).up = true;
    world.propose(leader, "last");
    world.run_until("the snapshot and the rest", |world| world.all_have("last"));
    assert!(world.member(away).head.index > Index(50), "its log begins after the snapshot");
    let all: BTreeSet<_> = world.members.values().map(|member| &member.applied).collect();
    assert_eq!(all.len(), 1, "all members hold the same");
}

#[test]
fn members_come_and_go() {
    let mut world = World::new(raft, 3);
    let leader = world.elect();
    let new = NodeId(4);
    world.members.insert(new, Member::new(raft, new, Marker::default()));
    world.change(leader, ConfChangeKind::AddLearnerNode, new);
    world.propose(leader, "for a learner");
    world.run_until("the learner", |world| world.all_have("for a learner"));
    world.change(leader, ConfChangeKind::AddNode, new);
    world.run_until("the promotion", |world| {
        world.members.values().all(|member| member.node.conf_state().voters.contains(&new))
    });
    let gone = world.other_than(leader);
    world.change(leader, ConfChangeKind::RemoveNode, gone);
    world.run_until("the removal", |world| world.members[&gone].removed);
    world.member(gone).up = false;
    world.propose(leader, "without it");
    world.run_until("a write without it", |world| world.all_have("without it"));
}

#[test]
fn a_member_without_room_is_left_behind_and_catches_up() {
    let mut world = World::new(raft, 3);
    let leader = world.elect();
    let full = world.other_than(leader);
    world.handle(full, Event::Intake(Intake::Closed));
    // Fewer than the leader keeps in its log.
    for _ in 0..8 {
        world.propose(leader, "many");
        world.settle();
    }
    let (read, late) = (world.read(full), Duration::from_secs(3));
    world.run_for(late);
    assert_eq!(world.leader(), Some(leader), "it follows");
    assert!(!world.has_applied(full, "many") && !world.member(full).done.contains(&read));
    world.handle(full, Event::Intake(Intake::Open));
    world.propose(leader, "last");
    world.run_until("the rest", |world| world.all_have("last"));
    assert!(world.members[&full].done.contains(&read));
}

#[test]
fn members_without_room_elect_a_leader_and_read() {
    let mut world = World::new(raft, 3);
    let former = world.elect();
    world.propose(former, "before");
    world.run_until("a write", |world| world.all_have("before"));
    for id in [1, 2, 3].map(NodeId) {
        world.handle(id, Event::Intake(Intake::Closed));
    }
    world.member(former).up = false;
    world.run_until("another leader", |world| world.leader().is_some_and(|id| id != former));
    let reader = world.other_than(former);
    let read = world.read(reader);
    world.run_until("a read", |world| world.members[&reader].done.contains(&read));
    let refused = world.propose(reader, "after");
    world.settle();
    assert!(world.member(reader).refused.contains(&refused));
}

#[test]
fn what_one_took_in_before_it_was_closed_does_not_keep_others_from_reading() {
    let mut world = World::new(raft, 3);
    let former = world.elect();
    let (one, other) = (world.other_than(former), world.third(former));
    world.handle(one, Event::Intake(Intake::Closed));
    world.handle(other, Event::Intake(Intake::Closed));
    world.propose(former, "left over");
    world.settle();
    assert!(!world.has_applied(former, "left over"), "the others do not take it");
    world.handle(former, Event::Intake(Intake::Closed));
    world.member(one).up = false;
    world.member(other).up = false;
    world.run_until("the leader to give up", |world| {
        world.members[&former].node.leadership().leader.is_none()
    });
    world.member(other).up = true;
    world.run_until("a leader of another term", |world| world.leader().is_some());
    let read = world.read(other);
    world.run_until("a read", |world| world.members[&other].done.contains(&read));
    assert!(world.has_applied(other, "left over"));
}

#[test]
fn leadership_goes_to_where_there_is_room() {
    let mut world = World::new(raft, 3);
    let leader = world.elect();
    let (full, other) = (world.other_than(leader), world.third(leader));
    world.handle(leader, Event::Intake(Intake::Closed));
    world.handle(full, Event::Intake(Intake::Closed));
    world.handle(leader, Event::Transfer { ticket: Ticket(100), to: full });
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.leader(), Some(leader), "another without room is of no help");
    world.handle(leader, Event::Transfer { ticket: Ticket(101), to: other });
    world.run_until("another leader", |world| world.leader() == Some(other));
    world.propose(other, "only here");
    world.settle();
    assert!(!world.all_have("only here"), "one with room is no majority");
    world.handle(leader, Event::Intake(Intake::Open));
    world.run_until("a majority with room", |world| world.has_applied(other, "only here"));
}
