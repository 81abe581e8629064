//! What a request asks of the kernel: system calls, wake-ups and the like are counted by Debian's
//! `perf` (package `linux-perf`) while a server is under load, and divided by what was answered.
//! Counts depend less on the machine than times do. Needs the rights to trace.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::profile::{await_ready, start_member, url};
use crate::build::output;

const PORT: u16 = 24_579;

/// How long is counted.
const SECONDS: &str = "3";
const CLIENTS: [u32; 2] = [1, 1000];

/// What is counted, and its names as `perf` knows them.
const EVENTS: [(&str, &[&str]); 9] = [
    ("system calls", &["raw_syscalls:sys_enter"]),
    ("· reads of sockets", &["syscalls:sys_enter_recvfrom", "syscalls:sys_enter_read"]),
    (
        "· writes to sockets, wake-ups by descriptor",
        &["syscalls:sys_enter_writev", "syscalls:sys_enter_write", "syscalls:sys_enter_sendto"],
    ),
    ("· writes to files", &["syscalls:sys_enter_pwrite64"]),
    ("· syncs", &["syscalls:sys_enter_fdatasync", "syscalls:sys_enter_fsync"]),
    ("· waiting for sockets", &["syscalls:sys_enter_epoll_wait", "syscalls:sys_enter_epoll_pwait"]),
    ("· waiting for threads, waking them", &["syscalls:sys_enter_futex"]),
    ("switches of context", &["context-switches"]),
    ("pages of memory brought in", &["page-faults"]),
];

/// Counts for one member of the server, or of another one that takes etcd's flags.
pub(crate) fn run(programs: &Path, arguments: &[String]) -> Result<(), String> {
    let load = arguments.first().map_or("put", String::as_str);
    let ours = programs.join("etcdd");
    let server = arguments.get(1).map_or(ours.as_path(), Path::new);
    let folder = tempfile::tempdir().map_err(|error| format!("a folder: {error}"))?;
    let log = folder.path().join("log");
    let mut member = start_member(&mut Command::new(server), PORT, folder.path(), &log)
        .map_err(|error| format!("{} cannot be run: {error}", server.display()))?;
    let counted = count(programs, &mut member, &log, load);
    drop(member.kill());
    drop(member.wait());
    let [one, many] = counted?;
    println!("| a {load} asks the kernel for | 1 client | 1000 clients |\n|---|---|---|");
    for (((what, _), one), many) in EVENTS.iter().zip(one).zip(many) {
        println!("| {what} | {one:.2} | {many:.3} |");
    }
    Ok(())
}

fn count(
    programs: &Path,
    member: &mut Child,
    log: &Path,
    load: &str,
) -> Result<[Vec<f64>; 2], String> {
    await_ready(member, log)?;
    let mut fill = Command::new(programs.join("etcdd-load"));
    output(fill.args(["fill", &format!("--endpoints={}", url(PORT)), "--keys=20000"]))?;
    let [one, many] = CLIENTS;
    let one = count_with(programs, member.id(), load, one)?;
    Ok([one, count_with(programs, member.id(), load, many)?])
}

/// The events of a request, in their order.
fn count_with(programs: &Path, pid: u32, load: &str, clients: u32) -> Result<Vec<f64>, String> {
    let names = EVENTS.iter().flat_map(|(_, names)| *names).copied().collect::<Vec<_>>();
    // Counts until the generator, which it starts, has ended.
    let mut perf = Command::new("perf");
    perf.args(["stat", "--field-separator=;", &format!("--pid={pid}")]);
    perf.arg(format!("--event={}", names.join(",")));
    perf.arg("--").arg(programs.join("etcdd-load")).arg(load);
    perf.args([&format!("--endpoints={}", url(PORT)), "--keys=20000"]);
    perf.args([&format!("--clients={clients}"), &format!("--seconds={SECONDS}")]);
    let done = perf.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let done = done.map_err(|error| format!("perf (linux-perf) cannot be run: {error}"))?;
    let (told, counted) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if !done.status.success() {
        return Err(format!("perf: {counted}"));
    }
    let seconds = SECONDS.parse::<f64>().expect("it is a number");
    let rate = told.split_once(" per second").and_then(|(rate, _)| rate.parse::<f64>().ok());
    let answered = rate.filter(|rate| *rate > 0.0).ok_or_else(|| told.to_string())? * seconds;
    let of = |names: &[&str]| {
        let counts = names.iter().map(|name| {
            let line = counted.lines().find(|line| line.split(';').any(|field| field == *name));
            let count = line.and_then(|line| line.split(';').next()?.parse::<f64>().ok());
            count.ok_or_else(|| format!("perf does not count {name}: {counted}"))
        });
        counts.sum::<Result<f64, String>>()
    };
    EVENTS.iter().map(|(_, names)| Ok(of(names)? / answered)).collect()
}
