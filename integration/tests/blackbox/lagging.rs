//! Members that were away, or are new, catch up: by log where it reaches back, else by snapshot.

use integration::{Cluster, Consistency, Joining, Load, Member, PATIENCE, Server, eventually};

/// What a member logs when it has taken a snapshot in the place of entries.
const RECEIVED: &str = "\"applied snapshot\"";

#[test]
fn members_catch_up_by_log() {
    let mut cluster = Cluster::start(3);
    let away = (cluster.leader() + 1) % 3;
    let load = Load::start("load", cluster.endpoints(), 4);
    cluster.members[away].kill();
    load.wait_for_more(500);
    cluster.members[away].start();
    load.wait_for_more(50);

    let paused = (cluster.leader() + 1) % 3;
    cluster.members[paused].pause();
    load.wait_for_more(500);
    cluster.members[paused].resume();
    load.wait_for_more(50);

    let ledger = load.finish();
    cluster.check_same_data();
    for member in &mut cluster.members {
        ledger.check_alone("load/", &mut member.client(), Consistency::Serializable);
        assert_eq!(received(member), 0, "{} had to take a snapshot", member.name);
    }
    println!("by log: killed and started, paused and resumed; {} writes", ledger.len());
}

#[test]
fn members_catch_up_by_snapshot() {
    // How much of the log is kept behind a snapshot; etcd before 3.6 cannot be told.
    let (flags, far): (&[&str], u64) = if Server::under_test().version < (3, 6, 0) {
        (&["--snapshot-count=100"], 5_500)
    } else {
        (&["--snapshot-count=100", "--snapshot-catchup-entries=50"], 1_000)
    };
    let mut cluster = Cluster::start_with(3, flags);
    let away = (cluster.leader() + 1) % 3;
    let load = Load::start("load", cluster.endpoints(), 32);
    load.wait_for_more(100);

    // What it missed is more than puts: deletes, leases, a compaction.
    cluster.members[away].kill();
    let etcdctl = cluster.etcdctl("3.5.1").to(&cluster.running_endpoints());
    let lease =
        etcdctl.json(&["lease", "grant", "1000"])["ID"].as_i64().expect("a lease has an id");
    etcdctl.run(&["put", "other/leased", "here", &format!("--lease={lease:x}")]);
    etcdctl.run(&["put", "other/deleted", "gone"]);
    etcdctl.run(&["del", "other/deleted"]);
    load.wait_for_more(far);
    let revision = etcdctl.json(&["get", "other/leased"])["header"]["revision"].to_string();
    etcdctl.run(&["compaction", &revision]);
    load.wait_for_more(100);
    cluster.members[away].start();
    caught_up_by_snapshot(&mut cluster, away);
    load.wait_for_more(50);

    // One that was only asleep is still itself. Much of what it missed waits in its sockets, so it
    // may need no snapshot; that it has caught up shows in the end.
    let paused = (cluster.leader() + 1) % 3;
    cluster.members[paused].pause();
    load.wait_for_more(far);
    cluster.members[paused].resume();

    // A new member has nothing at all, and the log does not begin at its beginning any more.
    let learner = cluster.grow(Joining::AsLearner);
    caught_up_by_snapshot(&mut cluster, learner);
    cluster.promote(learner);
    load.wait_for_more(50);

    let ledger = load.finish();
    cluster.check_same_data();
    for member in &cluster.members {
        let mut client = member.client();
        ledger.check("load/", &mut client, Consistency::Serializable);
        let leased = client.get("other/leased", Consistency::Serializable);
        assert!(matches!(leased, Ok(Some(_))), "{}: {leased:?}", member.name);
        let own = cluster.etcdctl("3.5.1").to(std::slice::from_ref(&member.client_url));
        let answer = own.run(&["lease", "timetolive", &format!("{lease:x}"), "--keys"]);
        assert!(answer.ends_with("attached keys([other/leased])\n"), "{}: {answer}", member.name);
    }
    // A start from what a snapshot has left is a start like any other.
    cluster.members[away].kill();
    cluster.members[away].start();
    cluster.check_same_data();
    println!("by snapshot: killed and started, paused and resumed, new; {} writes", ledger.len());
}

fn caught_up_by_snapshot(cluster: &mut Cluster, position: usize) {
    let member = &mut cluster.members[position];
    eventually(PATIENCE, "a snapshot", || {
        if received(member) > 0 { Ok(()) } else { Err(member.name.clone()) }
    });
}

/// How often a member has taken a snapshot since it was started.
fn received(member: &mut Member) -> usize {
    member.process().lines().iter().filter(|line| line.contains(RECEIVED)).count()
}
