//! Many machines in one process, without a clock, a disk or a network that are not under control.

// The same worlds as those of the other part, and what must be true of them.
#[path = "../../../raft/tests/raft/made_up.rs"]
mod made_up;
#[path = "../../../raft/tests/raft/oracle.rs"]
mod oracle;
#[path = "../../../raft/tests/raft/random.rs"]
mod random;
#[path = "../../../raft/tests/raft/show.rs"]
#[expect(dead_code, reason = "the other part's scripts show more")]
mod show;

use consensus::{Config, Consensus, Start};
use consensus_raftrs::Raftrs;
use raft::Raft;
use units::Time;

fn make(now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
    Box::new(Raftrs::new(now, config, start))
}

/// Every other member is of the other part, and changes sides with each start in which its log ends
/// at an odd index.
fn make_either(now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
    if (config.id.0 + start.last.index.0).is_multiple_of(2) {
        make(now, config, start)
    } else {
        Box::new(Raft::new(now, config, start))
    }
}

consensus::suite!(make);
consensus::suite_of_peers!(make);

/// The contract holds between members of both parts, too.
mod mixed {
    consensus::suite_of_peers!(super::make_either);
}

#[test]
fn whatever_happens_nothing_committed_is_lost() {
    random::nothing_committed_is_lost(make);
}

#[test]
fn whoever_takes_part_nothing_committed_is_lost() {
    random::nothing_committed_is_lost(make_either);
}

#[test]
fn no_message_panics() {
    made_up::no_message_panics(make);
}
