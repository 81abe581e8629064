//! lease.md §2–§4 and §8, and the commands of §7 and §9.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use lease::Renewal;
use mvcc::EventKind;
use proto::etcdserverpb::{
    LeaseCheckpoint, LeaseCheckpointRequest, LeaseRevokeRequest, PutRequest,
};
use proto::membershippb::ClusterVersionSetRequest;
use units::{LeaseId, Time};

use super::world::{CONFIG, World, all, delete, op, put};
use crate::{Command, Config, Refusal};

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn checkpoint(id: i64, remaining_ttl: i64) -> Command {
    let checkpoints = vec![LeaseCheckpoint { id, remaining_ttl }];
    let lease_checkpoint = Some(LeaseCheckpointRequest { checkpoints });
    Command { lease_checkpoint, ..Command::default() }
}

#[test]
fn lease_2_grants_and_refusals() {
    let mut world = World::new();
    assert_eq!(world.grant(-3, 10), Ok(10));
    assert_eq!(world.grant(-3, 10), Err(Refusal::LeaseExists));
    assert_eq!(world.grant(4, 9_000_000_001), Err(Refusal::LeaseTtlTooLarge));
    assert_eq!(world.grant(4, 9_000_000_000), Ok(9_000_000_000));
    for (id, ttl) in [(5, 1), (6, 0), (7, -9)] {
        assert_eq!(world.grant(id, ttl), Ok(2), "raised to the least");
    }
    assert_eq!(world.revision(), 1);
}

#[test]
fn lease_3_a_revoke_deletes_in_the_order_of_keys_in_one_revision() {
    let mut world = World::new();
    assert_eq!(world.revoke(5), Err(Refusal::LeaseNotFound));
    world.grant(5, 10).expect("it is new");
    for key in ["c", "a", "b"] {
        world.put_leased(key, 5).expect("the lease is there");
    }
    let lease_revoke = Some(LeaseRevokeRequest { id: 5 });
    let applied = world.apply(Command { lease_revoke, ..Command::default() });
    let [changes] = &applied.events[..] else { unreachable!("{:?}", applied.events) };
    let gone: Vec<_> = changes.events.iter().map(|event| &event.key[..]).collect();
    assert_eq!((changes.revision.0, gone), (5, vec![&b"a"[..], b"b", b"c"]));
    assert!(changes.events.iter().all(|event| event.kind == EventKind::Delete));
    assert_eq!(world.revoke(5), Err(Refusal::LeaseNotFound));
    // Without keys the revision stays.
    world.grant(5, 10).expect("it is gone");
    assert_eq!(world.revoke(5), Ok(5));
}

#[test]
fn lease_4_a_key_hangs_on_one_lease_at_most() {
    let mut world = World::new();
    world.grant(1, 10).expect("it is new");
    world.grant(2, 10).expect("it is new");
    assert_eq!(world.put_leased("k", 3), Err(Refusal::LeaseNotFound));
    world.put_leased("k", 1).expect("the lease is there");
    world.put_leased("k", 2).expect("the lease is there");
    assert_eq!((world.lease_keys(1), world.lease_keys(2)), (vec![], vec!["k".into()]));
    world.revoke(1).expect("it is there");
    assert!(world.get("k").is_some());
    world.put("k", "without");
    world.revoke(2).expect("it is there");
    assert!(world.get("k").is_some());
}

#[test]
fn lease_4_whatever_writes_keys_keeps_leases_in_step() {
    let mut world = World::new();
    world.grant(1, 10).expect("it is new");
    let leased = |key: &str| PutRequest { lease: 1, ..put(key, "") };
    world.txn(all(["a", "b", "c", "d"].map(|key| op(leased(key))))).expect("it is done");
    world.txn(all([op(delete("a", "")), op(put("b", ""))])).expect("it is done");
    assert_eq!(world.lease_keys(1), ["c", "d"]);
    world.delete(delete("c", "d")).expect("it is done");
    assert_eq!(world.lease_keys(1), ["d"]);
    world.put_request(PutRequest { ignore_lease: true, ..put("d", "2") }).expect("it is there");
    assert_eq!(world.lease_keys(1), ["d"]);
}

#[test]
fn l6_leases_of_every_sign_survive_a_restart() {
    let mut world = World::new();
    let ids = [-5, i64::MIN, i64::MAX, -1, 1];
    for id in ids {
        world.grant(id, 10).expect("it is new");
        world.put_leased(&alloc::format!("{id}"), id).expect("the lease is there");
    }
    let mut world = world.restart(usize::MAX);
    let mut sorted = ids.map(LeaseId);
    sorted.sort_unstable();
    assert_eq!(world.machine.leases(), sorted);
    for id in ids {
        assert_eq!(world.lease_keys(id), [alloc::format!("{id}")]);
        world.revoke(id).expect("it is there");
    }
    assert!(world.keys().is_empty());
}

#[test]
fn lease_7_what_expires_is_proposed_and_stays_until_it_is_applied() {
    let mut world = World::new();
    world.grant(1, 5).expect("it is new");
    world.put_leased("k", 1).expect("the lease is there");
    assert_eq!(world.machine.deadline(), None, "nobody leads here");
    world.machine.promote(at(0));
    assert_eq!(world.machine.keep_alive(at(1), LeaseId(1)), Renewal::Renewed { ttl_s: 5 });
    assert!(world.machine.handle_timeout(at(5)).is_empty());
    let proposals = world.machine.handle_timeout(at(7));
    assert_eq!(proposals.len(), 1);
    assert!(world.get("k").is_some());
    assert_eq!(world.machine.keep_alive(at(7), LeaseId(1)), Renewal::Expired);
    world.now = at(8);
    world.run(proposals[0].clone()).expect("it is there");
    assert_eq!(world.get("k"), None);
    assert_eq!(world.machine.keep_alive(at(8), LeaseId(1)), Renewal::Unknown);
}

#[test]
fn lease_8_p2_p4_p5_promotion_gives_the_whole_ttl_and_an_election_on_top() {
    let mut world = World::new();
    world.grant(1, 20).expect("it is new");
    world.machine.promote(at(100));
    let left = |world: &World, now| {
        world.machine.time_to_live(now, LeaseId(1)).map(|left| (left.remaining_s, left.ttl_s))
    };
    assert_eq!(left(&world, at(100)), Some((21, 20)));
    assert_eq!(left(&world, at(110)), Some((11, 20)));
    world.machine.demote();
    assert_eq!(world.machine.keep_alive(at(110), LeaseId(1)), Renewal::NotPrimary);
    world.machine.promote(at(110));
    assert_eq!(left(&world, at(110)), Some((21, 20)));
    let mut world = world.restart(usize::MAX);
    world.machine.promote(at(3));
    assert_eq!(left(&world, at(3)), Some((21, 20)));
    assert_eq!(world.machine.time_to_live(at(3), LeaseId(2)), None);
}

#[test]
fn lease_9_checkpoints_are_stored_where_all_members_store_them() {
    for (version, store_checkpoints, remaining) in
        [("3.5.0", false, 61), ("3.5.0", true, 31), ("3.6.0", false, 31), ("3.7.0", false, 31)]
    {
        let mut world = World::with(Config { store_checkpoints, ..CONFIG });
        let cluster_version_set = Some(ClusterVersionSetRequest { ver: version.into() });
        world.run(Command { cluster_version_set, ..Command::default() }).expect("it is one");
        world.grant(1, 60).expect("it is new");
        world.run(checkpoint(1, 30)).expect("it is noted");
        world.run(checkpoint(99, 30)).expect("a lease that is gone is passed over");
        world.machine.promote(at(0));
        let left = |world: &World| {
            world.machine.time_to_live(at(0), LeaseId(1)).expect("it is there").remaining_s
        };
        assert_eq!(left(&world), 31);
        let mut world = world.restart(usize::MAX);
        world.machine.promote(at(0));
        assert_eq!(left(&world), remaining, "{version} {store_checkpoints}");
    }
}

#[test]
fn lease_5_k6_a_renewal_forgets_what_was_left_first() {
    let mut world = World::new();
    world.grant(1, 60).expect("it is new");
    world.run(checkpoint(1, 30)).expect("it is noted");
    world.machine.promote(at(0));
    let renew = |world: &mut World| world.machine.keep_alive(at(1), LeaseId(1));
    assert_eq!(renew(&mut world), Renewal::NeedsCheckpoint);
    world.run(crate::Machine::clear_checkpoint(LeaseId(1))).expect("it is noted");
    assert_eq!(renew(&mut world), Renewal::Renewed { ttl_s: 60 });
}
