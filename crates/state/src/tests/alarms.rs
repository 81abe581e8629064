//! cluster-and-ops.md §6, and storage.md §9.

use alloc::vec;
use alloc::vec::Vec;

use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType, LeaseGrantRequest, TxnRequest};

use super::world::{CONFIG, World, all, delete, op, put, range};
use crate::{Command, Config, Outcome, Refusal, read};

fn alarm(world: &mut World, action: AlarmAction, id: u64, kind: AlarmType) -> Vec<AlarmMember> {
    let request = AlarmRequest { action: action.into(), member_id: id, alarm: kind.into() };
    match world.run(Command { alarm: Some(request), ..Command::default() }) {
        Ok(Outcome::Alarm(response)) => response.alarms,
        other => unreachable!("{other:?}"),
    }
}

fn on(member_id: u64, kind: AlarmType) -> AlarmMember {
    AlarmMember { member_id, alarm: kind.into() }
}

#[test]
fn ops_6_alarms_are_a_set() {
    use AlarmAction::{Activate, Deactivate, Get};
    use AlarmType::{Corrupt, None, Nospace};
    let mut world = World::new();
    assert_eq!(alarm(&mut world, Activate, 1, Nospace), [on(1, Nospace)]);
    assert_eq!(alarm(&mut world, Activate, 1, Nospace), [on(1, Nospace)]);
    assert_eq!(alarm(&mut world, Activate, 1, None), []);
    assert_eq!(alarm(&mut world, Activate, 2, Nospace), [on(2, Nospace)]);
    assert_eq!(alarm(&mut world, Activate, 0, Corrupt), [on(0, Corrupt)]);
    let everything = [on(0, Corrupt), on(1, Nospace), on(2, Nospace)];
    assert_eq!(alarm(&mut world, Get, 0, None), everything);
    assert_eq!(alarm(&mut world, Get, 0, Nospace), everything[1..]);
    let mut world = world.restart(usize::MAX);
    assert_eq!(alarm(&mut world, Get, 0, None), everything);
    assert_eq!(alarm(&mut world, Deactivate, 1, Nospace), [on(1, Nospace)]);
    assert_eq!(alarm(&mut world, Deactivate, 1, Nospace), []);
    assert!(world.published().alarms.any(Nospace), "another member's is still on");
    assert_eq!(alarm(&mut world, Deactivate, 2, Nospace), [on(2, Nospace)]);
    assert_eq!(alarm(&mut world, Deactivate, 0, Corrupt), [on(0, Corrupt)]);
    assert_eq!(alarm(&mut world, Get, 0, None), []);
}

#[test]
fn m13_an_unknown_action_is_refused() {
    let request = AlarmRequest { action: 7, ..AlarmRequest::default() };
    let command = Command { alarm: Some(request), ..Command::default() };
    assert_eq!(World::new().run(command), Err(Refusal::AlarmAction));
}

#[test]
fn ops_6_a_kind_without_a_name_is_one() {
    let mut world = World::new();
    let mut ask = |action: AlarmAction| {
        let request = AlarmRequest { action: action.into(), member_id: 1, alarm: 9 };
        match world.run(Command { alarm: Some(request), ..Command::default() }) {
            Ok(Outcome::Alarm(response)) => response.alarms,
            other => unreachable!("{other:?}"),
        }
    };
    let nameless = AlarmMember { member_id: 1, alarm: 9 };
    assert_eq!(ask(AlarmAction::Get), []);
    assert_eq!(ask(AlarmAction::Activate), [nameless]);
    assert_eq!(ask(AlarmAction::Get), [nameless]);
    assert_eq!(ask(AlarmAction::Deactivate), [nameless]);
    assert_eq!(ask(AlarmAction::Get), []);
}

/// A transaction whose taken branch reads, and whose other one puts.
fn dear() -> TxnRequest {
    TxnRequest {
        success: vec![op(delete("x", "")), op(all([op(range("k", ""))]))],
        failure: vec![op(all([op(put("k", "1"))]))],
        ..TxnRequest::default()
    }
}

#[test]
fn ops_6_no_space_refuses_what_takes_space() {
    let mut world = World::new();
    world.grant(1, 10).expect("it is new");
    world.put_leased("k", 1).expect("the lease is there");
    alarm(&mut world, AlarmAction::Activate, 2, AlarmType::Nospace);
    assert_eq!(world.put_request(put("k", "")), Err(Refusal::NoSpace));
    assert_eq!(world.grant(2, 10), Err(Refusal::NoSpace));
    assert_eq!(world.txn(dear()), Err(Refusal::NoSpace), "M14: nested puts count");
    assert!(world.txn(all([op(delete("x", ""))])).is_ok());
    assert!(world.delete(delete("x", "")).is_ok());
    assert!(world.compact(1).is_ok());
    assert_eq!(world.revoke(1), Ok(3));
    let reads = all([op(range("k", ""))]);
    assert!(read::txn(world.published(), &reads).expect("no faults").is_ok(), "M15");
}

#[test]
fn ops_6_corrupt_refuses_all_commands_about_keys() {
    let mut world = World::new();
    world.grant(1, 10).expect("it is new");
    alarm(&mut world, AlarmAction::Activate, 2, AlarmType::Nospace);
    alarm(&mut world, AlarmAction::Activate, 2, AlarmType::Corrupt);
    assert_eq!(world.put_request(put("k", "")), Err(Refusal::Corrupt));
    assert_eq!(world.delete(delete("k", "")), Err(Refusal::Corrupt));
    assert_eq!(world.txn(dear()), Err(Refusal::Corrupt));
    assert_eq!(world.compact(1), Err(Refusal::Corrupt));
    assert_eq!(world.grant(2, 10), Err(Refusal::Corrupt));
    assert_eq!(world.revoke(1), Err(Refusal::Corrupt));
    let through_log = Command { range: Some(range("k", "")), ..Command::default() };
    assert_eq!(world.run(through_log), Err(Refusal::Corrupt));
    assert!(world.range(&range("k", "")).is_ok());
    alarm(&mut world, AlarmAction::Deactivate, 2, AlarmType::Corrupt);
    assert_eq!(world.revoke(1), Ok(1));
}

#[test]
fn storage_9_what_does_not_fit_stands_and_raises_the_alarm() {
    let mut world = World::with(Config { quota_bytes: Some(300), ..CONFIG });
    let put = |key| Command { put: Some(put(key, "v")), ..Command::default() };
    let applied = world.apply(put("a"));
    assert!(applied.completions[0].result.is_ok());
    assert!(applied.proposals.is_empty());
    let applied = world.apply(put("b"));
    assert_eq!(applied.completions[0].result, Err(Refusal::NoSpace));
    assert_eq!(world.keys(), ["a", "b"], "the write stands");
    let request = AlarmRequest {
        action: AlarmAction::Activate.into(),
        member_id: 1,
        alarm: AlarmType::Nospace.into(),
    };
    let expected = Command { alarm: Some(request), ..Command::default() };
    assert_eq!(applied.proposals, core::slice::from_ref(&expected));
    world.run(expected).expect("it is an alarm");
    let applied = world.apply(put("c"));
    assert_eq!(applied.completions[0].result, Err(Refusal::NoSpace));
    assert!(applied.proposals.is_empty(), "the alarm is on");
    assert_eq!(world.keys(), ["a", "b"]);
    world.delete(delete("a", "z")).expect("what makes room is done");
}

#[test]
fn storage_9_costs() {
    let command = |txn| Command { txn: Some(txn), ..Command::default() };
    assert_eq!(crate::cost(&Command { put: Some(put("ab", "cde")), ..Command::default() }), 261);
    assert_eq!(crate::cost(&command(dear())), 258);
    assert_eq!(crate::cost(&command(all([op(delete("k", ""))]))), 0);
    let lease_grant = Some(LeaseGrantRequest::default());
    assert_eq!(crate::cost(&Command { lease_grant, ..Command::default() }), 64);
    assert_eq!(crate::cost(&Command::default()), 0);
}
