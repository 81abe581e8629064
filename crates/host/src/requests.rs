//! A request's way through the member, and what is said when it takes too long.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use node::{Event, Ticket, Urgency};
use prost::Message;
use state::{Command, MemberChange, Members, Outcome, Refusal, cost};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::timeout;
use units::{NodeId, Term};

use crate::order::Work;
use crate::shared::{Reply, Shared};
use crate::waiters::Unwaited;
use crate::{Cause, Error};

/// Work of clients that may lie on the ordering desk. Peers' frames find room beyond it, so that
/// clients cannot keep a member from voting.
const CLIENT_WORK_MAX: usize = 16_384;

/// Somebody who waits for a ticket. Whoever does not wait any more takes back what still can be.
struct Waiting<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Self { shared, ticket } = *self;
        if shared.waiters.take(ticket).is_some() {
            shared.order.post(Work::Event(Event::Withdraw { ticket }));
        }
    }
}

/// Who leads whatever a proposal concludes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
    /// A client's request: anybody may lead.
    Request,
    /// What this member concluded as leader of the term.
    Leading(Term),
}

impl Shared {
    /// Has a command agreed on and applied. What is returned to be waited for holds no command any
    /// more, as that is large and would be moved with everything that waits for it.
    pub(crate) fn propose(
        &self,
        command: Command,
        urgency: Urgency,
        on: On,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send {
        let proposal = self.proposal(command, urgency, on);
        async move {
            let (ticket, event) = proposal?;
            self.outcome(ticket, event).await
        }
    }

    fn proposal(
        &self,
        mut command: Command,
        urgency: Urgency,
        on: On,
    ) -> Result<(Ticket, Event), Error> {
        if cost(&command) > 0 && !self.space.is_ample() {
            return Err(Error::Refused(Refusal::NoSpace));
        }
        let ticket = Ticket(self.ids.draw());
        command.header.get_or_insert_default().id = ticket.0;
        if command.encoded_len() > self.config.request_bytes_max {
            return Err(Error::TooLarge);
        }
        let command = command.encode_to_vec().into();
        let by_leader_of = match on {
            On::Request => None,
            On::Leading(term) => Some(term),
        };
        Ok((ticket, Event::Propose { ticket, command, urgency, by_leader_of }))
    }

    /// Has a change of members agreed on and applied.
    pub(crate) async fn change(&self, change: &MemberChange) -> Result<Arc<Members>, Error> {
        let ticket = Ticket(self.ids.draw());
        let change = change.to_conf_change(ticket.0);
        match self.outcome(ticket, Event::ProposeChange { ticket, change }).await? {
            Outcome::Members(members) => Ok(members),
            outcome => unreachable!("a change of members came to {outcome:?}"),
        }
    }

    /// Waits until what is published shows every write that was completed before this was called.
    pub(crate) async fn linearize(&self, span: Duration) -> Result<(), Error> {
        let ticket = Ticket(self.ids.draw());
        let reply = self.request(ticket, Event::Read { ticket }, span).await;
        reply.map_or(Err(Error::TimedOut(Cause::Unknown)), |reply| reply.map(|_| ()))
    }

    /// Hands leadership over, and waits until this member knows that it has happened.
    pub(crate) async fn transfer(&self, to: NodeId) -> Result<(), Error> {
        let mut leading = self.leading.subscribe();
        let ticket = Ticket(self.ids.draw());
        let refused = self.request(ticket, Event::Transfer { ticket, to }, self.request_timeout());
        let done = leading.wait_for(|leading| leading.leadership.leader == Some(to));
        tokio::select! {
            done = done => done.map(|_| ()).map_err(|_| Error::Stopped),
            refused = refused => match refused {
                Some(Err(error)) => Err(error),
                Some(Ok(_)) | None => Err(Error::TimedOut(Cause::Transfer)),
            },
        }
    }

    /// The other voters who can be reached, if this member leads; who was connected the longest
    /// comes first.
    pub(crate) fn successors(&self) -> Vec<NodeId> {
        let Some(transport) = self.transport() else { return Vec::new() };
        if !self.leads() || self.ending.borrow().is_some() {
            return Vec::new();
        }
        let published = self.published();
        let others = published.conf_state.voters.iter().filter(|id| **id != self.identity.node);
        let mut connected: Vec<(Duration, NodeId)> =
            others.filter_map(|id| Some((transport.connected(*id)?, *id))).collect();
        connected.sort_unstable_by(|a, b| b.cmp(a));
        connected.into_iter().map(|(_, id)| id).collect()
    }

    /// Asks one of the others to lead, another one at each attempt.
    pub(crate) fn hand_over(&self, attempt: usize) {
        let successors = self.successors();
        let Some(to) = successors.iter().cycle().nth(attempt % successors.len().max(1)) else {
            return;
        };
        let (shared, to) = (self.weak(), *to);
        self.runtime.spawn(async move {
            if let Some(shared) = shared.upgrade() {
                // If nothing comes of it, there is another attempt.
                _ = shared.transfer(to).await;
            }
        });
    }

    /// A look at the node.
    pub(crate) async fn status(&self) -> Result<node::Status, Error> {
        let (answer, answered) = oneshot::channel();
        self.bring(Work::Status(answer))?;
        let mut status = answered.await.map_err(|_| Error::Stopped)?;
        status.frames_refused += self.frames_refused.load(Ordering::Relaxed);
        Ok(status)
    }

    /// How long a request may take.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.config.request_timeout
    }

    async fn outcome(&self, ticket: Ticket, event: Event) -> Result<Outcome, Error> {
        let began = Instant::now();
        let leaderless = self.leading().leadership.leader.is_none();
        match self.request(ticket, event, self.request_timeout()).await {
            Some(reply) => Ok(reply?.expect("what was proposed has an outcome")),
            None => Err(self.excuse(began, leaderless)),
        }
    }

    /// Brings a request to the node and waits for the reply; `None` if it does not come in time.
    async fn request(&self, ticket: Ticket, event: Event, span: Duration) -> Option<Reply> {
        let answered = match self.waiters.register(ticket) {
            Ok(answered) => answered,
            Err(Unwaited::Stopped) => return Some(Err(Error::Stopped)),
            Err(Unwaited::TooMany) => return Some(Err(Error::TooManyRequests)),
        };
        let waiting = Waiting { shared: self, ticket };
        if let Err(error) = self.bring(Work::Event(event)) {
            return Some(Err(error));
        }
        let answered = timeout(span, answered).await.ok();
        drop(waiting);
        answered.map(|reply| reply.unwrap_or(Err(Error::Stopped)))
    }

    fn bring(&self, work: Work) -> Result<(), Error> {
        self.have_ordered(work, CLIENT_WORK_MAX)
    }

    /// What to say of a proposal without an answer, by etcd's rules: nobody to turn to all the
    /// time, a change of leaders in between, a connection that is or was lost, or nothing to be
    /// said.
    fn excuse(&self, began: Instant, leaderless: bool) -> Error {
        let leading = self.leading();
        let leader = leading.leadership.leader;
        if leaderless && leader.is_none() {
            return Error::NoLeader;
        }
        let two_timeouts = 2 * self.config.consensus.election_timeout;
        let failed = leading.elected.is_some_and(|elected| {
            began < elected && elected.checked_sub(two_timeouts).is_some_and(|lost| began > lost)
        });
        let connected = match leader {
            None => true,
            Some(leader) if leader == self.identity.node => {
                let voters = &self.published().conf_state.voters;
                self.connected(voters, began.elapsed()) > voters.len() / 2
            }
            Some(leader) => self.connected(&[leader], began.elapsed()) == 1,
        };
        Error::TimedOut(match (failed, connected) {
            (true, _) => Cause::LeaderFailed,
            (false, false) => Cause::ConnectionLost,
            (false, true) => Cause::Unknown,
        })
    }

    /// How many of the members could be reached for so long, this one among them.
    pub(crate) fn connected(&self, members: &[NodeId], span: Duration) -> usize {
        let transport = self.transport();
        let is_connected = |id: &&NodeId| {
            let known = transport.as_ref().and_then(|transport| transport.connected(**id));
            **id == self.identity.node || known.is_some_and(|known| known >= span)
        };
        members.iter().filter(is_connected).count()
    }

    /// Proposes what this member concluded as leader of the term. What becomes of it is seen when
    /// it is applied; what gets lost is concluded again.
    pub(crate) fn propose_as_leader(&self, term: Term, commands: Vec<Command>) {
        for command in commands {
            self.propose_aside(command, On::Leading(term));
        }
    }

    /// Proposes alarms about this member, whoever leads.
    pub(crate) fn raise_alarms(&self, commands: Vec<Command>) {
        for command in commands {
            self.propose_aside(command, On::Request);
        }
    }

    fn propose_aside(&self, command: Command, on: On) {
        let shared = self.weak();
        let room = Arc::clone(&self.own_proposals);
        self.runtime.spawn(async move {
            let permit = room.acquire().await;
            if let Some(shared) = shared.upgrade() {
                drop(shared.propose(command, Urgency::Urgent, on).await);
            }
            drop(permit);
        });
    }
}
