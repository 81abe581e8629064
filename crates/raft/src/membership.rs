//! Who takes part, and how that changes (§4 of the dissertation).

use alloc::vec::Vec;

use consensus::{Change, ChangeStep, Transition};
use units::{ConfChangeKind, ConfState, NodeId};

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

#[cfg(test)]
mod tests;
