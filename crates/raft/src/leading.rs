//! What a leader does on its own: take proposals, commit, let itself be heard, and doubt itself.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use consensus::kit::{Log, weight};
use consensus::{Body, ReadPolicy, Refused, Role};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Time, planted};

use crate::election::Ballot;
use crate::membership;
use crate::progress::Progress;
use crate::quorum;
use crate::raft::Raft;
use crate::reads::Reads;
use crate::transfer::Transfer;

/// What a member is in its term, with what it needs for that and only for that.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Follower,
    PreCandidate(Ballot),
    Candidate(Ballot),
    Leader(Box<Leading>),
}

impl Part {
    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Follower => Role::Follower,
            Self::PreCandidate(_) => Role::PreCandidate,
            Self::Candidate(_) => Role::Candidate,
            Self::Leader(_) => Role::Leader,
        }
    }

    pub(crate) fn is_leader(&self) -> bool {
        matches!(self, Self::Leader(_))
    }
}

/// What only a leader has; gone when its term ends.
#[derive(Clone, Debug)]
pub(crate) struct Leading {
    /// Every member but this one, learners too.
    pub(crate) peers: BTreeMap<NodeId, Progress>,
    pub(crate) reads: Reads,
    pub(crate) transfer: Option<Transfer>,
    /// The empty entry that opened the term. Once it is committed, so is everything before it
    /// (§3.6.2), and the leader knows what is.
    pub(crate) opened: Index,
    /// No configuration change is taken until this entry is applied, so that there is never more
    /// than one that is not.
    pending_change: Index,
    uncommitted_bytes: usize,
    heartbeat_at: Time,
    quorum_check_at: Time,
}

impl Leading {
    /// When to act next; never if there is nobody to act upon.
    pub(crate) fn deadline(&self, check_quorum: bool) -> Option<Time> {
        if self.peers.is_empty() {
            return None;
        }
        let check = check_quorum.then_some(self.quorum_check_at);
        let give_up = self.transfer.as_ref().map(|transfer| transfer.give_up_at);
        [Some(self.heartbeat_at), check, give_up].into_iter().flatten().min()
    }

    /// Entries are committed: those of this term do not wait for a quorum any more.
    pub(crate) fn committed(&mut self, log: &Log, first: Index, last: Index) {
        let first = first.max(self.opened);
        if first <= last {
            self.uncommitted_bytes -= log.cached(first, last).map(weight).sum::<usize>();
        }
    }
}

impl Raft {
    pub(crate) fn peer_mut(&mut self, id: NodeId) -> Option<&mut Progress> {
        match &mut self.part {
            Part::Leader(leading) => leading.peers.get_mut(&id),
            _ => None,
        }
    }

    /// The election is won (§3.4). The term opens with an empty entry, as nothing of older terms
    /// may be committed by counting (§3.6.2).
    pub(crate) fn become_leader(&mut self) {
        let last = self.log.last().index;
        let me = self.config.id;
        let others = membership::members(&self.conf).into_iter().filter(|id| *id != me);
        let peers = others.map(|id| (id, Progress::new(last.next(), false))).collect();
        self.draw_election_timeout();
        self.leader = Some(me);
        self.part = Part::Leader(Box::new(Leading {
            peers,
            reads: Reads::new(self.config.reads == ReadPolicy::Lease),
            transfer: None,
            opened: last.next(),
            pending_change: last,
            uncommitted_bytes: 0,
            heartbeat_at: self.now + self.config.heartbeat,
            quorum_check_at: self.now + self.config.election_timeout,
        }));
        self.append(EntryKind::Normal, Bytes::new());
    }

    /// Proposals of this member's clients: taken if it leads, else passed on.
    pub(crate) fn propose_entries(
        &mut self,
        entries: Vec<(EntryKind, Bytes)>,
    ) -> Result<(), Refused> {
        let Part::Leader(leading) = &self.part else {
            let leader = self.leader.ok_or(Refused::NoLeader)?;
            self.outbox.send(leader, None, Body::Propose { entries });
            return Ok(());
        };
        let limit = self.config.limits.uncommitted_bytes_max;
        let bytes: usize = entries.iter().map(|(_, data)| size_of::<Entry>() + data.len()).sum();
        if !self.conf.contains(self.config.id) {
            return Err(Refused::Removed);
        }
        if leading.transfer.is_some() {
            return Err(Refused::Transferring);
        }
        if leading.uncommitted_bytes > 0 && leading.uncommitted_bytes + bytes > limit {
            return Err(Refused::TooMuchUncommitted);
        }
        for (kind, data) in entries {
            if kind != EntryKind::Normal && !self.may_change(kind, &data) {
                self.append(EntryKind::Normal, Bytes::new());
            } else {
                self.append(kind, data);
            }
        }
        Ok(())
    }

    /// Proposals that a peer passed on. Whatever cannot be taken is lost without a word, as in
    /// etcd.
    pub(crate) fn receive_proposals(&mut self, from: NodeId, entries: Vec<(EntryKind, Bytes)>) {
        if !entries.is_empty() && self.leader.is_some_and(|leader| leader != from) {
            self.propose_entries(entries).ok();
        }
    }

    /// Whether a configuration change can take effect where it would come to stand: one at a time,
    /// and while joint only one that leaves. What the data says is not known here; that a change is
    /// empty and so leaves shows in the second form only.
    fn may_change(&self, kind: EntryKind, data: &Bytes) -> bool {
        let Part::Leader(leading) = &self.part else { return false };
        let leaves = kind == EntryKind::ConfChangeV2 && data.is_empty();
        let fits = if self.conf.is_joint() { kind != EntryKind::ConfChange } else { !leaves };
        let settled = leading.pending_change <= self.applying.applied();
        fits && (settled || planted!(TwoChangesAtOnce))
    }

    fn append(&mut self, kind: EntryKind, data: Bytes) {
        let Part::Leader(leading) = &mut self.part else {
            unreachable!("only a leader appends by itself")
        };
        let index = self.log.last().index.next();
        let entry = Entry { kind, term: self.state.term, index, data };
        if kind != EntryKind::Normal {
            leading.pending_change = index;
        }
        leading.uncommitted_bytes += weight(&entry);
        self.push_entry(entry);
    }

    /// Commits what a quorum holds durably, if it is of this term (§3.6.2).
    pub(crate) fn advance_commit(&mut self) {
        let Part::Leader(leading) = &self.part else { return };
        let own =
            if planted!(OwnBeforeSync) { self.log.last().index } else { self.writes.persisted() };
        let conf = if planted!(LearnerCounted) {
            &membership::with_learners_as_voters(&self.conf)
        } else {
            &self.conf
        };
        let held = quorum::reached(conf, |voter| {
            let matched = leading.peers.get(&voter).map_or(Index(0), |peer| peer.matched);
            if voter == self.config.id { own.0 } else { matched.0 }
        });
        let of_this_term = self.log.term(Index(held)) == Some(self.state.term);
        if (of_this_term || planted!(CommitOfOldTerm)) && Index(held) > self.state.commit {
            self.commit_to(Index(held));
            self.answer_reads();
        }
    }

    /// Time has passed for a leader.
    pub(crate) fn lead_on(&mut self) {
        let now = self.now;
        let Part::Leader(leading) = &mut self.part else { return };
        leading.transfer.take_if(|transfer| transfer.give_up_at <= now);
        if leading.quorum_check_at <= now {
            leading.quorum_check_at = now + self.config.election_timeout;
            if self.config.check_quorum && !self.heard_of_quorum() {
                return self.become_follower(self.state.term, None);
            }
        }
        let Part::Leader(leading) = &mut self.part else { return };
        if leading.heartbeat_at <= now {
            leading.heartbeat_at = now + self.config.heartbeat;
            self.beat();
        }
    }

    /// Whether a quorum was heard of since it was last asked (§6.2). A leader that is cut off steps
    /// down, so that its clients turn elsewhere.
    fn heard_of_quorum(&mut self) -> bool {
        let me = self.config.id;
        let Part::Leader(leading) = &mut self.part else { return false };
        let peers = &mut leading.peers;
        let heard = quorum::holds(&self.conf, |voter| {
            voter == me || peers.get(&voter).is_some_and(|peer| peer.active)
        });
        for peer in peers.values_mut() {
            peer.active = false;
        }
        heard
    }

    /// Tells everyone who leads, what is committed of what they hold, and the newest round of
    /// reads.
    pub(crate) fn beat(&mut self) {
        let settled = self.settled_commit();
        let Part::Leader(leading) = &mut self.part else { return };
        let term = Some(self.state.term);
        let context = leading.reads.begin_round(self.now, self.config.election_timeout);
        for (id, peer) in &mut leading.peers {
            let commit = settled.min(peer.matched);
            peer.commit_told = peer.commit_told.max(commit);
            self.outbox.send(*id, term, Body::Heartbeat { commit, context: context.clone() });
        }
    }

    /// The configuration is another one from now on.
    pub(crate) fn reconfigure(&mut self, conf: ConfState) {
        let me = self.config.id;
        let voted = quorum::is_voter(&self.conf, me);
        self.conf = conf;
        let votes = quorum::is_voter(&self.conf, me);
        let Part::Leader(leading) = &mut self.part else {
            return match (voted, votes) {
                (false, true) => self.draw_election_timeout(),
                (true, false) => self.become_follower(self.state.term, self.leader),
                _ => {}
            };
        };
        // A removed leader goes on until it stops, so that the others hear of the commit; one that
        // became a learner never stops, so it steps down (§4.2.2).
        if !votes && self.conf.contains(me) {
            return self.become_follower(self.state.term, None);
        }
        let members = membership::members(&self.conf);
        leading.peers.retain(|id, _| members.binary_search(id).is_ok());
        for id in members.into_iter().filter(|id| *id != me) {
            let last = self.log.last().index;
            leading.peers.entry(id).or_insert_with(|| Progress::new(last, true));
        }
        let conf = &self.conf;
        leading.transfer.take_if(|transfer| conf.voters.binary_search(&transfer.to).is_err());
        leading.reads.doubt_lease();
        self.advance_commit();
        self.answer_reads();
    }

    /// A joint configuration that is to be left by itself is left once it is applied (§4.3).
    pub(crate) fn leave_joint(&mut self) {
        let Part::Leader(leading) = &self.part else { return };
        let settled = leading.pending_change <= self.applying.applied();
        if self.conf.is_joint() && self.conf.auto_leave && settled {
            self.append(EntryKind::ConfChangeV2, Bytes::new());
        }
    }
}
