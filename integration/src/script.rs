//! Client programs in other languages, and the faults they ask for.
//!
//! A program is given the members in `ENDPOINTS`, separated by commas, tries what its client
//! library offers, and ends with 0 if all of it was as it should be. On its standard output it
//! prints
//!
//! - `covered: <what>` for each thing it has tried,
//! - `fault: kill-leader` when it wants the leader killed, and `fault: heal` when it wants it back;
//!   it goes on when it has read `done`.
//!
//! Anything else is for people.

use std::process::Command;
use std::time::Duration;

use crate::cluster::Cluster;

/// A program that says nothing for so long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Runs a program against the cluster and returns what it has covered.
///
/// # Panics
///
/// When the program fails, hangs, or tries the cluster without a fault.
pub fn run_script(cluster: &mut Cluster, command: &mut Command) -> Vec<String> {
    command.env("ENDPOINTS", cluster.endpoints().join(","));
    let mut process = crate::process::Process::spawn(command, None);
    let mut position = 0;
    let mut covered = Vec::new();
    let mut killed = None;
    let mut faults = 0;
    loop {
        let lines = process.lines_from(position, SILENCE_MAX);
        if lines.is_empty() {
            break;
        }
        position += lines.len();
        for line in lines {
            match line.as_str() {
                "fault: kill-leader" => {
                    killed = kill_leader(cluster);
                    faults += 1;
                    process.tell("done");
                }
                "fault: heal" => {
                    if let Some(position) = killed.take() {
                        cluster.members[position].start();
                    }
                    process.tell("done");
                }
                line => covered.extend(line.strip_prefix("covered: ").map(str::to_owned)),
            }
        }
    }
    let status = process.wait(SILENCE_MAX).expect("a program that has closed its output ends");
    assert!(status.success(), "{status}:\n{}", process.tail(60));
    assert!(faults > 0, "the program asked for no fault");
    covered
}

/// Kills the leader. Where no majority is left without it, it comes back at once, and nobody is
/// missing.
fn kill_leader(cluster: &mut Cluster) -> Option<usize> {
    let leader = cluster.kill_leader();
    if cluster.members.len() < 3 {
        cluster.members[leader].start();
        return None;
    }
    // Whoever asked for the fault goes on against the others while they elect.
    Some(leader)
}
