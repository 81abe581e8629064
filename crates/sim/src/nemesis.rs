//! What goes wrong, and what operators do in the middle of it.

mod damage;
mod membership;

use std::time::Duration;

use node::{Event, Intake};
use raftlog_wal::files::Call;
use units::NodeId;

use crate::checks::Violation;
use crate::clock::TRUE_RATE;
use crate::kinds::Kind;
use crate::world::{Coming, World};

pub(crate) use damage::Operation;

const fn millis(low: u64, high: u64) -> std::ops::RangeInclusive<Duration> {
    Duration::from_millis(low)..=Duration::from_millis(high)
}

impl World {
    /// Something goes wrong, or is mended, or somebody changes who takes part.
    pub(crate) fn trouble(&mut self) -> Result<(), Violation> {
        let ids = self.ids();
        if !self.troubled || ids.is_empty() {
            return Ok(());
        }
        self.next_trouble();
        let kind = *self.nemesis.pick(&self.parameters.kinds);
        // Who leads has most to lose.
        let prefers = self.nemesis.permille(300);
        let leader = self.leader(&ids).filter(|_| prefers);
        let one = leader.unwrap_or(*self.nemesis.pick(&ids));
        if self.without.has(kind) {
            return Ok(());
        }
        self.story.tell(self.now, || format!("{kind} befalls {one}"));
        *self.faults.entry(kind).or_default() += 1;
        self.strike(kind, one, &ids)
    }

    fn strike(&mut self, kind: Kind, one: NodeId, ids: &[NodeId]) -> Result<(), Violation> {
        match kind {
            Kind::AddMember | Kind::AddLearner | Kind::Promote | Kind::Remove => {
                self.change(kind, one)
            }
            Kind::ClientDies => self.client_dies(),
            Kind::Crash if self.running(one).is_some() => self.crash(one),
            Kind::Kill if self.running(one).is_some() => self.kill(one),
            Kind::Crash | Kind::Kill => Ok(()),
            Kind::CrashAll => {
                let running = ids.iter().copied().filter(|id| self.running(*id).is_some());
                running.collect::<Vec<_>>().into_iter().try_for_each(|id| self.crash(id))
            }
            Kind::CrashInRecovery => self.crash_in_recovery(one),
            Kind::Drift | Kind::Jump => {
                self.disturb_clock(kind, one);
                Ok(())
            }
            Kind::EngineError => self.with_disk(one, crate::disk::Disk::fail_engine),
            Kind::FullDisk => self.fill_disk(one),
            Kind::IsolateLeader => {
                if let Some(leader) = self.leader(ids) {
                    self.network.isolate(leader, ids);
                }
                Ok(())
            }
            Kind::Mend => {
                self.network.mend();
                Ok(())
            }
            Kind::MendOne => {
                self.network.mend_one(&mut self.nemesis);
                Ok(())
            }
            Kind::MoveLeader => {
                let (ticket, to) = (self.clients.ticket(), *self.nemesis.pick(ids));
                self.tell(one, Event::Transfer { ticket, to })
            }
            Kind::Partition => {
                self.network.partition(ids, &mut self.nemesis);
                Ok(())
            }
            Kind::PauseLong => self.pause(one, millis(1_500, 8_000)),
            Kind::PauseShort => self.pause(one, millis(20, 900)),
            Kind::PowerOff => {
                let calls = self.nemesis.within(0..=6);
                self.with_disk(one, |disk| disk.power_off_after(calls))
            }
            Kind::ReadError => self.with_disk(one, |disk| disk.fail_next(Call::Read)),
            Kind::RotEngine | Kind::RotLog | Kind::Wipe => self.damage(kind, one),
            Kind::Storm => self.storm(ids),
            Kind::SyncError => self.with_disk(one, |disk| disk.fail_next(Call::Sync)),
            Kind::WriteError => {
                let call = *self.nemesis.pick(&[Call::Write, Call::Name]);
                self.with_disk(one, |disk| disk.fail_next(call))
            }
        }
    }

    /// Somebody who leads, or thinks so.
    fn leader(&self, ids: &[NodeId]) -> Option<NodeId> {
        let leads =
            |id: &NodeId| self.members[id].running.as_ref().is_some_and(|running| running.leads());
        ids.iter().copied().find(leads)
    }

    pub(crate) fn next_trouble(&mut self) {
        if !self.parameters.kinds.is_empty() {
            let pause = self.nemesis.duration(&self.parameters.trouble);
            self.after(pause, Coming::Trouble);
        }
    }

    /// A disk that is in use goes wrong.
    fn with_disk(
        &mut self,
        id: NodeId,
        act: impl FnOnce(&mut crate::disk::Disk),
    ) -> Result<(), Violation> {
        let member = self.members.get_mut(&id).expect("who is named exists");
        if member.running.is_some() {
            act(&mut member.disk);
        }
        Ok(())
    }

    /// Loses power, and again in the middle of the next start.
    fn crash_in_recovery(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.running(id).is_none() {
            return Ok(());
        }
        let calls = self.nemesis.within(0..=10);
        self.members.get_mut(&id).expect("who is named exists").trips = Some(calls);
        self.crash(id)
    }

    /// Everybody is restarted, one shortly after the other.
    fn storm(&mut self, ids: &[NodeId]) -> Result<(), Violation> {
        for id in ids.iter().copied().filter(|id| self.running(*id).is_some()).collect::<Vec<_>>() {
            let delay = self.nemesis.duration(&millis(0, 400));
            self.after(delay, Coming::Crashes { node: id });
            let back = delay + self.nemesis.duration(&millis(1, 100));
            self.after(back, Coming::Restart { node: id });
        }
        Ok(())
    }

    fn pause(
        &mut self,
        id: NodeId,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Result<(), Violation> {
        let span = self.nemesis.duration(&range);
        let until = self.now + span;
        // What waits for it keeps its order, so a pause is not made longer.
        let pauses = self.paused(id).is_none();
        let member = self.members.get_mut(&id).expect("who is named exists");
        if member.running.is_some() && pauses {
            member.paused = Some(until);
        }
        Ok(())
    }

    fn disturb_clock(&mut self, kind: Kind, id: NodeId) {
        let rate = *self.nemesis.pick(&[0, 500, 950, TRUE_RATE, 1_050, 2_000]);
        let span = self.nemesis.duration(&millis(10, 10_000));
        let forward = self.nemesis.permille(500);
        let now = self.now;
        let clock = &mut self.members.get_mut(&id).expect("who is named exists").clock;
        match kind {
            Kind::Drift => clock.run(now, rate),
            _ if forward => clock.forward(now, span),
            _ => clock.back(now, span),
        }
    }

    /// What a member sees of a disk without room: nothing enters its log from now on.
    fn fill_disk(&mut self, id: NodeId) -> Result<(), Violation> {
        let member = self.members.get_mut(&id).expect("who is named exists");
        if member.running.is_none() || member.disk.is_full() {
            return Ok(());
        }
        member.disk.fill();
        let span = self.nemesis.duration(&millis(500, 10_000));
        self.after(span, Coming::Room { node: id });
        self.tell(id, Event::Intake(Intake::Closed))
    }

    fn client_dies(&mut self) -> Result<(), Violation> {
        let client = self.nemesis.below(self.clients.sessions.len());
        match self.clients.waits(client) {
            Some(ticket) => self.gives_up(ticket),
            None => Ok(()),
        }
    }
}
