//! Majorities, counted by hand.

extern crate std;

use std::collections::BTreeMap;
use std::vec::Vec;

use units::{ConfState, NodeId};

use super::{Outcome, holds, is_voter, outcome, reached, voters};

fn conf(voters: &[u64], outgoing: &[u64]) -> ConfState {
    let nodes = |ids: &[u64]| ids.iter().copied().map(NodeId).collect();
    ConfState { voters: nodes(voters), voters_outgoing: nodes(outgoing), ..ConfState::default() }
}

/// Every assignment of 0 to 2 to five members, in simple and joint configurations.
#[test]
fn what_is_reached_is_what_a_majority_has() {
    let confs = [
        conf(&[1], &[]),
        conf(&[1, 2], &[]),
        conf(&[1, 2, 3], &[]),
        conf(&[1, 2, 3, 4], &[]),
        conf(&[1, 2, 3, 4, 5], &[]),
        conf(&[1, 2, 3], &[3, 4, 5]),
        conf(&[1], &[1, 2]),
    ];
    for conf in confs {
        for assignment in 0..243_u64 {
            let of = |node: NodeId| assignment / 3_u64.pow(node.0 as u32 - 1) % 3;
            let by_majority = |half: &[NodeId], least: u64| {
                half.iter().filter(|voter| of(**voter) >= least).count() * 2 > half.len()
                    || half.is_empty()
            };
            let expected = (0..=2).rev().find(|least| {
                by_majority(&conf.voters, *least) && by_majority(&conf.voters_outgoing, *least)
            });
            assert_eq!(Some(reached(&conf, of)), expected, "{conf:?} {assignment}");
            assert_eq!(holds(&conf, |voter| of(voter) == 2), expected == Some(2));
        }
    }
}

#[test]
fn an_election_is_open_until_a_majority_has_spoken() {
    let simple = conf(&[1, 2, 3], &[]);
    let joint = conf(&[1, 2, 3], &[3, 4, 5]);
    let votes = |votes: &[(u64, bool)]| -> BTreeMap<NodeId, bool> {
        votes.iter().map(|(voter, vote)| (NodeId(*voter), *vote)).collect()
    };
    assert_eq!(outcome(&simple, &votes(&[])), Outcome::Open);
    assert_eq!(outcome(&simple, &votes(&[(1, true), (2, false)])), Outcome::Open);
    assert_eq!(outcome(&simple, &votes(&[(1, true), (3, true)])), Outcome::Won);
    assert_eq!(outcome(&simple, &votes(&[(1, false), (3, false)])), Outcome::Lost);
    assert_eq!(outcome(&simple, &votes(&[(1, true), (8, true), (9, true)])), Outcome::Open);
    assert_eq!(outcome(&joint, &votes(&[(1, true), (2, true)])), Outcome::Open);
    assert_eq!(outcome(&joint, &votes(&[(1, true), (3, true), (4, true)])), Outcome::Won);
    assert_eq!(outcome(&joint, &votes(&[(1, true), (4, false), (5, false)])), Outcome::Lost);
}

#[test]
fn voters_are_those_of_both_halves() {
    let joint = conf(&[1, 3], &[2, 3]);
    assert_eq!(voters(&joint).collect::<Vec<_>>(), [NodeId(1), NodeId(3), NodeId(2)]);
    assert!([1, 2, 3].iter().all(|id| is_voter(&joint, NodeId(*id))));
    assert!(!is_voter(&joint, NodeId(4)));
}
