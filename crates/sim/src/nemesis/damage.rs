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

/// In how many of a thousand looks.
const SCRUBS_PERMILLE: u64 = 250;

/// When a member whose disk misdirects a write is restarted.
const READ_AGAIN: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(4);

/// Voters without which nothing is damaged: one of them may be lost then.
const VOTERS_MIN: usize = 3;

/// A member whose disk is damaged, and the one that takes its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    kind: Kind,
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
                let nth = self.nemesis.below(usize::MAX);
                member.running.as_ref().is_some_and(|running| running.machine.rot(nth))
            }
            _ => {
                member.lost = true;
                true
            }
        };
        if !done {
            return Ok(false);
        }
        self.operation = Some(Operation { kind, damaged: id, fresh: None });
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

    /// A member has started. If its log was damaged, that was cut off, or lies where nobody looks.
    pub(crate) fn has_read_its_log(&mut self, id: NodeId) {
        let member = self.members.get_mut(&id).expect("who starts exists");
        if member.disk.forget_log_damage() {
            let kind = self.operation.map(|operation| operation.kind);
            self.note(match kind {
                Some(Kind::GarbageTail) => "garbage cut off",
                Some(Kind::Misdirect) => "misdirected write that does no harm",
                _ => "rot of a log that does no harm",
            });
        }
        self.may_be_whole(id);
    }

    /// If nothing of a member is damaged any more, all is as if it had not been.
    fn may_be_whole(&mut self, id: NodeId) {
        let is_it = |operation: &mut Operation| operation.damaged == id;
        let member = &self.members[&id];
        if !member.lost && !member.disk.is_damaged() && self.operation.take_if(is_it).is_some() {
            self.note("damage gone");
        }
    }

    /// What a member is counted as that is lost by damage.
    pub(crate) fn found_damage(&self) -> &'static str {
        match self.operation.map(|operation| operation.kind) {
            Some(Kind::Misdirect) => "misdirected write found",
            _ => "rot found",
        }
    }

    /// Somebody looks after a member whose disk is damaged, though it does not say so: now and then
    /// all that is in its engine is read.
    fn look_after(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.nemesis.permille(SCRUBS_PERMILLE) && self.running(id).is_some() {
            self.happens_to(id, |running, _| running.machine.scrub())?;
            if self.running(id).is_some() {
                self.members.get_mut(&id).expect("who runs exists").disk.forget_rot();
            }
        }
        self.may_be_whole(id);
        Ok(())
    }

    /// The operator looks: who is lost is removed, then another one takes its place.
    pub(crate) fn operate(&mut self) -> Result<(), Violation> {
        let Some(operation) = self.operation.filter(|_| self.troubled) else { return Ok(()) };
        self.next_look();
        let damaged = operation.damaged;
        if !self.members[&damaged].lost {
            return self.look_after(damaged);
        }
        let conf_state = self.newest();
        let running: Vec<NodeId> =
            conf_state.voters.iter().copied().filter(|id| self.running(*id).is_some()).collect();
        if running.is_empty() {
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
