//! Leases over leaders.

use std::time::{Duration, Instant};

use bytes::Bytes;
use host::Keys;
use state::{Command, Outcome, Published, TABLES};
use units::{LeaseId, NodeId};

use crate::world::{World, put_with, until, value_in, within};

const LEASE: LeaseId = LeaseId(77);

fn grant(ttl_s: i64) -> Command {
    let mut command = Command::default();
    let grant = command.lease_grant.get_or_insert_default();
    (grant.id, grant.ttl) = (LEASE.0, ttl_s);
    command
}

async fn grant_with_key(world: &World, at: NodeId, ttl_s: i64) {
    let granted = world.member(at).propose(grant(ttl_s)).await;
    assert!(matches!(granted, Ok(Outcome::LeaseGrant(_))), "{granted:?}");
    let put = world.member(at).propose(put_with("leased", "1", LEASE)).await;
    assert!(put.is_ok(), "{put:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_nobody_renews_takes_its_keys_along() {
    let world = World::new(3);
    let leader = world.leader().await;
    let granted = Instant::now();
    grant_with_key(&world, leader, 1).await;
    let newest = world.member(leader).published().applied.index;
    for (_, member) in world.running() {
        let is_gone =
            |seen: &Published| seen.applied.index > newest && value_in(seen, "leased").is_none();
        until(member, "its end", is_gone).await;
    }
    assert!(granted.elapsed().as_millis() >= 1000, "it lives for its TTL");
    let left = world.member(leader).time_to_live(LEASE, Keys::Named).await;
    assert_eq!(left, Ok(None));
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_member_renews_a_lease() {
    let world = World::new(3);
    let leader = world.leader().await;
    grant_with_key(&world, leader, 60).await;
    for (_, member) in world.running() {
        assert_eq!(within("a renewal", member.keep_alive(LEASE)).await, Ok(Some(60)));
        assert_eq!(within("a renewal", member.keep_alive(LeaseId(5))).await, Ok(None));
        let left = within("an answer", member.time_to_live(LEASE, Keys::Named)).await;
        let left = left.expect("there is a leader").expect("there is the lease");
        assert!((left.remaining_s, left.ttl_s) <= (60, 60) && left.remaining_s > 30);
        assert_eq!(left.keys, ["leased"]);
        let unknown = within("an answer", member.time_to_live(LeaseId(5), Keys::Omitted)).await;
        assert_eq!(unknown, Ok(None));
        until(member, "the lease", |seen| value_in(seen, "leased").is_some()).await;
        assert_eq!(within("an answer", member.leases()).await, Ok(vec![LEASE]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_leader_gives_leases_their_time_again() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    grant_with_key(&world, leader, 2).await;
    world.kill(leader);
    let stays = world.other_than(leader);
    let next = world.leader().await;
    let left = within("an answer", world.member(stays).time_to_live(LEASE, Keys::Omitted)).await;
    let left = left.expect("there is a leader").expect("there is the lease");
    assert!(left.remaining_s >= 1, "{left:?}");
    until(world.member(next), "its end", |seen| value_in(seen, "leased").is_none()).await;
}

/// What is left of the lease, by the leader's word.
async fn remaining_s(world: &World) -> i64 {
    let leader = world.member(world.leader().await);
    let left = within("an answer", leader.time_to_live(LEASE, Keys::Omitted)).await;
    left.expect("there is a leader").expect("there is the lease").remaining_s
}

/// What is stored of the lease.
fn stored(seen: &Published) -> Option<Bytes> {
    let leases = TABLES.into_iter().find(|table| table.name == "leases");
    let leases = leases.expect("leases have a table");
    seen.snapshot.view().get(leases, &LEASE.0.to_be_bytes()).expect("the engine is sound")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_leader_goes_on_where_leases_were_checkpointed() {
    let mut world = World::with(3, |config| {
        config.state.lease.checkpoint_every = Some(Duration::from_millis(100));
    });
    let leader = world.leader().await;
    grant_with_key(&world, leader, 60).await;
    let granted = stored(&world.member(leader).published());
    assert!(granted.is_some());
    for (_, member) in world.running() {
        let is_checkpointed =
            |seen: &Published| stored(seen).is_some_and(|_| stored(seen) != granted);
        until(member, "a checkpoint", is_checkpointed).await;
    }
    // A leader comes into being while others run, or from what is stored.
    world.kill(leader);
    let in_memory = remaining_s(&world).await;
    let all: Vec<NodeId> = world.seats.keys().copied().collect();
    all.iter().for_each(|id| world.kill(*id));
    all.iter().for_each(|id| world.start(*id));
    let on_disk = remaining_s(&world).await;
    assert!((1..60).contains(&in_memory) && (1..60).contains(&on_disk), "{in_memory} {on_disk}");
    // Whoever keeps it alive gets all of it.
    let leader = world.member(world.leader().await);
    assert_eq!(within("a renewal", leader.keep_alive(LEASE)).await, Ok(Some(60)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keep_alive_that_comes_too_late_waits_for_the_end() {
    let world = World::new(1);
    let one = world.leader().await;
    grant_with_key(&world, one, 1).await;
    let member = world.member(one);
    // Asked at once, again and again, it never gets a TTL after the key is gone.
    let mut published = member.watch_published();
    let gone = published.wait_for(|seen| value_in(seen, "leased").is_none());
    drop(within("its end", gone).await);
    assert_eq!(within("an answer", member.keep_alive(LEASE)).await, Ok(None));
}
