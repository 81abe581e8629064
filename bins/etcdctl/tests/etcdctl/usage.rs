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

/// What is logged about variables: how bad it is, what, and which.
fn logged(err: &str) -> Vec<String> {
    let fields = ["level", "msg", "environment-variable"];
    let value = |line: &str, field: &str| {
        let (_, rest) = line.split_once(&format!("\"{field}\":\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let values = |line: &str| {
        let values: Option<Vec<String>> = fields.iter().map(|field| value(line, field)).collect();
        Some(values?.join(" "))
    };
    err.lines().filter_map(values).collect()
}

#[test]
fn variables_say_what_no_flag_says() {
    let pair = Pair::start();
    for (variables, arguments, code) in [
        (&[][..], &["put", "k", "v"][..], 0),
        (&[("WRITE_OUT", "json")], &["get", "k"], 0),
        (&[("WRITE_OUT", "json")], &["get", "k", "--limit=1"], 0),
        (&[("WRITE_OUT", "json")], &["get", "k", "-w", "json"], 1),
        (&[("WRITE_OUT", "")], &["get", "k", "-w", "json"], 1),
        (&[("HEX", "true"), ("FOO", "1")], &["--hex", "get", "k"], 1),
        (&[("FOO", "1")], &["get", "k"], 0),
        (&[("COMMAND_TIMEOUT", "soon")], &["get", "k"], 0),
        (&[("WRITE_OUT", "bogus")], &["get", "k"], 4),
        // Its own arguments come first.
        (&[("HEX", "true")], &["--hex", "get"], 128),
    ] {
        let [ours, genuine] = [&pair.ours, &pair.genuine].map(|side| {
            let mut command = Command::new(&side.program);
            command.env("ETCDCTL_ENDPOINTS", &side.member.endpoint).args(arguments);
            command.envs(variables.iter().map(|(name, value)| (format!("ETCDCTL_{name}"), value)));
            let outcome = run(command, "");
            let out = side.normal(&String::from_utf8_lossy(&outcome.out));
            (outcome.code, out, logged(&outcome.err))
        });
        assert_eq!(ours, genuine, "{variables:?} {arguments:?}");
        assert_eq!(ours.0, Some(code));
    }
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
    let (logged, said) = outcome.err.split_once('\n').expect("there are two lines");
    assert!(logged.contains("retrying of unary invoker failed"), "{logged}");
    assert_eq!(said, "Error: context deadline exceeded\n");
    assert_eq!(outcome.code, Some(1));
    let outcome = ours(&["get", "k", "--endpoints=", timeout]);
    assert_eq!(outcome.err, "Error: etcdclient: no available endpoints\n");
    assert_eq!(outcome.code, Some(2));
    let outcome = ours(&["get", "k", "--endpoints=unix://a", timeout]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
}
