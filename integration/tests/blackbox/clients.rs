//! Clients in other languages: each tries all its library offers before the leader is killed,
//! without it, and when it is back. What they try is told by themselves.

use std::process::Command;

use integration::{Cluster, Tools, run_script};

#[test]
fn python_with_one_member() {
    try_client("Python etcd3 0.12", &mut python(), 1);
}

#[test]
fn python_with_three_members() {
    try_client("Python etcd3 0.12", &mut python(), 3);
}

#[test]
fn rust_with_one_member() {
    try_client(
        "Rust etcd-client 0.21",
        &mut Command::new(Tools::installed().client("client-rust")),
        1,
    );
}

#[test]
fn rust_with_three_members() {
    try_client(
        "Rust etcd-client 0.21",
        &mut Command::new(Tools::installed().client("client-rust")),
        3,
    );
}

#[test]
fn go_with_one_member() {
    try_client("Go client/v3 3.7", &mut Command::new(Tools::installed().client("client-go")), 1);
}

#[test]
fn go_with_three_members() {
    try_client("Go client/v3 3.7", &mut Command::new(Tools::installed().client("client-go")), 3);
}

fn python() -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/python/client.py");
    let mut command = Command::new(Tools::installed().python());
    command.arg("-u").arg(script);
    command
}

fn try_client(name: &str, command: &mut Command, members: usize) {
    let mut cluster = Cluster::start(members);
    let mut covered = run_script(&mut cluster, command);
    cluster.check_same_data();
    covered.sort();
    covered.dedup();
    println!("{name}, members: {members}, leader killed and restarted:");
    for what in covered {
        println!("  {what}");
    }
}
