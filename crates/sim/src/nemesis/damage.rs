//! Disks that rot or are lost, and the operator who replaces their members.

use std::time::Duration;

use state::MemberChange;
use units::NodeId;

use crate::checks::Violation;
use crate::kinds::Kind;
use crate::member::described;
use crate::world::{Coming, World};

/// How often the operator looks.
const LOOKS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(300)..=Duration::from_millis(2_000);

/// When a member whose disk misdirects a write is restarted.
const READ_AGAIN: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(4);

/// Voters without which nothing is damaged: one of them may be lost then.
const VOTERS_MIN: usize = 3;

/// A member whose disk is damaged, and the one that takes its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    damaged: NodeId,
    fresh: Option<NodeId>,
}

impl World {
    /// A disk rots, or is gone: one at a time, so that of everything committed a quorum that can
    /// still decide holds a good copy. Whether it happened.
    pub(super) fn damage(&mut self, kind: Kind, id: NodeId) -> Result<bool, Violation> {
        let voters = self.newest().voters;
        let knows = |id: &NodeId| {
            let running = self.members[id].running.as_ref();
            running.is_some_and(|running| running.machine.applied().conf_state.voters == voters)
        };
        let safe = voters.len() >= VOTERS_MIN && voters.contains(&id) && voters.iter().all(knows);
        if self.operation.is_some() || !safe {
            return Ok(false);
        }
        let member = self.members.get_mut(&id).expect("voters exist");
        let done = match kind {
            Kind::GarbageTail if member.running.is_some() => {
                self.crash(id)?;
                let member = self.members.get_mut(&id).expect("voters exist");
                member.disk.garble_tail()
            }
            Kind::GarbageTail => false,
            Kind::Misdirect if member.running.is_some() => {
                member.disk.misdirect();
                true
            }
            Kind::Misdirect => false,
            Kind::RotLog => member.disk.rot_log(),
            Kind::RotEngine => {
                member.disk.rot_engine();
                true
            }
            _ => {
                member.lost = true;
                true
            }
        };
        if !done {
            return Ok(false);
        }
        self.operation = Some(Operation { damaged: id, fresh: None });
        self.next_look();
        if self.members[&id].lost {
            self.crash(id)?;
        }
        if kind == Kind::Misdirect {
            // What it wrote is looked at again before long. It is counted by who did it.
            let delay = self.nemesis.duration(&READ_AGAIN);
            self.after(delay, Coming::Crashes { node: id });
        }
        Ok(kind != Kind::Misdirect)
    }

    /// A member has started from a disk that something was wrong with. If that is gone, all is as
    /// if it had not been.
    pub(crate) fn whole_again(&mut self, id: NodeId) {
        let member = self.members.get_mut(&id).expect("who starts exists");
        if member.disk.is_well_again() {
            self.operation = None;
            self.note("garbage cut off");
        }
    }

    /// The operator looks: who is lost is removed, then another one takes its place.
    pub(crate) fn operate(&mut self) -> Result<(), Violation> {
        let Some(operation) = self.operation.filter(|_| self.troubled) else { return Ok(()) };
        self.next_look();
        let damaged = operation.damaged;
        let conf_state = self.newest();
        let running: Vec<NodeId> =
            conf_state.voters.iter().copied().filter(|id| self.running(*id).is_some()).collect();
        if !self.members[&damaged].lost || running.is_empty() {
            return Ok(());
        }
        let by = *self.nemesis.pick(&running);
        if conf_state.contains(damaged) {
            return self.propose_change(by, &MemberChange::Remove { id: damaged });
        }
        self.members.get_mut(&damaged).expect("who was damaged exists").removed = true;
        match operation.fresh {
            None => {
                let id = self.fresh_name();
                self.make(id);
                self.operation = Some(Operation { fresh: Some(id), ..operation });
                self.start(id)
            }
            Some(id) if conf_state.contains(id) => {
                self.operation = None;
                self.note("member replaced");
                Ok(())
            }
            Some(id) => self.propose_change(by, &MemberChange::Add(described(id))),
        }
    }

    fn next_look(&mut self) {
        let pause = self.nemesis.duration(&LOOKS);
        self.after(pause, Coming::Operator);
    }
}
