//! Many machines in one process, without a clock, a disk or a network that are not under control.

mod made_up;
mod oracle;
mod random;
mod script;
mod show;
mod suite;

use consensus::{Config, Consensus, Start};
use raft::Raft;
use units::Time;

fn make(now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
    Box::new(Raft::new(now, config, start))
}

#[test]
fn whatever_happens_nothing_committed_is_lost() {
    random::nothing_committed_is_lost(make);
}

#[test]
fn no_message_panics() {
    made_up::no_message_panics(make);
}

/// A test for each folder under `tests/scripts`, and a folder for each test.
macro_rules! topics {
    ($($topic:ident),* $(,)?) => {
        $(#[test]
        fn $topic() {
            script::run_topic(stringify!($topic));
        })*

        #[test]
        fn every_topic_is_run() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts");
            let listed = std::fs::read_dir(folder).expect("the scripts are here");
            let mut topics: Vec<_> = listed
                .map(|entry| entry.expect("it can be listed").file_name())
                .collect();
            topics.sort();
            assert_eq!(topics, [$(stringify!($topic)),*]);
        }
    };
}

topics! {
    async_writes,
    check_quorum,
    elections,
    flow_control,
    joint,
    learners,
    leases,
    limits,
    membership,
    pre_vote,
    proposals,
    reads,
    replication,
    restart,
    snapshots,
    stickiness,
    stray,
    transfer,
}
