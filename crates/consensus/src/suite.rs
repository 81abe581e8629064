//! What every part must do, as tests that a part runs in a few lines.
//!
//! ```text
//! fn make(now: Time, config: Config, start: Start) -> Box<dyn Consensus> { … }
//! consensus::suite!(make);            // one member: any part
//! consensus::suite_of_peers!(make);   // several: parts that have peers
//! ```
//!
//! The tests say nothing about how members come to agree, only what must come of it. [`Cluster`]
//! and [`Member`] are theirs, and serve a part's own tests too: machines with a disk, a state
//! machine and a network on which nothing happens unless it is asked for.

mod alone;
mod cluster;
mod member;
mod peers;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use units::{ConfState, NodeId, Time};

use crate::{Config, Consensus, Effect, Limits, ReadPolicy, Refused, Start};

pub use alone::{
    a_change_is_handed_out_as_proposed, a_crash_loses_only_what_is_not_durable,
    a_restart_applies_what_is_missing, a_restart_begins_a_newer_term, a_sole_voter_leads,
    a_trimmed_log_is_no_obstacle, groups_to_apply_are_bounded, messages_for_others_change_nothing,
    nothing_is_applied_before_it_is_durable, only_voters_can_lead,
    proposals_are_applied_in_their_order, proposals_of_a_round_share_a_write,
    reads_cover_what_is_applied, too_much_uncommitted_is_refused,
};
pub use cluster::{Cluster, Seen};
pub use member::{Image, Member, encode};
pub use peers::{
    a_follower_promises_only_what_is_durable, a_joint_change_is_left_by_itself,
    a_laggard_is_brought_back_by_a_snapshot, a_leader_without_quorum_commits_nothing,
    a_learner_becomes_a_voter, a_lost_snapshot_is_wanted_again, a_new_voter_learns_that_it_is_one,
    a_removed_voter_is_not_needed, a_returning_member_raises_no_term,
    a_snapshot_is_not_mixed_with_what_came_before, a_stale_leader_answers_no_read,
    a_stale_leader_steps_down, a_successor_is_chosen, a_term_is_durable_before_it_has_entries,
    all_may_restart_at_once, an_election_and_a_timeout_may_come_together, entries_reach_everybody,
    followers_pass_on_what_they_are_asked, what_is_committed_outlives_its_leader,
};

/// Makes the machine under test.
pub type Make = fn(Time, Config, Start) -> Box<dyn Consensus>;

/// Runs every test for which one member is enough.
#[macro_export]
macro_rules! suite {
    ($make:expr) => {
        $crate::suite!($make;
            a_change_is_handed_out_as_proposed
            a_crash_loses_only_what_is_not_durable
            a_restart_applies_what_is_missing
            a_restart_begins_a_newer_term
            a_sole_voter_leads
            a_trimmed_log_is_no_obstacle
            groups_to_apply_are_bounded
            messages_for_others_change_nothing
            nothing_is_applied_before_it_is_durable
            only_voters_can_lead
            proposals_are_applied_in_their_order
            proposals_of_a_round_share_a_write
            reads_cover_what_is_applied
            too_much_uncommitted_is_refused
        );
    };
    ($make:expr; $($test:ident)*) => {
        $(#[test]
        fn $test() {
            $crate::suite::$test($make);
        })*
    };
}

/// Runs every test that needs several members.
#[macro_export]
macro_rules! suite_of_peers {
    ($make:expr) => {
        $crate::suite!($make;
            a_follower_promises_only_what_is_durable
            a_joint_change_is_left_by_itself
            a_laggard_is_brought_back_by_a_snapshot
            a_leader_without_quorum_commits_nothing
            a_learner_becomes_a_voter
            a_lost_snapshot_is_wanted_again
            a_new_voter_learns_that_it_is_one
            a_removed_voter_is_not_needed
            a_returning_member_raises_no_term
            a_snapshot_is_not_mixed_with_what_came_before
            a_stale_leader_answers_no_read
            a_stale_leader_steps_down
            a_successor_is_chosen
            a_term_is_durable_before_it_has_entries
            all_may_restart_at_once
            an_election_and_a_timeout_may_come_together
            entries_reach_everybody
            followers_pass_on_what_they_are_asked
            what_is_committed_outlives_its_leader
        );
    };
}

const HEARTBEAT: Duration = Duration::from_millis(100);
const ELECTION_TIMEOUT: Duration = Duration::from_millis(1000);

/// Election timeouts in which any healthy cluster must have found a leader.
const PATIENCE: u32 = 20;

fn config(id: NodeId) -> Config {
    Config {
        id,
        heartbeat: HEARTBEAT,
        election_timeout: ELECTION_TIMEOUT,
        pre_vote: true,
        check_quorum: true,
        reads: ReadPolicy::Quorum,
        limits: Limits {
            message_bytes_max: 1 << 20,
            inflight_messages_max: 512,
            inflight_bytes_max: 1 << 24,
            uncommitted_bytes_max: 1 << 24,
            cached_bytes_max: 1 << 24,
            apply_bytes_max: 1 << 20,
        },
        seed: 7,
    }
}

/// Members 1 to `voters`, all of them started, nothing of it run.
fn started(make: Make, voters: u64, adjust: impl Fn(&mut Config)) -> Cluster {
    let ids: Vec<_> = (1..=voters).map(NodeId).collect();
    let mut cluster = Cluster::new(make, ConfState { voters: ids.clone(), ..ConfState::default() });
    for id in ids {
        let mut config = config(id);
        adjust(&mut config);
        cluster.add(config);
    }
    cluster
}

/// The same, with a leader whose term is committed.
fn led(make: Make, voters: u64) -> (Cluster, NodeId) {
    let mut cluster = started(make, voters, |_| {});
    let leader = elect(&mut cluster);
    (cluster, leader)
}

/// Time passes until some member that runs leads and has committed something of its term.
fn elect(cluster: &mut Cluster) -> NodeId {
    let ids = cluster.ids();
    for _ in 0..PATIENCE * 10 {
        cluster.run();
        if let Some(leader) = cluster.leader() {
            let status = cluster.member(leader).status().expect("a leader runs");
            let head = cluster.member(leader).given.term(status.commit);
            if head == Some(status.term) {
                return leader;
            }
        }
        cluster.elapse(&ids, HEARTBEAT);
    }
    panic!("nobody leads after {PATIENCE} election timeouts");
}

fn propose(cluster: &mut Cluster, id: NodeId, commands: &[&'static str]) -> Result<(), Refused> {
    let commands = commands.iter().map(|command| Bytes::from_static(command.as_bytes())).collect();
    cluster.call(id, |machine, now| machine.propose(now, commands)).expect("the member runs")
}

/// The commands that the member's state machine has applied, without the empty entries of leaders.
fn commands(cluster: &mut Cluster, id: NodeId) -> Vec<Bytes> {
    let history = cluster.member(id).history.iter().map(|entry| entry.data.clone());
    history.filter(|data| !data.is_empty()).collect()
}

/// What the member wanted done since this was asked last; what the others wanted is forgotten.
fn effects(cluster: &mut Cluster, of: NodeId) -> Vec<Effect> {
    let seen = core::mem::take(&mut cluster.seen).into_iter();
    seen.filter_map(|seen| match seen {
        Seen::Effect(id, effect) if id == of => Some(effect),
        _ => None,
    })
    .collect()
}

/// Time passes for everybody, in which nothing is asked of the cluster.
fn rest(cluster: &mut Cluster, election_timeouts: u32) {
    let ids = cluster.ids();
    cluster.elapse(&ids, ELECTION_TIMEOUT * election_timeouts);
}
