//! `member`, `endpoint`, `alarm`, `defrag`, `move-leader`.

use crate::pair::{Pair, Side};

#[test]
fn members() {
    let pair = Pair::start();
    pair.same_in_all_formats(&["member", "list"]);
    learner_comes_and_goes(&pair.ours);
    pair.same(&["member", "list", "-w", "json", "--hex"]);
}

/// Of a learner, 3.5 tells less: this is what 3.7 shows.
fn learner_comes_and_goes(side: &Side) {
    let urls = "http://127.0.0.1:1,http://127.0.0.2:1";
    let (b1, m0) = ("b 1=http://127.0.0.1:1,b 1=http://127.0.0.2:1", "m0=PEER");
    let unsorted = "--peer-urls=http://127.0.0.2:1,http://127.0.0.1:1";
    let added = side.run(&["member", "add", "b 1", "--learner", unsorted], "");
    let added = side.normal(&String::from_utf8_lossy(&added.out));
    let id = added.split_whitespace().nth(1).expect("it says which").to_owned();
    // Ids are filled up with spaces.
    let normal = |text: &str| {
        side.normal(text).replace(&id, "ID").replace("Member  ", "Member ").replace("  C", " C")
    };
    let ways = [format!("{b1},{m0}"), format!("{m0},{b1}")].map(|listing| {
        format!(
            "Member ID added as learner to cluster CLUSTER\n\nETCD_NAME=\"b 1\"\n\
             ETCD_INITIAL_CLUSTER=\"{listing}\"\n\
             ETCD_INITIAL_ADVERTISE_PEER_URLS=\"{urls}\"\n\
             ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n"
        )
    });
    assert!(ways.contains(&normal(&added)), "{added}");
    let run = |arguments: &[&str]| {
        let outcome = side.run(arguments, "");
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        normal(&String::from_utf8_lossy(&outcome.out))
    };
    let promoted = side.run(&["member", "promote", &id], "");
    let why = "can only promote a learner member which is in sync with leader";
    assert_eq!(promoted.err, format!("Error: etcdserver: {why}\n"));
    assert_eq!(promoted.code, Some(1));
    let list = run(&["member", "list"]);
    let mut lines: Vec<&str> = list.lines().collect();
    lines.sort_unstable();
    let unstarted = format!("ID, unstarted, , {urls}, , true");
    assert_eq!(lines, [&*unstarted, "MEMBER, started, m0, PEER, http://ENDPOINT, false"]);
    let told = |what: &str| format!("Member ID {what} cluster CLUSTER\n");
    let update = ["member", "update", &id, "--peer-urls=http://127.0.0.3:1"];
    assert_eq!(run(&update), told("updated in"));
    assert_eq!(run(&["member", "remove", &id]), told("removed from"));
}

#[test]
fn mistakes_about_members() {
    let pair = Pair::start();
    for arguments in [
        &["member", "add"][..],
        &["member", "add", "b1"],
        &["member", "add", "b1", "http://127.0.0.1:1"],
        &["member", "add", "b1", "b2"],
        &["member", "add", "b1", "--peer-urls=zzz"],
        &["member", "add", "b1", "--peer-urls=http://a"],
        &["member", "add", "b1", "--peer-urls=http://a:1/x"],
        &["member", "remove"],
        &["member", "remove", "zz"],
        &["member", "remove", "1234"],
        &["member", "update", "1234"],
        &["member", "update", "1234", "--peer-urls=http://127.0.0.1:1"],
        &["member", "promote", "1234"],
        &["member", "promote", "-w", "table", "zz"],
    ] {
        pair.same(arguments);
    }
}

#[test]
fn endpoints() {
    let pair = Pair::start();
    for format in ["simple", "json"] {
        pair.same(&["endpoint", "health", "-w", format]);
        pair.same(&["endpoint", "health", "--cluster", "-w", format]);
    }
    let healthy = "ENDPOINT is healthy: successfully committed proposal: took = \n";
    assert_eq!(pair.same(&["endpoint", "health"]), healthy);
    for side in [&pair.ours, &pair.genuine] {
        let out = side.run(&["endpoint", "status", "-w", "json"], "").out;
        let text = side.normal(&String::from_utf8_lossy(&out));
        let begins = "[{\"Endpoint\":\"ENDPOINT\",\"Status\":{\"header\":{\"cluster_id\":CLUSTER,\
                      \"member_id\":MEMBER,\"revision\":1,\"raft_term\":2},\"version\":\"3.5.1\",\
                      \"dbSize\":";
        assert!(text.starts_with(begins), "{text}");
    }
    pair.same(&["endpoint", "hashkv", "-w", "json"]);
    pair.same(&["endpoint", "status", "-w", "protobuf"]);
    pair.same(&["endpoint", "hashkv", "--rev=500"]);
    let nobody = ["--endpoints=127.0.0.1:1", "--command-timeout=300ms"];
    pair.same(&[&nobody[..], &["endpoint", "health"]].concat());
    let outcome = pair.ours.run(&[&nobody[..], &["endpoint", "status"]].concat(), "");
    let why = "context deadline exceeded";
    assert_eq!(outcome.err, format!("Failed to get the status of endpoint 127.0.0.1:1 ({why})\n"));
    assert_eq!(outcome.code, Some(1));
    let out = pair.ours.normal(&String::from_utf8_lossy(&outcome.out));
    assert!(out.starts_with("ENDPOINT, MEMBER, 3.5.1, , "), "{out}");
}

#[test]
fn maintenance() {
    let pair = Pair::start();
    for arguments in [
        &["alarm", "list"][..],
        &["alarm", "list", "-w", "json"],
        &["alarm", "list", "-w", "fields"],
        &["alarm", "list", "-w", "table"],
        &["alarm", "list", "x"],
        &["alarm", "disarm", "x"],
        &["alarm", "disarm"],
        &["alarm", "disarm", "-w", "json"],
        &["move-leader"],
        &["move-leader", "zz"],
        &["move-leader", "1234"],
        &["move-leader", "MEMBER"],
        &["move-leader", "MEMBER", "-w", "json"],
    ] {
        pair.same(arguments);
    }
    for side in [&pair.ours, &pair.genuine] {
        let outcome = side.run(&["defrag"], "");
        let text = side.normal(&String::from_utf8_lossy(&outcome.out));
        assert!(text.starts_with("Finished defragmenting etcd member[ENDPOINT]"), "{text}");
    }
}

/// One that is away does not matter if there is another.
#[test]
fn failover() {
    let pair = Pair::start();
    let endpoints = "--endpoints=127.0.0.1:1,ENDPOINT,127.0.0.1:2";
    for number in 0..4 {
        let value = number.to_string();
        assert_eq!(pair.same(&["put", "k", &value, endpoints]), "OK\n");
        assert_eq!(pair.same(&["get", "k", endpoints]), format!("k\n{value}\n"));
    }
}
