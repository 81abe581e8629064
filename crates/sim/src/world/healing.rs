//! The second phase: nothing goes wrong any more, and all that is owed must be done, by those who
//! are left.

use std::time::Duration;

use node::{Event, Intake};
use units::NodeId;

use super::{Coming, Mine, World};
use crate::checks::{Violation, ensure};
use crate::kinds::Kind;
use crate::parameters::DAMAGE;

/// In how much simulated time a healed cluster must commit one thing more, or have done all that it
/// owes: one whose disks are slow may have a long queue before it.
const LIVENESS: Duration = Duration::from_secs(60);

/// In how much it must have done so, however much it commits.
const LIVENESS_MAX: Duration = Duration::from_secs(600);

/// In how many events, which is far more than such a time holds.
const LIVENESS_EVENTS: u64 = 200_000;

impl World {
    /// No trouble from now on: everybody comes back, or a majority does and nobody else, every link
    /// carries, and within bounded time all is done that is owed.
    pub(crate) fn heal(&mut self) -> Result<(), Violation> {
        // What is due now comes first: a pause may just have ended, and what waited for that, as
        // that a disk is full, would undo what heals.
        while self.coming.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            self.step()?;
        }
        self.story.tell(self.now, || "all is healed".into());
        self.troubled = false;
        self.network.calm();
        self.all_take();
        self.some_stay_away()?;
        for id in self.ids() {
            let now = self.now;
            let member = self.members.get_mut(&id).expect("who is named exists");
            member.clock.mend(now);
            (member.trips, member.stalls) = (None, 0);
            self.make_room(id)?;
            self.start(id)?;
        }
        let (begun, since) = (self.now, self.events);
        let mut progress = (self.checks.decided(), begun);
        let agreed = self.clients.agreed;
        let owed = self.checks.decided().index;
        loop {
            self.step()?;
            // Who was served, by members that agree again, asks for nothing more, so that all there
            // is to do comes to an end.
            let served = self.clients.agreed > agreed;
            self.quiet = served;
            if served && self.all_have(owed) && self.leases_have_ended() && !self.is_telling() {
                return self.all_is_heard();
            }
            if self.checks.decided() > progress.0 {
                progress = (self.checks.decided(), self.now);
            }
            let moves = self.now.since(progress.1) < LIVENESS;
            let in_time = self.now.since(begun) < LIVENESS_MAX;
            ensure!(
                moves && in_time && self.events - since < LIVENESS_EVENTS,
                "a healed cluster does not get anywhere: served: {served}, even: {}, leases ended: \
                 {}, telling: {}",
                self.all_have(owed),
                self.leases_have_ended(),
                self.is_telling()
            );
        }
    }

    /// A majority must do without the others, whoever these are. Not where the voters may still
    /// change: then it might not be one any more.
    fn some_stay_away(&mut self) -> Result<(), Violation> {
        let may_change = |kind: &Kind| {
            let changes = [Kind::AddMember, Kind::AddLearner, Kind::Promote, Kind::Remove];
            changes.contains(kind) || DAMAGE.contains(kind)
        };
        let settled = !self.parameters.kinds.iter().any(may_change);
        if self.parameters.kinds.is_empty() || !settled || self.nemesis.permille(600) {
            return Ok(());
        }
        let mut voters = self.newest().voters;
        for _ in 0..(voters.len() - 1) / 2 {
            let id = voters.swap_remove(self.nemesis.below(voters.len()));
            self.note("member that stays away");
            self.story.tell(self.now, || format!("{id} stays away"));
            self.members.get_mut(&id).expect("voters exist").lost = true;
            if self.running(id).is_some() {
                self.crash(id)?;
            }
        }
        Ok(())
    }

    /// There is room on the member's disk again.
    pub(crate) fn make_room(&mut self, id: NodeId) -> Result<(), Violation> {
        let member = self.members.get_mut(&id).expect("who is named exists");
        if !member.disk.is_full() {
            return Ok(());
        }
        member.disk.make_room();
        self.tell(id, Event::Intake(Intake::Open))
    }

    /// Whether all voters who can come back have what was committed, and no change is half done.
    fn all_have(&self, owed: units::Index) -> bool {
        let conf_state = &self.configuration.1;
        let has = |id: &NodeId| {
            let lost = self.members.get(id).is_none_or(|member| member.lost);
            lost || self.applied(*id).is_some_and(|applied| applied >= owed)
        };
        !conf_state.is_joint() && conf_state.voters.iter().all(has)
    }

    /// Leases that nobody renews end within a bounded time, if the run waits for that.
    fn leases_have_ended(&self) -> bool {
        !self.parameters.leases_end || self.checks.model.leases.is_empty()
    }

    /// Whether somebody who watches is still to be told something.
    fn is_telling(&self) -> bool {
        let has_more = |coming: &Coming| match coming {
            Coming::Takes { .. } => true,
            Coming::Mine { node, incarnation, what } => {
                matches!(what, Mine::Rest | Mine::ReadChanges(_) | Mine::Watch(_))
                    && self.members[node].incarnation == *incarnation
            }
            _ => false,
        };
        !self.watch_clients.is_empty() && self.coming.values().any(has_more)
    }
}
