//! Members whose data directories are moved by `etcdutl` while the others are written to.

use std::fs;
use std::path::Path;
use std::process::Command;

use integration::{Cluster, Consistency, Load, PATIENCE, Process, Server};
use rustix::process::Signal;

fn convert(source: &Path, output: &Path, timeout: &str) -> Process {
    let mut command = Command::new(Server::under_test().beside("etcdutl"));
    command
        .arg("convert")
        .arg(format!("--data-dir={}", source.display()))
        .arg(format!("--output-dir={}", output.display()))
        .arg(format!("--timeout={timeout}"))
        .arg("--write-out=json");
    Process::spawn(&mut command, None)
}

/// How often a conversion may be done before it is killed: this machine has other things to do.
const ATTEMPTS: usize = 10;

/// Begins a conversion and kills it in this step. One that was done before leaves nothing.
fn is_killed(step: &str, source: &Path, output: &Path) -> bool {
    let mut killed = convert(source, output, "10s");
    killed.wait_for_line(step, PATIENCE).expect("it comes to that");
    killed.signal(Signal::KILL);
    let is_done = killed.wait(PATIENCE).expect("it ends").success();
    if is_done {
        fs::remove_dir_all(output).expect("it can be removed");
    }
    !is_done
}

/// Each member in turn is stopped, converted, and put back in the place of what it was made of.
/// A first attempt at each is killed, a step later every time.
#[test]
fn members_are_converted_one_by_one_under_load() {
    if !Server::under_test().is_etcdd() {
        println!("nobody else has what is converted");
        return;
    }
    let mut cluster = Cluster::start(3);
    let load = Load::start("load", cluster.endpoints(), 4);
    for (position, step) in ["copying", "hashing", "moving"].into_iter().enumerate() {
        load.wait_for_more(500);
        assert!(cluster.terminate(position).success());
        let source = cluster.members[position].data_dir.clone();
        let output = source.with_extension("converted");

        assert!(
            (0..ATTEMPTS).any(|_| is_killed(step, &source, &output)),
            "it is always done first"
        );
        fs::rename(&source, source.with_extension("former")).expect("renamed");
        fs::rename(&output, &source).expect("renamed");
        let member = &mut cluster.members[position];
        member.spawn();
        let refused = member.process().wait_for_line("is not finished: remove it", PATIENCE);
        refused.expect("what is not finished is refused");
        assert!(!member.wait_for_end().success());
        member.wipe();
        fs::rename(source.with_extension("former"), &source).expect("renamed");

        let mut whole = convert(&source, &output, "10s");
        let status = whole.wait(PATIENCE).expect("it ends");
        assert!(status.success(), "{}", whole.tail(20));
        whole.wait_for_line("\"hashRevision\":", PATIENCE).expect("it tells what it moved");
        let member = &mut cluster.members[position];
        member.wipe();
        fs::rename(&output, &source).expect("renamed");
        member.start();
    }
    load.wait_for_more(500);
    let ledger = load.finish();
    for position in 0..3 {
        let mut client = cluster.members[position].client();
        ledger.check_alone("load", &mut client, Consistency::Linearizable);
    }
    cluster.check_same_data();
    println!("{} acknowledged writes are there on all that were converted", ledger.len());
}

/// It is waited for as long as was said, and goes on unharmed; what stops meanwhile is converted.
#[test]
fn a_member_that_runs_is_not_converted() {
    if !Server::under_test().is_etcdd() {
        println!("nobody else has what is converted");
        return;
    }
    let mut cluster = Cluster::start(1);
    cluster.client().put("k", "v").expect("put");
    let source = cluster.members[0].data_dir.clone();
    let output = source.with_extension("converted");
    let mut refused = convert(&source, &output, "100ms");
    assert!(!refused.wait(PATIENCE).expect("it ends").success());
    refused.wait_for_line("is in use by another process", PATIENCE).expect("it says why");
    assert!(!output.exists(), "nothing is made");
    let mut waiting = convert(&source, &output, "0");
    cluster.client().put("k", "w").expect("put");
    assert!(cluster.terminate(0).success());
    assert!(waiting.wait(PATIENCE).expect("it ends").success(), "{}", waiting.tail(20));
    cluster.members[0].wipe();
    fs::rename(&output, &source).expect("renamed");
    cluster.start_all();
    let kept = cluster.client().get("k", Consistency::Linearizable).expect("get");
    assert_eq!(kept.expect("it is there").value, "w");
}
