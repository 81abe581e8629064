//! What a cluster does with a majority and without one, for every size from one to seven.

use std::thread;

use integration::{Client, Cluster, Consistency, Failure, Load, PATIENCE, eventually};

#[test]
fn one_member_tolerates_none() {
    try_size(1);
}

#[test]
fn two_members_tolerate_none() {
    try_size(2);
}

#[test]
fn three_members_tolerate_one() {
    try_size(3);
}

#[test]
fn four_members_tolerate_one() {
    try_size(4);
}

#[test]
fn five_members_tolerate_two() {
    try_size(5);
}

#[test]
fn six_members_tolerate_two() {
    try_size(6);
}

#[test]
fn seven_members_tolerate_three() {
    try_size(7);
}

/// gRPC's status of what may be tried again.
const UNAVAILABLE: i64 = 14;

fn try_size(members: usize) {
    let mut cluster = Cluster::start(members);
    let load = Load::start("load", cluster.endpoints(), 4);
    load.wait_for_more(50);

    let tolerated = (members - 1) / 2;
    for _ in 0..tolerated {
        cluster.kill_leader();
    }
    cluster.leader();
    load.wait_for_more(50);
    every_member_writes(&mut cluster);

    // One more, and the rest is no majority.
    cluster.kill_leader();
    let left = cluster.running();
    writes_stop_and_reads_go_on(&cluster, &left);

    cluster.start_all();
    cluster.leader();
    load.wait_for_more(50);
    every_member_writes(&mut cluster);
    let ledger = load.finish();
    cluster.check_same_data();
    for member in &cluster.members {
        ledger.check("load/", &mut member.client(), Consistency::Serializable);
    }
    println!(
        "members: {members}, killed: {tolerated}: every write completed; killed: {}: none did, \
         serializable reads went on at {} members; all back: {} acknowledged writes are there on \
         each",
        tolerated + 1,
        left.len(),
        ledger.len()
    );
}

/// With a leader, a write to any member completes at the first attempt.
fn every_member_writes(cluster: &mut Cluster) {
    for position in cluster.running() {
        let member = &cluster.members[position];
        for i in 0..10 {
            let written = member.client().put(&format!("steady/{i}"), &member.name);
            if let Err(failure) = written {
                panic!("{}: {failure}", member.name);
            }
        }
    }
}

fn writes_stop_and_reads_go_on(cluster: &Cluster, left: &[usize]) {
    // All at once, since each waits until its member has given up.
    thread::scope(|scope| {
        for &position in left {
            let member = &cluster.members[position];
            scope.spawn(|| {
                let mut client = member.client();
                match client.put("refused", "without a majority") {
                    Err(Failure::Refused { code: UNAVAILABLE, message })
                        if message.starts_with("etcdserver: request timed out") => {}
                    other => panic!("{}: a write without a majority: {other:?}", member.name),
                }
            });
            scope.spawn(|| {
                let read = member.client().get("steady/0", Consistency::Linearizable);
                assert!(read.is_err(), "{}: a read without a majority: {read:?}", member.name);
            });
            scope.spawn(|| {
                let mut client = member.client();
                let read = client.get("steady/0", Consistency::Serializable);
                assert!(matches!(read, Ok(Some(_))), "{}: {read:?}", member.name);
                no_leader_is_told(&mut client);
            });
        }
    });
}

fn no_leader_is_told(client: &mut Client) {
    eventually(PATIENCE, "health without a leader", || match client.page("health") {
        Ok((503, text)) if text.contains("\"health\":\"false\"") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    eventually(PATIENCE, "a status without a leader", || match client.status() {
        Ok(status) if status.leader == 0 && status.errors == ["etcdserver: no leader"] => Ok(()),
        other => Err(format!("{other:?}")),
    });
}
