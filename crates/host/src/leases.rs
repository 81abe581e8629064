//! Leases, whoever leads: renewals and what is left of them are the leader's to know.

use std::time::Duration;

use state::read::lease_keys;
use state::{Machine, Renewal, TimeToLive};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use units::{LeaseId, NodeId};

use crate::apply::Work;
use crate::ask::{Answer, Question};
use crate::desk::Declined;
use crate::requests::On;
use crate::shared::Shared;
use crate::{Cause, Error};
use node::Urgency;

/// How long a leader waits for its own state before it calls a lease unknown, as in etcd.
const APPLYING_MAX: Duration = Duration::from_secs(1);

/// How long to wait before another leader is tried, as in etcd.
const AGAIN: Duration = Duration::from_millis(50);

/// Heartbeats that a leader may have missed and still be believed without asking the others.
const HEARTBEATS_MISSED_MAX: u32 = 3;

/// Questions about leases that may lie on the applying desk.
const WORK_MAX: usize = 16_384;

/// Whether the keys of a lease are told with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// They are.
    Named,
    /// They are not.
    Omitted,
}

impl Shared {
    /// Renews a lease, here or at whoever leads: its TTL, or `None` if it is gone.
    pub(crate) async fn keep_alive(&self, id: LeaseId) -> Result<Option<i64>, Error> {
        let asked = async {
            if self.leads() {
                match self.keep_alive_here(id).await {
                    Err(Error::LeaderChanged) => {}
                    answer => return answer,
                }
            }
            let answer = self.ask_the_leader(&Question::keep_alive(id)).await?;
            match answer {
                Answer::Renewed(ttl_s) => Ok((ttl_s > 0).then_some(ttl_s)),
                _ => Err(Error::TimedOut(Cause::Unknown)),
            }
        };
        timeout(self.request_timeout(), asked).await.unwrap_or_else(|_| Err(self.unled()))
    }

    /// What is left of a lease, known here or by whoever leads; `None` if there is none.
    pub(crate) async fn time_to_live(
        &self,
        id: LeaseId,
        keys: Keys,
    ) -> Result<Option<TimeToLive>, Error> {
        let asked = async {
            if self.leads() {
                return self.time_to_live_here(id, keys).await;
            }
            let question = Question::time_to_live(id, keys == Keys::Named);
            match self.ask_the_leader(&question).await? {
                Answer::Left(left) => Ok(left.known.then(|| TimeToLive {
                    remaining_s: left.remaining_s,
                    ttl_s: left.ttl_s,
                    keys: left.keys.clone(),
                })),
                _ => Err(Error::TimedOut(Cause::Unknown)),
            }
        };
        timeout(self.request_timeout(), asked).await.unwrap_or_else(|_| Err(self.unled()))
    }

    /// All leases that this member knows of.
    pub(crate) async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        let (answer, answered) = oneshot::channel();
        self.ask_applier(Work::Leases { answer })?;
        answered.await.map_err(|_| Error::Stopped)
    }

    /// Renews a lease as its leader. One that is past its deadline is never revived: the answer
    /// waits until it is gone.
    pub(crate) async fn keep_alive_here(&self, id: LeaseId) -> Result<Option<i64>, Error> {
        self.ensure_leadership().await?;
        let mut sure = false;
        loop {
            let (answer, answered) = oneshot::channel();
            self.ask_applier(Work::KeepAlive { id, answer })?;
            match answered.await.map_err(|_| Error::Stopped)? {
                Renewal::Renewed { ttl_s } => return Ok(Some(ttl_s)),
                Renewal::Unknown if sure => return Ok(None),
                // It may have been granted just now.
                Renewal::Unknown => {
                    self.catch_up().await?;
                    sure = true;
                }
                Renewal::NeedsCheckpoint => {
                    let term = self.leading().leadership.term;
                    let command = Machine::clear_checkpoint(id);
                    self.propose(command, Urgency::Urgent, On::Leading(term)).await?;
                }
                Renewal::Expired | Renewal::NotPrimary => return Err(Error::NotPrimary),
            }
        }
    }

    /// What is left of a lease, as its leader knows it.
    pub(crate) async fn time_to_live_here(
        &self,
        id: LeaseId,
        keys: Keys,
    ) -> Result<Option<TimeToLive>, Error> {
        self.catch_up().await?;
        let (answer, answered) = oneshot::channel();
        self.ask_applier(Work::TimeToLive { id, answer })?;
        let known = answered.await.map_err(|_| Error::Stopped)?;
        let Some(left) = known.ok_or(Error::LeaderChanged)? else { return Ok(None) };
        let named = match keys {
            Keys::Named => self.read(move |published| lease_keys(published, id)).await?,
            Keys::Omitted => Vec::new(),
        };
        Ok(Some(TimeToLive { remaining_s: left.remaining_s, ttl_s: left.ttl_s, keys: named }))
    }

    /// A leader that was not at work for a while may be none any more, and asks the others before
    /// it gives its word.
    async fn ensure_leadership(&self) -> Result<(), Error> {
        if self.absent() <= self.config.consensus.heartbeat * HEARTBEATS_MISSED_MAX {
            return Ok(());
        }
        let span = self.request_timeout();
        self.linearize(span).await.map_err(|_| Error::NotPrimary)
    }

    /// Waits until this member's state is as new as the cluster's.
    async fn catch_up(&self) -> Result<(), Error> {
        match self.linearize(APPLYING_MAX).await {
            Err(Error::TimedOut(_)) => Err(Error::TimedOut(Cause::Applying)),
            done => done,
        }
    }

    /// Asks whoever leads, and who leads then, until somebody answers.
    pub(crate) async fn ask_the_leader(&self, question: &Question) -> Result<Answer, Error> {
        loop {
            let leader = self.other_leader().await?;
            match self.ask(leader, question.clone()).await {
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(
                    Error::LeaderChanged
                    | Error::NoLeader
                    | Error::NotLeader
                    | Error::NotPrimary
                    | Error::TimedOut(_)
                    | Error::TooManyRequests,
                ) => sleep(AGAIN).await,
                answer => return answer,
            }
        }
    }

    /// Waits until somebody leads, and if that is this member, says so as an error: the caller
    /// thought otherwise.
    async fn other_leader(&self) -> Result<NodeId, Error> {
        let mut leading = self.leading.subscribe();
        let known = leading.wait_for(|leading| leading.leadership.leader.is_some()).await;
        let leader = known.map_err(|_| Error::Stopped)?.leadership.leader;
        match leader.filter(|leader| *leader != self.identity.node) {
            Some(leader) => Ok(leader),
            None => Err(Error::LeaderChanged),
        }
    }

    /// What to say when no leader answered in time.
    fn unled(&self) -> Error {
        if self.leading().leadership.leader.is_none() {
            Error::NoLeader
        } else {
            Error::TimedOut(Cause::Unknown)
        }
    }

    fn ask_applier(&self, work: Work) -> Result<(), Error> {
        self.apply.offer(work, WORK_MAX).map_err(|declined| match declined {
            Declined::Closed(_) => Error::Stopped,
            Declined::Full(_) => Error::TooManyRequests,
        })
    }
}
