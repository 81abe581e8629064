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

#[test]
fn long_leases_are_checkpointed_and_short_ones_are_not() {
    let every = Some(Duration::from_secs(300));
    let mut lessor = Lessor::new(Config { checkpoint_every: every, ..CONFIG });
    lessor.promote(at(0));
    lessor.grant(at(0), LeaseId(1), 1_000).unwrap();
    lessor.grant(at(0), LeaseId(2), 100).unwrap();
    lessor.handle_timeout(at(0));
    assert_eq!(lessor.poll(), None);
    lessor.revoke(LeaseId(2)).unwrap();
    let effects = run(&mut lessor, at(650_000));
    assert_eq!(
        effects,
        [
            (at(300_000), Effect::Checkpoint([(LeaseId(1), 700)].to_vec())),
            (at(600_000), Effect::Checkpoint([(LeaseId(1), 400)].to_vec())),
        ]
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
