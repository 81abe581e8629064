//! What goes wrong, and what operators do in the middle of it.

mod damage;
mod membership;

use std::time::Duration;

use node::{Event, Intake};
use raftlog_wal::files::Call;
use units::NodeId;

use crate::checks::Violation;
use crate::clock::TRUE_RATE;
use crate::disk::Disk;
use crate::kinds::Kind;
use crate::member::running::Running;
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
        if self.strike(kind, one, &ids)? {
            self.befell(kind);
        }
        Ok(())
    }

    /// Whether it happened: of some kinds there is nothing to befall.
    fn strike(&mut self, kind: Kind, one: NodeId, ids: &[NodeId]) -> Result<bool, Violation> {
        let runs = self.running(one).is_some();
        match kind {
            Kind::AddMember | Kind::AddLearner | Kind::Promote | Kind::Remove => {
                return self.change(kind, one);
            }
            Kind::ClientDies => return self.client_dies(),
            Kind::Crash if runs => self.crash(one)?,
            Kind::Kill if runs => self.kill(one)?,
            Kind::CrashAll => return self.crash_all(ids),
            Kind::CrashInRecovery if runs => self.crash_in_recovery(one)?,
            Kind::Drift | Kind::Freeze | Kind::Jump => self.disturb_clock(kind, one),
            Kind::EngineError if runs => self.disk(one).fail_engine(),
            Kind::FullDisk if runs => return self.fill_disk(one),
            Kind::IsolateLeader => {
                let Some(leader) = self.leader(ids) else { return Ok(false) };
                self.network.isolate(leader, ids);
            }
            Kind::Mend => return Ok(self.network.mend()),
            Kind::MendOne => return Ok(self.network.mend_one(&mut self.nemesis)),
            Kind::MoveLeader if runs => {
                let (ticket, to) = (self.clients.ticket(), *self.nemesis.pick(ids));
                self.tell(one, Event::Transfer { ticket, to })?;
            }
            Kind::Partition => return Ok(self.network.partition(ids, &mut self.nemesis)),
            Kind::PauseLong if runs => return Ok(self.pause(one, millis(1_500, 8_000))),
            Kind::PauseShort if runs => return Ok(self.pause(one, millis(20, 900))),
            Kind::PowerOff if runs => {
                let calls = self.nemesis.within(0..=6);
                self.disk(one).power_off_after(calls);
            }
            Kind::ReadError if runs => self.disk(one).fail_next(Call::Read),
            Kind::GarbageTail | Kind::Misdirect | Kind::RotEngine | Kind::RotLog | Kind::Wipe => {
                return self.damage(kind, one);
            }
            Kind::ResetLink | Kind::SlowLink => return Ok(self.disturb_link(kind, one, ids)),
            Kind::RotSnapshot => return self.rot_snapshots(ids),
            Kind::StalledSync if runs => {
                // It befalls the syncs that come.
                let syncs = self.nemesis.within(1..=4);
                self.members.get_mut(&one).expect("who is named exists").stalls = syncs;
                return Ok(false);
            }
            Kind::Stop if runs => return self.stop_in_order(one, ids),
            Kind::Storm => return Ok(self.storm(ids)),
            Kind::SyncError if runs => self.disk(one).fail_next(Call::Sync),
            Kind::WriteError if runs => {
                let call = *self.nemesis.pick(&[Call::Write, Call::Name]);
                self.disk(one).fail_next(call);
            }
            _ => return Ok(false),
        }
        Ok(true)
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

    fn disk(&mut self, id: NodeId) -> &mut Disk {
        &mut self.members.get_mut(&id).expect("who is named exists").disk
    }

    fn crash_all(&mut self, ids: &[NodeId]) -> Result<bool, Violation> {
        let running: Vec<NodeId> = ids.iter().filter_map(|id| self.running(*id)).collect();
        running.iter().try_for_each(|id| self.crash(*id))?;
        Ok(!running.is_empty())
    }

    /// Loses power, and again in the middle of the next start.
    fn crash_in_recovery(&mut self, id: NodeId) -> Result<(), Violation> {
        let calls = self.nemesis.within(0..=10);
        self.members.get_mut(&id).expect("who is named exists").trips = Some(calls);
        self.crash(id)
    }

    /// Everybody is restarted, one shortly after the other.
    fn storm(&mut self, ids: &[NodeId]) -> bool {
        let running: Vec<NodeId> = ids.iter().filter_map(|id| self.running(*id)).collect();
        for id in &running {
            let delay = self.nemesis.duration(&millis(0, 400));
            self.after(delay, Coming::Crashes { node: *id });
            let back = delay + self.nemesis.duration(&millis(1, 100));
            self.after(back, Coming::Restart { node: *id });
        }
        !running.is_empty()
    }

    fn pause(&mut self, id: NodeId, range: std::ops::RangeInclusive<Duration>) -> bool {
        let span = self.nemesis.duration(&range);
        // What waits for it keeps its order, so a pause is not made longer.
        let pauses = self.paused(id).is_none();
        if pauses {
            let until = self.now + span;
            self.members.get_mut(&id).expect("who is named exists").paused = Some(until);
        }
        pauses
    }

    fn disturb_clock(&mut self, kind: Kind, id: NodeId) {
        let rate = *self.nemesis.pick(&[500, 950, TRUE_RATE, 1_050, 2_000]);
        let span = self.nemesis.duration(&millis(10, 10_000));
        let forward = self.nemesis.permille(500);
        let now = self.now;
        let clock = &mut self.members.get_mut(&id).expect("who is named exists").clock;
        match kind {
            Kind::Drift => clock.run(now, rate),
            Kind::Freeze => clock.run(now, 0),
            _ if forward => clock.forward(now, span),
            _ => clock.back(now, span),
        }
    }

    /// A link is slow from now on, or all that is on its way between two members is lost: who sent
    /// it hears of that. Whether there was anything.
    fn disturb_link(&mut self, kind: Kind, one: NodeId, ids: &[NodeId]) -> bool {
        let other = *self.nemesis.pick(ids);
        if other == one {
            return false;
        }
        if kind == Kind::SlowLink {
            self.network.slow_down((one, other), &mut self.nemesis);
            return true;
        }
        let ends = [(one, other), (other, one)];
        let lost = self.withdraw(|coming| match coming {
            Coming::Arrives { from, to, .. } => ends.contains(&(*from, *to)),
            Coming::SnapshotArrives { from, to, heard, .. } => {
                *heard && ends.contains(&(from.0, *to))
            }
            _ => false,
        });
        let (mut told, any) = (Vec::new(), !lost.is_empty());
        for coming in lost {
            match coming {
                Coming::Arrives { from, to, .. } => {
                    self.network.disturb("frame lost by a reset");
                    if !told.contains(&from) {
                        told.push(from);
                        self.after(Duration::ZERO, Coming::Lost { from, to });
                    }
                }
                Coming::SnapshotArrives { from, to, .. } => {
                    self.note("snapshot lost by a reset");
                    self.after(Duration::ZERO, Coming::SnapshotLost { from: from.0, to });
                }
                _ => unreachable!("nothing else was taken"),
            }
        }
        any
    }

    /// Whoever has received a snapshot, and not installed it yet, cannot read it again.
    fn rot_snapshots(&mut self, ids: &[NodeId]) -> Result<bool, Violation> {
        let mut any = false;
        for id in ids {
            let mut rots = false;
            self.happens_to(*id, |running, _| {
                rots = running.rot_snapshot();
                Ok(())
            })?;
            if rots {
                self.disk(*id).ails();
            }
            any |= rots;
        }
        Ok(any)
    }

    /// Who leads hands over first; it has stopped when that is counted.
    fn stop_in_order(&mut self, id: NodeId, ids: &[NodeId]) -> Result<bool, Violation> {
        let running = self.members[&id].running.as_ref();
        if running.is_some_and(Running::leads) {
            let (ticket, to) = (self.clients.ticket(), *self.nemesis.pick(ids));
            self.tell(id, Event::Transfer { ticket, to })?;
        }
        let (delay, incarnation) =
            (self.nemesis.duration(&millis(0, 1_000)), self.members[&id].incarnation);
        self.after(delay, Coming::Stops { node: id, incarnation });
        Ok(false)
    }

    /// What a member sees of a disk without room: nothing enters its log from now on.
    fn fill_disk(&mut self, id: NodeId) -> Result<bool, Violation> {
        if self.disk(id).is_full() {
            return Ok(false);
        }
        self.disk(id).fill();
        let span = self.nemesis.duration(&millis(500, 10_000));
        self.after(span, Coming::Room { node: id });
        self.tell(id, Event::Intake(Intake::Closed))?;
        Ok(true)
    }

    fn client_dies(&mut self) -> Result<bool, Violation> {
        let client = self.nemesis.below(self.clients.sessions.len());
        let Some(ticket) = self.clients.waits(client) else { return Ok(false) };
        self.gives_up(ticket)?;
        Ok(true)
    }
}
