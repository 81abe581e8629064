//! Changes of members, and whether they are safe.

use std::sync::Arc;
use std::time::Duration;

use state::{Member, MemberChange, Members, Refusal};
use tokio::time::timeout;
use tracing::warn;
use units::NodeId;

use crate::ask::{Answer, Question};
use crate::shared::Shared;
use crate::{Cause, Error};

/// For how long a member must have been connected to count as healthy, as in etcd.
const HEALTHY_AFTER: Duration = Duration::from_secs(5);

/// A learner is ready when it has this many hundredths of the leader's log, as in etcd.
const READY_PERCENT: u64 = 90;

impl Shared {
    /// Has a change of members agreed on, if it is safe.
    pub(crate) async fn change_members(&self, change: MemberChange) -> Result<Arc<Members>, Error> {
        match &change {
            MemberChange::Add(member) => self.may_add(member)?,
            MemberChange::Promote { id } => return self.promote(*id).await,
            MemberChange::Remove { id } => self.may_remove(*id)?,
            MemberChange::Update { .. } => {}
        }
        self.change(&change).await
    }

    /// Makes a learner a voter, here or at whoever leads: only the leader knows whether it is
    /// ready.
    async fn promote(&self, id: NodeId) -> Result<Arc<Members>, Error> {
        if self.leads() {
            return self.promote_here(id).await;
        }
        let question = Question::promote(id);
        let asked = self.ask_the_leader(&question);
        match timeout(self.request_timeout(), asked).await {
            Ok(Ok(Answer::Done(_))) => {
                // What this member tells is to show it.
                self.linearize(self.request_timeout()).await?;
                Ok(Arc::clone(&self.published().members))
            }
            Ok(Ok(_)) | Err(_) => Err(Error::TimedOut(Cause::Unknown)),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Makes a learner a voter, as the leader.
    pub(crate) async fn promote_here(&self, id: NodeId) -> Result<Arc<Members>, Error> {
        let status = self.status().await?;
        if status.consensus.leader != Some(self.identity.node) {
            return Err(Error::NotLeader);
        }
        let members = Arc::clone(&self.published().members);
        let member = members.current.get(&id).ok_or(Refusal::MemberNotFound)?;
        if !member.is_learner {
            return Err(Error::Refused(Refusal::MemberNotLearner));
        }
        let peers = &status.consensus.peers;
        let matched = peers.iter().find(|peer| peer.id == id).map_or(0, |peer| peer.matched.0);
        let last = status.consensus.persisted.0;
        if matched.saturating_mul(100) < last.saturating_mul(READY_PERCENT) {
            return Err(Error::LearnerNotReady);
        }
        // The one who is promoted counts among those who have started: it is up with the leader.
        if self.config.strict_changes && started(&members, None) + 1 < quorum(members.voters() + 1)
        {
            return Err(Error::NotEnoughStarted);
        }
        self.change(&MemberChange::Promote { id }).await
    }

    /// A new voter counts against the quorum at once, and helps only once it is up.
    fn may_add(&self, member: &Member) -> Result<(), Error> {
        let members = Arc::clone(&self.published().members);
        if let Some(max) = self.config.members_max.filter(|max| members.current.len() >= *max) {
            warn!(max, "cannot add a member: this --consensus takes no more");
            return Err(Error::NotCapable);
        }
        if !self.config.strict_changes {
            return Ok(());
        }
        let (voters, started) = (members.voters(), started(&members, None));
        let alone = voters == 1 && started == 1;
        if !member.is_learner && !alone && started < quorum(voters + 1) {
            return Err(Error::NotEnoughStarted);
        }
        if voters > 1 && self.healthy(&members) < quorum(voters + 1) {
            return Err(Error::Unhealthy);
        }
        Ok(())
    }

    /// Whoever is left must be able to go on. One who is away anyway is not missed.
    fn may_remove(&self, id: NodeId) -> Result<(), Error> {
        let members = Arc::clone(&self.published().members);
        let is_voter = members.current.get(&id).is_some_and(|member| !member.is_learner);
        if !self.config.strict_changes || !is_voter {
            return Ok(());
        }
        let left = members.voters() - 1;
        if started(&members, Some(id)) < quorum(left) {
            return Err(Error::NotEnoughStarted);
        }
        let is_away = id != self.identity.node && self.connected(&[id], Duration::ZERO) == 0;
        if !is_away && self.healthy(&members) < 1 + quorum(left) {
            return Err(Error::Unhealthy);
        }
        Ok(())
    }

    fn healthy(&self, members: &Members) -> usize {
        let voters = members.current.iter().filter(|(_, member)| !member.is_learner);
        let voters: Vec<NodeId> = voters.map(|(id, _)| *id).collect();
        self.connected(&voters, HEALTHY_AFTER)
    }
}

/// How many voters have ever started, but for one: those who have made their names known.
fn started(members: &Members, but: Option<NodeId>) -> usize {
    let has_started =
        |(id, member): &(&NodeId, &Member)| Some(**id) != but && is_started_voter(member);
    members.current.iter().filter(has_started).count()
}

fn is_started_voter(member: &Member) -> bool {
    !member.is_learner && !member.name.is_empty()
}

/// A majority of so many.
fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}
