//! Commands and flags themselves.

use std::process::Command;

use crate::pair::Pair;
use crate::program::{Outcome, run};

fn ours(arguments: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdctl"));
    command.args(arguments);
    run(command, "")
}

fn out(arguments: &[&str]) -> String {
    let outcome = ours(arguments);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    String::from_utf8_lossy(&outcome.out).into_owned()
}

#[test]
fn flags_are_read_as_by_etcd() {
    let pair = Pair::start();
    pair.same(&["put", "k1", "v1"]);
    for arguments in [
        &["get", "k1", "-wjson"][..],
        &["get", "k1", "-w=json"],
        &["-w", "json", "get", "k1"],
        &["--hex", "get", "k1"],
        &["--hex=1", "get", "k1"],
        &["get", "--limit", "0x1", "k1"],
        &["ge", "k1"],
        &["get", "--", "k1"],
        &["get", "-"],
        &["get", "k1", "--command-timeout", "1h5m"],
        &["get", "k1", "--bogus"],
        &["get", "k1", "-x"],
        &["get", "k1", "--limit"],
        &["get", "k1", "--limit="],
        &["get", "k1", "--limit", "x"],
        &["get", "k1", "--limit", "99999999999999999999"],
        &["get", "k1", "-w"],
        &["get", "k1", "--prefix=maybe"],
        &["get", "k1", "--command-timeout", "5"],
        &["get", "k1", "---"],
        &["get", "k1", "--=x"],
        &["--bogus", "get", "k1"],
        &["bogus"],
        &["lease", "--bogus"],
    ] {
        pair.same(arguments);
    }
}

#[test]
fn variables_count_unless_there_is_the_flag() {
    let pair = Pair::start();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdctl"));
        command
            .env("ETCDCTL_ENDPOINTS", &pair.ours.member.endpoint)
            .env("ETCDCTL_WRITE_OUT", "json")
            .args(arguments);
        let outcome = run(command, "");
        pair.ours.normal(&String::from_utf8_lossy(&outcome.out))
    };
    let header = "{\"header\":{\"cluster_id\":CLUSTER,\"member_id\":MEMBER,\"revision\":2,\
                  \"raft_term\":2}}\n";
    assert_eq!(run(&["put", "k", "v"]), header);
    assert_eq!(run(&["get", "k", "-w", "simple"]), "k\nv\n");
}

#[test]
fn help_is_there() {
    for arguments in [&[][..], &["help"], &["--help"], &["-h"], &["lease", "bogus"], &["member"]] {
        assert!(out(arguments).contains("Usage:\n  etcdctl "), "{arguments:?}");
    }
    for arguments in [&["get", "-h"][..], &["help", "get"], &["get", "k", "--help"]] {
        let text = out(arguments);
        assert!(text.contains("Usage:\n  etcdctl get [options] <key> [range_end]\n"), "{text}");
        assert!(text.contains("\n      --limit int            "), "{text}");
    }
    let text = out(&["options"]);
    assert!(text.contains("  -w, --write-out string             "), "{text}");
    assert_eq!(out(&["version"]), "etcdctl version: 3.7.1\nAPI version: 3.7\n");
    assert!(!out(&["help"]).contains("snapshot"), "what is not there is not offered");
}

#[test]
fn what_is_not_there_yet_says_so() {
    for (arguments, what) in [
        (&["snapshot", "save", "f"][..], "etcdctl snapshot is not supported yet"),
        (&["auth", "enable"], "etcdctl auth is not supported yet"),
        (&["user", "add", "u", "--no-password"], "etcdctl user is not supported yet"),
        (&["lock", "l", "--", "true"], "etcdctl lock is not supported yet"),
        (&["downgrade", "enable", "3.6"], "etcdctl downgrade is not supported yet"),
        (
            &["get", "k", "--user=root:x"],
            "authentication is not supported yet, so --user cannot be used",
        ),
        (&["get", "k", "--cacert=f"], "TLS is not supported yet, so --cacert cannot be used"),
        (
            &["get", "k", "--endpoints=https://127.0.0.1:1"],
            "TLS is not supported yet, so https://127.0.0.1:1 cannot be spoken to",
        ),
    ] {
        let outcome = ours(arguments);
        assert_eq!(outcome.err, format!("Error: {what}\n"));
        assert_eq!((outcome.code, outcome.out), (Some(4), vec![]), "{arguments:?}");
    }
}

#[test]
fn nobody_is_there() {
    let timeout = "--command-timeout=200ms";
    let outcome = ours(&["get", "k", "--endpoints=127.0.0.1:1", timeout]);
    assert_eq!(outcome.err, "Error: context deadline exceeded\n");
    assert_eq!(outcome.code, Some(1));
    let outcome = ours(&["get", "k", "--endpoints=", timeout]);
    assert_eq!(outcome.err, "Error: etcdclient: no available endpoints\n");
    assert_eq!(outcome.code, Some(2));
    let outcome = ours(&["get", "k", "--endpoints=unix://a", timeout]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
}
