//! What orders the commands.

use ::consensus::{Config, Consensus, Start};
use units::Time;

use super::choices::{Choices, Kind};

const KIND: Kind = Kind {
    flag: "consensus",
    noun: "consensus",
    features: &[("raft", "raft"), ("raftrs", "consensus-raftrs"), ("solo", "solo")],
};

/// What can order the commands.
pub trait ConsensusPart: Send + Sync {
    /// A machine that goes on from where log and engine stand.
    fn make(&self, now: Time, config: Config, start: Start) -> Box<dyn Consensus>;

    /// How many members it can order for, if not for any number. Nobody is added beyond it, and a
    /// member of a larger cluster does not start with it.
    fn members_max(&self) -> Option<usize> {
        None
    }
}

pub(super) fn compiled_in() -> Choices<dyn ConsensusPart> {
    Choices::of(
        KIND,
        [
            #[cfg(feature = "raft")]
            ("raft", raft::part()),
            #[cfg(feature = "consensus-raftrs")]
            ("raftrs", raftrs::part()),
            #[cfg(feature = "solo")]
            ("solo", solo::part()),
        ],
    )
}

#[cfg(feature = "raft")]
mod raft {
    use std::sync::Arc;

    use ::raft::Raft;

    use super::{Config, Consensus, ConsensusPart, Start, Time};

    struct RaftPart;

    pub(super) fn part() -> Arc<dyn ConsensusPart> {
        Arc::new(RaftPart)
    }

    impl ConsensusPart for RaftPart {
        fn make(&self, now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
            Box::new(Raft::new(now, config, start))
        }
    }
}

#[cfg(feature = "consensus-raftrs")]
mod raftrs {
    use std::sync::Arc;

    use ::consensus_raftrs::Raftrs;

    use super::{Config, Consensus, ConsensusPart, Start, Time};

    struct RaftrsPart;

    pub(super) fn part() -> Arc<dyn ConsensusPart> {
        Arc::new(RaftrsPart)
    }

    impl ConsensusPart for RaftrsPart {
        fn make(&self, now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
            Box::new(Raftrs::new(now, config, start))
        }
    }
}

#[cfg(feature = "solo")]
mod solo {
    use std::sync::Arc;

    use ::consensus::Solo;

    use super::{Config, Consensus, ConsensusPart, Start, Time};

    struct SoloPart;

    pub(super) fn part() -> Arc<dyn ConsensusPart> {
        Arc::new(SoloPart)
    }

    impl ConsensusPart for SoloPart {
        fn make(&self, _now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
            Box::new(Solo::new(&config, &start))
        }

        fn members_max(&self) -> Option<usize> {
            Some(1)
        }
    }
}
