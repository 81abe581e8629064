//! What goes wrong, and what operators do in the middle of it.

use node::Event;
use state::MemberChange;
use units::NodeId;

use crate::checks::Violation;
use crate::member::described;
use crate::world::{Coming, World};

/// Members there may be, running or not, but for those removed.
const MEMBERS_MAX: usize = 7;

impl World {
    /// Something goes wrong, or is mended, or somebody changes who takes part.
    pub(crate) fn trouble(&mut self) -> Result<(), Violation> {
        if self.parameters.trouble.is_none() {
            return Ok(());
        }
        self.next_trouble();
        self.faults += 1;
        let ids = self.ids();
        let one = *self.random.pick(&ids);
        match self.random.below(12) {
            0..=2 => self.crash(one),
            3 => ids.into_iter().for_each(|id| self.crash(id)),
            4 | 5 => self.network.partition(&ids),
            6 => self.network.mend(),
            7 => self.network.mend_one(),
            8 => {
                let (ticket, to) = (self.clients.ticket(), *self.random.pick(&ids));
                return self.tell(one, Event::Transfer { ticket, to });
            }
            _ => return self.change(one),
        }
        Ok(())
    }

    pub(crate) fn next_trouble(&mut self) {
        if let Some(range) = &self.parameters.trouble {
            let pause = self.random.duration(range);
            self.after(pause, Coming::Trouble);
        }
    }

    /// Ends a member at once; it comes back after a while.
    fn crash(&mut self, id: NodeId) {
        let member = self.members.get_mut(&id).expect("who crashes exists");
        if member.running.is_none() {
            return;
        }
        member.crash(&mut self.random);
        let away = self.random.duration(&self.parameters.away);
        self.after(away, Coming::Restart { node: id });
    }

    /// Asks this member for a random change of who takes part.
    fn change(&mut self, by: NodeId) -> Result<(), Violation> {
        if self.running(by).is_none() {
            return Ok(());
        }
        let conf_state = self.conf_state(by);
        let members: Vec<NodeId> =
            conf_state.voters.iter().chain(&conf_state.learners).copied().collect();
        let room = self.ids().len() < MEMBERS_MAX;
        let change = match self.random.below(4) {
            0 | 1 if room => {
                let id = NodeId(self.members.len() as u64 + 1);
                self.make(id);
                self.start(id)?;
                let is_learner = self.random.permille(500);
                MemberChange::Add(state::Member { is_learner, ..described(id) })
            }
            2 if !conf_state.learners.is_empty() => {
                MemberChange::Promote { id: *self.random.pick(&conf_state.learners) }
            }
            _ if members.len() > 1 => {
                let id = *self.random.pick(&members);
                if !self.may_leave(by, id) {
                    return Ok(());
                }
                MemberChange::Remove { id }
            }
            _ => return Ok(()),
        };
        let ticket = self.clients.ticket();
        let change = change.to_conf_change(ticket.0);
        self.tell(by, Event::ProposeChange { ticket, change })
    }

    /// Of two voters the leader must not be the one that goes: if it crashes before the other has
    /// heard that it may decide alone, neither can go on. etcd is no better off.
    fn may_leave(&self, by: NodeId, id: NodeId) -> bool {
        let running = self.members[&by].running.as_ref().expect("only who runs is asked");
        let leads = running.node.leadership().leader == Some(by);
        self.conf_state(by).voters.len() != 2 || (leads && id != by)
    }
}
