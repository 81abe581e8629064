//! Clusters that grow and shrink while they are written to.

use integration::{Cluster, Consistency, Joining, Load, PATIENCE, eventually};

#[test]
fn a_cluster_grows_from_one_to_three_and_back() {
    let mut cluster = Cluster::start(1);
    let load = Load::start("load", cluster.endpoints(), 4);
    load.wait_for_more(50);

    let voter = cluster.grow(Joining::AsVoter);
    load.redirect(cluster.endpoints());
    load.wait_for_more(50);
    check_learners(&mut cluster, &[]);

    let learner = cluster.grow(Joining::AsLearner);
    load.redirect(cluster.endpoints());
    load.wait_for_more(50);
    check_learners(&mut cluster, &[learner]);
    let refused = cluster.members[learner].client().get("any", Consistency::Linearizable);
    let failure = refused.expect_err("a learner serves no linearizable reads");
    assert!(failure.says("etcdserver: rpc not supported for learner"), "{failure}");
    cluster.promote(learner);
    check_learners(&mut cluster, &[]);
    load.wait_for_more(50);

    // With three votes, one may be missing.
    cluster.members[voter].kill();
    load.wait_for_more(50);
    cluster.members[voter].start();
    cluster.leader();

    // Whoever leads is removed first, so that the others have to elect.
    let leader = cluster.leader();
    let status = cluster.remove(leader);
    assert!(status.success(), "a removed member ends by itself, well: {status}");
    load.wait_for_more(50);
    let left = cluster.running();
    let leader = cluster.leader();
    let follower = left.into_iter().find(|&position| position != leader).expect("two are left");
    let status = cluster.remove(follower);
    assert!(status.success(), "a removed member ends by itself, well: {status}");
    load.redirect(cluster.running_endpoints());
    load.wait_for_more(50);

    let ledger = load.finish();
    let mut client = cluster.members[leader].client();
    ledger.check_alone("load/", &mut client, Consistency::Linearizable);
    let etcdctl = cluster.etcdctl("3.5.1").to(&cluster.running_endpoints());
    assert_eq!(etcdctl.run(&["member", "list"]).lines().count(), 1);
    // The last one is a cluster of its own, also after a restart.
    cluster.members[leader].kill();
    cluster.members[leader].start();
    ledger.check("load/", &mut client, Consistency::Linearizable);
    println!(
        "1 → 2 (voter) → 3 (learner, promoted) → 2 (leader removed) → 1; {} writes",
        ledger.len()
    );
}

#[test]
fn a_dead_member_is_replaced() {
    let mut cluster = Cluster::start(3);
    let load = Load::start("load", cluster.endpoints(), 4);
    load.wait_for_more(50);
    let dead = cluster.kill_leader();
    cluster.leader();
    load.wait_for_more(50);

    let etcdctl = cluster.etcdctl("3.5.1").to(&cluster.running_endpoints());
    let list = etcdctl.run(&["member", "list"]);
    let name = format!(", {}, ", cluster.members[dead].name);
    let line = list.lines().find(|line| line.contains(&name)).expect("it is a member");
    let id = line.split(',').next().expect("a line begins with an id");
    eventually(PATIENCE, "member remove", || etcdctl.attempt(&["member", "remove", id]));

    // What was removed does not come back: the others turn it away, and it ends.
    cluster.members[dead].spawn();
    let status = cluster.members[dead].wait_for_end();
    load.wait_for_more(50);

    let new = cluster.grow(Joining::AsLearner);
    cluster.promote(new);
    load.redirect(cluster.running_endpoints());
    load.wait_for_more(50);
    let ledger = load.finish();
    cluster.check_same_data();
    for position in cluster.running() {
        let mut client = cluster.members[position].client();
        ledger.check_alone("load/", &mut client, Consistency::Serializable);
    }
    println!(
        "a dead member was removed, turned away ({status}) and replaced; {} writes",
        ledger.len()
    );
}

#[test]
fn changes_that_would_harm_are_refused() {
    let mut cluster = Cluster::start(3);
    let etcdctl = cluster.etcdctl("3.5.1");
    // A cluster that has only just begun or changed is not healthy enough for any answer but that.
    let refused = |arguments: &[&str], reason: &str| {
        eventually(PATIENCE, "the refusal", || match etcdctl.attempt(arguments) {
            Err(error) if error.contains(reason) => Ok(()),
            Err(error) if error.contains("etcdserver: unhealthy cluster") => Err(error),
            other => panic!("{arguments:?}: {other:?}"),
        });
    };
    let taken = format!("--peer-urls={}", cluster.members[0].peer_url);
    refused(&["member", "add", "again", &taken], "etcdserver: Peer URLs already exists");
    refused(&["member", "remove", "1234"], "etcdserver: member not found");
    let voter = format!("{:x}", cluster.member_id(1));
    refused(&["member", "promote", &voter], "etcdserver: can only promote a learner member");

    // A learner that was never started cannot be promoted, and there is room for one only.
    let added = eventually(PATIENCE, "member add", || {
        etcdctl.attempt(&["member", "add", "absent", "--learner", "--peer-urls=http://127.0.0.1:1"])
    });
    let id = added.split_whitespace().nth(1).expect("Member <id> added");
    refused(
        &["member", "promote", id],
        "etcdserver: can only promote a learner member which is in sync with leader",
    );
    refused(
        &["member", "add", "second", "--learner", "--peer-urls=http://127.0.0.1:2"],
        "etcdserver: too many learner members in cluster",
    );
    eventually(PATIENCE, "member remove", || etcdctl.attempt(&["member", "remove", id]));

    // With one of three away, removing one of the two that are left would leave no majority.
    let away = cluster.leader();
    cluster.members[away].kill();
    cluster.leader();
    let running = cluster.running();
    let one = format!("{:x}", cluster.member_id(running[0]));
    let live = etcdctl.to(&cluster.running_endpoints());
    let error = live.attempt(&["member", "remove", &one]).expect_err("a refusal");
    assert!(
        error.contains("etcdserver: unhealthy cluster")
            || error.contains("re-configuration failed"),
        "{error}"
    );
    println!(
        "refused: a URL twice, unknown members, early promotion, a second learner, a lost majority"
    );
}

/// Checks who among the running members learns only, as they say themselves.
fn check_learners(cluster: &mut Cluster, expected: &[usize]) {
    let statuses = eventually(PATIENCE, "statuses", || cluster.statuses());
    let learners: Vec<usize> = statuses
        .iter()
        .filter(|(_, status)| status.is_learner)
        .map(|(position, _)| *position)
        .collect();
    assert_eq!(learners, expected);
}
