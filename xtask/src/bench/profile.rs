//! Where a put's work goes: a member runs in valgrind's `callgrind`, which counts the instructions
//! of every function, and the share of each room is taken from that. Counted, not timed, so it is
//! much the same on any machine, however busy. The kernel's part is not in it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::build::output;

const PORT: u16 = 24_379;

/// A start takes long in there.
const START_MAX: Duration = Duration::from_secs(120);

/// How long instructions are counted.
const SECONDS: u64 = 20;

/// Rooms, and the functions in which all of their work is done. What is set in is a part of the
/// room above.
const ROOMS: [(&str, &str); 15] = [
    ("a connection and its requests", "server::listen::Door::serve::{{closure}}::{{closure}}"),
    ("  frames read, parsed, written", "<hyper::proto::h2::server::Server<T,S,B,E> as"),
    (
        "  api: a call",
        "<api::clients::Clients as tower_service::Service<http::request::Request<B>>>::call",
    ),
    ("    a message read from its frames", "api/src/unary.rs:"),
    ("    host: ticket, waiter, work for the node", "host/src/requests.rs:"),
    ("order: node and raft", "host/src/order.rs:"),
    ("keep: the log", "host/src/keep.rs:"),
    ("apply: state, keyspace, watchers", "host::apply::Applier::apply"),
    ("  mvcc: what a key held, and what it holds now", "mvcc::group::Group::put"),
    ("    looked up in the engine", "<backend_lsm::view::LsmView as backend::contract::View>::get"),
    ("  the batch into the engine's memory", "backend_lsm::tree::Tree::write"),
    ("  watchers", "watch::hub::Hub::handle"),
    ("the engine's files: written", "backend_lsm::tree::Tree::flush_memtables"),
    ("the engine's files: merged", "backend_lsm::tree::Tree::merge_files"),
    ("all of it: memory copied", "memcpy"),
];

/// Calls that are counted, and how the names of their functions begin.
const CALLS: [(&str, &[&str]); 2] = [
    ("allocations", &["mi_malloc", "mi_zalloc", "mi_calloc", "mi_realloc", "malloc", "realloc"]),
    ("copies", &["__memcpy", "__memmove"]),
];

/// Profiles the programs in this folder.
pub(crate) fn run(programs: &Path, arguments: &[String]) -> Result<(), String> {
    let load = arguments.first().map_or("put", String::as_str);
    let folder = tempfile::tempdir().map_err(|error| format!("a folder: {error}"))?;
    let counts = folder.path().join("counts");
    let log = folder.path().join("log");
    let mut member = start(programs, folder.path(), &counts, &log)?;
    let measured = measure(programs, &mut member, &log, load);
    drop(member.kill());
    drop(member.wait());
    let answered = measured?;
    // The first part that was dumped has a number behind its name.
    let counts = PathBuf::from(format!("{}.1", counts.display()));
    report(&annotated(&counts)?, load, answered)?;
    let calls = fs::read_to_string(&counts).map_err(|error| format!("the counts: {error}"))?;
    for (what, functions) in CALLS {
        println!("{what}: {:.1} each", count_calls(&calls, functions) as f64 / answered as f64);
    }
    Ok(())
}

fn start(programs: &Path, folder: &Path, counts: &Path, log: &Path) -> Result<Child, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--instr-atstart=no"]);
    valgrind.arg(format!("--callgrind-out-file={}", counts.display()));
    valgrind.arg(programs.join("etcdd"));
    // Everything takes long in there, which is not worth a line each.
    valgrind.arg("--warning-unary-request-duration=1h");
    start_member(&mut valgrind, PORT, folder, log)
        .map_err(|error| format!("valgrind (a package of that name) cannot be run: {error}"))
}

/// Starts a member of its own cluster that serves clients at a port, and peers at the next one.
pub(super) fn start_member(
    command: &mut Command,
    port: u16,
    folder: &Path,
    log: &Path,
) -> io::Result<Child> {
    let (client, peer) = (url(port), url(port + 1));
    command
        .arg(format!("--data-dir={}", folder.join("data").display()))
        .args([
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
        ])
        .args([format!("--listen-peer-urls={peer}"), format!("--initial-cluster=default={peer}")])
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .stderr(fs::File::create(log)?)
        .spawn()
}

pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Waits until a member's log says that it serves clients.
pub(super) fn await_ready(member: &mut Child, log: &Path) -> Result<(), String> {
    let begin = Instant::now();
    while !fs::read_to_string(log).is_ok_and(|log| log.contains("ready to serve client requests")) {
        if begin.elapsed() > START_MAX || !matches!(member.try_wait(), Ok(None)) {
            return Err("the member does not start".into());
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Puts the load on the member while instructions are counted; how many requests were answered.
fn measure(programs: &Path, member: &mut Child, log: &Path, load: &str) -> Result<u64, String> {
    await_ready(member, log)?;
    let generator = |load: &str, more: &[&str]| {
        let mut command = Command::new(programs.join("etcdd-load"));
        command.arg(load).arg(format!("--endpoints={}", url(PORT))).arg("--keys=20000").args(more);
        output(&mut command)
    };
    let control = |what: &[&str]| {
        output(Command::new("callgrind_control").args(what).arg(member.id().to_string()))
    };
    generator("fill", &[])?;
    control(&["--instr=on"])?;
    let told = generator(load, &["--clients=1000", &format!("--seconds={SECONDS}")])?;
    control(&["--instr=off"])?;
    control(&["--dump"])?;
    let rate = told.split_once(" per second").and_then(|(rate, _)| rate.parse::<u64>().ok());
    rate.map(|rate| rate * SECONDS).filter(|answered| *answered > 0).ok_or(told)
}

/// Lines of a number and a function, which has its callees in it, the largest first.
fn annotated(counts: &Path) -> Result<Vec<(u64, String)>, String> {
    let mut annotate = Command::new("callgrind_annotate");
    let text =
        output(annotate.args(["--inclusive=yes", "--auto=no", "--threshold=100"]).arg(counts))?;
    let lines = text.lines().filter_map(|line| {
        let (number, function) = line.trim_start().split_once(" (")?;
        Some((number.replace(',', "").parse().ok()?, function.to_owned()))
    });
    Ok(lines.collect())
}

/// How often functions whose names begin like that were called, but by one another. In the file a
/// name stands where it occurs first, and its number from then on; a callee's line is followed by
/// how often it was called.
fn count_calls(counts: &str, functions: &[&str]) -> u64 {
    let mut wanted = HashMap::new();
    let mut of = |number: &str| {
        let (number, name) = number.split_once(") ").unwrap_or((number, ""));
        let number = number.trim_matches(['(', ')']).to_owned();
        let fits = || functions.iter().any(|function| name.starts_with(function));
        *wanted.entry(number).or_insert_with(fits)
    };
    let (mut caller, mut callee, mut calls) = (false, false, 0);
    for line in counts.lines() {
        if let Some(number) = line.strip_prefix("fn=") {
            caller = of(number);
        } else if let Some(number) = line.strip_prefix("cfn=") {
            callee = of(number);
        } else if let Some(times) = line.strip_prefix("calls=")
            && callee
            && !caller
        {
            let times = times.split(' ').next().and_then(|times| times.parse::<u64>().ok());
            calls += times.unwrap_or(0);
        }
    }
    calls
}

fn report(lines: &[(u64, String)], load: &str, answered: u64) -> Result<(), String> {
    let total = lines.iter().find(|(_, name)| name.contains("PROGRAM TOTALS"));
    let (total, _) = total.ok_or("callgrind_annotate says no total")?;
    println!("{answered} requests ({load}), {} instructions each\n", total / answered);
    println!("| where | of all | instructions |\n|---|---|---|");
    for (room, function) in ROOMS {
        let found = lines.iter().find(|(_, name)| name.contains(function));
        if let Some((count, _)) = found {
            let (share, each) = (*count as f64 * 100.0 / *total as f64, count / answered);
            println!("| {} | {share:.1} % | {each} |", room.replace("  ", "· "));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_but_those_among_the_counted() {
        let counts = "fn=(1) main\ncfn=(2) mi_malloc\ncalls=3 0\n0 9\ncfn=(3) other\ncalls=5 0\n\
                      fn=(2)\ncfn=(4) mi_malloc_generic\ncalls=7 0\n\
                      fn=(3)\ncfn=(2)\ncalls=11 0\n";
        assert_eq!(count_calls(counts, &["mi_malloc"]), 14);
    }
}
