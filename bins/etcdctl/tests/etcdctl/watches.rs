//! `watch`: from the first revision on, so that it does not matter when it begins.

use crate::pair::Pair;
use crate::program::{Running, run};

fn filled() -> Pair {
    let pair = Pair::start();
    pair.same(&["put", "k1", "a\nb\"\u{e9}"]);
    pair.same(&["put", "k1", "v2"]);
    pair.same(&["del", "k1"]);
    pair.same_with_input(&["txn"], "\nput k2 v\nput k3 w\n\n\n");
    pair
}

#[test]
fn events() {
    let pair = filled();
    let from = "--rev=1";
    let both = |arguments: &[&str], lines| {
        let running = pair.start_both(&[&["watch", from], arguments].concat());
        pair.same_lines(&running, lines)
    };
    assert!(both(&["k1"], 10).ends_with("PUT\nk1\nv2\nDELETE\nk1\n\n"));
    both(&["k1", "--prev-kv"], 14);
    both(&["k", "--prefix"], 16);
    both(&["k1", "k3"], 13);
    both(&["k", "--prefix", "--hex"], 15);
    both(&["", "--prefix", "-w", "json"], 1);
    both(&["k2", "-w", "json"], 1);
    both(&["k1", "-w", "fields", "--prev-kv"], 37);
    both(&["-w", "fields", "k", "--prefix", "--hex"], 39);
    assert_eq!(both(&["k2", "x", "y"], 3), "PUT\nk2\nv\n");
}

/// It goes on with what happens while it runs.
#[test]
fn later_events() {
    let pair = filled();
    let running = pair.start_both(&["watch", "k3", "--rev=1"]);
    assert_eq!(pair.same_lines(&running, 3), "PUT\nk3\nw\n");
    pair.same(&["put", "k3", "later"]);
    pair.same(&["del", "k3"]);
    assert_eq!(pair.same_lines(&running, 6), "PUT\nk3\nlater\nDELETE\nk3\n\n");
}

#[test]
fn commands() {
    let pair = filled();
    let script = "env | grep ^ETCD_WATCH_ | sort; echo \"$0\"";
    let running = pair.start_both(&["watch", "k1", "--rev=1", "--", "sh", "-c", script, "--end"]);
    let lines = pair.same_lines(&running, 25);
    assert!(lines.contains("ETCD_WATCH_VALUE=\"a\\nb\\\"\u{e9}\"\n"), "{lines}");
    assert!(lines.contains("ETCD_WATCH_REVISION="), "{lines}");
    assert!(lines.contains("\n--end\n"), "{lines}");
    pair.same(&["watch", "k1", "--rev=1", "--", "false"]);
    pair.same(&["watch", "k1", "--rev=1", "--", "/nonexistent"]);
}

#[test]
fn variables() {
    let pair = filled();
    for (key, end, lines) in [("k1", None, 10), ("k1", Some("k4"), 16)] {
        let running = [&pair.ours, &pair.genuine].map(|side| {
            let mut command = side.command(&["watch", "--rev=1"]);
            command.env("ETCDCTL_WATCH_KEY", key);
            command.envs(end.map(|end| ("ETCDCTL_WATCH_RANGE_END", end)));
            Running::start(command)
        });
        pair.same_lines(&running, lines);
    }
    for (variable, arguments) in
        [("ETCDCTL_WATCH_KEY", &["watch", "k1"][..]), ("ETCDCTL_WATCH_RANGE_END", &["watch"])]
    {
        let [ours, genuine] = [&pair.ours, &pair.genuine].map(|side| {
            let mut command = side.command(arguments);
            command.env(variable, "k1");
            let outcome = run(command, "");
            let last = outcome.err.lines().last().map(str::to_owned);
            (outcome.code, last)
        });
        assert_eq!(ours, genuine);
    }
}

#[test]
fn lines() {
    let pair = filled();
    let mut running = pair.start_both(&["watch", "-i"]);
    let tell = |running: &mut [Running; 2], line: &str| {
        running.iter_mut().for_each(|running| running.tell(line));
    };
    tell(&mut running, "watch k2 --rev=1");
    assert_eq!(pair.same_lines(&running, 3), "PUT\nk2\nv\n");
    tell(&mut running, "nonsense");
    tell(&mut running, "watch");
    tell(&mut running, "watch --rev=1 k3 -- echo a b");
    assert_eq!(pair.same_lines(&running, 4), "PUT\nk3\nw\na b\n");
    tell(&mut running, "progress");
    let progress = pair.same_lines(&running, 1);
    assert!(progress.starts_with("progress notify: "), "{progress}");
    for running in running {
        assert_eq!(running.end(), Some(3));
    }
}

#[test]
fn mistakes() {
    let pair = filled();
    pair.same(&["compaction", "4"]);
    for arguments in [
        &["watch"][..],
        &["watch", "--", "echo"],
        &["watch", "k1", "--"],
        &["watch", "k1", "k2", "--prefix"],
        &["watch", "k1", "--bogus"],
        &["watch", "k1", "--rev=2"],
        &["watch", "k2", "k1"],
        &["watch", "k2", "--rev=5", "-w", "table"],
    ] {
        pair.same(arguments);
    }
}
