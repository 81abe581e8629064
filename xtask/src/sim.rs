//! Runs the seeded world, in the release profile: a seed takes a millisecond then, not ten.

use std::process::{Command, ExitCode};

pub(crate) const DOES: &str =
    "run seeded worlds: --seed N [--shrink], --runs N, --hours H, --consensus P, planted";

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let cargo = env!("CARGO");
    let mut sim = Command::new(cargo);
    sim.args(["run", "--quiet", "--release", "--package", "etcdd-sim"]);
    // No other program is ever built with bugs that can be planted.
    if arguments.first().is_some_and(|first| first == "planted") {
        sim.args(["--features", "planted"]);
    }
    sim.arg("--").args(arguments);
    match sim.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{cargo} cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}
