use std::sync::Arc;

use super::{ConsensusPart, Parts};
use crate::Config;

fn refused(parts: &Parts, flags: &[&str]) -> String {
    let config = Config::from_flags(flags.iter().copied()).expect("the flags are fine");
    match parts.choose(&config) {
        Ok(_) => panic!("{flags:?} can be chosen"),
        Err(error) => error.to_string(),
    }
}

/// A part of somebody else's, for clusters of two.
struct Pair;

impl ConsensusPart for Pair {
    fn make(
        &self,
        _now: units::Time,
        _config: consensus::Config,
        _start: consensus::Start,
    ) -> Box<dyn consensus::Consensus> {
        unreachable!("nobody starts it")
    }

    fn members_max(&self) -> Option<usize> {
        Some(2)
    }
}

#[test]
fn the_first_is_taken_unless_one_is_asked_for() {
    let parts = Parts::compiled_in();
    let chosen = |flags: &[&str]| {
        let config = Config::from_flags(flags.iter().copied()).expect("the flags are fine");
        let chosen = parts.choose(&config).expect("they are there");
        (chosen.log_name, chosen.engine_name)
    };
    let usual = ("wal".to_owned(), "lsm".to_owned());
    assert_eq!(chosen(&[]), usual);
    assert_eq!(chosen(&["--backend=lsm", "--raft-log", "wal", "--consensus=raft"]), usual);
}

#[test]
fn what_is_not_there_is_told_with_what_would_help() {
    let mut parts = Parts::compiled_in();
    for name in ["fjall", "redb", "rocksdb", "sled", "memory"] {
        parts.engines.withdraw(name);
    }
    assert_eq!(
        refused(&parts, &["--backend=memory"]),
        "--backend=memory is not compiled in: build with the feature backend-memory (this build \
         has lsm)"
    );
    assert_eq!(
        refused(&parts, &["--backend=bolt"]),
        "--backend=bolt: there is no such engine (this build has lsm)"
    );
    parts.engines.withdraw("lsm");
    assert_eq!(
        refused(&parts, &["--backend=lsm"]),
        "--backend=lsm is not compiled in: build with the feature backend-lsm (this build has none)"
    );
    let text = refused(&parts, &[]);
    assert!(text.starts_with("no engine is compiled in: build with one of the features backend-"));
}

#[test]
fn the_other_consensus_is_named_with_its_feature() {
    let mut parts = Parts::compiled_in();
    let asked = Config::from_flags(["--consensus=raftrs"]).expect("the flags are fine");
    assert!(parts.choose(&asked).is_ok());
    parts.consensus.withdraw("raftrs");
    assert_eq!(
        refused(&parts, &["--consensus=raftrs"]),
        "--consensus=raftrs is not compiled in: build with the feature consensus-raftrs (this \
         build has raft, solo)"
    );
}

#[test]
fn names_that_are_taken_are_refused() {
    for name in ["", "Upper", "a/b", "wal", "spool", "raft-sled"] {
        let mut parts = Parts::compiled_in();
        let offer = || parts.consensus.offer(name, Arc::new(Pair));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(offer)).expect_err(name);
    }
}

#[test]
fn parts_of_others_are_chosen_like_ours() {
    let mut parts = Parts::compiled_in();
    parts.consensus.offer("pair", Arc::new(Pair));
    assert_eq!(parts.consensus.names().last(), Some("pair"));
    let cluster = "--initial-cluster=default=http://localhost:2380,b=http://b:1,c=http://c:1";
    assert_eq!(
        refused(&parts, &["--consensus=pair", cluster]),
        "--consensus=pair is for clusters of at most 2, and --initial-cluster has 3"
    );
    for name in ["raft", "raftrs", "solo"] {
        parts.consensus.withdraw(name);
    }
    // The only one there is needs no asking for.
    assert!(refused(&parts, &[cluster]).starts_with("--consensus=pair"));
}

/// Where members reach each other by these flags.
fn peer_urls(parts: &Parts, flags: &[&str]) -> Vec<String> {
    let config = Config::from_flags(flags.iter().copied()).expect("the flags are fine");
    let (config, _) = parts.settle(config).expect("they are there");
    config.peer_urls().map(ToString::to_string).collect()
}

#[test]
fn peer_urls_that_nobody_has_given_follow_the_transport() {
    let mut parts = Parts::compiled_in();
    assert_eq!(peer_urls(&parts, &[]), ["http://localhost:2380"; 3]);
    let over_quic = ["quic://localhost:2380"; 3];
    assert_eq!(peer_urls(&parts, &["--peer-transport=quic"]), over_quic);
    assert_eq!(peer_urls(&parts, &["--peer-transport=quic", "--name=a"]), over_quic);
    parts.transports.withdraw("grpc");
    assert_eq!(peer_urls(&parts, &[]), over_quic);
    assert_eq!(
        refused(&parts, &["--listen-peer-urls=http://127.0.0.1:2380"]),
        "--peer-transport=quic is for peer URLs with quic://, and there is http://127.0.0.1:2380"
    );
}

#[test]
fn a_transport_is_known_by_the_urls_that_it_understands() {
    let mut parts = Parts::compiled_in();
    let quic = parts.transports.get("quic").expect("it is compiled in");
    parts.transports.withdraw("quic");
    let urls = ["--listen-peer-urls", "--initial-advertise-peer-urls", "--initial-cluster=default"];
    let flags = urls.map(|flag| format!("{flag}=quic://127.0.0.1:2380"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    assert!(refused(&parts, &flags).contains("the feature transport-quic"));
    parts.transports.offer("mine", quic);
    assert_eq!(peer_urls(&parts, &flags), ["quic://127.0.0.1:2380"; 3]);
}
