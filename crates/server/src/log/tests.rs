use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use tracing::{debug, info, warn};

use super::{CRATES, Log, caller, is_ours, last_word, timestamp};
use crate::config::{LogConfig, LogFormat, LogLevel, LogOutput};

/// What is written by this in this format.
fn written(level: LogLevel, format: LogFormat, what: impl FnOnce(&Log)) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("log");
    let config = LogConfig { level, format, outputs: vec![LogOutput::File(path.clone())] };
    let log = Log::open(&config).expect("the file can be made");
    what(&log);
    fs::read_to_string(path).expect("it is text")
}

fn talk(log: Log) {
    tracing::subscriber::with_default(log, || {
        debug!("quiet");
        info!("member-id" = %"8e9e", count = 3, ok = true, "urls" = ?["http://a:1"], "said \"it\"");
        warn!("took" = ?Duration::from_millis(12), "slow");
    });
}

fn spoken(level: LogLevel, format: LogFormat) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("log");
    let config = LogConfig { level, format, outputs: vec![LogOutput::File(path.clone())] };
    talk(Log::open(&config).expect("the file can be made"));
    fs::read_to_string(path).expect("it is text")
}

#[test]
fn lines_are_json() {
    let text = spoken(LogLevel::Info, LogFormat::Json);
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["level"], "info");
    assert_eq!(lines[0]["msg"], "said \"it\"");
    assert_eq!(lines[0]["member-id"], "8e9e");
    assert_eq!(lines[0]["count"], 3);
    assert_eq!(lines[0]["ok"], true);
    assert_eq!(lines[0]["urls"][0], "http://a:1");
    assert_eq!(lines[1]["took"], "12ms");
    let caller = lines[0]["caller"].as_str().expect("it is text");
    assert!(caller.starts_with("server/tests.rs:"), "{caller}");
    assert!(text.starts_with("{\"level\":\"info\",\"ts\":\"2"), "{text}");
}

#[test]
fn lines_are_text() {
    let text = spoken(LogLevel::Warn, LogFormat::Console);
    let parts: Vec<&str> = text.trim_end().split('\t').collect();
    assert_eq!(parts[1], "warn");
    assert_eq!(parts[3..], ["slow", "{\"took\":\"12ms\"}"]);
    assert!(!spoken(LogLevel::Debug, LogFormat::Console).contains("\tsaid it"));
    assert!(spoken(LogLevel::Debug, LogFormat::Console).contains("\tquiet\n"));
}

#[test]
fn the_end_is_always_written() {
    let text = written(LogLevel::Fatal, LogFormat::Json, |log| {
        last_word(log, LogLevel::Warn, "the end", ("why", "a reason"));
    });
    let line: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!((&line["level"], &line["why"]), (&"warn".into(), &"a reason".into()));
    let caller = line["caller"].as_str().expect("it is text");
    assert!(caller.starts_with("server/tests.rs:"), "whoever had to say it: {caller}");
}

#[test]
fn times_are_dates() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_399, "2000-02-28T23:59:59.000000Z"),
        (951_782_400, "2000-02-29T00:00:00.000000Z"),
        (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
        (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
        (4_102_444_800, "2100-01-01T00:00:00.000000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
    ] {
        assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
    }
    let time = UNIX_EPOCH + Duration::from_nanos(1_234_567_899);
    assert_eq!(timestamp(time), "1970-01-01T00:00:01.234567Z");
}

#[test]
fn places_are_short() {
    assert_eq!(caller("crates/transport-grpc/src/link.rs", 7), "transport-grpc/link.rs:7");
    assert_eq!(caller("crates/server/src/config/flags.rs", 7), "server/flags.rs:7");
    assert_eq!(caller("/home/x/h2-0.4/src/proto/streams.rs", 7), "h2-0.4/streams.rs:7");
    assert_eq!(caller("main.rs", 7), "main.rs:7");
}

#[test]
fn who_builds_on_us_is_no_library() {
    for file in [file!(), &format!("{CRATES}host/src/lib.rs"), "src/main.rs"] {
        assert!(is_ours(file), "{file}");
    }
    assert!(!is_ours("/home/x/registry/src/h2-0.4/src/proto/streams.rs"));
}
