//! Who takes part, and how that changes (§4 of the dissertation).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use consensus::{Change, ChangeStep, Transition};
use units::{ConfChangeKind, ConfState, Entry, EntryKind, Index, NodeId};

/// The configuration after the change. A change that cannot be made is nothing: one with steps
/// while a joint configuration is not left yet, one that leaves no voter, one without steps in a
/// simple configuration. Every member sees the same changes in the same order, so all agree on
/// that.
pub(crate) fn changed(conf: &ConfState, change: &Change) -> ConfState {
    let next = match (change.steps.is_empty(), conf.is_joint()) {
        (true, true) => Some(left(conf)),
        (false, false) => entered(conf, change),
        _ => None,
    };
    next.unwrap_or_else(|| conf.clone())
}

/// Single-step changes keep any two majorities overlapping (§4.1); larger ones go through a joint
/// configuration that needs both majorities (§4.3).
fn entered(conf: &ConfState, change: &Change) -> Option<ConfState> {
    let mut simple = conf.clone();
    for step in &change.steps {
        take(&mut simple, *step);
    }
    let mut joint = conf.clone();
    joint.voters_outgoing.clone_from(&conf.voters);
    for step in &change.steps {
        take(&mut joint, *step);
    }
    joint.auto_leave = change.transition != Transition::JointExplicit;
    let is_simple = change.transition == Transition::Auto && differing(conf, &simple) <= 1;
    let next = if is_simple || conf.voters.is_empty() { simple } else { joint };
    (!next.voters.is_empty()).then_some(next)
}

/// The outgoing half is gone, and its voters that were to become learners are learners.
fn left(conf: &ConfState) -> ConfState {
    let mut next = conf.clone();
    for learner in core::mem::take(&mut next.learners_next) {
        insert(&mut next.learners, learner);
    }
    next.voters_outgoing.clear();
    next.auto_leave = false;
    next
}

/// What counts if learners count.
pub(crate) fn with_learners_as_voters(conf: &ConfState) -> ConfState {
    let mut all = conf.clone();
    for learner in core::mem::take(&mut all.learners) {
        insert(&mut all.voters, learner);
    }
    all
}

fn take(conf: &mut ConfState, step: ChangeStep) {
    let node = step.node;
    match step.kind {
        ConfChangeKind::AddNode => {
            remove(&mut conf.learners, node);
            remove(&mut conf.learners_next, node);
            insert(&mut conf.voters, node);
        }
        ConfChangeKind::AddLearnerNode => {
            remove(&mut conf.voters, node);
            // As long as its vote counts in the outgoing half it cannot be a learner (§4.3).
            let outgoing = conf.voters_outgoing.binary_search(&node).is_ok();
            insert(if outgoing { &mut conf.learners_next } else { &mut conf.learners }, node);
        }
        ConfChangeKind::RemoveNode => {
            remove(&mut conf.voters, node);
            remove(&mut conf.learners, node);
            remove(&mut conf.learners_next, node);
        }
        ConfChangeKind::UpdateNode => {}
    }
}

fn differing(a: &ConfState, b: &ConfState) -> usize {
    let missing = |from: &ConfState, voters: &[NodeId]| {
        voters.iter().filter(|voter| from.voters.binary_search(voter).is_err()).count()
    };
    missing(a, &b.voters) + missing(b, &a.voters)
}

fn insert(nodes: &mut Vec<NodeId>, node: NodeId) {
    if let Err(place) = nodes.binary_search(&node) {
        nodes.insert(place, node);
    }
}

fn remove(nodes: &mut Vec<NodeId>, node: NodeId) {
    if let Ok(place) = nodes.binary_search(&node) {
        nodes.remove(place);
    }
}

/// Every member of the configuration, each once and in order.
pub(crate) fn members(conf: &ConfState) -> Vec<NodeId> {
    let mut members = Vec::new();
    for role in [&conf.voters, &conf.voters_outgoing, &conf.learners, &conf.learners_next] {
        for node in role {
            insert(&mut members, *node);
        }
    }
    members
}

/// Whether a configuration that came from outside is one: it has voters, and its lists are sorted
/// and without repeats.
pub(crate) fn is_sound(conf: &ConfState) -> bool {
    let roles = [&conf.voters, &conf.voters_outgoing, &conf.learners, &conf.learners_next];
    !conf.voters.is_empty() && roles.iter().all(|role| role.is_sorted_by(|a, b| a < b))
}

/// Which entries of the log hold configuration changes that are not applied yet. A member that has
/// one committed and not applied does not know who its voters are, and must not campaign.
#[derive(Clone, Debug)]
pub(crate) struct Unapplied {
    /// Those that came by since the start.
    seen: VecDeque<Index>,
    /// Up to here the log was written before the start, and may hold any number of them.
    unseen: Index,
}

impl Unapplied {
    /// A log that ends here, of which nothing was read.
    pub(crate) fn new(last: Index) -> Self {
        Self { seen: VecDeque::new(), unseen: last }
    }

    /// An entry was added to the log.
    pub(crate) fn pushed(&mut self, entry: &Entry) {
        if entry.kind != EntryKind::Normal {
            self.seen.push_back(entry.index);
        }
    }

    /// Entries after `last` are gone.
    pub(crate) fn truncated(&mut self, last: Index) {
        self.unseen = self.unseen.min(last);
        while self.seen.back().is_some_and(|index| *index > last) {
            self.seen.pop_back();
        }
    }

    /// Everything up to here is applied.
    pub(crate) fn applied(&mut self, applied: Index) {
        while self.seen.front().is_some_and(|index| *index <= applied) {
            self.seen.pop_front();
        }
    }

    /// The first entry after this one that may hold a change.
    pub(crate) fn first_after(&self, index: Index) -> Option<Index> {
        if index < self.unseen {
            return Some(index.next());
        }
        self.seen.iter().copied().find(|change| *change > index)
    }

    /// Whether there may be one after `applied` and not after `commit`.
    pub(crate) fn any(&self, applied: Index, commit: Index) -> bool {
        applied < self.unseen.min(commit) || self.seen.front().is_some_and(|index| *index <= commit)
    }
}

#[cfg(test)]
mod tests;
