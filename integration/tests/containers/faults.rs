//! Everything that happens to a container, to each member in turn, while clients on the host write.

use integration::{Client, Consistency, Load};

use crate::cluster::{Carried, Cluster};

/// Writes that must be acknowledged while something is wrong, and after it was mended.
const WRITES: u64 = 100;

/// What members can be made of: a topic, and the flags that say it.
struct Parts(&'static str, &'static [&'static str]);

const USUAL: Parts = Parts("usual", &[]);
const REDB: Parts = Parts("redb", &["--backend=redb"]);
const FJALL: Parts = Parts("fjall", &["--backend=fjall"]);
const ROCKSDB: Parts = Parts("rocksdb", &["--raft-log=rocksdb", "--backend=rocksdb"]);
const SLED: Parts = Parts("sled", &["--raft-log=sled", "--backend=sled"]);
const RAFTRS: Parts = Parts("raftrs", &["--consensus=raftrs"]);

#[test]
fn nothing_is_lost_with_the_usual_parts() {
    ordeal(&USUAL, Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_the_usual_parts_over_quic() {
    ordeal(&USUAL, Carried::ByQuic);
}

#[test]
fn nothing_is_lost_with_redb() {
    ordeal(&REDB, Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_redb_over_quic() {
    ordeal(&REDB, Carried::ByQuic);
}

#[test]
fn nothing_is_lost_with_fjall() {
    ordeal(&FJALL, Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_fjall_over_quic() {
    ordeal(&FJALL, Carried::ByQuic);
}

#[test]
fn nothing_is_lost_with_rocksdb() {
    ordeal(&ROCKSDB, Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_rocksdb_over_quic() {
    ordeal(&ROCKSDB, Carried::ByQuic);
}

#[test]
fn nothing_is_lost_with_sled() {
    ordeal(&SLED, Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_sled_over_quic() {
    ordeal(&SLED, Carried::ByQuic);
}

#[test]
fn nothing_is_lost_with_raftrs() {
    ordeal(&RAFTRS, Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_raftrs_over_quic() {
    ordeal(&RAFTRS, Carried::ByQuic);
}

fn ordeal(Parts(name, flags): &Parts, carried: Carried) {
    let topic = match carried {
        Carried::ByGrpc => (*name).to_owned(),
        Carried::ByQuic => format!("{name}-quic"),
    };
    let mut cluster = Cluster::start(&topic, carried, flags);
    let load = Load::start("load", cluster.endpoints(), 4);
    load.wait_for_more(WRITES);
    for position in 0..3 {
        trouble(&cluster, &load, position, "cut off", Cluster::cut_off, Cluster::join);
        let [pause, kill] = ["pause", "kill"]
            .map(|what| move |cluster: &Cluster, position: usize| cluster.tell(what, position));
        let [unpause, start] = ["unpause", "start"]
            .map(|what| move |cluster: &Cluster, position: usize| cluster.tell(what, position));
        trouble(&cluster, &load, position, "paused", pause, unpause);
        trouble(&cluster, &load, position, "killed", kill, start);
    }
    for position in 0..3 {
        cluster.tell("restart", position);
        recovered(&cluster, &load, position, "restarted");
    }
    for _ in 0..3 {
        // The oldest each time; the new one is the last.
        cluster.replace(0);
        cluster.wait_until_all_serve();
        load.redirect(cluster.endpoints());
        recovered(&cluster, &load, 2, "a replacement");
    }
    let ledger = load.finish();
    for member in &cluster.members {
        let mut client = Client::new(vec![member.url.clone()]);
        ledger.check_alone("load", &mut client, Consistency::Linearizable);
    }
    cluster.etcdctl().check_same_data();
    println!("{topic}: {} acknowledged writes are there, and all members agree", ledger.len());
}

/// Does something to a member, sees that the others take writes, mends it, and sees that it has
/// caught up.
fn trouble(
    cluster: &Cluster,
    load: &Load,
    position: usize,
    what: &str,
    harm: impl Fn(&Cluster, usize),
    mend: impl Fn(&Cluster, usize),
) {
    harm(cluster, position);
    load.wait_for_more(WRITES);
    mend(cluster, position);
    recovered(cluster, load, position, what);
}

fn recovered(cluster: &Cluster, load: &Load, position: usize, what: &str) {
    cluster.wait_until_all_serve();
    load.wait_for_more(WRITES);
    let name = &cluster.members[position].name;
    println!("{name}: {what}, and back; {} writes acknowledged", load.acknowledged());
}
