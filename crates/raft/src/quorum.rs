//! What a majority has reached, or of each half of a joint configuration (§4.3).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use units::{ConfState, NodeId};

/// How an election stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Lost,
    Open,
    Won,
}

/// The largest number that a quorum has reached, given what each voter has reached.
pub(crate) fn reached(conf: &ConfState, of: impl Fn(NodeId) -> u64) -> u64 {
    majority_reached(&conf.voters, &of).min(majority_reached(&conf.voters_outgoing, &of))
}

/// Whether those for whom it holds are a quorum.
pub(crate) fn holds(conf: &ConfState, of: impl Fn(NodeId) -> bool) -> bool {
    reached(conf, |voter| u64::from(of(voter))) > 0
}

/// How the votes given decide.
pub(crate) fn outcome(conf: &ConfState, votes: &BTreeMap<NodeId, bool>) -> Outcome {
    if holds(conf, |voter| votes.get(&voter) == Some(&true)) {
        Outcome::Won
    } else if !holds(conf, |voter| votes.get(&voter) != Some(&false)) {
        Outcome::Lost
    } else {
        Outcome::Open
    }
}

/// Both halves' voters, each once.
pub(crate) fn voters(conf: &ConfState) -> impl Iterator<Item = NodeId> {
    let incoming = &conf.voters;
    let only_outgoing = |voter: &&NodeId| incoming.binary_search(voter).is_err();
    incoming.iter().chain(conf.voters_outgoing.iter().filter(only_outgoing)).copied()
}

/// Whether the member's votes and acknowledgements count, in either half.
pub(crate) fn is_voter(conf: &ConfState, node: NodeId) -> bool {
    conf.voters.binary_search(&node).is_ok() || conf.voters_outgoing.binary_search(&node).is_ok()
}

/// An empty half decides nothing, so it stands in nobody's way.
fn majority_reached(voters: &[NodeId], of: impl Fn(NodeId) -> u64) -> u64 {
    match voters {
        [] => u64::MAX,
        [only] => of(*only),
        _ => {
            let mut reached: Vec<u64> = voters.iter().map(|voter| of(*voter)).collect();
            reached.sort_unstable();
            reached[(voters.len() - 1) / 2]
        }
    }
}

#[cfg(test)]
mod tests;
