//! Who takes part changes, as operators want it.

use node::Event;
use state::MemberChange;
use units::NodeId;

use crate::checks::Violation;
use crate::kinds::Kind;
use crate::member::described;
use crate::world::World;

/// Members there may be, running or not, but for those removed.
const MEMBERS_MAX: usize = 7;

impl World {
    /// Asks this member for a change of who takes part, if there is one to ask for.
    pub(super) fn change(&mut self, kind: Kind, by: NodeId) -> Result<bool, Violation> {
        let Some(running) = self.members[&by].running.as_ref() else { return Ok(false) };
        let conf_state = running.machine.applied().conf_state;
        let members: Vec<NodeId> =
            conf_state.voters.iter().chain(&conf_state.learners).copied().collect();
        let change = match kind {
            Kind::AddMember | Kind::AddLearner if self.ids().len() < MEMBERS_MAX => {
                let id = self.fresh_name();
                self.make(id);
                self.start(id)?;
                let is_learner = kind == Kind::AddLearner;
                MemberChange::Add(state::Member { is_learner, ..described(id) })
            }
            Kind::Promote if !conf_state.learners.is_empty() => {
                MemberChange::Promote { id: *self.nemesis.pick(&conf_state.learners) }
            }
            Kind::Remove if members.len() > 1 => {
                MemberChange::Remove { id: *self.nemesis.pick(&members) }
            }
            _ => return Ok(false),
        };
        self.propose_change(by, &change)?;
        Ok(true)
    }

    pub(crate) fn propose_change(
        &mut self,
        by: NodeId,
        change: &MemberChange,
    ) -> Result<(), Violation> {
        self.story.tell(self.now, || format!("{by} is asked for {change:?}"));
        let ticket = self.clients.ticket();
        let change = change.to_conf_change(ticket.0);
        self.tell(by, Event::ProposeChange { ticket, change })
    }
}
