//! The machine.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;
use consensus::{Body, Consensus, Leadership, Marker, Message, ReadTicket, Role};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Position, Term, Time, planted};

use crate::intake::{Door, Intake};
use crate::membership::{Membership, decode_change, encode_change};
use crate::proposals::{Group, Payload, Proposal, Proposals};
use crate::reads::Reads;
use crate::snapshots::Snapshots;
use crate::trim::{Trim, TrimPolicy};
use crate::{Effect, Event, Lane, Refusal, SpoolTicket, Ticket, Urgency, Verdict, frame};

/// How many committed entries the state machine may be behind before ordinary proposals are refused
/// (etcd's number); urgent ones may be twice as far behind.
pub const LAG_MAX: u64 = 5000;

/// What a node is told once.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Who this is.
    pub id: NodeId,
    /// The name of the first linearizable read's question; those that follow count on from it. No
    /// member may ever use the same again.
    pub first_read: ReadTicket,
    /// How much of the log is kept.
    pub trim: TrimPolicy,
}

/// Where a node starts; consensus was started from the same.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Where the state machine stands, and who takes part there.
    pub applied: Marker,
    /// Where the log begins: its newest marker.
    pub log: Position,
}

/// One member without the world. One owner feeds it events, then polls it until there is nothing
/// more to do, and carries out the effects.
///
/// Invariants:
/// - Entries go to the state machine once, in order, without gaps.
/// - `applying` holds an end for each `Apply` that was not answered.
pub struct Node {
    id: NodeId,
    /// The newest time that was told.
    now: Time,
    consensus: Box<dyn Consensus>,
    leadership: Leadership,
    door: Door,
    /// The newest term whose leader has said that it takes no commands, and not taken it back.
    barred: Option<Term>,
    proposals: Proposals,
    reads: Reads,
    membership: Membership,
    snapshots: Snapshots,
    trim: Trim,
    applied: Index,
    /// Where each group of entries ends that the state machine works on, and how many bytes it has.
    applying: VecDeque<(Position, u64)>,
    /// The first entry of the newest term that went to the state machine.
    opening: Position,
    /// A received snapshot that consensus is being asked about.
    offered: Option<SpoolTicket>,
    /// The peer of a snapshot that was taken, while consensus is being asked about it.
    taken: Option<NodeId>,
    frames_refused: u64,
    /// Writes to the log that follow a snapshot, while it is being installed; no more than a leader
    /// sends to a peer that was not heard of since.
    held: VecDeque<Effect>,
    effects: VecDeque<Effect>,
}

/// A look at a node.
#[derive(Clone, Debug)]
pub struct Status {
    /// At its consensus.
    pub consensus: consensus::Status,
    /// How many proposals wait for a leader.
    pub proposals_waiting: usize,
    /// How many reads are under way.
    pub reads: usize,
    /// How many snapshots are sent, or wait for that.
    pub snapshots: usize,
    /// How many frames were not believed since the start.
    pub frames_refused: u64,
}

impl Node {
    /// A node around a consensus machine that was just started.
    #[must_use]
    pub fn new(config: Config, start: Start, consensus: Box<dyn Consensus>) -> Self {
        let status = consensus.status();
        assert_eq!(status.id, config.id, "consensus is another member's");
        assert_eq!(status.applied, start.applied.position.index, "consensus starts elsewhere");
        Self {
            id: config.id,
            now: Time::ZERO,
            leadership: Leadership { term: status.term, leader: status.leader, role: status.role },
            consensus,
            door: Door::open(),
            barred: None,
            proposals: Proposals::default(),
            reads: Reads::new(config.first_read),
            membership: Membership::new(config.id, start.applied.conf_state.clone()),
            snapshots: Snapshots::default(),
            applied: start.applied.position.index,
            trim: Trim::new(config.trim, start.applied, start.log),
            applying: VecDeque::new(),
            opening: Position::default(),
            offered: None,
            taken: None,
            frames_refused: 0,
            held: VecDeque::new(),
            effects: VecDeque::new(),
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Time, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::Applied { index, changes } => self.applied(index, changes),
            Event::Durable { index } => {
                self.trim.durable(index);
                self.trim();
            }
            Event::EntriesRead { first, entries } => {
                self.consensus.entries_read(self.now, first, entries);
            }
            Event::HastenElection { by } => self.consensus.hasten_election(self.now, by),
            Event::Intake(intake) => self.turn(intake),
            Event::Persisted { ticket } => self.consensus.persisted(self.now, ticket),
            Event::Propose { ticket, command, urgency, by_leader_of: term } => {
                let payload = Payload::Command(command);
                self.enqueue(Proposal { ticket, payload, urgency, term });
            }
            Event::ProposeChange { ticket, mut change } => {
                change.id = ticket.0;
                let payload = Payload::Change(encode_change(&change));
                let urgency = Urgency::Ordinary;
                self.enqueue(Proposal { ticket, payload, urgency, term: None });
            }
            Event::Read { ticket } => {
                if !self.reads.push(ticket) {
                    self.refuse([ticket], Refusal::TooManyRequests);
                }
            }
            Event::Receive { from, frame } => self.receive(from, &frame),
            Event::SnapshotInstalled { marker } => self.snapshot_installed(&marker),
            Event::SnapshotReceived { from, header, spool } => {
                self.snapshot_received(from, &header, spool);
            }
            Event::SnapshotSent { to, arrived } => self.snapshot_sent(to, arrived),
            Event::SnapshotTaken { to, marker } => self.snapshot_taken(to, &marker),
            Event::Transfer { ticket, to } => {
                if let Err(why) = self.consensus.transfer(self.now, to) {
                    self.refuse([ticket], why.into());
                }
            }
            Event::Trimmed { marker } => {
                self.trim.trimmed(&marker);
                self.consensus.trimmed(&marker);
            }
            Event::Unreachable { peer } => self.consensus.unreachable(peer),
            Event::Withdraw { ticket } => {
                if !self.proposals.withdraw(ticket) {
                    self.reads.withdraw(ticket);
                }
            }
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.consensus.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.consensus.handle_timeout(self.now);
            // A transfer of leadership may have been given up.
            self.proposals.release();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let deadlines = [self.consensus.deadline(), self.reads.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// The next thing to do; `None` when all is done until the next event. Consensus is asked only
    /// when the former effects are gone, so that it sees together what came in between.
    pub fn poll(&mut self) -> Option<Effect> {
        while self.effects.is_empty() {
            let asked = self.propose() | self.ask();
            let drained = self.drain();
            if !asked && !drained {
                return None;
            }
        }
        self.effects.pop_front()
    }

    /// Who leads.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        self.leadership
    }

    /// Who takes part, as of what is applied.
    #[must_use]
    pub fn conf_state(&self) -> &ConfState {
        self.membership.conf_state()
    }

    /// A look at it.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            consensus: self.consensus.status(),
            proposals_waiting: self.proposals.len(),
            reads: self.reads.len(),
            snapshots: self.snapshots.len(),
            frames_refused: self.frames_refused,
        }
    }

    fn turn(&mut self, intake: Intake) {
        self.door.turn(intake);
        if self.door.is_closed() {
            let turned_away = self.proposals.shed(|one| !one.payload.is_command());
            self.refuse(turned_away, Refusal::NoSpace);
        }
    }

    fn enqueue(&mut self, proposal: Proposal) {
        let ticket = proposal.ticket;
        if self.door.is_closed() && proposal.payload.is_command() {
            self.refuse([ticket], Refusal::NoSpace);
        } else if !self.proposals.push(proposal) {
            self.refuse([ticket], Refusal::TooManyRequests);
        }
    }

    /// Whether another member leads and takes no commands: what is passed on to it would be lost,
    /// and whoever wants it would wait in vain.
    fn is_barred(&self) -> bool {
        let leader = self.leadership.leader;
        leader.is_some_and(|leader| leader != self.id) && self.barred == Some(self.leadership.term)
    }

    /// Offers what waits to consensus, as much as it takes; whether there was anything.
    fn propose(&mut self) -> bool {
        if !self.proposals.is_ready() {
            return false;
        }
        if self.is_barred() {
            let turned_away = self.proposals.shed(|one| !one.payload.is_command());
            self.refuse(turned_away, Refusal::NoSpace);
        }
        let status = self.consensus.status();
        let led = (status.role == Role::Leader).then_some(status.term);
        let outlived = self.proposals.shed(|one| one.term.is_none() || one.term == led);
        self.refuse(outlived, Refusal::NotLeader);
        let lag = status.commit.0.saturating_sub(status.applied.0);
        let too_many = self.proposals.shed(|one| match one.urgency {
            Urgency::Ordinary => lag <= LAG_MAX,
            Urgency::Urgent => lag <= 2 * LAG_MAX,
        });
        self.refuse(too_many, Refusal::TooManyRequests);
        while let Some(group) = self.proposals.group() {
            let count = group.count();
            let result = match group {
                Group::Commands(commands) => self.consensus.propose(self.now, commands),
                Group::Change(change) => {
                    self.consensus.propose_change(self.now, EntryKind::ConfChange, change)
                }
            };
            let refused = self.proposals.settle(count, result);
            if let Err(why) = result {
                self.refuse(refused, why.into());
            }
        }
        true
    }

    /// Asks consensus for the index that the waiting reads need; whether there was anything to ask.
    fn ask(&mut self) -> bool {
        let Some(question) = self.reads.question(self.now) else { return false };
        let result = self.consensus.read_index(self.now, question);
        let lost = self.reads.asked(self.now, result);
        if let Err(why) = result {
            self.refuse(lost, why.into());
        }
        true
    }

    fn receive(&mut self, from: NodeId, data: &Bytes) {
        match frame::decode(from, self.id, data) {
            Ok((message, intake)) if is_sound(&message.body) => {
                match intake {
                    Some(Intake::Closed) => self.barred = self.barred.max(message.term),
                    Some(Intake::Open) if self.barred == message.term => self.barred = None,
                    _ => {}
                }
                if let Some(message) = self.door.admit(message) {
                    self.consensus.step(self.now, message);
                }
            }
            _ => self.frames_refused += 1,
        }
    }

    fn applied(&mut self, index: Index, changes: Vec<(Index, Verdict)>) {
        let mut removed = false;
        let mut changes = changes.into_iter();
        while let Some(change) = self.membership.settle(index, &mut changes) {
            let conf_state = self.consensus.apply_change(self.now, &change);
            removed |= self.membership.update(conf_state);
        }
        assert!(changes.next().is_none(), "a verdict on a change that was not handed out");
        let mut end = Position::default();
        let mut bytes = 0;
        while let Some(group) = self.applying.pop_front_if(|(end, _)| end.index <= index) {
            end = group.0;
            bytes += group.1;
        }
        assert_eq!(end.index, index, "applied must end a group that was handed out");
        let was_open = self.is_open();
        self.applied = index;
        self.consensus.applied(self.now, index);
        if !was_open && self.is_open() {
            self.effects.push_back(Effect::LeaderReady { term: self.leadership.term });
        }
        self.trim.applied(end, bytes, self.membership.conf_state());
        if planted!(TrimAheadOfEngine) {
            self.trim.durable(index);
            self.trim();
        }
        self.finish_reads();
        if removed {
            self.effects.push_back(Effect::Removed);
        }
    }

    /// Whether this member leads and has applied an entry of its own term.
    fn is_open(&self) -> bool {
        self.leadership.leader == Some(self.id)
            && self.opening.term == self.leadership.term
            && self.opening.index <= self.applied
    }

    fn finish_reads(&mut self) {
        let done = self.reads.applied(self.applied);
        self.effects.extend(done.into_iter().map(|ticket| Effect::ReadDone { ticket }));
    }

    fn trim(&mut self) {
        if self.snapshots.is_installing() || !self.trim.is_due() {
            return;
        }
        if self.snapshots.has_arrived() {
            self.snapshots.settle(self.now, &self.consensus.status().peers);
        }
        if let Some(marker) = self.trim.due(self.snapshots.lowest()) {
            self.effects.push_back(Effect::Trim { marker });
        }
    }

    fn snapshot_received(&mut self, from: NodeId, header: &Bytes, spool: SpoolTicket) {
        match frame::decode(from, self.id, header) {
            Ok((message, _))
                if matches!(message.body, Body::Snapshot { .. })
                    && !self.snapshots.is_installing() =>
            {
                self.offered = Some(spool);
                self.consensus.step(self.now, message);
                self.drain();
                if let Some(spool) = self.offered.take() {
                    self.effects.push_back(Effect::DiscardSnapshot { spool });
                }
            }
            Ok(_) => self.effects.push_back(Effect::DiscardSnapshot { spool }),
            Err(_) => {
                self.frames_refused += 1;
                self.effects.push_back(Effect::DiscardSnapshot { spool });
            }
        }
    }

    fn snapshot_installed(&mut self, marker: &Marker) {
        assert!(self.applying.is_empty(), "a snapshot overtook entries");
        assert!(marker.position.index > self.applied, "a snapshot of the past was installed");
        self.snapshots.installed();
        self.applied = marker.position.index;
        self.trim.installed(marker);
        let removed = self.membership.update(marker.conf_state.clone());
        assert!(!removed, "a snapshot without this member was installed");
        self.effects.append(&mut self.held);
        self.consensus.snapshot_installed(self.now, marker);
        self.finish_reads();
    }

    fn snapshot_taken(&mut self, to: NodeId, marker: &Marker) {
        self.snapshots.taken(self.now, to, marker.position.index);
        self.taken = Some(to);
        self.consensus.snapshot_started(to, marker);
        self.drain();
        if self.taken.take().is_some() {
            self.effects.push_back(Effect::ForgoSnapshot { to });
            self.snapshot_sent(to, false);
        }
    }

    fn snapshot_sent(&mut self, to: NodeId, arrived: bool) {
        if self.snapshots.ended(self.now, to, arrived) {
            self.consensus.snapshot_ended(self.now, to, arrived);
            self.start_snapshots();
        }
    }

    fn start_snapshots(&mut self) {
        while let Some(to) = self.snapshots.start() {
            self.effects.push_back(Effect::SnapshotWanted { to });
        }
    }

    /// Turns what consensus wants done into effects; whether there was anything.
    fn drain(&mut self) -> bool {
        let mut any = false;
        while let Some(effect) = self.consensus.poll() {
            any = true;
            match effect {
                consensus::Effect::Append { ticket, entries, hard_state, sync } => {
                    let held = !self.held.is_empty()
                        || self.snapshots.is_installing() && !entries.is_empty();
                    let effects = if held { &mut self.held } else { &mut self.effects };
                    effects.push_back(Effect::Append { ticket, entries, hard_state, sync });
                }
                consensus::Effect::Apply { entries } => self.hand_out(entries),
                consensus::Effect::Changed(leadership) => self.lead(leadership),
                consensus::Effect::InstallSnapshot { marker } => {
                    let spool = self.offered.take().expect("only what was offered is installed");
                    self.snapshots.install(spool);
                    self.effects.push_back(Effect::InstallSnapshot { spool, marker });
                }
                consensus::Effect::ReadLog { first, last, bytes_max } => {
                    self.effects.push_back(Effect::ReadLog { first, last, bytes_max });
                }
                consensus::Effect::ReadReady { ticket, index } => {
                    self.reads.confirm(ticket, index);
                    self.finish_reads();
                }
                consensus::Effect::ReadLost { ticket } => self.reads.lost(self.now, ticket),
                consensus::Effect::Send(message) => self.send(&message),
                consensus::Effect::SnapshotWanted { to } => {
                    self.snapshots.want(to);
                    self.start_snapshots();
                }
            }
        }
        any
    }

    fn send(&mut self, message: &Message) {
        let (to, frame) = (message.to, frame::encode(message, self.door.intake()));
        self.effects.push_back(if matches!(message.body, Body::Snapshot { .. }) {
            assert_eq!(self.taken.take(), Some(to), "only what was taken is sent");
            Effect::SendSnapshot { to, header: frame }
        } else {
            Effect::Send { to, lane: Lane::of(&message.body), frame }
        });
    }

    fn hand_out(&mut self, entries: Vec<Entry>) {
        let (first, last) = match &*entries {
            [first, .., last] => (first, last),
            [only] => (only, only),
            [] => panic!("consensus handed out no entries"),
        };
        let before = self.applying.back().map_or(self.applied, |(end, _)| end.index);
        assert_eq!(first.index, before.next(), "consensus handed out entries out of turn");
        let bytes = entries.iter().map(|entry| entry.data.len() as u64).sum();
        self.applying.push_back((Position { term: last.term, index: last.index }, bytes));
        for entry in &entries {
            if entry.term > self.opening.term {
                self.opening = Position { term: entry.term, index: entry.index };
            }
            self.membership.hand_out(entry);
        }
        self.effects.push_back(Effect::Apply { entries });
    }

    fn lead(&mut self, leadership: Leadership) {
        let before = mem::replace(&mut self.leadership, leadership);
        assert!(before.term <= leadership.term, "terms never go back");
        let changed = (before.term, before.leader) != (leadership.term, leadership.leader);
        if leadership.leader != Some(self.id) {
            self.snapshots.leadership_lost();
        }
        self.effects.push_back(Effect::Leadership(leadership));
        if changed && leadership.leader.is_some() {
            let refused = self.reads.leader_elected(self.now);
            self.refuse(refused, Refusal::LeaderChanged);
        }
        self.proposals.release();
    }

    fn refuse(&mut self, tickets: impl IntoIterator<Item = Ticket>, why: Refusal) {
        let refusals = tickets.into_iter().map(|ticket| Effect::Refused { ticket, why });
        self.effects.extend(refusals);
    }
}

/// Whether a peer may send this as a frame. A snapshot's content would be missing; and what is
/// committed as a change of the configuration must be one, or no member could go on.
fn is_sound(body: &Body) -> bool {
    match body {
        Body::Propose { entries } => {
            let mut changes = entries.iter().filter(|(kind, _)| *kind != EntryKind::Normal);
            changes.all(|(kind, data)| decode_change(*kind, data).is_ok())
        }
        Body::Snapshot { .. } => false,
        _ => true,
    }
}
