//! The machine: what comes in is sorted by term and kind, what is to be done is gathered.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use consensus::kit::{Applying, Log, Random, Unapplied, Writes, first_state, is_plausible};
use consensus::{
    Body, Change, Config, Consensus, Effect, Leadership, Marker, Message, PeerStatus, ReadPolicy,
    ReadTicket, Refused, Role, Start, Status, WriteTicket,
};
use units::{ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term, Time};

use crate::leading::Part;
use crate::membership;
use crate::outbox::Outbox;
use crate::quorum;
use crate::reads::Question;
use crate::replication::Asked;

/// One member of a cluster, as a machine; see the [crate] and [`Consensus`].
///
/// # Invariants
///
/// - `applied <= handed out <= commit <= last`; what is handed out is durable here.
/// - Term, commit and applied never go back; in one term there is one vote.
/// - Entries up to `commit` never change.
/// - While a snapshot is being installed the log does not grow and the member does not campaign.
#[derive(Clone, Debug)]
pub struct Raft {
    pub(crate) config: Config,
    /// The latest time that was told.
    pub(crate) now: Time,
    pub(crate) state: HardState,
    pub(crate) leader: Option<NodeId>,
    pub(crate) part: Part,
    pub(crate) conf: ConfState,
    pub(crate) unapplied: Unapplied,
    pub(crate) log: Log,
    pub(crate) writes: Writes,
    pub(crate) outbox: Outbox,
    pub(crate) applying: Applying,
    /// The snapshot that is being installed.
    pub(crate) installing: Option<Marker>,
    pub(crate) asked: Asked,
    pub(crate) timer: ElectionTimer,
    /// Up to where the leader of a term was told, or will be once it is durable, that the logs
    /// match.
    pub(crate) accepted: Position,
    /// What was last told of who leads.
    told: Leadership,
}

/// When to campaign, and whether to keep others from it.
#[derive(Clone, Debug)]
pub(crate) struct ElectionTimer {
    random: Random,
    /// From one to two election timeouts, drawn anew whenever the part changes, so that split votes
    /// are rare (§3.4).
    span: Duration,
    pub(crate) at: Time,
    /// Until when candidates are ignored (§4.2.3): an election timeout from the last message of a
    /// leader.
    pub(crate) loyal_until: Time,
}

impl Raft {
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
        let random = Random::new(config.seed ^ config.id.0);
        let loyal_until = if by_lease { now + config.election_timeout } else { now };
        let mut raft = Self {
            now,
            state,
            leader: None,
            part: Part::Follower,
            conf: start.marker.conf_state,
            unapplied: Unapplied::new(last.index),
            log: Log::new(head, start.runs, last),
            writes: Writes::new(start.hard_state, last.index),
            outbox: Outbox::new(config.id),
            applying: Applying::new(start.applied),
            installing: None,
            asked: Asked::default(),
            accepted: Position::default(),
            timer: ElectionTimer { random, span: Duration::ZERO, at: now, loyal_until },
            told: Leadership { term: state.term, leader: None, role: Role::Follower },
            config,
        };
        raft.draw_election_timeout();
        raft.campaign_if_alone();
        raft
    }

    pub(crate) fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    pub(crate) fn draw_election_timeout(&mut self) {
        self.timer.span = self.timer.random.one_to_two(self.config.election_timeout);
        self.wait_for_election();
    }

    pub(crate) fn wait_for_election(&mut self) {
        self.timer.at = self.now + self.timer.span;
    }

    /// Adds an entry to the end of the log in memory; it is written with the next effects.
    pub(crate) fn push_entry(&mut self, entry: Entry) {
        self.unapplied.pushed(&entry);
        self.log.push(entry);
    }

    /// Entries after `last` are not the leader's: they go, and with them all that was said of them.
    pub(crate) fn truncate(&mut self, last: Index) {
        let commit = self.state.commit;
        assert!(last >= commit, "truncating to {last}, but {commit} is committed");
        self.log.truncate(last);
        self.writes.truncated(last);
        self.unapplied.truncated(last);
        self.outbox.truncated(last);
    }

    /// The write after which everything that this member holds now is durable.
    pub(crate) fn barrier(&self) -> Option<WriteTicket> {
        self.writes.barrier(&self.state, self.log.last().index)
    }

    /// Everything up to here is committed.
    pub(crate) fn commit_to(&mut self, index: Index) {
        let last = self.log.last().index;
        assert!(index <= last, "commit of {index}, but the log ends at {last}");
        if index <= self.state.commit {
            return;
        }
        if let Part::Leader(leading) = &mut self.part {
            leading.committed(&self.log, self.state.commit.next(), index);
        }
        self.state.commit = index;
    }

    pub(crate) fn give_to_log(&mut self) {
        let change = self.unapplied.first_after(self.writes.commit());
        let urgent = change.is_some_and(|change| change <= self.state.commit);
        if let Some(effect) = self.writes.write(&self.state, &self.log, urgent) {
            self.outbox.push(effect);
        }
    }

    /// Makes effects of what has changed since the last ones. As this happens when a round of
    /// effects was taken, everything that came since goes into one write and one message per peer.
    fn gather(&mut self) {
        let leadership =
            Leadership { term: self.state.term, leader: self.leader, role: self.part.role() };
        if leadership != self.told {
            self.told = leadership;
            self.outbox.push(Effect::Changed(leadership));
        }
        // Sending comes first: the network works while the disk does (§10.2.1).
        self.feed_peers();
        self.give_to_log();
        if self.installing.is_none() {
            let ready = self.ready();
            let bytes_max = self.config.limits.apply_bytes_max;
            while let Some(effect) = self.applying.next(ready, &self.log, bytes_max) {
                self.outbox.push(effect);
            }
        }
        let kept_elsewhere = self.state.commit.min(self.writes.persisted());
        self.log.evict(kept_elsewhere, self.config.limits.cached_bytes_max);
    }

    /// What the state machine may have: what is committed and durable here.
    fn ready(&self) -> Index {
        self.settled_commit().min(self.writes.persisted())
    }

    /// Up to where what is committed may be acted upon, here or by whoever is told. A change of who
    /// takes part must be *known* here to be committed, durably: else a member that forgets it in a
    /// crash would ask those for votes who left on the strength of it.
    pub(crate) fn settled_commit(&self) -> Index {
        let commit = self.state.commit;
        match self.unapplied.first_after(self.writes.commit()) {
            Some(change) => commit.min(change.previous()),
            None => commit,
        }
    }

    /// A message of a newer term ends this one (§3.3), with two exceptions. Returns whether there
    /// is something left to do with the message.
    fn meet_newer_term(&mut self, from: NodeId, term: Term, body: &Body) -> bool {
        match body {
            // Whoever hears its leader does not help to depose it (§4.2.3), unless the leader wants
            // it; not even by learning of the candidate's term.
            Body::Vote { transfer: false, .. } | Body::PreVote { transfer: false, .. }
                if self.is_loyal() =>
            {
                return false;
            }
            // A pre-vote speaks of a term that may never come (§9.6).
            Body::PreVote { .. } | Body::PreVoteAnswer { granted: true, .. } => {}
            Body::Append { .. } | Body::Heartbeat { .. } | Body::Snapshot { .. } => {
                self.become_follower(term, Some(from));
            }
            _ => self.become_follower(term, None),
        }
        true
    }

    /// A message of an older term changes nothing here, but whoever leads or campaigns in it learns
    /// of the newer one (figure 3.1). etcd leaves some of these answers out; then a member whom
    /// candidates do not know, or who campaigns as often as they do, may stay behind for ever.
    fn meet_older_term(&mut self, from: NodeId, body: &Body) {
        let answer = match body {
            Body::Append { .. } | Body::Heartbeat { .. } | Body::Snapshot { .. } => {
                Body::AppendAccepted { matched: Index(0) }
            }
            Body::PreVote { .. } => {
                Body::PreVoteAnswer { granted: false, committed: self.known_committed() }
            }
            Body::Vote { .. } => {
                Body::VoteAnswer { granted: false, committed: self.known_committed() }
            }
            _ => return,
        };
        self.outbox.send(from, Some(self.state.term), answer);
    }

    fn take(&mut self, from: NodeId, term: Term, body: Body) {
        match body {
            Body::Append { previous, entries, commit } => {
                self.receive_entries(from, previous, entries, commit);
            }
            Body::AppendAccepted { matched } => self.peer_accepted(from, matched),
            Body::AppendRejected { refused, hint } => self.peer_rejected(from, refused, hint),
            Body::Heartbeat { commit, context } => self.receive_heartbeat(from, commit, context),
            Body::HeartbeatAnswer { context } => self.peer_answered_heartbeat(from, &context),
            Body::PreVote { last, committed, .. } => {
                self.learn_committed(committed);
                self.receive_pre_vote(from, term, last);
            }
            Body::PreVoteAnswer { granted, committed } => {
                self.learn_committed(committed);
                self.receive_pre_vote_answer(from, term, granted);
            }
            Body::Propose { entries } => self.receive_proposals(from, entries),
            Body::ReadIndex { ticket } => self.receive_question(from, ticket),
            Body::ReadIndexAnswer { ticket, index } => {
                self.outbox.push(Effect::ReadReady { ticket, index });
            }
            Body::Snapshot { marker } => self.receive_snapshot(from, marker),
            Body::TimeoutNow => self.receive_timeout_now(from),
            Body::TransferLeader { transferee } => self.receive_transfer(from, transferee),
            Body::Vote { last, committed, .. } => {
                self.learn_committed(committed);
                self.receive_vote(from, last);
            }
            Body::VoteAnswer { granted, committed } => {
                self.learn_committed(committed);
                self.receive_vote_answer(from, granted);
            }
        }
    }

    fn receive_question(&mut self, from: NodeId, ticket: ReadTicket) {
        if self.part.is_leader() {
            self.ask(Question { ticket, peer: Some(from) });
        }
    }
}

impl Consensus for Raft {
    fn step(&mut self, now: Time, message: Message) {
        self.advance(now);
        if !is_plausible(&message, self.config.id) {
            return;
        }
        let Message { from, term, body, .. } = message;
        let carries_none = matches!(body, Body::Propose { .. } | Body::ReadIndex { .. });
        let term = match term {
            _ if carries_none => self.state.term,
            Some(term) => term,
            None => return,
        };
        if term < self.state.term {
            self.meet_older_term(from, &body);
        } else if term == self.state.term || self.meet_newer_term(from, term, &body) {
            self.take(from, term, body);
        }
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
        self.reconfigure(membership::changed(&self.conf, change));
        self.conf.clone()
    }

    fn read_index(&mut self, now: Time, ticket: ReadTicket) -> Result<(), Refused> {
        self.advance(now);
        if self.part.is_leader() {
            self.ask(Question { ticket, peer: None });
            return Ok(());
        }
        let leader = self.leader.ok_or(Refused::NoLeader)?;
        self.outbox.send(leader, None, Body::ReadIndex { ticket });
        Ok(())
    }

    fn transfer(&mut self, now: Time, to: NodeId) -> Result<(), Refused> {
        self.advance(now);
        self.hand_over(to)
    }

    fn persisted(&mut self, now: Time, ticket: WriteTicket) {
        self.advance(now);
        self.writes.done(ticket);
        self.outbox.release(self.writes.durable());
        self.count_own_vote();
        self.advance_commit();
    }

    fn entries_read(&mut self, now: Time, first: Index, entries: Vec<Entry>) {
        self.advance(now);
        let genuine = self.log.genuine(first, &entries);
        if let Some(effect) = self.applying.read(first, genuine) {
            self.outbox.push(effect);
        }
        self.feed_read(first, &entries);
    }

    fn applied(&mut self, now: Time, index: Index) {
        self.advance(now);
        self.applying.done(index);
        self.unapplied.applied(self.applying.applied());
        self.leave_joint();
        self.campaign_if_alone();
    }

    fn trimmed(&mut self, marker: &Marker) {
        let index = marker.position.index;
        let handed = self.applying.handed();
        assert!(index <= handed, "trimmed up to {index}, but only {handed} was handed out");
        self.log.trim(index);
    }

    fn snapshot_started(&mut self, to: NodeId, marker: &Marker) {
        self.send_snapshot(to, marker);
    }

    fn snapshot_ended(&mut self, now: Time, to: NodeId, arrived: bool) {
        self.advance(now);
        self.asked.snapshots.remove(&to);
        if let Some(peer) = self.peer_mut(to) {
            peer.snapshot_ended(arrived);
        }
    }

    fn snapshot_installed(&mut self, now: Time, marker: &Marker) {
        self.advance(now);
        self.go_on_after_snapshot(marker);
    }

    fn unreachable(&mut self, peer: NodeId) {
        if let Some(peer) = self.peer_mut(peer) {
            peer.lost_message();
        }
    }

    fn hasten_election(&mut self, now: Time, by: Duration) {
        self.advance(now);
        if self.leader.is_none() {
            // Of the two timeouts that may have been drawn each is that much shorter.
            let timeout = self.config.election_timeout.as_nanos();
            let sooner = by.as_nanos() * self.timer.span.as_nanos() / timeout;
            let sooner = u64::try_from(sooner).map_or(Duration::MAX, Duration::from_nanos);
            self.timer.at = self.now.max(self.timer.at - sooner);
        }
    }

    fn deadline(&self) -> Option<Time> {
        match &self.part {
            Part::Leader(leading) => leading.deadline(self.config.check_quorum),
            _ => quorum::is_voter(&self.conf, self.config.id).then_some(self.timer.at),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        if self.part.is_leader() {
            self.lead_on();
        } else if self.deadline().is_some_and(|at| at <= self.now) {
            self.campaign_at_timeout();
        }
    }

    fn poll(&mut self) -> Option<Effect> {
        if self.outbox.is_empty() {
            self.gather();
        }
        self.outbox.pop()
    }

    fn status(&self) -> Status {
        let mut peers = Vec::new();
        let mut transferee = None;
        if let Part::Leader(leading) = &self.part {
            transferee = leading.transfer.as_ref().map(|transfer| transfer.to);
            peers.extend(leading.peers.iter().map(|(id, peer)| PeerStatus {
                id: *id,
                matched: peer.matched,
                next: peer.next,
                state: peer.state(),
                active: peer.active,
                learner: !quorum::is_voter(&self.conf, *id),
            }));
        }
        Status {
            id: self.config.id,
            term: self.state.term,
            vote: self.state.vote,
            leader: self.leader,
            role: self.part.role(),
            commit: self.state.commit,
            applied: self.applying.applied(),
            last: self.log.last(),
            persisted: self.writes.persisted(),
            conf_state: self.conf.clone(),
            transferee,
            peers,
        }
    }
}

#[cfg(test)]
mod tests;
