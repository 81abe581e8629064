//! Who leads (§3.4), asked first whether it would be elected (§9.6).

use alloc::collections::BTreeMap;

use consensus::{Body, WriteTicket};
use units::{HardState, NodeId, Position, Term, planted};

use crate::leading::Part;
use crate::quorum::{self, Outcome};
use crate::raft::Raft;

/// The votes of a campaign.
#[derive(Clone, Debug)]
pub(crate) struct Ballot {
    votes: BTreeMap<NodeId, bool>,
    /// The write that makes this member's own vote durable; until then it does not count.
    own_vote: Option<WriteTicket>,
}

impl Raft {
    /// An election timeout has passed without a leader.
    pub(crate) fn campaign_at_timeout(&mut self) {
        self.draw_election_timeout();
        if !self.may_campaign() {
            return;
        }
        if self.config.pre_vote {
            self.ask_around();
        } else {
            self.campaign(false);
        }
    }

    /// The only voter need not wait for anybody to be heard.
    pub(crate) fn campaign_if_alone(&mut self) {
        let waits = matches!(self.part, Part::Follower) && self.leader.is_none();
        let alone = quorum::holds(&self.conf, |voter| voter == self.config.id);
        if waits && alone && self.may_campaign() {
            self.campaign(false);
        }
    }

    /// A member that does not know who its voters are must not count votes: it is no voter, its
    /// configuration is about to change, or all of its state is.
    fn may_campaign(&self) -> bool {
        let applied = self.applying.applied();
        quorum::is_voter(&self.conf, self.config.id)
            && self.installing.is_none()
            && !self.unapplied.any(applied, self.state.commit)
    }

    /// Asks whether the others would vote for this member; nothing changes by asking.
    fn ask_around(&mut self) {
        let me = self.config.id;
        self.leader = None;
        self.part =
            Part::PreCandidate(Ballot { votes: BTreeMap::from([(me, true)]), own_vote: None });
        let (term, last) = (self.state.term.next(), self.log.last());
        let committed = self.known_committed();
        for voter in quorum::voters(&self.conf).filter(|voter| *voter != me) {
            let body = Body::PreVote { last, transfer: false, committed };
            self.outbox.send(voter, Some(term), body);
        }
        self.decide();
    }

    /// Begins a term of its own. The requests for votes go out once term, vote and log are durable:
    /// else a crash could make the member ask twice in one term, for two different logs.
    fn campaign(&mut self, transfer: bool) {
        let me = self.config.id;
        let state = self.state;
        self.state = HardState { term: state.term.next(), vote: Some(me), commit: state.commit };
        self.leader = None;
        self.draw_election_timeout();
        let own_vote = self.barrier();
        assert!(own_vote.is_some(), "a new term is not durable yet");
        self.part = Part::Candidate(Ballot { votes: BTreeMap::new(), own_vote });
        let (term, last, committed) = (self.state.term, self.log.last(), self.known_committed());
        self.outbox.withdraw_votes();
        for voter in quorum::voters(&self.conf).filter(|voter| *voter != me) {
            let body = Body::Vote { last, transfer, committed };
            self.outbox.send_after(own_vote, voter, term, body);
        }
    }

    /// The term is this one now, and who leads it may be known.
    pub(crate) fn become_follower(&mut self, term: Term, leader: Option<NodeId>) {
        assert!(term >= self.state.term, "back from term {} to {term}", self.state.term);
        if term > self.state.term {
            self.state = HardState { term, vote: None, commit: self.state.commit };
        }
        let part = core::mem::replace(&mut self.part, Part::Follower);
        if let Part::Leader(leading) = part {
            leading.reads.lost(&mut self.outbox);
        }
        self.leader = leader;
        self.draw_election_timeout();
    }

    /// Somebody speaks as leader of this term. Returns whether he may.
    pub(crate) fn follow(&mut self, leader: NodeId) -> bool {
        match (&self.part, self.leader) {
            (Part::Follower, Some(known)) if known == leader => {}
            (Part::Follower, None) => self.leader = Some(leader),
            // There is one leader in a term; whoever else says so is not to be believed.
            (Part::Follower, Some(_)) | (Part::Leader(_), _) => return false,
            _ => self.become_follower(self.state.term, Some(leader)),
        }
        self.wait_for_election();
        self.timer.loyal_until = self.now + self.config.election_timeout;
        true
    }

    /// Whether this member keeps to its leader, or to itself, whoever asks (§4.2.3).
    pub(crate) fn is_loyal(&self) -> bool {
        let loyal = self.part.is_leader() || self.now < self.timer.loyal_until;
        self.config.check_quorum && loyal
    }

    pub(crate) fn receive_pre_vote(&mut self, from: NodeId, term: Term, last: Position) {
        let free = term > self.state.term || self.may_vote_for(from);
        let granted = free && (last >= self.log.last() || planted!(ShortLogElected));
        // Whoever is granted a pre-vote counts it for the term that he would begin; whoever is not
        // learns of ours.
        let (answer_term, committed) = if granted {
            (term, Position::default())
        } else {
            (self.state.term, self.known_committed())
        };
        self.outbox.send(from, Some(answer_term), Body::PreVoteAnswer { granted, committed });
    }

    /// One vote in a term, and only for a log that holds everything that may be committed (§3.6.1).
    /// Learners vote too: they may be voters already and not know it.
    pub(crate) fn receive_vote(&mut self, from: NodeId, last: Position) {
        let term = self.state.term;
        let lacks_something = last < self.log.last() && !planted!(ShortLogElected);
        if !self.may_vote_for(from) || lacks_something {
            let body = Body::VoteAnswer { granted: false, committed: self.known_committed() };
            return self.outbox.send(from, Some(term), body);
        }
        self.state.vote = Some(from);
        self.wait_for_election();
        let body = Body::VoteAnswer { granted: true, committed: Position::default() };
        self.outbox.send_after(self.barrier(), from, term, body);
    }

    fn may_vote_for(&self, candidate: NodeId) -> bool {
        let free = self.state.vote.map_or(self.leader.is_none(), |voted| voted == candidate);
        free || planted!(DoubleVote)
    }

    /// The last entry that this member knows to be committed; nothing while it cannot say of which
    /// term that is.
    pub(crate) fn known_committed(&self) -> Position {
        let index = self.settled_commit();
        self.log.term(index).map_or(Position::default(), |term| Position { term, index })
    }

    /// Somebody who wants a vote, or refuses one, knows this to be committed. Of two voters one may
    /// have been removed, know it, hold more than the other, and so never vote for it, while the
    /// other does not know that it decides alone. Or one was made a voter by the other, which then
    /// lost the end of its log in a crash: the new one, who holds more, will not vote for it, and
    /// does not campaign before it knows that it may. Whoever learns that who takes part is about
    /// to change must not go on counting votes.
    pub(crate) fn learn_committed(&mut self, committed: Position) {
        let learns = !self.part.is_leader()
            && self.installing.is_none()
            && committed.index > self.state.commit
            && self.log.matches(committed);
        if !learns {
            return;
        }
        self.commit_to(committed.index);
        if !matches!(self.part, Part::Follower) && !self.may_campaign() {
            self.become_follower(self.state.term, None);
        }
    }

    pub(crate) fn receive_pre_vote_answer(&mut self, from: NodeId, term: Term, granted: bool) {
        let expected = if granted { self.state.term.next() } else { self.state.term };
        if let Part::PreCandidate(ballot) = &mut self.part
            && term == expected
            && quorum::is_voter(&self.conf, from)
        {
            ballot.votes.entry(from).or_insert(granted);
            self.decide();
        }
    }

    pub(crate) fn receive_vote_answer(&mut self, from: NodeId, granted: bool) {
        if let Part::Candidate(ballot) = &mut self.part
            && quorum::is_voter(&self.conf, from)
        {
            ballot.votes.entry(from).or_insert(granted);
            self.decide();
        }
    }

    /// A write is durable: perhaps the one with this member's vote for itself.
    pub(crate) fn count_own_vote(&mut self) {
        let durable = self.writes.durable();
        if let Part::Candidate(ballot) = &mut self.part
            && ballot.own_vote.take_if(|write| *write <= durable).is_some()
        {
            ballot.votes.insert(self.config.id, true);
            self.decide();
        }
    }

    fn decide(&mut self) {
        match &self.part {
            Part::PreCandidate(ballot) => match quorum::outcome(&self.conf, &ballot.votes) {
                Outcome::Won => self.campaign(false),
                Outcome::Lost => self.become_follower(self.state.term, None),
                Outcome::Open => {}
            },
            Part::Candidate(ballot) => match quorum::outcome(&self.conf, &ballot.votes) {
                Outcome::Won => self.become_leader(),
                Outcome::Lost => self.become_follower(self.state.term, None),
                Outcome::Open => {}
            },
            Part::Follower | Part::Leader(_) => {}
        }
    }

    /// The leader wants this member to succeed it (§3.10): it campaigns at once, whatever its timer
    /// and its peers' leases say.
    pub(crate) fn receive_timeout_now(&mut self, from: NodeId) {
        let invited = self.leader.is_none_or(|leader| leader == from);
        if matches!(self.part, Part::Follower) && invited && self.may_campaign() {
            self.campaign(true);
        }
    }
}
