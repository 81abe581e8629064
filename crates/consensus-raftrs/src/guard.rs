//! What of a peer's message may reach the library.
//!
//! The library panics where a message contradicts what it takes for granted: that there is one
//! leader in a term, that committed entries are the same everywhere, that a leader knows how far a
//! follower's log goes. A message from the wire may say anything, so all of that is looked at
//! first. Beside that stand here the places where the library is less careful than the contract:
//! they are named in the crate's table of differences.

use consensus::kit::is_plausible;
use consensus::{Body, Marker, Message};
use raftrs::{INVALID_ID, StateRole};
use units::{ConfState, Entry, Index, NodeId, Position, Term};

use crate::raftrs::Raftrs;
use crate::translate::to_library;

impl Raftrs {
    /// A message from a peer, which may be anything.
    pub(crate) fn receive(&mut self, message: Message) {
        if !is_plausible(&message, self.config.id) || message.from.0 == INVALID_ID {
            return;
        }
        let Message { from, to, term, body } = message;
        let term = match (&body, term) {
            (Body::Propose { .. } | Body::ReadIndex { .. }, _) => None,
            // The library takes what carries no term for its own word.
            (_, None | Some(Term(0))) => return,
            (_, term) => term,
        };
        if term.is_some_and(|term| term < self.term()) {
            return self.meet_older_term((from, to, term), body);
        }
        match body {
            Body::Propose { entries } => self.receive_proposals(from, entries),
            Body::ReadIndex { ticket } => self.receive_question(from, ticket),
            Body::TransferLeader { transferee } => {
                self.catch_up_with(term);
                if self.leader().is_some_and(|leader| leader != from) {
                    self.hand_over(transferee).ok();
                }
            }
            body if self.admits(from, term.unwrap_or_default(), &body) => {
                let of_leader = matches!(
                    body,
                    Body::Append { .. } | Body::Heartbeat { .. } | Body::Snapshot { .. }
                );
                self.settle_snapshot(from, &body);
                let body = self.without_unknown_commit(body);
                let former =
                    matches!(body, Body::Snapshot { .. }).then(|| self.raw.raft.prs().clone());
                to_library(Message { from, to, term, body })
                    .into_iter()
                    .for_each(|it| self.hear(it));
                if self.raw.snap().is_some() {
                    self.former = former.or(self.former.take());
                }
                if of_leader && self.leader() == Some(from) {
                    self.timer.heard(self.now);
                }
            }
            _ => {}
        }
    }

    /// Whoever leads or campaigns in an older term learns of the newer one. The library leaves two
    /// of these answers out; then a member whom candidates do not know, or who campaigns as often
    /// as they do, may stay behind for ever. To a pre-vote it does not say what is committed.
    fn meet_older_term(&mut self, (from, to, term): (NodeId, NodeId, Option<Term>), body: Body) {
        let answer = match body {
            Body::Snapshot { .. } => Body::AppendAccepted { matched: Index(0) },
            Body::PreVote { .. } => {
                Body::PreVoteAnswer { granted: false, committed: self.known_committed() }
            }
            Body::Vote { .. } => {
                Body::VoteAnswer { granted: false, committed: self.known_committed() }
            }
            body => {
                let message = to_library(Message { from, to, term, body });
                return message.into_iter().for_each(|message| self.hear(message));
            }
        };
        self.outbox.say(from, Some(self.term()), answer);
    }

    /// A message that the library does not get is of this term, which may be newer.
    fn catch_up_with(&mut self, term: Option<Term>) {
        if let Some(term) = term.filter(|term| *term > self.term()) {
            self.raw.raft.become_follower(term.0, INVALID_ID);
        }
    }

    /// Whether a message that is not of an older term does no harm.
    fn admits(&self, from: NodeId, term: Term, body: &Body) -> bool {
        let raft = &self.raw.raft;
        let is_newer = term > self.term();
        match body {
            Body::Append { previous, entries, .. } => {
                // To the library an entry that is not there is one of term 0.
                let rooted = previous.term > Term(0) || previous.index == Index(0);
                let agrees = entries
                    .iter()
                    .all(|entry| entry.term > Term(0) && self.agrees_with_committed(entry));
                self.may_lead(from, is_newer) && !self.is_installing() && rooted && agrees
            }
            Body::AppendAccepted { matched } => is_newer || matched.0 <= raft.raft_log.last_index(),
            Body::AppendRejected { .. } | Body::HeartbeatAnswer { .. } => true,
            Body::Heartbeat { .. } => self.may_lead(from, is_newer),
            Body::PreVote { transfer, .. } | Body::Vote { transfer, .. } => {
                *transfer || !is_newer || !self.is_loyal()
            }
            // A grant is for the term that was asked for; an older question's is worth nothing.
            Body::PreVoteAnswer { granted: true, .. } => {
                let asks = raft.state == StateRole::PreCandidate;
                asks && term == self.term().next() && self.may_campaign()
            }
            Body::PreVoteAnswer { granted: false, .. } => true,
            Body::VoteAnswer { .. } => {
                is_newer || raft.state == StateRole::Candidate && self.may_campaign()
            }
            Body::Snapshot { marker } => {
                self.may_lead(from, is_newer) && !self.is_installing() && self.can_hold(marker)
            }
            Body::TimeoutNow => {
                let invited = is_newer || self.leader().is_none_or(|leader| leader == from);
                invited && self.may_campaign()
            }
            Body::ReadIndexAnswer { .. } => true,
            Body::Propose { .. } | Body::ReadIndex { .. } | Body::TransferLeader { .. } => false,
        }
    }

    /// There is one leader in a term; whoever else says so is not to be believed.
    fn may_lead(&self, from: NodeId, is_newer: bool) -> bool {
        is_newer || self.leader().is_none_or(|leader| leader == from)
    }

    /// Whether this member keeps to its leader, or to itself, whoever asks (§4.2.3).
    fn is_loyal(&self) -> bool {
        self.config.check_quorum && (self.leads() || self.now < self.timer.loyal_until)
    }

    /// Committed entries never change: whoever sends another one is not to be believed.
    fn agrees_with_committed(&self, entry: &Entry) -> bool {
        let log = &self.raw.raft.raft_log;
        let first = log.first_index();
        !(first..=log.committed).contains(&entry.index.0)
            || log.match_term(entry.index.0, entry.term.0)
    }

    /// A heartbeat's commit index that this log does not reach is not a leader's word; and while a
    /// snapshot is installed there is nothing to commit.
    fn without_unknown_commit(&self, body: Body) -> Body {
        match body {
            Body::Heartbeat { commit, context }
                if commit.0 > self.raw.raft.raft_log.last_index() || self.is_installing() =>
            {
                Body::Heartbeat { commit: Index(0), context }
            }
            body => body,
        }
    }

    /// Whether the snapshot can become this member's log: it is of a configuration that can be,
    /// with this member in it, and does not contradict what is committed here.
    fn can_hold(&self, marker: &Marker) -> bool {
        let Marker { position: Position { term, index }, conf_state } = marker;
        let log = &self.raw.raft.raft_log;
        let contradicts = index.0 == log.committed && !log.match_term(index.0, term.0);
        let old = index.0 < log.committed;
        let known = conf_state.contains(self.config.id) && is_consistent(conf_state);
        *index > Index(0) && *term > Term(0) && !contradicts && (old || known)
    }
}

/// Whether the lists of a configuration fit together.
fn is_consistent(conf: &ConfState) -> bool {
    let ConfState { voters, learners, voters_outgoing: outgoing, learners_next, auto_leave } = conf;
    let lacks = |nodes: &[NodeId], node: &NodeId| nodes.binary_search(node).is_err();
    let all = [voters, learners, outgoing, learners_next];
    all.iter().all(|nodes| lacks(nodes, &NodeId(INVALID_ID)))
        && learners.iter().all(|node| lacks(voters, node) && lacks(outgoing, node))
        && learners_next.iter().all(|node| lacks(voters, node) && !lacks(outgoing, node))
        && (conf.is_joint() || !auto_leave)
}
