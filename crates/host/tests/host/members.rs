//! Members that come and go.

use std::time::{Duration, Instant};

use host::{Ending, Error};
use state::{Member, MemberChange, Refusal, Version};
use units::NodeId;

use crate::world::{World, member, read, until, value_in, within, write};

const NEW: NodeId = NodeId(4);

fn learner(id: NodeId) -> MemberChange {
    MemberChange::Add(Member { is_learner: true, ..member(id) })
}

/// Waits until a change is allowed: members must have been connected for a while.
async fn change(world: &World, at: NodeId, change: MemberChange) {
    within("a change of members", async {
        loop {
            match world.member(at).change(change.clone()).await {
                Ok(_) => return,
                Err(
                    Error::Unhealthy
                    | Error::NotEnoughStarted
                    | Error::LearnerNotReady
                    | Error::TimedOut(_),
                ) => tokio::task::yield_now().await,
                Err(error) => panic!("the change came to {error}"),
            }
        }
    })
    .await;
}

/// So long that whoever waited for all of it would be told from who did not.
const LONG_ELECTION: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_start_together_do_not_wait_as_if_they_had_lost_a_leader() {
    let began = Instant::now();
    // The more there are the sooner the first of them campaigns.
    let world = World::with(5, |config| config.consensus.election_timeout = LONG_ELECTION);
    world.leader().await;
    assert!(began.elapsed() < LONG_ELECTION, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_make_themselves_known() {
    let world = World::new(3);
    for (id, member) in world.running() {
        within("it to be known", member.ready()).await.expect("it runs");
        let known = member.published().members.current[&id].clone();
        assert_eq!(known.name, format!("member-{id}"));
        assert_eq!(known.client_urls, [format!("client://{id}")]);
    }
    let version = Version { major: 3, minor: 7, patch: 0 };
    for (_, member) in world.running() {
        let agreed = |seen: &state::Published| seen.cluster_version == Some(version);
        until(member, "the cluster's version", agreed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_comes_and_is_promoted() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    write(world.member(leader), "a", "1").await;
    change(&world, leader, learner(NEW)).await;
    world.join(NEW);
    within("it to be known", world.member(NEW).ready()).await.expect("it runs");
    until(world.member(NEW), "the write", |seen| value_in(seen, "a").is_some()).await;
    // Only the leader knows whether it is ready; others ask it.
    let other = world.other_than(leader);
    change(&world, other, MemberChange::Promote { id: NEW }).await;
    let voters = |seen: &state::Published| seen.conf_state.voters.contains(&NEW);
    until(world.member(NEW), "the promotion", voters).await;
    write(world.member(NEW), "a", "2").await;
    assert_eq!(read(world.member(leader), "a").await.as_deref(), Some("2"));
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_ends() {
    let world = World::new(3);
    let leader = world.leader().await;
    for (_, member) in world.running() {
        within("it to be known", member.ready()).await.expect("it runs");
    }
    let gone = world.other_than(leader);
    change(&world, leader, MemberChange::Remove { id: gone }).await;
    assert_eq!(within("its end", world.member(gone).ended()).await, Ending::Removed);
    write(world.member(leader), "a", "1").await;
    let refused = world.member(leader).change(MemberChange::Add(member(gone))).await;
    // Its name is never used again; or it is too early to add anybody.
    let refusals = [Error::Refused(Refusal::MemberNotFound), Error::Unhealthy];
    assert!(refused.is_err_and(|error| refusals.contains(&error)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_leader_ends_and_another_one_is_elected() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    for (_, member) in world.running() {
        within("it to be known", member.ready()).await.expect("it runs");
    }
    change(&world, leader, MemberChange::Remove { id: leader }).await;
    assert_eq!(within("its end", world.member(leader).ended()).await, Ending::Removed);
    world.kill(leader);
    assert!(matches!(world.try_start(leader), Err(Ending::Removed)), "it cannot come back");
    write(world.member(world.other_than(leader)), "a", "1").await;
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_could_cost_the_quorum_are_refused() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    for (_, member) in world.running() {
        within("it to be known", member.ready()).await.expect("it runs");
    }
    let gone = world.other_than(leader);
    world.kill(gone);
    let stays = world.running().map(|(id, _)| id).find(|id| *id != leader).expect("three less one");
    let removed = world.member(leader).change(MemberChange::Remove { id: stays }).await;
    assert_eq!(removed.err(), Some(Error::Unhealthy));
    let added = world.member(leader).change(MemberChange::Add(member(NEW))).await;
    assert_eq!(added.err(), Some(Error::Unhealthy));
    let promoted = world.member(leader).change(MemberChange::Promote { id: stays }).await;
    assert_eq!(promoted.err(), Some(Error::Refused(Refusal::MemberNotLearner)));
    let promoted = world.member(stays).change(MemberChange::Promote { id: NEW }).await;
    assert_eq!(promoted.err(), Some(Error::Refused(Refusal::MemberNotFound)));
    // Whoever is away may go.
    change(&world, leader, MemberChange::Remove { id: gone }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_goes_where_it_is_sent() {
    let world = World::new(3);
    let leader = world.leader().await;
    let next = world.other_than(leader);
    assert_eq!(world.member(next).transfer(next).await, Err(Error::NotLeader));
    assert_eq!(world.member(leader).transfer(NEW).await, Err(Error::BadTransferee));
    within("a transfer", world.member(leader).transfer(next)).await.expect("it is a voter");
    assert_eq!(world.leader().await, next);
}
