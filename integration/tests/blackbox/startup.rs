//! What a server is told when it starts, and what it does not start with.

use std::fs;
use std::process::Command;

use integration::{Cluster, Consistency, PATIENCE, Process, Server, eventually};

/// Runs the server with these flags alone, in a folder of its own, until it ends; its exit code and
/// what it printed.
fn run(flags: &[&str]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(&Server::under_test().path);
    command.args(flags).current_dir(dir.path());
    let mut process = Process::spawn(&mut command, None);
    let status = process.wait(PATIENCE).unwrap_or_else(|reason| panic!("{flags:?}: {reason}"));
    (status.code(), process.lines().join("\n"))
}

#[test]
fn help_and_version_are_told() {
    let (code, text) = run(&["--version"]);
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, beginning) in
        lines.iter().zip(["etcd Version: ", "Git SHA: ", "Go Version: ", "Go OS/Arch: "])
    {
        assert!(line.starts_with(beginning), "{line}");
    }
    for flag in ["-h", "--help"] {
        let (code, text) = run(&[flag]);
        assert_eq!(code, Some(0), "{text}");
        for known in ["--name", "--data-dir", "--initial-cluster-state", "--snapshot-count"] {
            assert!(text.contains(known), "{known} is not in:\n{text}");
        }
    }
    println!("--version, -h, --help");
}

#[test]
fn bad_flags_are_refused() {
    let rows = bad_flags();
    for (flags, code, text) in &rows {
        let (actual, printed) = run(flags);
        assert_eq!(actual, Some(*code), "{flags:?}:\n{printed}");
        // In a line of the log, a quote is escaped.
        assert!(
            printed.replace("\\\"", "\"").contains(text),
            "{flags:?}: not {text:?}:\n{printed}"
        );
    }
    println!("{} bad flags are refused with etcd's words and exit codes", rows.len());
}

/// What is wrong, the exit code, and what has to be said of it.
type BadFlags = (&'static [&'static str], i32, &'static str);

fn bad_flags() -> Vec<BadFlags> {
    const CLIENT: &str = "--listen-client-urls=http://127.0.0.1:0";
    const ADVERTISE: &str = "--advertise-client-urls=http://127.0.0.1:1";
    vec![
        (&["--no-such-flag"], 2, "flag provided but not defined: -no-such-flag"),
        (&["--heartbeat-interval=often"], 2, "invalid value"),
        (&["--initial-cluster-state=old"], 2, "invalid value"),
        (&["stray"], 1, "is not a valid flag"),
        (
            &[CLIENT],
            1,
            "--advertise-client-urls is required when --listen-client-urls is set explicitly",
        ),
        (&["--heartbeat-interval=0"], 1, "--heartbeat-interval must be >0 (set to 0ms)"),
        (&["--election-timeout=0"], 1, "--election-timeout must be >0 (set to 0ms)"),
        (
            &["--heartbeat-interval=100", "--election-timeout=300"],
            1,
            "--election-timeout[300ms] should be at least as 5 times as --heartbeat-interval",
        ),
        (
            &["--election-timeout=60000"],
            1,
            "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
        ),
        if Server::under_test().is_etcdd() {
            // Known to etcd, and not there yet.
            (&["--auto-compaction-retention=1h"], 1, "--auto-compaction-retention is not supported")
        } else {
            (&["--auto-compaction-mode=sometimes"], 1, "unknown auto-compaction-mode \"sometimes\"")
        },
        (
            &["--name=a", "--initial-cluster=b=http://127.0.0.1:2380"],
            1,
            "couldn't find local name \"a\" in the initial cluster configuration",
        ),
        (
            &[
                "--name=a",
                "--initial-cluster=a=http://127.0.0.1:1,b=http://127.0.0.1:1",
                "--initial-advertise-peer-urls=http://127.0.0.1:1",
            ],
            1,
            "has duplicate url",
        ),
        (
            &[
                "--name=a",
                "--initial-cluster=a=http://127.0.0.1:1",
                "--initial-advertise-peer-urls=http://127.0.0.1:2",
            ],
            1,
            "--initial-cluster has a=http://127.0.0.1:1 but missing from \
             --initial-advertise-peer-urls=http://127.0.0.1:2",
        ),
        (&["--listen-peer-urls=http://example.com:2380"], 1, "expected IP in URL for binding"),
        (
            &["--listen-client-urls=https://127.0.0.1:0", ADVERTISE],
            1,
            "TLS key/cert (--cert-file, --key-file) must be provided for client url",
        ),
        (&["--logger=capnslog"], 1, "capnslog"),
        (&["--config-file=/no/such/file"], 1, "/no/such/file"),
    ]
}

/// A flag and its variable together are a mistake; a variable alone is as good as the flag.
#[test]
fn variables_stand_for_flags() {
    let start = |flags: &[&str]| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("env");
        command
            .arg("ETCD_ELECTION_TIMEOUT=60000")
            .arg(&Server::under_test().path)
            .args(flags)
            .current_dir(dir.path());
        let mut process = Process::spawn(&mut command, None);
        let status = process.wait(PATIENCE).expect("it does not start");
        (status.code(), process.lines().join("\n"))
    };
    let (code, text) = start(&[]);
    assert!(code == Some(1) && text.contains("--election-timeout[60000ms] is too long"), "{text}");
    let (code, text) = start(&["--election-timeout=1000"]);
    assert!(
        code == Some(1) && text.contains("is shadowed by corresponding command-line flag"),
        "{text}"
    );
    println!("ETCD_… variables");
}

#[test]
fn a_data_dir_has_one_server() {
    let mut cluster = Cluster::start(1);
    cluster.client().put("first", "here").expect("put");

    // The same folder, other addresses: it ends, or waits for ever and says so, and never serves.
    let mut second = Cluster::prepare(Server::under_test(), 1, &[]);
    second.members[0].data_dir = cluster.members[0].data_dir.clone();
    second.members[0].spawn();
    eventually(PATIENCE, "the second start's end or complaint", || {
        let ended = second.members[0].process().has_ended();
        let text = second.members[0].process().lines().join("\n");
        assert!(!text.contains("ready to serve client requests"), "two on a folder:\n{text}");
        if ended || text.contains("flocked") || text.contains("lock") { Ok(()) } else { Err(text) }
    });
    if second.members[0].process().has_ended() {
        assert!(!second.members[0].wait_for_end().success());
    }
    cluster.client().put("second", "here").expect("the first is not disturbed");
    second.members[0].kill();

    cluster.members[0].kill();
    cluster.start_all();
    for key in ["first", "second"] {
        let read = cluster.client().get(key, Consistency::Linearizable);
        assert!(matches!(read, Ok(Some(_))), "{key}: {read:?}");
    }
    println!("a second start on a folder in use");
}

#[test]
fn foreign_data_dirs_are_refused() {
    let refuses = |what: &str, prepare: &dyn Fn(&Cluster)| {
        let mut cluster = Cluster::prepare(Server::under_test(), 1, &[]);
        prepare(&cluster);
        cluster.members[0].spawn();
        let status = cluster.members[0].wait_for_end();
        assert!(!status.success(), "{what}: {status}");
        cluster.members[0].log_tail(40)
    };
    let dir = |cluster: &Cluster| cluster.members[0].data_dir.clone();

    refuses("a file", &|cluster| fs::write(dir(cluster), "not a folder").expect("a file"));
    let told = refuses("both kinds of v2", &|cluster| {
        fs::create_dir_all(dir(cluster).join("member")).expect("a folder");
        fs::create_dir_all(dir(cluster).join("proxy")).expect("a folder");
    });
    assert!(told.contains("invalid datadir"), "{told}");
    refuses("a log of something else", &|cluster| {
        let wal = dir(cluster).join("member/wal");
        fs::create_dir_all(&wal).expect("a folder");
        let name = wal.join("0000000000000000-0000000000000000.wal");
        fs::write(name, "certainly not a write-ahead log, but long enough to look at")
            .expect("a file");
    });
    println!("a file, a proxy's folder, a foreign log");
}

/// The log's first record says whose it is: flags of another cluster do not change that.
#[test]
fn what_a_data_dir_says_outweighs_the_flags() {
    let mut cluster = Cluster::start(1);
    cluster.client().put("key", "value").expect("put");
    let id = cluster.member_id(0);
    cluster.members[0].kill();
    cluster.members[0].add_flag("--initial-cluster-token=another".to_owned());
    cluster.members[0].add_flag("--initial-cluster-state=existing".to_owned());
    cluster.start_all();
    assert_eq!(cluster.member_id(0), id);
    let read = cluster.client().get("key", Consistency::Linearizable);
    assert!(matches!(read, Ok(Some(_))), "{read:?}");

    // Without its data it is somebody else, whom an existing cluster does not expect.
    cluster.members[0].kill();
    cluster.members[0].wipe();
    cluster.members[0].spawn();
    let status = cluster.members[0].wait_for_end();
    assert_eq!(status.code(), Some(1), "{status}");
    let told = cluster.members[0].log_tail(20);
    assert!(told.contains("cannot fetch cluster info from peer urls"), "{told}");
    println!("initial-* flags are for the first start");
}

#[test]
fn addresses_in_use_are_refused() {
    let first = Cluster::start(1);
    let mut second = Cluster::prepare(Server::under_test(), 1, &[]);
    second.members[0].add_flag(format!("--listen-client-urls={}", first.members[0].client_url));
    second.members[0].spawn();
    let status = second.members[0].wait_for_end();
    assert_eq!(status.code(), Some(1), "{status}");
    let told = second.members[0].log_tail(20);
    assert!(told.contains("address already in use"), "{told}");
    println!("an address in use");
}
