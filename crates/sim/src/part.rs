//! What orders the commands.

use consensus::{Config, Consensus, Start};
use consensus_raftrs::Raftrs;
use raft::Raft;
use units::Time;

/// Which part of the contract `consensus` the members of a world are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Ours.
    #[default]
    Raft,
    /// The one around the registry's.
    Raftrs,
    /// Either: members differ, and may change sides with a start.
    Either,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Raft, Self::Raftrs, Self::Either];

    /// What it is called by whoever asks for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::Raftrs => "raftrs",
            Self::Either => "either",
        }
    }

    /// A machine of a member that starts.
    pub(crate) fn make(self, now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
        let by_raftrs = match self {
            Self::Raft => false,
            Self::Raftrs => true,
            Self::Either => config.seed.is_multiple_of(2),
        };
        if by_raftrs {
            Box::new(Raftrs::new(now, config, start))
        } else {
            Box::new(Raft::new(now, config, start))
        }
    }
}
