//! Each test names the statement of etcd's lease behaviour that it holds us to.

use alloc::vec::Vec;
use core::time::Duration;

use units::{LeaseId, Time};

use crate::{Config, Effect, Lessor, Record, Refusal, Remaining, Renewal, TTL_MAX_S};

const CONFIG: Config = Config {
    ttl_min_s: 2,
    election_timeout: Duration::from_secs(1),
    retry: Duration::from_secs(7),
    checkpoint_every: None,
};

fn at(millis: u64) -> Time {
    Time(Duration::from_millis(millis))
}

fn leader() -> Lessor {
    let mut lessor = Lessor::new(CONFIG);
    lessor.promote(at(0));
    lessor
}

/// Lets time pass up to `until`, stopping wherever the lessor wants to, and collects what it wants
/// proposed together with when.
fn run(lessor: &mut Lessor, until: Time) -> Vec<(Time, Effect)> {
    let mut effects = Vec::new();
    while let Some(deadline) = lessor.deadline().filter(|deadline| *deadline <= until) {
        lessor.handle_timeout(deadline);
        while let Some(effect) = lessor.poll() {
            effects.push((deadline, effect));
        }
    }
    effects
}

#[test]
fn a_small_ttl_is_raised_and_a_large_one_refused() {
    let mut lessor = leader();
    for ttl_s in [-5, 0, 1] {
        let record = lessor.grant(at(0), LeaseId(ttl_s), ttl_s).unwrap();
        assert_eq!(record, Record { id: LeaseId(ttl_s), ttl_s: 2, remaining_s: 0 });
    }
    assert_eq!(lessor.grant(at(0), LeaseId(9), TTL_MAX_S).unwrap().ttl_s, TTL_MAX_S);
    assert_eq!(lessor.grant(at(0), LeaseId(10), TTL_MAX_S + 1), Err(Refusal::TtlTooLarge));
}

#[test]
fn an_id_is_granted_once_and_again_after_its_revoke() {
    let mut lessor = leader();
    lessor.grant(at(0), LeaseId(-3), 10).unwrap();
    assert_eq!(lessor.grant(at(0), LeaseId(-3), 10), Err(Refusal::Exists));
    lessor.revoke(LeaseId(-3)).unwrap();
    assert_eq!(lessor.revoke(LeaseId(-3)), Err(Refusal::NotFound));
    lessor.grant(at(0), LeaseId(-3), 10).unwrap();
}

#[test]
fn a_lease_expires_at_its_ttl_and_is_asked_for_again_until_it_is_revoked() {
    let mut lessor = leader();
    lessor.grant(at(100), LeaseId(1), 5).unwrap();
    let expire = |millis| (at(millis), Effect::Expire([LeaseId(1)].to_vec()));
    assert_eq!(run(&mut lessor, at(13_000)), [expire(5_100), expire(12_100)]);
    lessor.revoke(LeaseId(1)).unwrap();
    assert_eq!(run(&mut lessor, at(60_000)), []);
}

#[test]
fn a_renewal_gives_the_whole_ttl_again() {
    let mut lessor = leader();
    lessor.grant(at(0), LeaseId(1), 5).unwrap();
    assert_eq!(lessor.renew(at(4_999), LeaseId(1)), Renewal::Renewed { ttl_s: 5 });
    assert_eq!(run(&mut lessor, at(9_998)), []);
    assert_eq!(run(&mut lessor, at(9_999)).len(), 1);
}

#[test]
fn an_expired_lease_is_never_revived_by_the_same_leader() {
    let mut lessor = leader();
    lessor.grant(at(0), LeaseId(1), 5).unwrap();
    assert_eq!(lessor.renew(at(5_000), LeaseId(1)), Renewal::Expired);
    assert_eq!(lessor.renew(at(6_000), LeaseId(1)), Renewal::Expired);
    lessor.revoke(LeaseId(1)).unwrap();
    assert_eq!(lessor.renew(at(6_001), LeaseId(1)), Renewal::Unknown);
}

#[test]
fn only_the_leader_renews_and_expires() {
    let mut lessor = Lessor::new(CONFIG);
    lessor.grant(at(0), LeaseId(1), 5).unwrap();
    assert_eq!(lessor.renew(at(1), LeaseId(1)), Renewal::NotPrimary);
    assert_eq!(lessor.deadline(), None);
    lessor.promote(at(100_000));
    assert_eq!(lessor.deadline(), Some(at(106_000)), "whole TTL and an election timeout");
    lessor.demote();
    assert_eq!(lessor.deadline(), None);
}

#[test]
fn a_new_leader_goes_on_from_the_checkpoint() {
    let mut lessor = Lessor::new(CONFIG);
    lessor.restore(Record { id: LeaseId(1), ttl_s: 100, remaining_s: 40 });
    lessor.promote(at(0));
    assert_eq!(
        lessor.remaining(at(0), LeaseId(1)),
        Some(Remaining { remaining_s: 41, ttl_s: 100 })
    );
    assert_eq!(lessor.renew(at(1), LeaseId(1)), Renewal::NeedsCheckpoint);
    lessor.checkpoint(at(1), LeaseId(1), 0).unwrap();
    assert_eq!(lessor.renew(at(1), LeaseId(1)), Renewal::Renewed { ttl_s: 100 });
}

#[test]
fn a_promotion_lets_no_second_hold_more_than_can_expire_in_it() {
    let mut lessor = Lessor::new(CONFIG);
    for id in 1..=3_000 {
        lessor.restore(Record { id: LeaseId(id), ttl_s: 10, remaining_s: 0 });
    }
    lessor.promote(at(0));
    let mut expired: Vec<u128> = Vec::new();
    for (time, effect) in run(&mut lessor, at(17_000)) {
        let Effect::Expire(ids) = effect else { panic!("nothing is checkpointed here") };
        expired.extend(ids.iter().map(|_| time.0.as_millis()));
    }
    assert_eq!(expired.len(), 3_000);
    assert!(expired.iter().all(|time| *time >= 11_000));
    assert!(*expired.last().unwrap() <= 15_000);
}

#[test]
fn a_mass_expiry_comes_in_rounds() {
    let mut lessor = leader();
    for id in 1..=1_200 {
        lessor.grant(at(0), LeaseId(id), 5).unwrap();
    }
    let rounds: Vec<(Time, usize)> = run(&mut lessor, at(7_000))
        .into_iter()
        .map(|(time, effect)| match effect {
            Effect::Expire(ids) => (time, ids.len()),
            Effect::Checkpoint(_) => panic!("nothing is checkpointed here"),
        })
        .collect();
    assert_eq!(rounds, [(at(5_000), 500), (at(5_500), 500), (at(6_000), 200)]);
}

fn checkpointing() -> Lessor {
    let every = Some(Duration::from_secs(300));
    let mut lessor = Lessor::new(Config { checkpoint_every: every, ..CONFIG });
    lessor.promote(at(0));
    lessor
}

/// Lets time pass as [`run`] does, on a leader whose checkpoints are applied at once; they are the
/// only thing that it wants proposed.
fn checkpoints(lessor: &mut Lessor, until: Time) -> Vec<(Time, i64, i64)> {
    let mut checkpoints = Vec::new();
    while let Some(deadline) = lessor.deadline().filter(|deadline| *deadline <= until) {
        lessor.handle_timeout(deadline);
        while let Some(effect) = lessor.poll() {
            let Effect::Checkpoint(left) = effect else { panic!("nothing expires here") };
            for (id, remaining_s) in left {
                checkpoints.push((deadline, id.0, remaining_s));
                lessor.checkpoint(deadline, id, remaining_s).unwrap();
            }
        }
    }
    checkpoints
}

#[test]
fn a_lease_is_checkpointed_as_long_as_more_than_the_interval_is_left() {
    let mut lessor = checkpointing();
    lessor.grant(at(0), LeaseId(1), 1_000).unwrap();
    lessor.grant(at(0), LeaseId(2), 301).unwrap();
    lessor.grant(at(500), LeaseId(3), 650).unwrap();
    let found = checkpoints(&mut lessor, at(300_999));
    assert_eq!(found, [(at(300_000), 1, 700), (at(300_000), 2, 1), (at(300_500), 3, 350)]);
    lessor.revoke(LeaseId(2)).unwrap();
    let found = checkpoints(&mut lessor, at(650_000));
    assert_eq!(found, [(at(600_000), 1, 400), (at(600_500), 3, 50)]);
    lessor.revoke(LeaseId(3)).unwrap();
    assert_eq!(checkpoints(&mut lessor, at(999_999)), [(at(900_000), 1, 100)]);
}

#[test]
fn short_leases_are_never_checkpointed() {
    let mut lessor = checkpointing();
    lessor.grant(at(0), LeaseId(1), 300).unwrap();
    for second in 0..1_000 {
        let now = at(second * 1_000);
        assert_eq!(lessor.renew(now, LeaseId(1)), Renewal::Renewed { ttl_s: 300 });
        assert_eq!(checkpoints(&mut lessor, now), []);
    }
}

#[test]
fn a_renewed_lease_is_checkpointed_in_its_turn() {
    let mut lessor = checkpointing();
    lessor.grant(at(0), LeaseId(1), 1_000).unwrap();
    // At 300 s all of it is left, so there is nothing to note.
    assert_eq!(lessor.renew(at(300_000), LeaseId(1)), Renewal::Renewed { ttl_s: 1_000 });
    assert_eq!(checkpoints(&mut lessor, at(600_000)), [(at(600_000), 1, 700)]);
    assert_eq!(lessor.renew(at(600_001), LeaseId(1)), Renewal::NeedsCheckpoint);
    lessor.checkpoint(at(600_002), LeaseId(1), 0).unwrap();
    assert_eq!(lessor.renew(at(600_003), LeaseId(1)), Renewal::Renewed { ttl_s: 1_000 });
    assert_eq!(checkpoints(&mut lessor, at(900_002)), [(at(900_002), 1, 701)]);
}

#[test]
fn a_lost_checkpoint_is_made_again() {
    let mut lessor = checkpointing();
    lessor.grant(at(0), LeaseId(1), 1_000).unwrap();
    let made = |millis, left| (at(millis), Effect::Checkpoint([(LeaseId(1), left)].to_vec()));
    assert_eq!(run(&mut lessor, at(600_000)), [made(300_000, 700), made(600_000, 400)]);
}

#[test]
fn checkpoints_come_in_bounded_commands() {
    let mut lessor = checkpointing();
    for id in 1..=2_500 {
        lessor.grant(at(0), LeaseId(id), 1_000).unwrap();
    }
    let counts: Vec<usize> = run(&mut lessor, at(300_000))
        .into_iter()
        .map(|(_, effect)| match effect {
            Effect::Checkpoint(left) => left.len(),
            Effect::Expire(_) => panic!("nothing expires here"),
        })
        .collect();
    assert_eq!(counts, [1_000, 1_000, 500]);
}

#[test]
fn who_leads_next_checkpoints_what_the_last_one_did() {
    let mut lessor = checkpointing();
    lessor.grant(at(0), LeaseId(1), 1_000).unwrap();
    lessor.demote();
    assert_eq!(checkpoints(&mut lessor, at(300_000)), []);
    lessor.checkpoint(at(300_000), LeaseId(1), 700).unwrap();
    lessor.promote(at(400_000));
    // What was left, and the time of the election on top.
    assert_eq!(
        checkpoints(&mut lessor, at(1_000_000)),
        [(at(700_000), 1, 401), (at(1_000_000), 1, 101),]
    );
}

#[test]
fn time_left_is_rounded_down_and_goes_below_zero() {
    let mut lessor = leader();
    lessor.grant(at(0), LeaseId(1), 5).unwrap();
    let left = |millis| lessor.remaining(at(millis), LeaseId(1)).unwrap().remaining_s;
    assert_eq!([left(0), left(1), left(4_999), left(5_000), left(5_001)], [5, 4, 0, 0, -1]);
    assert_eq!(lessor.remaining(at(0), LeaseId(2)), None);
}

#[test]
fn leases_are_listed_by_what_is_left_of_them() {
    let mut lessor = leader();
    for (id, ttl_s) in [(1, 30), (2, 10), (3, 20)] {
        lessor.grant(at(0), LeaseId(id), ttl_s).unwrap();
    }
    assert_eq!(lessor.ids(), [LeaseId(2), LeaseId(3), LeaseId(1)]);
}
