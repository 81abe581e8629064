//! What the layers under a request cost: servers that do nothing, each with less under it than the
//! one before, under the loads of `etcdd-load`. What stands between two lines is what the layer
//! costs that the second one has not.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::profile::url;
use crate::build::output;

const PORT: u16 = 24_479;
const SERVERS: [&str; 4] = ["library", "tasks", "inline", "frames"];
const LOADS: [&str; 2] = ["put", "get"];

/// Of this many rounds, in which all have their turn, medians are shown.
const ROUNDS: usize = 3;
const SECONDS: &str = "2";

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(10);

/// Measures the servers in this folder.
pub(crate) fn run(programs: &Path) -> Result<(), String> {
    let mut costs = SERVERS.map(|_| LOADS.map(|_| Vec::new()));
    for round in 1..=ROUNDS {
        for (server, costs) in SERVERS.iter().zip(&mut costs) {
            for (load, costs) in LOADS.iter().zip(costs) {
                eprintln!("round {round}/{ROUNDS}: {server}, {load}");
                costs.push(cost(programs, server, load)?);
            }
        }
    }
    println!("| server | CPU µs a put | CPU µs a get |\n|---|---|---|");
    for (server, costs) in SERVERS.iter().zip(&mut costs) {
        let [put, get] = costs.each_mut().map(|costs| {
            costs.sort_unstable_by(f64::total_cmp);
            costs[ROUNDS / 2]
        });
        println!("| `{server}` | {put:.1} | {get:.1} |");
    }
    Ok(())
}

/// Microseconds that a request of a thousand clients costs the server.
fn cost(programs: &Path, server: &str, load: &str) -> Result<f64, String> {
    let mut command = Command::new(programs.join("etcdd-floor"));
    let mut running = command
        .args([server, load, &PORT.to_string()])
        .spawn()
        .map_err(|error| format!("etcdd-floor cannot be run: {error}"))?;
    let told = measure(programs, &mut running, load);
    drop(running.kill());
    drop(running.wait());
    let told = told?;
    let seconds = told.split_once("servers: ").and_then(|(_, rest)| rest.split_once(" CPU s per"));
    let seconds = seconds.and_then(|(seconds, _)| seconds.parse::<f64>().ok());
    seconds.map(|seconds| seconds * 1000.0).ok_or(told)
}

fn measure(programs: &Path, server: &mut Child, load: &str) -> Result<String, String> {
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", PORT)).is_err() {
        if begin.elapsed() > START_MAX || !matches!(server.try_wait(), Ok(None)) {
            return Err("the server does not start".into());
        }
        sleep(Duration::from_millis(10));
    }
    let mut generator = Command::new(programs.join("etcdd-load"));
    generator.args([load, &format!("--endpoints={}", url(PORT)), "--clients=1000"]);
    generator.args([&format!("--seconds={SECONDS}"), &format!("--pids={}", server.id())]);
    output(&mut generator)
}
