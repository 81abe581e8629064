//! Every change of every small configuration keeps what makes changes safe (§4.1, §4.3).

extern crate std;

use std::vec;
use std::vec::Vec;

use consensus::kit::is_sound;
use consensus::{Change, ChangeStep, Transition};
use units::{ConfChangeKind, ConfState, NodeId};

use super::{changed, members};
use crate::quorum;

const NODES: u64 = 4;
const KINDS: [ConfChangeKind; 4] = [
    ConfChangeKind::AddNode,
    ConfChangeKind::AddLearnerNode,
    ConfChangeKind::RemoveNode,
    ConfChangeKind::UpdateNode,
];

/// Every simple configuration of up to four members with at least one voter.
fn simple_configurations() -> Vec<ConfState> {
    let mut all = Vec::new();
    for roles in 0..3_u64.pow(NODES as u32) {
        let of = |role: u64| {
            let nodes = (0..NODES).filter(|node| roles / 3_u64.pow(*node as u32) % 3 == role);
            nodes.map(|node| NodeId(node + 1)).collect::<Vec<_>>()
        };
        let conf = ConfState { voters: of(1), learners: of(2), ..ConfState::default() };
        if !conf.voters.is_empty() {
            all.push(conf);
        }
    }
    all
}

fn steps() -> Vec<ChangeStep> {
    let nodes = (1..=NODES).map(NodeId);
    nodes.flat_map(|node| KINDS.map(|kind| ChangeStep { kind, node })).collect()
}

/// Every change of up to two steps.
fn changes() -> Vec<Change> {
    let mut all = Vec::new();
    for transition in [Transition::Auto, Transition::JointImplicit, Transition::JointExplicit] {
        for first in steps() {
            all.push(Change { transition, steps: vec![first] });
            for second in steps() {
                all.push(Change { transition, steps: vec![first, second] });
            }
        }
    }
    all
}

/// No two groups of members can decide apart, one in each configuration.
fn overlap(a: &ConfState, b: &ConfState) -> bool {
    let groups = 0..1_u64 << NODES;
    let decides =
        |conf: &ConfState, group: u64| quorum::holds(conf, |node| group >> (node.0 - 1) & 1 == 1);
    groups.clone().filter(|group| decides(a, *group)).all(|group| {
        let rest = !group & ((1 << NODES) - 1);
        // What a group can decide, a larger one can: trying everybody else is enough.
        !decides(b, rest)
    })
}

fn roles_are_sound(conf: &ConfState) {
    assert!(is_sound(conf), "{conf:?}");
    let disjoint = |a: &[NodeId], b: &[NodeId]| a.iter().all(|node| !b.contains(node));
    assert!(disjoint(&conf.voters, &conf.learners), "{conf:?}");
    assert!(disjoint(&conf.voters_outgoing, &conf.learners), "{conf:?}");
    assert!(disjoint(&conf.voters, &conf.learners_next), "{conf:?}");
    let next_are_outgoing =
        conf.learners_next.iter().all(|node| conf.voters_outgoing.contains(node));
    assert!(next_are_outgoing, "{conf:?}");
    assert!(!conf.auto_leave || conf.is_joint(), "{conf:?}");
}

#[test]
fn neighbouring_configurations_overlap() {
    let leave = Change::default();
    for old in simple_configurations() {
        for change in changes() {
            let next = changed(&old, &change);
            roles_are_sound(&next);
            assert!(overlap(&old, &next), "{old:?} to {next:?} by {change:?}");
            if !next.is_joint() {
                continue;
            }
            assert_eq!(next.voters_outgoing, old.voters);
            assert_eq!(next.auto_leave, change.transition != Transition::JointExplicit);
            assert_eq!(changed(&next, &change), next, "one at a time");
            let new = changed(&next, &leave);
            roles_are_sound(&new);
            assert!(!new.is_joint());
            assert!(overlap(&next, &new), "{next:?} to {new:?}");
        }
        assert_eq!(changed(&old, &leave), old, "there is nothing to leave");
    }
}

#[test]
fn a_joint_way_leads_where_single_steps_do() {
    for old in simple_configurations() {
        for change in changes() {
            let mut by_steps = old.clone();
            let mut voters_remain = true;
            for step in &change.steps {
                let single = Change { transition: Transition::Auto, steps: vec![*step] };
                let next = changed(&by_steps, &single);
                let removes = step.kind != ConfChangeKind::AddNode;
                voters_remain &= !(removes && by_steps.voters == [step.node]);
                by_steps = next;
            }
            let next = changed(&old, &change);
            let end = if next.is_joint() { changed(&next, &Change::default()) } else { next };
            if voters_remain {
                assert_eq!(end, by_steps, "{old:?} by {change:?}");
            }
        }
    }
}

#[test]
fn one_voter_changes_without_a_joint_configuration() {
    for change in changes().iter().filter(|change| change.transition == Transition::Auto) {
        for old in simple_configurations() {
            let next = changed(&old, change);
            if change.steps.len() == 1 {
                assert!(!next.is_joint(), "{old:?} by {change:?}");
            }
        }
    }
}

#[test]
fn members_are_named_once() {
    let conf = changed(
        &ConfState { voters: vec![NodeId(1), NodeId(3)], ..ConfState::default() },
        &Change {
            transition: Transition::JointExplicit,
            steps: vec![
                ChangeStep { kind: ConfChangeKind::AddLearnerNode, node: NodeId(3) },
                ChangeStep { kind: ConfChangeKind::AddLearnerNode, node: NodeId(2) },
            ],
        },
    );
    assert_eq!(members(&conf), [NodeId(1), NodeId(2), NodeId(3)]);
}
