//! Genuine `etcdctl`, of two releases: everything it can do with keys, transactions, watches and
//! leases, and what an operator asks it about the cluster; before the leader is killed, without it,
//! and when it is back.

use integration::{Cluster, Etcdctl, PATIENCE, Process, Tools, eventually};
use serde_json::Value;

#[test]
fn etcdctl_3_4_with_one_member() {
    try_everything("3.4.23", 1);
}

#[test]
fn etcdctl_3_4_with_three_members() {
    try_everything("3.4.23", 3);
}

#[test]
fn etcdctl_3_5_with_one_member() {
    try_everything("3.5.1", 1);
}

#[test]
fn etcdctl_3_5_with_three_members() {
    try_everything("3.5.1", 3);
}

fn try_everything(version: &str, members: usize) {
    let mut cluster = Cluster::start(members);
    let ctl = cluster.etcdctl(version);

    let before = Phase::new(&mut cluster, version, "before");
    before.try_all();
    let mut long = LongRunning::start(&ctl);

    let killed = cluster.kill_leader();
    if members == 1 {
        cluster.start_all();
    }
    let during = Phase::new(&mut cluster, version, "during");
    during.try_all();
    long.go_on(&ctl, "while the leader was away");

    cluster.start_all();
    let after = Phase::new(&mut cluster, version, "after");
    after.try_all();
    long.go_on(&ctl, "after it came back");
    long.end(&ctl);

    if members > 1 {
        move_leader(&mut cluster, version, killed);
    }
    for phase in ["before", "during", "after"] {
        let kept = ctl.run(&["get", &format!("{phase}/kept"), "--print-value-only"]);
        assert_eq!(kept, "kept\n", "what {phase} wrote last");
    }
    cluster.check_same_data();
    println!(
        "etcdctl {version}, members: {members}: put, get, del, txn, watch, lease, compaction, \
         member, endpoint, defrag, snapshot save, alarm, lock, elect, move-leader; simple, json, \
         fields, hex; leader killed and restarted"
    );
}

/// A watch and a keep-alive that outlive the leader.
struct LongRunning {
    watch: Process,
    keeper: Process,
    lease: String,
}

impl LongRunning {
    fn start(ctl: &Etcdctl) -> Self {
        let watch = ctl.spawn(&["watch", "--prefix", "long/"]);
        let lease = grant(ctl, 5);
        ctl.run(&["put", "leased-for-long", "here", &format!("--lease={lease}")]);
        let keeper = ctl.spawn(&["lease", "keep-alive", &lease]);
        keeper.wait_for_line("keepalived with TTL(5)", PATIENCE).expect("keep-alive");
        // `watch` prints nothing when it has been created, so it is written to until it answers.
        eventually(PATIENCE, "the watch's first event", || {
            ctl.run(&["put", "long/start", "started"]);
            watch.wait_for_line("started", std::time::Duration::from_millis(200))
        });
        Self { watch, keeper, lease }
    }

    fn go_on(&mut self, ctl: &Etcdctl, when: &str) {
        ctl.run(&["put", "long/go-on", when]);
        self.watch.wait_for_line(when, PATIENCE).expect("the watch goes on");
        let seen = self.keeper.lines().len();
        assert!(!self.keeper.lines_from(seen, PATIENCE).is_empty(), "the keep-alive ended");
        assert_eq!(ctl.run(&["get", "leased-for-long"]), "leased-for-long\nhere\n");
    }

    fn end(mut self, ctl: &Etcdctl) {
        self.watch.kill();
        ctl.run(&["lease", "revoke", &self.lease]);
        assert_eq!(ctl.run(&["get", "leased-for-long"]), "");
        // Told that there is nothing left to keep alive, it ends.
        self.keeper.wait(PATIENCE).expect("the keep-alive ends with its lease");
    }
}

fn move_leader(cluster: &mut Cluster, version: &str, to: usize) {
    let from = cluster.leader();
    let to = if from == to { (to + 1) % cluster.members.len() } else { to };
    let target = format!("{:x}", cluster.member_id(to));
    let source = format!("{:x}", cluster.member_id(from));
    let leader = cluster.members[from].client_url.clone();
    let follower = cluster.members[to].client_url.clone();
    let ctl = cluster.etcdctl(version);

    // Given all endpoints, it finds the leader by itself.
    assert_eq!(
        ctl.run(&["move-leader", &target]),
        format!("Leadership transferred from {source} to {target}\n")
    );
    assert_eq!(cluster.leader(), to);
    ctl.to(&[follower]).run(&["move-leader", &source]);
    assert_eq!(cluster.leader(), from);
    let error = ctl.to(&[leader]).attempt(&["move-leader", "1"]).expect_err("nobody has id 1");
    assert!(error.contains("etcdserver: bad leader transferee"), "{error}");
}

/// One run through everything, on keys of its own.
struct Phase {
    ctl: Etcdctl,
    /// The same, knowing running members only: some commands want an answer from every endpoint.
    live: Etcdctl,
    is_3_5: bool,
    name: &'static str,
    members: usize,
    leader: String,
    snapshot: String,
}

impl Phase {
    fn new(cluster: &mut Cluster, version: &str, name: &'static str) -> Self {
        let leader = cluster.leader();
        let ctl = cluster.etcdctl(version);
        Self {
            live: ctl.to(&cluster.running_endpoints()),
            ctl,
            is_3_5: version.starts_with("3.5"),
            name,
            members: cluster.members.len(),
            leader: cluster.members[leader].client_url.clone(),
            snapshot: cluster.path().join(format!("{name}.snapshot")).display().to_string(),
        }
    }

    fn try_all(&self) {
        self.put_and_get();
        self.range_options();
        self.delete();
        self.transactions();
        self.watches();
        self.leases();
        self.compaction();
        // Only now, since its end is a revision that those above would not expect.
        let expiring = self.expiring_key();
        self.members();
        self.endpoints();
        self.maintenance();
        self.lock_and_elect();
        eventually(PATIENCE, "the lease's end", || match self.run(&["get", &expiring]) {
            gone if gone.is_empty() => Ok(()),
            here => Err(here),
        });
        self.run(&["put", &self.key("kept"), "kept"]);
    }

    fn key(&self, rest: &str) -> String {
        format!("{}/{rest}", self.name)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        self.ctl.run(arguments)
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str], with: &str) {
        match self.ctl.attempt(arguments) {
            Ok(output) => panic!("etcdctl {arguments:?} succeeded: {output}"),
            Err(error) => assert!(error.contains(with), "etcdctl {arguments:?}: {error}"),
        }
    }

    fn revision(&self) -> i64 {
        let answer = self.ctl.json(&["get", "nothing-here"]);
        answer["header"]["revision"].as_i64().expect("a header has a revision")
    }

    fn put_and_get(&self) {
        let key = &self.key("put");
        assert_eq!(self.run(&["put", key, "one"]), "OK\n");
        assert_eq!(self.run(&["put", key, "two", "--prev-kv"]), format!("OK\n{key}\none\n"));
        assert_eq!(self.run(&["get", key]), format!("{key}\ntwo\n"));
        assert_eq!(self.run(&["get", key, "--print-value-only"]), "two\n");
        assert_eq!(self.run(&["get", key, "--keys-only"]), format!("{key}\n\n"));
        assert_eq!(self.run(&["get", &self.key("absent")]), "");
        assert_eq!(self.ctl.run_with_input(&["put", key], "from stdin"), "OK\n");
        assert_eq!(self.run(&["get", key, "--hex", "--print-value-only"]), hex("from stdin"));

        let answer = self.ctl.json(&["get", key]);
        let record = &answer["kvs"][0];
        assert_eq!(answer["count"], 1);
        assert_eq!(record["key"], base64(key));
        assert_eq!(record["value"], base64("from stdin"));
        assert_eq!(record["version"], 3);
        assert_eq!(record["mod_revision"], answer["header"]["revision"]);
        let created = record["create_revision"].as_i64().expect("a revision");
        assert_eq!(record["mod_revision"], created + 2);
        for field in ["cluster_id", "member_id", "raft_term"] {
            assert!(answer["header"][field].is_u64(), "{field} in {answer}");
        }
        let fields = self.run(&["get", key, "--write-out=fields"]);
        assert!(fields.contains("\"Value\" : \"from stdin\""), "{fields}");
        assert!(fields.contains("\"Version\" : 3\n"), "{fields}");

        let at = |revision: i64| {
            self.run(&["get", key, "--print-value-only", &format!("--rev={revision}")])
        };
        assert_eq!((at(created), at(created + 1)), ("one\n".to_owned(), "two\n".to_owned()));
        self.fails(&["get", key, "--rev=1000000000"], "required revision is a future revision");

        assert_eq!(self.ctl.json(&["put", key, "four", "--prev-kv"])["prev_kv"]["version"], 3);
        assert_eq!(self.run(&["put", key, "--ignore-value"]), "OK\n");
        assert_eq!(self.run(&["get", key, "--print-value-only"]), "four\n");
        assert_eq!(self.run(&["put", key, "five", "--ignore-lease"]), "OK\n");
        self.fails(&["put", &self.key("absent"), "--ignore-value"], "etcdserver: key not found");
        self.fails(&["put", key, "six", "--lease=123"], "etcdserver: requested lease not found");
        self.fails(&["put", "", "empty"], "etcdserver: key is not provided");
        let consistency = |c: &str| self.run(&["get", key, &format!("--consistency={c}")]);
        assert_eq!(consistency("l"), format!("{key}\nfive\n"));
        // A serializable read may be answered by a member that is a little behind.
        eventually(PATIENCE, "a serializable read", || match consistency("s") {
            seen if seen == format!("{key}\nfive\n") => Ok(()),
            seen => Err(seen),
        });
    }

    fn range_options(&self) {
        let key = |i: &str| self.key(&format!("range/{i}"));
        // Keys ascending, values descending; d is the oldest and the most often written.
        for (name, value) in [("d", "1"), ("a", "4"), ("b", "3"), ("c", "2"), ("d", "1")] {
            self.run(&["put", &key(name), value]);
        }
        let prefix = &key("");
        let names = |arguments: &[&str]| -> String {
            let output = self.run(&[&["get", "--keys-only"], arguments].concat());
            output.lines().filter_map(|line| line.strip_prefix(prefix.as_str())).collect()
        };
        assert_eq!(names(&[prefix, "--prefix"]), "abcd");
        assert_eq!(names(&[prefix, "--prefix", "--limit=2"]), "ab");
        assert_eq!(names(&[&key("b"), &key("d")]), "bc");
        assert_eq!(names(&[&key("c"), "--from-key"])[..2], *"cd");
        for (target, ascending) in [
            ("KEY", "abcd"),
            ("VALUE", "dcba"),
            ("CREATE", "dabc"),
            ("MODIFY", "abcd"),
            ("VERSION", "abcd"),
        ] {
            let sort_by = &format!("--sort-by={target}");
            let sorted = |order: &str| names(&[prefix, "--prefix", sort_by, order]);
            assert_eq!(sorted("--order=ASCEND"), ascending, "{target}");
            if target != "VERSION" {
                let descending: String = ascending.chars().rev().collect();
                assert_eq!(sorted("--order=DESCEND"), descending, "{target}");
            }
        }
        let answer = self.ctl.json(&["get", prefix, "--prefix", "--limit=3"]);
        assert_eq!(answer["count"], 4);
        assert_eq!(answer["more"], true);
        assert_eq!(answer["kvs"].as_array().map(Vec::len), Some(3));
        if self.is_3_5 {
            let counted =
                self.run(&["get", prefix, "--prefix", "--count-only", "--write-out=fields"]);
            assert!(counted.ends_with("\"More\" : false\n\"Count\" : 4\n"), "{counted}");
        }
    }

    fn delete(&self) {
        let key = |i: u32| self.key(&format!("del/{i}"));
        for i in 0..8 {
            self.run(&["put", &key(i), &format!("value {i}")]);
        }
        assert_eq!(self.run(&["del", &key(0)]), "1\n");
        assert_eq!(self.run(&["del", &key(0)]), "0\n");
        let expected = format!("1\n{}\nvalue 1\n", key(1));
        assert_eq!(self.run(&["del", &key(1), "--prev-kv"]), expected);
        assert_eq!(self.run(&["del", &key(2), &key(5)]), "3\n");
        let answer = self.ctl.json(&["del", &self.key("del/"), "--prefix", "--prev-kv"]);
        assert_eq!(answer["deleted"], 3);
        assert_eq!(answer["prev_kvs"][2]["value"], base64("value 7"));
        self.run(&["put", "zzz/last", "of all"]);
        assert_eq!(self.run(&["del", "zzz/", "--from-key"]), "1\n");
        let before = self.revision();
        assert_eq!(self.run(&["del", &key(0)]), "0\n");
        assert_eq!(self.revision(), before, "deleting nothing is no change");
    }

    fn transactions(&self) {
        let (a, b) = (&self.key("txn/a"), &self.key("txn/b"));
        self.run(&["put", a, "1"]);
        self.run(&["put", a, "2"]);
        let first = self.ctl.json(&["get", a])["kvs"][0]["create_revision"].to_string();
        for (compare, holds) in [
            (format!("value(\"{a}\") = \"2\""), true),
            (format!("val(\"{a}\") != \"2\""), false),
            (format!("value(\"{a}\") > \"1\""), true),
            (format!("value(\"{a}\") < \"1\""), false),
            (format!("version(\"{a}\") = \"2\""), true),
            (format!("ver(\"{b}\") = \"0\""), true),
            (format!("create(\"{a}\") = \"{first}\""), true),
            (format!("c(\"{b}\") > \"0\""), false),
            (format!("mod(\"{a}\") > \"{first}\""), true),
            (format!("m(\"{a}\") < \"{first}\""), false),
            (format!("value(\"{a}\") = \"2\"\nversion(\"{b}\") = \"1\""), false),
        ] {
            let script = format!("{compare}\n\nget {a}\n\nget {b}\n\n");
            let output = self.ctl.run_with_input(&["txn"], &script);
            let expected =
                if holds { format!("SUCCESS\n\n{a}\n2\n") } else { "FAILURE\n\n".to_owned() };
            assert_eq!(output, expected, "{compare}");
        }
        let c = &self.key("txn/c");
        self.run(&["put", c, "4"]);
        let prefix = self.key("txn/");
        let script = format!(
            "\nput {a} 3\nput {b} \"with space\"\nget {prefix} --prefix\ndel {c} --prev-kv\n\n\n"
        );
        let before = self.revision();
        let output = self.ctl.run_with_input(&["txn"], &script);
        let expected =
            format!("SUCCESS\n\nOK\n\nOK\n\n{a}\n3\n{b}\nwith space\n{c}\n4\n\n1\n{c}\n4\n");
        assert_eq!(output, expected);
        assert_eq!(self.revision(), before + 1, "a transaction is one revision");

        let script = format!("value(\"{b}\") = \"other\"\n\n\nput {b} else\n\n");
        let answer = self.ctl.run_with_input(&["txn", "--write-out=json"], &script);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["succeeded"], Value::Null, "false is left out");
        assert_eq!(answer["responses"].as_array().map(Vec::len), Some(1));
        let twice = format!("\nput {a} 1\nput {a} 2\n\n\n");
        let error = self.ctl.attempt_with_input(&["txn"], &twice).expect_err("a key put twice");
        assert!(error.contains("etcdserver: duplicate key given in txn request"), "{error}");
    }

    fn watches(&self) {
        let key = &self.key("watch/a");
        let from = self.revision() + 1;
        self.run(&["put", key, "one"]);
        self.run(&["put", key, "two"]);
        self.run(&["del", key]);
        let rev = format!("--rev={from}");
        let history = |arguments: &[&str], expected: &str| {
            let mut watch = self.ctl.spawn(&[&["watch", &rev], arguments].concat());
            let expected: Vec<&str> = expected.split('|').collect();
            let seen = eventually(PATIENCE, "events of the past", || {
                let lines = watch.lines();
                if lines.len() >= expected.len() { Ok(lines) } else { Err(lines.join("|")) }
            });
            assert_eq!(seen, expected, "watch {arguments:?}");
            watch.kill();
        };
        let plain = format!("PUT|{key}|one|PUT|{key}|two|DELETE|{key}|");
        let with_previous =
            format!("PUT|{key}|one|PUT|{key}|one|{key}|two|DELETE|{key}|two|{key}|");
        history(&[key], &plain);
        history(&[&self.key("watch/"), "--prefix"], &plain);
        history(&[&self.key("watch/"), &self.key("watch/b")], &plain);
        history(&[key, "--prev-kv"], &with_previous);

        let mut json = self.ctl.spawn(&["watch", "--write-out=json", &rev, key]);
        let line = json.wait_for_line("Events", PATIENCE).expect("an event");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(answer["Events"][0]["kv"]["mod_revision"], from);
        json.kill();

        // Several watches on one stream, told on the standard input.
        let other = &self.key("watch/other");
        let mut interactive = self.ctl.spawn(&["watch", "--interactive"]);
        interactive.tell(&format!("watch {key} {rev}"));
        interactive.tell(&format!("watch {other}"));
        interactive.tell("progress");
        interactive.wait_for_line("DELETE", PATIENCE).expect("the first watch's past");
        eventually(PATIENCE, "the second watch's event", || {
            self.run(&["put", other, "seen by the second"]);
            interactive.wait_for_line("seen by the second", std::time::Duration::from_millis(200))
        });
        interactive.kill();

        let mut following = self.ctl.spawn(&["watch", key, &rev, "--", "echo", "ran"]);
        following.wait_for_line("ran", PATIENCE).expect("the command of watch --");
        following.kill();
    }

    fn leases(&self) {
        let (a, b) = (&self.key("lease/a"), &self.key("lease/b"));
        let output = self.run(&["lease", "grant", "60"]);
        let lease = output.split_whitespace().nth(1).expect("an id").to_owned();
        assert_eq!(output, format!("lease {lease} granted with TTL(60s)\n"));
        let with_lease = format!("--lease={lease}");
        self.run(&["put", a, "1", &with_lease]);
        self.run(&["put", b, "2", &with_lease]);
        self.run(&["put", b, "3", "--ignore-lease"]);

        let remaining = self.run(&["lease", "timetolive", &lease]);
        let wanted = format!("lease {lease} granted with TTL(60s), remaining(");
        assert!(remaining.starts_with(&wanted), "{remaining}");
        let in_any_order =
            [format!("attached keys([{a} {b}])\n"), format!("attached keys([{b} {a}])\n")];
        // The leader answers, which may learn of a put later than the member that was asked for it.
        eventually(PATIENCE, "the lease's keys", || {
            let keys = self.run(&["lease", "timetolive", &lease, "--keys"]);
            let all = in_any_order.iter().any(|ending| keys.ends_with(ending));
            if all { Ok(()) } else { Err(keys) }
        });
        let answer = self.ctl.json(&["lease", "timetolive", &lease, "--keys"]);
        assert_eq!(answer["granted-ttl"], 60);
        assert_eq!(answer["keys"].as_array().map(Vec::len), Some(2));
        assert!(self.run(&["lease", "list"]).lines().any(|line| line == lease));
        assert!(answer["id"] == self.ctl.json(&["get", a])["kvs"][0]["lease"]);
        let once = self.run(&["lease", "keep-alive", "--once", &lease]);
        assert_eq!(once, format!("lease {lease} keepalived with TTL(60)\n"));

        // A key put without a lease leaves its lease.
        self.run(&["put", a, "free"]);
        assert_eq!(self.run(&["lease", "revoke", &lease]), format!("lease {lease} revoked\n"));
        assert_eq!(self.run(&["get", a, "--print-value-only"]), "free\n");
        assert_eq!(self.run(&["get", b]), "");
        eventually(PATIENCE, "no lease", || match self.run(&["lease", "timetolive", &lease]) {
            told if told == format!("lease {lease} already expired\n") => Ok(()),
            told => Err(told),
        });
        assert_eq!(self.ctl.json(&["lease", "timetolive", &lease])["ttl"], -1);
        self.fails(&["lease", "revoke", &lease], "etcdserver: requested lease not found");
        self.fails(&["lease", "grant", "10000000000"], "etcdserver: too large lease TTL");
    }

    /// A key that is there for a moment.
    fn expiring_key(&self) -> String {
        let key = self.key("lease/expiring");
        let lease = grant(&self.ctl, 1);
        self.run(&["put", &key, "soon gone", &format!("--lease={lease}")]);
        assert_eq!(self.run(&["get", &key, "--print-value-only"]), "soon gone\n");
        key
    }

    fn compaction(&self) {
        let key = &self.key("compaction");
        self.run(&["put", key, "old"]);
        self.run(&["put", key, "new"]);
        let revision = self.revision();
        let text = revision.to_string();
        assert_eq!(self.run(&["compaction", &text]), format!("compacted revision {revision}\n"));
        self.run(&["put", key, "newer"]);
        let physical = (revision + 1).to_string();
        let output = self.run(&["compaction", &physical, "--physical"]);
        assert_eq!(output, format!("compacted revision {physical}\n"));
        let compacted = "etcdserver: mvcc: required revision has been compacted";
        self.fails(&["compaction", &text], compacted);
        self.fails(&["get", key, &format!("--rev={revision}")], compacted);
        let future = "etcdserver: mvcc: required revision is a future revision";
        self.fails(&["compaction", "1000000000"], future);
        let newest = self.run(&["get", key, &format!("--rev={physical}"), "--print-value-only"]);
        assert_eq!(newest, "newer\n");
        let watch = self.ctl.spawn(&["watch", key, &format!("--rev={revision}")]);
        watch
            .wait_for_line("required revision has been compacted", PATIENCE)
            .expect("a watch of what is gone is told so");
    }

    fn members(&self) {
        let output = self.run(&["member", "list"]);
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines.len(), self.members, "{output}");
        for (position, endpoint) in self.ctl.endpoints.iter().enumerate() {
            let wanted = format!(", {endpoint}, false");
            let line = lines.iter().find(|line| line.ends_with(&wanted));
            let line = line.unwrap_or_else(|| panic!("{endpoint} is not in {output}"));
            assert!(line.contains(&format!(", started, m{position}, http://")), "{line}");
        }
        let answer = self.ctl.json(&["member", "list"]);
        let ids: Vec<u64> = answer["members"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|m| m["ID"].as_u64())
            .collect();
        assert!(ids.len() == self.members && ids.is_sorted(), "sorted by id: {answer}");
        let table = self.run(&["member", "list", "--write-out=table"]);
        assert!(table.contains("| IS LEARNER |"), "{table}");
        self.fails(&["member", "remove", "1"], "etcdserver: member not found");
        // Raft drops a change that comes while the last one is not applied, and nobody tells the
        // client.
        eventually(PATIENCE, "the refusal", || {
            match self.ctl.attempt(&["member", "promote", "1", "--command-timeout=2s"]) {
                Err(error) if error.contains("etcdserver: member not found") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    fn endpoints(&self) {
        let count = self.live.endpoints.len();
        let health = self.live.run(&["endpoint", "health"]);
        // 3.4 says it on the standard error.
        let wanted = if self.is_3_5 { count } else { 0 };
        let healthy = "is healthy: successfully committed proposal: took = ";
        assert_eq!(
            health.lines().filter(|line| line.contains(healthy)).count(),
            wanted,
            "{health}"
        );
        let answer = self.live.json(&["endpoint", "health"]);
        let healthy = answer.as_array().into_iter().flatten().filter(|e| e["health"] == true);
        assert_eq!(healthy.count(), count, "{answer}");
        let status = self.live.run(&["endpoint", "status"]);
        assert_eq!(status.lines().count(), count);
        let answer = self.live.json(&["endpoint", "status"]);
        let mut leaders = Vec::new();
        for endpoint in answer.as_array().into_iter().flatten() {
            let status = &endpoint["Status"];
            for field in
                ["dbSize", "leader", "raftIndex", "raftTerm", "raftAppliedIndex", "dbSizeInUse"]
            {
                assert!(status[field].as_u64() > Some(0), "{field} in {answer}");
            }
            if status["leader"] == status["header"]["member_id"] {
                leaders.push(endpoint["Endpoint"].as_str().expect("a URL").to_owned());
            }
        }
        assert_eq!(leaders, std::slice::from_ref(&self.leader));
        if count == self.members {
            let cluster = self.live.to(&self.live.endpoints[..1]);
            let output = cluster.run(&["endpoint", "status", "--cluster"]);
            assert_eq!(output.lines().count(), self.members, "{output}");
        }
        let hash = self.live.run(&["endpoint", "hashkv"]);
        assert_eq!(hash.lines().count(), count, "{hash}");
        // A member that is down is told of, and makes the command fail.
        let unreachable = self.ctl.to(&["http://127.0.0.1:1".to_owned()]);
        let error = unreachable.attempt(&["endpoint", "health", "--command-timeout=200ms"]);
        assert!(error.expect_err("nobody is there").contains("is unhealthy"));
    }

    fn maintenance(&self) {
        for endpoint in &self.live.endpoints {
            let output = self.ctl.to(std::slice::from_ref(endpoint)).run(&["defrag"]);
            assert_eq!(output, format!("Finished defragmenting etcd member[{endpoint}]\n"));
        }
        assert_eq!(self.run(&["alarm", "list"]), "");
        assert_eq!(self.run(&["alarm", "disarm"]), "");
        let one = self.ctl.to(&self.live.endpoints[..1]);
        if let Err(error) = one.attempt(&["snapshot", "save", &self.snapshot]) {
            // A server that cannot write etcd's file yet has to say so.
            assert!(error.contains("code = Unimplemented"), "{error}");
            return;
        }
        // The file is an etcd backup if etcd's own tool finds its checksum right and this phase's
        // keys counted.
        let reader = Etcdctl { path: Tools::installed().etcdctl("3.5.1"), ..one };
        let answer = reader.json(&["snapshot", "status", &self.snapshot]);
        assert!(answer["revision"].as_i64() > Some(1), "{answer}");
        assert!(answer["totalKey"].as_i64() > Some(1), "{answer}");
    }

    fn lock_and_elect(&self) {
        let name = &self.key("lock");
        let first = self.ctl.spawn(&["lock", name]);
        let holder = first.wait_for_line(name, PATIENCE).expect("the lock");
        let mut second = self.ctl.spawn(&["lock", name, "echo", "second holds it"]);
        let prefix = &format!("{name}/");
        eventually(PATIENCE, "a waiting key", || {
            let keys = self.run(&["get", prefix, "--prefix", "--keys-only"]);
            if keys.lines().filter(|line| line.starts_with(prefix)).count() == 2 {
                Ok(())
            } else {
                Err(keys)
            }
        });
        assert!(self.run(&["get", &holder, "--keys-only"]).starts_with(&holder));
        first.signal(rustix::process::Signal::INT);
        second.wait_for_line("second holds it", PATIENCE).expect("the lock is handed on");
        second.wait(PATIENCE).expect("the command under the lock ends");

        let name = &self.key("election");
        let mut leader = self.ctl.spawn(&["elect", name, "candidate"]);
        leader.wait_for_line("candidate", PATIENCE).expect("the election");
        let mut observer = self.ctl.spawn(&["elect", "--listen", name]);
        observer.wait_for_line("candidate", PATIENCE).expect("the observation");
        observer.kill();
        leader.signal(rustix::process::Signal::INT);
        leader.wait(PATIENCE).expect("a candidate that is interrupted resigns");
    }
}

fn grant(ctl: &Etcdctl, ttl: u32) -> String {
    let id = ctl.json(&["lease", "grant", &ttl.to_string()])["ID"].as_i64();
    format!("{:x}", id.expect("a lease has an id"))
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn hex(text: &str) -> String {
    let digits: String = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("{digits}\n")
}
