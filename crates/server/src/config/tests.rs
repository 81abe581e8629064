use std::path::Path;
use std::time::Duration;

use super::{
    Asked, BadConfig, Config, Keepalive, LeaseCheckpoints, LogConfig, LogFormat, LogLevel,
    LogOutput, Settings, parse,
};

fn settings(arguments: &[&str]) -> Settings {
    match parse(arguments.iter().map(|text| (*text).to_owned()), []) {
        Ok(Asked::Run(settings)) => settings,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

fn config(arguments: &[&str]) -> Result<Config, BadConfig> {
    Config::from_settings(&settings(arguments))
}

#[test]
fn nothing_given_is_one_member_on_the_usual_ports() {
    let config = config(&[]).expect("the defaults are fine");
    assert_eq!(config.data_dir, Path::new("default.etcd"));
    assert_eq!(config.listen_client_urls.to_string(), "http://localhost:2379");
    assert_eq!(config.initial_cluster["default"].to_string(), "http://localhost:2380");
    assert_eq!(config.quota_bytes, Some(2 << 30));
    assert_eq!(config.request_timeout(), Duration::from_secs(7));
    assert_eq!(config.watch_progress_interval, Duration::from_secs(600));
}

#[test]
fn a_name_alone_makes_a_cluster_of_one() {
    let config =
        config(&["--name=a", "--initial-advertise-peer-urls=http://10.0.0.1:2380"]).expect("fine");
    assert_eq!(config.initial_cluster["a"].to_string(), "http://10.0.0.1:2380");
    assert_eq!(config.data_dir, Path::new("a.etcd"));
}

#[test]
fn what_cannot_be_is_said_in_etcds_words() {
    for (arguments, words) in [
        (&["--heartbeat-interval=0"][..], "--heartbeat-interval must be >0 (set to 0ms)"),
        (&["--election-timeout=0"], "--election-timeout must be >0 (set to 0ms)"),
        (
            &["--election-timeout=300"],
            "--election-timeout[300ms] should be at least as 5 times as \
             --heartbeat-interval[100ms]",
        ),
        (
            &["--election-timeout=60000"],
            "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
        ),
        (
            &["--listen-client-urls=http://127.0.0.1:1"],
            "--advertise-client-urls is required when --listen-client-urls is set explicitly",
        ),
        (
            &["--listen-peer-urls=http://example.com:2380"],
            "expected IP in URL for binding (http://example.com:2380)",
        ),
        (
            &["--initial-advertise-peer-urls=http://:2380"],
            "--initial-advertise-peer-urls \"http://:2380\" must be \"host:port\" \
             (unexpected empty host (http://:2380))",
        ),
        (
            &["--initial-cluster=a=b"],
            "error setting up initial cluster: \
             URL scheme must be http, https, unix, or unixs: b",
        ),
        (
            &["--listen-peer-urls=https://127.0.0.1:2380"],
            "cannot listen on TLS for 127.0.0.1:2380: KeyFile and CertFile are not presented",
        ),
        (&["--max-learners=-1"], "membership: too many learner members in cluster"),
        (
            &["--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=http://a:1"],
            "TLS key/cert (--cert-file, --key-file) must be provided for client url \
             https://127.0.0.1:1 with HTTPS scheme",
        ),
        (
            &["--feature-gates=LeaseCheckpointPersist=true"],
            "enabling feature gate LeaseCheckpointPersist requires enabling feature gate \
             LeaseCheckpoint",
        ),
        (
            &["--advertise-client-urls=http://:1"],
            "--advertise-client-urls \"http://:1\" must be in the format \"host:port\", \
             \"unix:/path/to/socket\" or \"unixs:/path/to/socket\" \
             (unexpected empty host (http://:1))",
        ),
        (
            &["--listen-client-urls=unixs://x", "--advertise-client-urls=http://a:1"],
            "TLS key/cert (--cert-file, --key-file) must be provided for client url \
             unixs://x with HTTPS scheme",
        ),
        (
            &["--listen-peer-urls=unix://x"],
            "URL unix://x: its scheme is not supported by this version of etcdd",
        ),
    ] {
        let error = config(arguments).expect_err("it cannot be").to_string();
        assert_eq!(error, words, "{arguments:?}");
    }
}

#[test]
fn odd_values_are_taken_as_etcd_takes_them() {
    let config = config(&[
        "--quota-backend-bytes=-1",
        "--max-txn-ops=0",
        "--max-learners=0",
        "--max-request-bytes=18446744073709551615",
        "--grpc-keepalive-interval=0s",
        "--initial-cluster-token=",
        "--watch-progress-notify-interval=200ms",
        "--listen-client-urls=unix:///run/etcd.sock",
        "--advertise-client-urls=unix:/run/etcd.sock",
    ])
    .expect("odd, but fine");
    assert_eq!(config.quota_bytes, None);
    assert_eq!((config.txn_ops_max, config.learners_max), (0, 0));
    assert_eq!(config.watch_progress_interval, Duration::from_millis(200));
}

#[test]
fn silent_connections_are_tested_as_gos_grpc_does() {
    let keepalive = |interval: &str, timeout: &str| {
        let config = config(&[
            &format!("--grpc-keepalive-interval={interval}"),
            &format!("--grpc-keepalive-timeout={timeout}"),
        ]);
        let Keepalive { interval, timeout } = config.expect("it can be").keepalive;
        (interval.as_secs(), timeout.as_millis())
    };
    assert_eq!(keepalive("10s", "3s"), (10, 3_000));
    assert_eq!(keepalive("10ms", "10ms"), (1, 10));
    for (interval, timeout) in [("0s", "3s"), ("10s", "0"), ("-1s", "-1s")] {
        assert_eq!(keepalive(interval, timeout), (7_200, 20_000));
    }
}

#[test]
fn gates_say_what_is_noted_of_leases() {
    let noted = |gates: &str| {
        let config = config(&[&format!("--feature-gates={gates}")]).expect("it can be");
        config.lease_checkpoints
    };
    assert_eq!(noted(""), LeaseCheckpoints::Never);
    assert_eq!(noted("LeaseCheckpoint=true"), LeaseCheckpoints::Noted);
    let both = "LeaseCheckpoint=true,LeaseCheckpointPersist=true";
    assert_eq!(noted(both), LeaseCheckpoints::Stored);
}

#[test]
fn the_log_is_configured() {
    let log = |arguments: &[&str]| LogConfig::from_settings(&settings(arguments));
    assert_eq!(log(&[]), Ok(LogConfig::default()));
    assert_eq!(
        log(&["--log-level=warn", "--log-format=console", "--log-outputs=stdout,x.log,stdout"]),
        Ok(LogConfig {
            level: LogLevel::Warn,
            format: LogFormat::Console,
            outputs: vec![LogOutput::Stdout, LogOutput::File("x.log".into())],
        })
    );
    for (word, level) in [
        ("", LogLevel::Info),
        ("INFO", LogLevel::Info),
        ("warning", LogLevel::Warn),
        ("dpanic", LogLevel::Panic),
    ] {
        let log = log(&[&format!("--log-level={word}"), "--log-format="]);
        assert_eq!(log, Ok(LogConfig { level, ..LogConfig::default() }));
    }
    for level in ["loud", "Info"] {
        let error = BadConfig::LogLevel(level.to_owned());
        assert_eq!(error.to_string(), format!("unrecognized level: {level:?}"));
        assert_eq!(log(&[&format!("--log-level={level}")]), Err(error));
    }
    for (argument, words) in [
        ("--logger=capnslog", "--logger=capnslog is removed in v3.5"),
        ("--logger=x", "unknown logger option \"x\""),
        ("--log-format=x", "unknown log format: x, supported values json, console"),
        ("--log-outputs=default,stderr", "multi logoutput for \"default\" is not supported yet"),
    ] {
        assert_eq!(log(&[argument]), Err(BadConfig::Log(words.to_owned())));
    }
}
