//! The machine: the library, and around it what the contract asks for beyond it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use consensus::kit::{Applying, Log, Writes, first_state};
use consensus::{
    Body, Change, Config, Consensus, Effect, Leadership, Marker, Message, PeerState, PeerStatus,
    ReadPolicy, ReadTicket, Refused, Role, Start, Status, WriteTicket,
};
use raftrs::eraftpb;
use raftrs::{
    INVALID_ID, NO_LIMIT, Progress, ProgressState, ProgressTracker, RaftState, RawNode, StateRole,
};
use units::{ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term, Time};

use crate::outbox::Outbox;
use crate::proposals::Backlog;
use crate::reads::Reads;
use crate::snapshots::{Installing, Sending};
use crate::store::{Read, Store};
use crate::timer::Timer;
use crate::translate::{conf_to_library, entry_from_library, from_library, ticket_from_library};

/// One member of a cluster, as a machine around the library's; see the [crate] and [`Consensus`].
///
/// # Invariants
///
/// - `applied <= handed out <= commit <= last`; what is handed out is durable here.
/// - A message leaves only when what it promises is durable: an acknowledgement after all entries
///   that it covers, any other after the newest term and vote.
/// - The library hears of nothing that is not durable as if it was, and campaigns only while
///   everything is.
/// - While a snapshot is being installed the log does not grow and the member does not campaign.
pub struct Raftrs {
    pub(crate) config: Config,
    /// The latest time that was told.
    pub(crate) now: Time,
    pub(crate) raw: RawNode<Store>,
    pub(crate) writes: Writes,
    /// What the library calls the writes of entries that are under way.
    numbers: VecDeque<(WriteTicket, u64)>,
    /// The newest write of a term or a vote.
    promise: (WriteTicket, (Term, Option<NodeId>)),
    pub(crate) outbox: Outbox,
    pub(crate) applying: Applying,
    /// Up to where the log on disk is known to be committed.
    pub(crate) commit: Index,
    pub(crate) installing: Option<Installing>,
    /// Who took part before the snapshot that is being installed.
    pub(crate) former: Option<ProgressTracker>,
    /// Peers that a snapshot is for.
    pub(crate) snapshots: BTreeMap<NodeId, Sending>,
    pub(crate) reads: Reads,
    pub(crate) backlog: Backlog,
    pub(crate) timer: Timer,
    /// Whether there are entries that peers were not told of.
    pub(crate) unsent: bool,
    /// What was last told of who leads.
    told: Leadership,
}

impl Raftrs {
    /// A member that starts from what its log and engine hold. The only voter of a cluster
    /// campaigns at once.
    ///
    /// # Panics
    ///
    /// If the start or the configuration contradicts itself.
    #[must_use]
    pub fn new(now: Time, config: Config, start: Start) -> Self {
        let state = first_state(&config, &start);
        let (head, last) = (start.marker.position, start.last);
        let by_lease = config.reads == ReadPolicy::Lease;
        let seed = RaftState::new(to_library(state), conf_to_library(&start.marker.conf_state));
        let store = Store::new(Log::new(head, start.runs, last), seed);
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let raw = RawNode::new(&library_config(&config, start.applied), store, &logger)
            .expect("a sound configuration, and a store that answers from memory");
        let mut timer = Timer::new(now, config.election_timeout, config.seed ^ config.id.0);
        if by_lease {
            timer.heard(now);
        }
        let mut raftrs = Self {
            now,
            raw,
            writes: Writes::new(start.hard_state, last.index),
            numbers: VecDeque::new(),
            promise: (WriteTicket(0), (start.hard_state.term, start.hard_state.vote)),
            outbox: Outbox::new(config.id),
            applying: Applying::new(start.applied),
            commit: state.commit,
            installing: None,
            former: None,
            snapshots: BTreeMap::new(),
            reads: Reads::default(),
            backlog: Backlog::default(),
            timer,
            unsent: false,
            told: Leadership { term: state.term, leader: None, role: Role::Follower },
            config,
        };
        raftrs.watch_clock();
        raftrs.campaign_if_alone();
        raftrs
    }

    pub(crate) fn term(&self) -> Term {
        Term(self.raw.raft.term)
    }

    pub(crate) fn leader(&self) -> Option<NodeId> {
        node(self.raw.raft.leader_id)
    }

    pub(crate) fn leads(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// The log as it is on disk, or will be after the writes under way.
    fn log(&self) -> &Log {
        match &self.installing {
            Some(installing) => &installing.log,
            None => &self.raw.store().log,
        }
    }

    /// Leadership goes to another member.
    pub(crate) fn hand_over(&mut self, to: NodeId) -> Result<(), Refused> {
        if !self.leads() {
            let leader = self.leader().ok_or(Refused::NoLeader)?;
            let body = Body::TransferLeader { transferee: to };
            self.outbox.say(leader, Some(self.term()), body);
            return Ok(());
        }
        if to == self.config.id {
            self.raw.raft.abort_leader_transfer();
            return Ok(());
        }
        if self.conf_state().voters.binary_search(&to).is_err() {
            return Err(Refused::BadTransferee);
        }
        self.raw.transfer_leader(to.0);
        Ok(())
    }

    /// Whether this member may ask for votes. It must know who its voters are; and everything that
    /// it holds must be durable, as the library counts its own vote at once and takes for granted,
    /// where it becomes leader, that no write is under way.
    pub(crate) fn may_campaign(&self) -> bool {
        let log = &self.raw.raft.raft_log;
        let (last, commit) = (log.last_index(), Index(log.committed));
        let settled = log.persisted == last && self.writes.persisted().0 == last;
        let informed = !self.raw.store().unapplied.any(self.applying.applied(), commit);
        self.raw.raft.promotable() && !self.is_installing() && settled && informed
    }

    fn campaign(&mut self) {
        if self.may_campaign() {
            self.raw.campaign().expect("a call to campaign is never refused");
        }
    }

    /// The only voter need not wait for anybody to be heard.
    fn campaign_if_alone(&mut self) {
        let raft = &self.raw.raft;
        let waits = raft.state == StateRole::Follower && raft.leader_id == INVALID_ID;
        if waits && raft.prs().is_singleton() {
            self.campaign();
        }
    }

    /// Makes effects of what has changed since the last ones. As this happens when a round of
    /// effects was taken, everything that came since goes into one write and one message per peer.
    fn gather(&mut self) {
        self.watch_clock();
        self.tell_leadership();
        self.pass_on_questions();
        if std::mem::take(&mut self.unsent) && self.leads() {
            self.raw.raft.bcast_append();
        }
        while self.raw.has_ready() && !self.leads_on_trust() {
            self.take_ready();
        }
        if let Some(effect) = self.write() {
            self.outbox.push(effect);
        }
        self.want_snapshots();
        for Read { first, last, bytes_max } in self.raw.mut_store().reads() {
            self.outbox.push(Effect::ReadLog { first, last, bytes_max });
        }
        if self.installing.is_none() {
            self.hand_out();
        }
    }

    /// The library counts what resets an election timeout as ticks: none have passed since. It is
    /// never in a lease of its own, as who is loyal to a leader is known by time.
    fn watch_clock(&mut self) {
        let raft = &mut self.raw.raft;
        if raft.state != StateRole::Leader && raft.election_elapsed == 0 {
            raft.election_elapsed = raft.election_timeout();
            self.timer.draw(self.now);
        }
    }

    fn tell_leadership(&mut self) {
        let role = role(self.raw.raft.state);
        let leadership = Leadership { term: self.term(), leader: self.leader(), role };
        if leadership != self.told {
            if role == Role::Leader {
                self.timer.beat_at = self.now + self.config.heartbeat;
            } else {
                self.snapshots.retain(|_, sending| !matches!(sending, Sending::Arrived(_)));
            }
            self.told = leadership;
            self.outbox.push(Effect::Changed(leadership));
        }
    }

    /// Takes what the library wants written and said. It goes on at once, as if that was done; what
    /// is durable of it, it hears later.
    fn take_ready(&mut self) {
        let mut ready = self.raw.ready();
        self.install(&ready);
        let entries = ready.take_entries();
        let has_entries = !entries.is_empty();
        self.keep(entries);
        let mut messages = ready.take_messages();
        messages.append(&mut ready.take_persisted_messages());
        let states = ready.take_read_states();
        let number = ready.number();
        self.raw.advance_append_async(ready);
        let effect = self.write();
        if let Some(Effect::Append { ticket, .. }) = &effect
            && has_entries
        {
            self.numbers.push_back((*ticket, number));
        }
        // Sending comes first: the network works while the disk does (§10.2.1).
        messages.into_iter().for_each(|message| self.send(message));
        effect.into_iter().for_each(|effect| self.outbox.push(effect));
        for state in states {
            if let Some(ticket) = ticket_from_library(&state.request_ctx) {
                self.answered(ticket, Index(state.index));
            }
        }
    }

    /// Entries become part of the log in memory, in place of those that were there.
    fn keep(&mut self, entries: Vec<eraftpb::Entry>) {
        let Some(first) = entries.first().map(|entry| Index(entry.index)) else { return };
        let store = self.raw.mut_store();
        if first <= store.log.last().index {
            let last = first.previous();
            assert!(last >= self.commit, "truncating to {last}, {} is committed", self.commit);
            store.log.truncate(last);
            store.unapplied.truncated(last);
            self.writes.truncated(last);
        }
        for entry in entries.into_iter().map(entry_from_library) {
            store.unapplied.pushed(&entry);
            store.log.push(entry);
        }
    }

    /// What is to be given to the log, if there is anything.
    fn write(&mut self) -> Option<Effect> {
        if !self.is_installing() {
            self.commit = Index(self.raw.raft.raft_log.committed);
        }
        let raft = &self.raw.raft;
        let state = HardState { term: Term(raft.term), vote: node(raft.vote), commit: self.commit };
        let log = match &self.installing {
            Some(installing) => &installing.log,
            None => &self.raw.store().log,
        };
        let change = self.raw.store().unapplied.first_after(self.writes.commit());
        let urgent = change.is_some_and(|change| change <= self.commit);
        let effect = self.writes.write(&state, log, urgent);
        if let Some(Effect::Append { ticket, .. }) = &effect
            && self.promise.1 != (state.term, state.vote)
        {
            self.promise = (*ticket, (state.term, state.vote));
        }
        effect
    }

    /// The write of the newest term and vote, while it is under way.
    pub(crate) fn unkept_promise(&self) -> Option<WriteTicket> {
        let (ticket, _) = self.promise;
        (ticket > self.writes.durable()).then_some(ticket)
    }

    /// Whether this member leads by a vote that is not durable: it is the only voter, whom the
    /// library has lead at once. After a crash it would lead the same term again, so nothing may
    /// be written or said in it yet.
    fn leads_on_trust(&self) -> bool {
        let raft = &self.raw.raft;
        let promised = self.promise.1 == (Term(raft.term), node(raft.vote));
        self.leads() && (!promised || self.unkept_promise().is_some())
    }

    /// A message of the library goes out when what it says is durable.
    fn send(&mut self, message: eraftpb::Message) {
        let mut message = from_library(message).expect("the library says nothing else to peers");
        self.tell_no_more_than_settled(&mut message.body);
        let accepts =
            matches!(message.body, Body::AppendAccepted { matched } if matched > Index(0));
        if accepts && let Some(installing) = &mut self.installing {
            return installing.held.push(message);
        }
        let write = if accepts {
            let raft = &self.raw.raft;
            let state =
                HardState { term: Term(raft.term), vote: node(raft.vote), commit: self.commit };
            self.writes.barrier(&state, self.log().last().index)
        } else {
            self.unkept_promise()
        };
        self.outbox.send_after(write, message);
    }

    /// Nobody is to act on a change of who takes part that this member may forget to be committed.
    fn tell_no_more_than_settled(&self, body: &mut Body) {
        match body {
            Body::Append { commit, .. } | Body::Heartbeat { commit, .. } => {
                *commit = (*commit).min(self.settled_commit());
            }
            Body::PreVote { committed, .. }
            | Body::PreVoteAnswer { committed, .. }
            | Body::Vote { committed, .. }
            | Body::VoteAnswer { committed, .. } => {
                *committed = (*committed).min(self.known_committed());
            }
            _ => {}
        }
    }

    fn hand_out(&mut self) {
        let ready = self.ready();
        let limits = self.config.limits;
        let log = &mut self.raw.mut_store().log;
        while let Some(effect) = self.applying.next(ready, log, limits.apply_bytes_max) {
            self.outbox.push(effect);
        }
        log.evict(self.commit.min(self.writes.persisted()), limits.cached_bytes_max);
    }

    /// What the state machine may have: what is committed and durable here. A change of who takes
    /// part must also be *known* here to be committed, durably: else a member that forgets it in a
    /// crash would ask those for votes who left on the strength of it.
    fn ready(&self) -> Index {
        let persisted = self.writes.persisted().min(Index(self.raw.raft.raft_log.persisted));
        self.settled_commit().min(persisted)
    }

    /// Up to where what is committed may be acted upon, here or by whoever is told.
    fn settled_commit(&self) -> Index {
        match self.raw.store().unapplied.first_after(self.writes.commit()) {
            Some(change) => self.commit.min(change.previous()),
            None => self.commit,
        }
    }

    /// The last entry that may be said to be committed; nothing while that cannot be told.
    pub(crate) fn known_committed(&self) -> Position {
        let index = self.settled_commit();
        self.log().term(index).map_or(Position::default(), |term| Position { term, index })
    }

    /// Time has passed for a leader. The library counts ticks, so those that nobody called for are
    /// counted, too.
    fn lead_on(&mut self) {
        let late = self.now.since(self.timer.beat_at).as_nanos();
        let missed = late / self.config.heartbeat.as_nanos();
        let raft = &mut self.raw.raft;
        let missed = usize::try_from(missed).map_or(raft.election_timeout(), |missed| missed);
        raft.election_elapsed += missed.min(raft.election_timeout());
        self.timer.beat_at = self.now + self.config.heartbeat;
        self.raw.tick();
    }

    fn peer_status(&self, id: u64, peer: &Progress, conf: &ConfState) -> PeerStatus {
        let id = NodeId(id);
        let is_voter = |voters: &[NodeId]| voters.binary_search(&id).is_ok();
        let state = match peer.state {
            _ if self.snapshots.contains_key(&id) => PeerState::Snapshot,
            ProgressState::Probe => PeerState::Probe,
            ProgressState::Replicate => PeerState::Replicate,
            ProgressState::Snapshot => PeerState::Snapshot,
        };
        PeerStatus {
            id,
            matched: Index(peer.matched),
            next: Index(peer.next_idx),
            state,
            active: peer.recent_active,
            learner: !is_voter(&conf.voters) && !is_voter(&conf.voters_outgoing),
        }
    }
}

impl Consensus for Raftrs {
    fn step(&mut self, now: Time, message: Message) {
        self.advance(now);
        self.receive(message);
    }

    fn propose(&mut self, now: Time, commands: Vec<Bytes>) -> Result<(), Refused> {
        self.advance(now);
        let entries = commands.into_iter().map(|data| (EntryKind::Normal, data)).collect();
        self.propose_entries(entries)
    }

    fn propose_change(&mut self, now: Time, kind: EntryKind, data: Bytes) -> Result<(), Refused> {
        self.advance(now);
        self.propose_entries(Vec::from([(kind, data)]))
    }

    fn apply_change(&mut self, now: Time, change: &Change) -> ConfState {
        self.advance(now);
        self.change(change);
        self.conf_state()
    }

    fn read_index(&mut self, now: Time, ticket: ReadTicket) -> Result<(), Refused> {
        self.advance(now);
        self.ask(ticket)
    }

    fn transfer(&mut self, now: Time, to: NodeId) -> Result<(), Refused> {
        self.advance(now);
        self.hand_over(to)
    }

    fn persisted(&mut self, now: Time, ticket: WriteTicket) {
        self.advance(now);
        let settled = self.settled_commit();
        self.writes.done(ticket);
        // Peers may hear now of what is committed, which they were not told when it was.
        self.unsent |= self.settled_commit() > settled;
        let mut newest = None;
        while let Some((_, number)) = self.numbers.pop_front_if(|(write, _)| *write <= ticket) {
            newest = Some(number);
        }
        if let Some(number) = newest {
            if self.is_removed_leader() {
                self.raw.raft.become_follower(self.raw.raft.term, INVALID_ID);
            }
            self.raw.on_persist_ready(number);
        }
        self.outbox.release(self.writes.durable());
        self.campaign_if_alone();
    }

    fn entries_read(&mut self, now: Time, first: Index, entries: Vec<Entry>) {
        self.advance(now);
        let genuine = self.log().genuine(first, &entries);
        if let Some(effect) = self.applying.read(first, genuine) {
            self.outbox.push(effect);
        }
        if let Some(context) = self.raw.mut_store().fetched(first, entries) {
            self.raw.on_entries_fetched(context);
        }
    }

    fn applied(&mut self, now: Time, index: Index) {
        self.advance(now);
        self.applying.done(index);
        let applied = self.applying.applied();
        self.raw.mut_store().unapplied.applied(applied);
        let last = self.raw.raft.raft_log.last_index();
        if applied.0 > self.raw.raft.raft_log.applied {
            self.raw.advance_apply_to(applied.0);
        }
        // A joint configuration is left, which the library would tell with the next heartbeats.
        self.unsent |= self.raw.raft.raft_log.last_index() > last;
        self.campaign_if_alone();
    }

    fn trimmed(&mut self, marker: &Marker) {
        let index = marker.position.index;
        let handed = self.applying.handed();
        assert!(index <= handed, "trimmed up to {index}, but only {handed} was handed out");
        self.raw.mut_store().log.trim(index);
    }

    fn snapshot_started(&mut self, to: NodeId, marker: &Marker) {
        self.send_snapshot(to, marker);
    }

    fn snapshot_ended(&mut self, now: Time, to: NodeId, arrived: bool) {
        self.advance(now);
        self.end_snapshot(to, arrived);
    }

    fn snapshot_installed(&mut self, now: Time, marker: &Marker) {
        self.advance(now);
        self.go_on_after_snapshot(marker);
    }

    fn unreachable(&mut self, peer: NodeId) {
        self.raw.report_unreachable(peer.0);
    }

    fn hasten_election(&mut self, now: Time, by: Duration) {
        self.advance(now);
        self.watch_clock();
        if self.leader().is_none() {
            self.timer.hasten(self.now, by);
        }
    }

    fn deadline(&self) -> Option<Time> {
        let raft = &self.raw.raft;
        if self.leads() {
            let alone = raft.prs().iter().all(|(id, _)| *id == raft.id);
            (!alone).then_some(self.timer.beat_at)
        } else {
            raft.promotable().then_some(self.timer.election_at)
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        // What has come since the last poll sets the clock anew: whoever leads since then has not
        // missed a heartbeat, and who has heard a leader need not campaign.
        self.watch_clock();
        self.tell_leadership();
        if self.deadline().is_none_or(|at| at > self.now) {
            return;
        }
        if self.leads() {
            self.lead_on();
        } else {
            self.timer.draw(self.now);
            self.campaign();
        }
    }

    fn poll(&mut self) -> Option<Effect> {
        if self.outbox.is_empty() {
            self.gather();
        }
        self.outbox.pop()
    }

    fn status(&self) -> Status {
        let raft = &self.raw.raft;
        let conf_state = self.conf_state();
        let mut peers = Vec::new();
        if self.leads() {
            let others = raft.prs().iter().filter(|(id, _)| **id != raft.id);
            peers.extend(others.map(|(id, peer)| self.peer_status(*id, peer, &conf_state)));
            peers.sort_unstable_by_key(|peer| peer.id);
        }
        let committed = Index(raft.raft_log.committed);
        Status {
            id: self.config.id,
            term: self.term(),
            vote: node(raft.vote),
            leader: self.leader(),
            role: role(raft.state),
            commit: if self.is_installing() { self.commit } else { committed },
            applied: self.applying.applied(),
            last: self.log().last(),
            persisted: self.writes.persisted(),
            conf_state,
            transferee: raft.lead_transferee.and_then(node),
            peers,
        }
    }
}

/// How the library is set up. It is told of no limits but those that it keeps as the contract means
/// them, and of no lease.
fn library_config(config: &Config, applied: Index) -> raftrs::Config {
    let limits = config.limits;
    let by_bytes = limits.inflight_bytes_max / limits.message_bytes_max.max(1);
    let beats = config.election_timeout.as_nanos().div_ceil(config.heartbeat.as_nanos());
    raftrs::Config {
        id: config.id.0,
        election_tick: usize::try_from(beats).unwrap_or(usize::MAX / 4),
        heartbeat_tick: 1,
        applied: applied.0,
        max_size_per_msg: limits.message_bytes_max as u64,
        max_inflight_msgs: limits.inflight_messages_max.min(by_bytes).max(1),
        check_quorum: config.check_quorum,
        pre_vote: config.pre_vote,
        max_uncommitted_size: NO_LIMIT,
        max_committed_size_per_ready: NO_LIMIT,
        ..raftrs::Config::default()
    }
}

fn to_library(state: HardState) -> eraftpb::HardState {
    eraftpb::HardState {
        term: state.term.0,
        vote: state.vote.map_or(INVALID_ID, |node| node.0),
        commit: state.commit.0,
        ..eraftpb::HardState::default()
    }
}

fn node(id: u64) -> Option<NodeId> {
    (id != INVALID_ID).then_some(NodeId(id))
}

fn role(state: StateRole) -> Role {
    match state {
        StateRole::Follower => Role::Follower,
        StateRole::PreCandidate => Role::PreCandidate,
        StateRole::Candidate => Role::Candidate,
        StateRole::Leader => Role::Leader,
    }
}
