//! Who takes part, and how that changes.

use consensus::{Change, ChangeStep, Transition};
use raftrs::eraftpb::{ConfChangeSingle, ConfChangeType};
use raftrs::{Changer, INVALID_ID, ProgressTracker, StateRole};
use units::{ConfChangeKind, ConfState};

use crate::raftrs::Raftrs;
use crate::translate::conf_from_library;

impl Raftrs {
    /// Who takes part.
    pub(crate) fn conf_state(&self) -> ConfState {
        conf_of(self.former.as_ref().unwrap_or(self.raw.raft.prs()))
    }

    /// A change takes effect; one that cannot be made is nothing. While a snapshot is installed the
    /// library is in its configuration already; entries from before it, which were handed out, then
    /// change the former one.
    pub(crate) fn change(&mut self, change: &Change) {
        let raft = &mut self.raw.raft;
        let last = raft.raft_log.last_index();
        match &mut self.former {
            Some(former) => _ = make(change, former, last),
            None => {
                if make(change, raft.mut_prs(), last) {
                    raft.post_conf_change();
                    self.fit_role();
                }
            }
        }
    }

    /// What this member is must fit who takes part: the library would elect who has no vote, and
    /// let a learner lead on. A removed leader goes on until it stops, so that the others get all
    /// that is committed and hear that it is; but not if it holds more than that. Counting who
    /// holds what, the library would look for this member's own progress, and panic.
    fn fit_role(&mut self) {
        let raft = &mut self.raw.raft;
        let is_all_committed = raft.raft_log.committed == raft.raft_log.last_index();
        let goes_on = match raft.state {
            StateRole::Follower => true,
            StateRole::Candidate | StateRole::PreCandidate => false,
            StateRole::Leader => raft.prs().get(raft.id).is_none() && is_all_committed,
        };
        if !goes_on && !raft.promotable() {
            raft.become_follower(raft.term, INVALID_ID);
        }
    }

    /// Whether this member leads and is not part of the configuration. Nothing is added to its log,
    /// see [`Self::fit_role`].
    pub(crate) fn is_removed_leader(&self) -> bool {
        self.leads() && self.raw.raft.prs().get(self.config.id.0).is_none()
    }
}

fn conf_of(tracker: &ProgressTracker) -> ConfState {
    conf_from_library(&tracker.conf().to_conf_state())
}

/// Makes the change, if it can be made; whether it can. The log ends at `last`.
fn make(change: &Change, tracker: &mut ProgressTracker, last: u64) -> bool {
    let is_joint = conf_of(tracker).is_joint();
    let steps: Vec<_> = change.steps.iter().filter_map(step_to_library).collect();
    let mut changer = Changer::new(tracker);
    let changed = match (change.steps.is_empty(), is_joint, change.transition) {
        (true, true, _) => changer.leave_joint(),
        (true, false, _) | (false, true, _) => return false,
        // The library goes by the number of steps; the contract, as raftpb says it, by the voters
        // that come of them.
        (false, false, Transition::Auto) => {
            changer.simple(&steps).or_else(|_| changer.enter_joint(true, &steps))
        }
        (false, false, Transition::JointImplicit) => changer.enter_joint(true, &steps),
        (false, false, Transition::JointExplicit) => changer.enter_joint(false, &steps),
    };
    let Ok((conf, changes)) = changed else { return false };
    tracker.apply_conf(conf, changes, last);
    true
}

fn step_to_library(step: &ChangeStep) -> Option<ConfChangeSingle> {
    let change_type = match step.kind {
        ConfChangeKind::AddNode => ConfChangeType::AddNode,
        ConfChangeKind::AddLearnerNode => ConfChangeType::AddLearnerNode,
        ConfChangeKind::RemoveNode => ConfChangeType::RemoveNode,
        ConfChangeKind::UpdateNode => return None,
    };
    Some(ConfChangeSingle { change_type, node_id: step.node.0, ..ConfChangeSingle::default() })
}
