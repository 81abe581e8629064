//! Measurements against others: everything is built as it is released, then `etcdd-load` does the
//! work. `cargo xtask bench versus` takes about 25 minutes, with `--quick` about 5, with `--full`
//! hours; `--help` says what else can be chosen. `cargo xtask bench matrix` compares in the same
//! way what etcdd can be made of, with all parts compiled in. Tables, data and plots grow in
//! `bench/` of the target directory, or in the folder that `--output` names.
//!
//! `cargo xtask bench profile` tells where the work of a put goes (or of another load that it is
//! given), `cargo xtask bench counts` what it asks the kernel for, and `cargo xtask bench floor`
//! what the layers under a request cost.

mod counts;
mod floor;
mod profile;

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::build::{finish, target};

pub(crate) const DOES: &str = "versus [--quick] …: etcdd and genuine etcd side by side; \
    matrix [--quick] …: what it can be made of; \
    profile [put|get]: where work goes; counts [put|get]: what it asks the kernel; \
    floor: what the layers under a request cost";

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let (result, name) = match arguments.split_first() {
        Some((first, _)) if first == "versus" => (versus(arguments), "versus"),
        Some((first, _)) if first == "matrix" => (matrix(arguments), "matrix"),
        Some((first, rest)) if first == "profile" => (profile(rest), "profile"),
        Some((first, rest)) if first == "counts" => (counts(rest), "counts"),
        Some((first, [])) if first == "floor" => (floor(), "floor"),
        _ => {
            eprintln!("usage: cargo xtask bench versus [arguments of etcdd-load versus]");
            eprintln!("       cargo xtask bench matrix [arguments of etcdd-load matrix]");
            eprintln!("       cargo xtask bench profile [put|get|serializable-get|txn|…]");
            eprintln!("       cargo xtask bench counts [put|get|… [PROGRAM]]");
            eprintln!("       cargo xtask bench floor");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn versus(arguments: &[String]) -> Result<(), String> {
    let target = target()?;
    // Whoever brings a candidate need not wait for ours.
    let given = |name: &str| arguments.iter().any(|argument| argument.starts_with(name));
    let ours = !given("--bin=") && !given("--help");
    build(if ours { &["etcdd-load", "etcdd"] } else { &["etcdd-load"] }, &[])?;
    load(&target, arguments, "bench")
}

fn matrix(arguments: &[String]) -> Result<(), String> {
    let target = target()?;
    // Members whose URLs no other one knows are added by our `etcdctl`.
    build(&["etcdd-load", "etcdd", "etcdd-etcdctl"], &["etcdd/parts"])?;
    load(&target, arguments, "bench/matrix")
}

/// Runs the generator, whose files go to a folder of the target directory if none is named.
fn load(target: &Path, arguments: &[String], folder: &str) -> Result<(), String> {
    let mut load = Command::new(target.join("release/etcdd-load"));
    load.args(arguments);
    if !arguments.iter().any(|argument| argument.starts_with("--output=")) {
        load.arg(format!("--output={}", target.join(folder).display()));
    }
    finish(&mut load)
}

fn profile(arguments: &[String]) -> Result<(), String> {
    let target = target()?;
    build(&["etcdd-load", "etcdd"], &[])?;
    profile::run(&target.join("release"), arguments)
}

fn counts(arguments: &[String]) -> Result<(), String> {
    let target = target()?;
    build(&["etcdd-load", "etcdd"], &[])?;
    counts::run(&target.join("release"), arguments)
}

fn floor() -> Result<(), String> {
    let target = target()?;
    build(&["etcdd-load", "etcdd-floor"], &[])?;
    floor::run(&target.join("release"))
}

/// Builds packages as they are released, with these features besides.
fn build(packages: &[&str], features: &[&str]) -> Result<(), String> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release"]);
    build.args(features.iter().flat_map(|feature| ["--features", feature]));
    build.args(packages.iter().flat_map(|package| ["--package", package]));
    finish(&mut build)
}
