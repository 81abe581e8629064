//! Everything that happens to a container, to each member in turn, while clients on the host write.

use integration::{Client, Consistency, Load};

use crate::cluster::{Carried, Cluster};

/// Writes that must be acknowledged while something is wrong, and after it was mended.
const WRITES: u64 = 100;

#[test]
fn nothing_is_lost_with_lsm() {
    ordeal("lsm", Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_redb() {
    ordeal("redb", Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_fjall() {
    ordeal("fjall", Carried::ByGrpc);
}

#[test]
fn nothing_is_lost_with_lsm_over_quic() {
    ordeal("lsm", Carried::ByQuic);
}

#[test]
fn nothing_is_lost_with_redb_over_quic() {
    ordeal("redb", Carried::ByQuic);
}

#[test]
fn nothing_is_lost_with_fjall_over_quic() {
    ordeal("fjall", Carried::ByQuic);
}

fn ordeal(engine: &str, carried: Carried) {
    let backend = format!("--backend={engine}");
    let topic = match carried {
        Carried::ByGrpc => engine.to_owned(),
        Carried::ByQuic => format!("{engine}-quic"),
    };
    let mut cluster = Cluster::start(&topic, carried, &[&backend]);
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
