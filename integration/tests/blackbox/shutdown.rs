//! Members that are asked to end.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;
use std::time::Instant;

use integration::{Cluster, Consistency, Load, PATIENCE, Server, eventually};
use rustix::process::Signal;

#[test]
fn one_member_ends_well_when_it_is_asked_to() {
    let mut cluster = Cluster::start(1);
    for signal in [Signal::TERM, Signal::INT] {
        let mut client = cluster.client();
        client.put("kept", "over the end").expect("put");
        // Somebody who only listens does not keep it from ending.
        let watch = cluster.etcdctl("3.5.1").spawn(&["watch", "kept", "--rev=1"]);
        watch.wait_for_line("over the end", PATIENCE).expect("an event");
        let member = &mut cluster.members[0];
        member.process().signal(signal);
        let status = member.wait_for_end();
        assert!(ended_by(status, signal), "{status}");
        cluster.start_all();
        let kept = cluster.client().get("kept", Consistency::Linearizable);
        assert!(matches!(kept, Ok(Some(_))), "{kept:?}");
    }
    println!("SIGTERM and SIGINT end a member, which says that all is well; its data is there");
}

#[test]
fn a_leader_hands_over_before_it_ends() {
    let mut cluster = Cluster::start(3);
    let load = Load::start("load", cluster.endpoints(), 4);
    for round in 0..3 {
        load.wait_for_more(100);
        let leader = cluster.leader();
        let signalled = Instant::now();
        let status = cluster.terminate(leader);
        assert!(ended_by(status, Signal::TERM), "{status}");
        let took = signalled.elapsed();
        // No election has to be waited for: whoever is left knows a leader, and takes a write at
        // the first attempt.
        let statuses = cluster.statuses().expect("those that are left answer");
        for (position, status) in statuses {
            let member = &cluster.members[position];
            assert_ne!(status.leader, 0, "{} knows no leader", member.name);
            member.client().put("first", &member.name).expect("a write right after the end");
        }
        println!("round {round}: ended in {took:?}");
        load.wait_for_more(20);
        cluster.start_all();
    }
    let ledger = load.finish();
    cluster.check_same_data();
    for member in &cluster.members {
        ledger.check("load/", &mut member.client(), Consistency::Serializable);
    }
    println!("a leader hands over before it ends; {} writes", ledger.len());
}

#[test]
fn a_whole_cluster_ends_and_comes_back() {
    let mut cluster = Cluster::start(3);
    let load = Load::start("load", cluster.endpoints(), 4);
    load.wait_for_more(200);
    let ended = thread::scope(|scope| {
        let members = cluster.members.iter_mut();
        let ending: Vec<_> = members.map(|member| scope.spawn(|| member.terminate())).collect();
        ending.into_iter().map(|end| end.join().expect("an end")).collect::<Vec<_>>()
    });
    for status in ended {
        assert!(ended_by(status, Signal::TERM), "{status}");
    }
    cluster.start_all();
    load.wait_for_more(50);
    let ledger = load.finish();
    cluster.check_same_data();
    for member in &cluster.members {
        ledger.check_alone("load/", &mut member.client(), Consistency::Serializable);
    }
    println!("all three end at once and come back; {} writes", ledger.len());
}

#[test]
fn members_are_restarted_one_by_one_under_load() {
    let mut cluster = Cluster::start(3);
    let load = Load::start("load", cluster.endpoints(), 4);
    for position in 0..3 {
        load.wait_for_more(50);
        cluster.terminate(position);
        load.wait_for_more(20);
        cluster.members[position].start();
        eventually(PATIENCE, "its health", || {
            match cluster.members[position].client().page("health") {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
    let ledger = load.finish();
    cluster.check_same_data();
    for member in &cluster.members {
        ledger.check_alone("load/", &mut member.client(), Consistency::Serializable);
    }
    println!("each in turn ends and comes back; {} writes", ledger.len());
}

/// Whether a member ended as its kind does when it is asked to: etcdd says that all is well,
/// genuine etcd ends by the signal, which a shell sees as 143 or 130.
fn ended_by(status: ExitStatus, signal: Signal) -> bool {
    if Server::under_test().is_etcdd() {
        status.success()
    } else {
        status.signal() == Some(signal.as_raw())
    }
}
