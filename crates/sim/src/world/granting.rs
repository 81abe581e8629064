//! Members get what they want of the world, start and end.

use std::ops::RangeInclusive;
use std::time::Duration;

use node::{Event, Intake, Urgency};
use prost::Message;
use proto::etcdserverpb::RequestHeader;
use units::{ConfState, NodeId, Position};

use super::{Coming, Mine, World};
use crate::checks::Violation;
use crate::disk::Disk;
use crate::ending::Ending;
use crate::kinds::Kind;
use crate::member::running::Running;
use crate::member::{Done, Wish, Wishes};

/// How long a sync takes that is stalled: for longer than an election, and than a client waits.
const STALL: RangeInclusive<Duration> = Duration::from_millis(300)..=Duration::from_secs(10);

impl World {
    /// Gives a member what it wants of the world; if it ended, sees to that.
    pub(crate) fn settle(&mut self, id: NodeId, wishes: Wishes) -> Result<(), Violation> {
        match wishes {
            Ok(wishes) => wishes.into_iter().try_for_each(|wish| self.grant(id, wish)),
            Err(Ending::Fault(why)) => self.ends(id, &why),
            Err(Ending::Violation(violation)) => Err(violation),
        }
    }

    fn grant(&mut self, id: NodeId, wish: Wish) -> Result<(), Violation> {
        match wish {
            Wish::Apply => self.soon(id, self.parameters.apply.clone(), Mine::Applied),
            Wish::Commit { index, term, conf_state } => {
                let Self { checks, members, .. } = self;
                let holds = |id: &NodeId, position: Position| {
                    members.get(id).is_some_and(|member| member.holds_durably(position))
                };
                self.story.tell(self.now, || format!("{id} commits {index} in term {term}"));
                checks.decides((id, term), index, |position| {
                    quorum(&conf_state, |voter| holds(voter, position))
                })?;
            }
            Wish::Done(done) => self.is_done(id, done)?,
            Wish::Install { spool, marker } => {
                let what = Mine::Installed { spool, marker };
                self.soon(id, self.parameters.install.clone(), what);
            }
            Wish::Leads(term) => {
                self.note("election");
                self.story.tell(self.now, || format!("{id} leads term {term}"));
            }
            Wish::Propose { mut command, term } => {
                let ticket = self.clients.ticket();
                command.header = Some(RequestHeader { id: ticket.0, ..RequestHeader::default() });
                let command = command.encode_to_vec().into();
                let (urgency, by_leader_of) = (Urgency::Urgent, Some(term));
                self.tell(id, Event::Propose { ticket, command, urgency, by_leader_of })?;
            }
            Wish::ReadDone(ticket) => self.may_read(id, ticket)?,
            Wish::ReadChanges(request) => {
                let range = Duration::from_millis(0)..=Duration::from_millis(100);
                self.soon(id, range, Mine::ReadChanges(request));
            }
            Wish::Refused(ticket) => self.is_refused(ticket)?,
            Wish::Send { to, lane, frame } => {
                let delays = self.network.carry(self.now, (id, to), lane);
                if delays.is_empty() && self.network.tells_of_loss() {
                    let delay = self.network.delay();
                    self.after(delay, Coming::Lost { from: id, to });
                }
                for delay in delays {
                    let frame = frame.clone();
                    self.network.brings(id, to, self.now + delay);
                    self.after(delay, Coming::Arrives { from: id, to, frame });
                }
            }
            Wish::SendSnapshot { to, header, records } => {
                let delay = self.network.delay() * 3;
                let from = (id, self.members[&id].incarnation);
                let heard = !self.network.cuts_off();
                self.note(if heard { "snapshot sent" } else { "snapshot cut off" });
                if heard || self.network.brings_late() {
                    let late = if heard { delay } else { delay + self.network.late() };
                    let coming = Coming::SnapshotArrives { from, to, heard, header, records };
                    self.after(late, coming);
                }
                if !heard {
                    self.after(delay, Coming::SnapshotLost { from: id, to });
                }
            }
            Wish::Stop => self.soon(id, self.parameters.sync.clone(), Mine::Stops),
            Wish::Sync => {
                let range = self.stalls(id).unwrap_or(self.parameters.sync.clone());
                self.soon(id, range, Mine::Synced);
            }
            Wish::Tell { stream, response } => self.is_told(stream, response)?,
        }
        Ok(())
    }

    /// For how long the sync that begins now is stalled, if it is.
    fn stalls(&mut self, id: NodeId) -> Option<RangeInclusive<Duration>> {
        let member = self.members.get_mut(&id).expect("who syncs exists");
        member.stalls = member.stalls.checked_sub(1)?;
        let leads = member.running.as_ref().is_some_and(Running::leads);
        self.befell(Kind::StalledSync);
        self.note(if leads { "stalled sync of a leader" } else { "stalled sync" });
        self.story.tell(self.now, || format!("a sync of {id} takes long"));
        Some(STALL)
    }

    /// A group of entries was applied somewhere.
    fn is_done(&mut self, id: NodeId, done: Done) -> Result<(), Violation> {
        if let Some(index) = self.applied(id).filter(|index| *index > self.configuration.0) {
            if done.conf_state != self.configuration.1 {
                self.note(change(&self.configuration.1, &done.conf_state));
                self.story.tell(self.now, || format!("at {index}: {:?}", done.conf_state));
            }
            self.configuration = (index, done.conf_state);
        }
        for completion in &done.completions {
            self.was_applied(id, completion)?;
        }
        self.rest(id);
        Ok(())
    }

    pub(crate) fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        let member = self.members.get_mut(&id).expect("who starts exists");
        if member.running.is_some() || member.removed || member.lost {
            return Ok(());
        }
        let trips = member.trips.take();
        if let Some(calls) = trips {
            member.disk.power_off_after(calls);
        }
        self.story.tell(self.now, || format!("{id} starts"));
        let started = member.start(self.now, (self.seed, &self.parameters), &mut self.checks);
        let full = member.disk.is_full();
        self.settle(id, started.map(|()| Vec::new()))?;
        if self.running(id).is_none() {
            self.note(if trips.is_some() { "crash in recovery" } else { "start that fails" });
            return Ok(());
        }
        if full {
            self.tell(id, Event::Intake(Intake::Closed))?;
        }
        self.has_read_its_log(id);
        self.happens_to(id, |running, around| running.pump(around))?;
        self.next_engine_sync(id);
        Ok(())
    }

    /// A member's disk is at fault: it stops. What has rotted is not tried again.
    fn ends(&mut self, id: NodeId, why: &str) -> Result<(), Violation> {
        let member = self.members.get_mut(&id).expect("who ends exists");
        if !member.disk.may_fail() {
            return Err(Disk::surprise(why));
        }
        member.lost = member.disk.is_noticeably_damaged();
        let (lost, power) =
            (member.lost, member.random.permille(self.parameters.power_off_permille));
        self.note(if lost { self.found_damage() } else { "end by a disk's fault" });
        self.story.tell(self.now, || format!("{id} ends, power off: {power}: {why}"));
        if power { self.crash(id) } else { self.kill(id) }
    }

    /// A member loses power; it comes back after a while.
    pub(crate) fn crash(&mut self, id: NodeId) -> Result<(), Violation> {
        self.story.tell(self.now, || format!("{id} loses power"));
        let member = self.members.get_mut(&id).expect("who crashes exists");
        member.crash();
        self.has_ended(id)
    }

    /// A member's process dies; it comes back after a while.
    pub(crate) fn kill(&mut self, id: NodeId) -> Result<(), Violation> {
        self.story.tell(self.now, || format!("{id} dies"));
        let member = self.members.get_mut(&id).expect("who dies exists");
        member.kill();
        self.has_ended(id)
    }

    /// A member stops in order: what it had begun is done, and its disks hold all of it.
    pub(crate) fn stop(&mut self, id: NodeId) -> Result<(), Violation> {
        self.happens_to(id, Running::stop)?;
        if self.running(id).is_none() {
            return Ok(());
        }
        self.befell(Kind::Stop);
        self.story.tell(self.now, || format!("{id} has stopped"));
        self.members.get_mut(&id).expect("who runs exists").close();
        self.has_ended(id)
    }

    fn has_ended(&mut self, id: NodeId) -> Result<(), Violation> {
        let member = self.members.get_mut(&id).expect("who has ended exists");
        (member.resting, member.stalls) = (false, 0);
        let away = member.random.duration(&self.parameters.away);
        self.hang_up(id);
        self.streams_end(id)?;
        self.after(away, Coming::Restart { node: id });
        Ok(())
    }

    /// A member that was removed stops once those who stay know of it, as a careful operator would
    /// see to: of two, the one that stays could not go on without having heard it.
    pub(crate) fn leave(&mut self, id: NodeId) -> Result<(), Violation> {
        let running = self.members[&id].running.as_ref().expect("only who runs leaves");
        let (index, stay) = (running.machine.index(), running.machine.applied().conf_state.voters);
        let knows = |id: &NodeId| {
            self.members[id].lost || self.applied(*id).is_some_and(|applied| applied >= index)
        };
        if !stay.iter().all(knows) {
            self.soon(id, Duration::from_secs(1)..=Duration::from_secs(2), Mine::Stops);
            return Ok(());
        }
        self.members.get_mut(&id).expect("it was just looked at").removed = true;
        self.crash(id)
    }

    pub(crate) fn next_engine_sync(&mut self, id: NodeId) {
        self.soon(id, self.parameters.engine_sync.clone(), Mine::EngineSync);
    }
}

/// What a change of members is counted as.
fn change(before: &ConfState, after: &ConfState) -> &'static str {
    let (voters, learners) = (&after.voters, &after.learners);
    let added = voters.iter().find(|id| !before.voters.contains(id));
    match added {
        Some(id) if before.learners.contains(id) => "learner promoted",
        Some(_) => "voter added",
        None if learners.len() > before.learners.len() => "learner added",
        None => "member removed",
    }
}

/// Whether those for whom it holds decide: a majority, of both halves if there are two.
fn quorum(conf_state: &ConfState, holds: impl Fn(&NodeId) -> bool) -> bool {
    let majority = |voters: &[NodeId]| {
        voters.is_empty() || voters.iter().filter(|id| holds(id)).count() > voters.len() / 2
    };
    majority(&conf_state.voters) && majority(&conf_state.voters_outgoing)
}
