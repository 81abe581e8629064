//! kill -9, again and again, under load.
//!
//! Genuine etcd 3.4.23 passes. 3.5.0 to 3.5.2 do now and then not: they may save that an entry is
//! applied before its changes are, so that members differ after a crash, with equal indexes and
//! unequal revisions.

use std::env;

use fastrand::Rng;
use integration::{Cluster, Consistency, Load, Server};

/// Rounds when nobody says how many: what a build can wait for.
const ROUNDS: usize = 10;

/// The same for each part that is not the usual one.
const ROUNDS_OF_PARTS: usize = 3;

#[test]
fn three_members_survive_rounds_of_kill_9() {
    try_rounds(Server::under_test(), 3, &[], ROUNDS);
}

/// Snapshots are taken and the log is trimmed all the time, so that a kill meets them too.
#[test]
fn five_members_survive_rounds_of_kill_9_with_snapshots() {
    try_rounds(Server::under_test(), 5, &["--snapshot-count=200"], ROUNDS);
}

#[test]
fn members_that_keep_all_in_rocksdb_survive_kill_9() {
    try_part(&["--raft-log=rocksdb", "--backend=rocksdb"]);
}

#[test]
fn members_that_keep_all_in_sled_survive_kill_9() {
    try_part(&["--raft-log=sled", "--backend=sled"]);
}

#[test]
fn members_with_redb_survive_kill_9() {
    try_part(&["--backend=redb"]);
}

#[test]
fn members_with_fjall_survive_kill_9() {
    try_part(&["--backend=fjall"]);
}

#[test]
fn members_over_quic_survive_kill_9() {
    try_part(&["--peer-transport=quic"]);
}

#[test]
fn members_by_raftrs_survive_kill_9() {
    try_part(&["--consensus=raftrs"]);
}

/// Snapshots are taken all the time here as well.
fn try_part(flags: &[&str]) {
    match Server::with_all_parts() {
        Some(server) => {
            let flags = [flags, &["--snapshot-count=200"]].concat();
            try_rounds(server, 3, &flags, ROUNDS_OF_PARTS);
        }
        None => println!("nobody else has parts to pick"),
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

/// In each round some members, from one to all, are killed while everybody writes; some of the
/// others may be asleep.
fn try_rounds(server: &Server, members: usize, flags: &[&str], rounds: usize) {
    let rounds = number("ETCDD_ROUNDS").map_or(rounds, |rounds| rounds as usize);
    let seed = number("ETCDD_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("members: {members} {flags:?}, rounds: {rounds}, ETCDD_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut cluster = Cluster::prepare(server, members, flags);
    cluster.start_all();
    let load = Load::start("load", cluster.endpoints(), 6);
    let mut kills = 0;
    for round in 0..rounds {
        load.wait_for_more(rng.u64(20..200));
        let mut order: Vec<usize> = (0..members).collect();
        rng.shuffle(&mut order);
        let (killed, others) = order.split_at(rng.usize(1..=members));
        let asleep = others.first().copied().filter(|_| rng.bool());
        println!("round {round}: kill {killed:?}, pause {asleep:?}");
        if let Some(asleep) = asleep {
            cluster.members[asleep].pause();
        }
        for &position in killed {
            cluster.members[position].kill();
            kills += 1;
        }
        if killed.len() + usize::from(asleep.is_some()) <= (members - 1) / 2 {
            load.wait_for_more(20);
        }
        if let Some(asleep) = asleep {
            cluster.members[asleep].resume();
        }
        cluster.start_these(killed);
    }
    load.wait_for_more(100);
    let ledger = load.finish();
    cluster.check_same_data();
    for member in &cluster.members {
        ledger.check_alone("load/", &mut member.client(), Consistency::Serializable);
    }
    println!(
        "members: {members} {flags:?}, rounds: {rounds}, kills: {kills}: {} acknowledged writes \
         are there on each, revisions are continuous, hashes are equal",
        ledger.len()
    );
}
