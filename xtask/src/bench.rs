//! Measurements against others: everything is built as it is released, then `etcdd-load` does the
//! work. `cargo xtask bench versus` takes about 25 minutes, with `--quick` about 5, with `--full`
//! hours; `--help` says what else can be chosen. The table, its data and its plots grow in `bench/`
//! of the target directory, or in the folder that `--output` names.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use cargo_metadata::MetadataCommand;

pub(crate) const DOES: &str =
    "versus [--quick] [--loads=put,get,…] …: etcdd and genuine etcd side by side";

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    if arguments.first().is_none_or(|first| first != "versus") {
        eprintln!("usage: cargo xtask bench versus [arguments of etcdd-load versus]");
        return ExitCode::from(2);
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let mut metadata = MetadataCommand::new();
    let target: PathBuf = match metadata.current_dir(top).no_deps().exec() {
        Ok(metadata) => metadata.target_directory.into(),
        Err(error) => {
            eprintln!("cargo metadata: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Whoever brings a candidate need not wait for ours.
    let given = |name: &str| arguments.iter().any(|argument| argument.starts_with(name));
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--package", "etcdd-load"]);
    if !given("--bin=") && !given("--help") {
        build.args(["--package", "etcdd"]);
    }
    let mut load = Command::new(target.join("release/etcdd-load"));
    load.args(arguments);
    if !given("--output=") {
        load.arg(format!("--output={}", target.join("bench").display()));
    }
    for command in [&mut build, &mut load] {
        match command.current_dir(top).status() {
            Ok(status) if status.success() => {}
            Ok(_) => return ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{} cannot be run: {error}", command.get_program().display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
