//! Measurements against others: everything is built as it is released, then `etcdd-load` does the
//! work. `cargo xtask bench versus --quick` takes a few minutes, without `--quick` about half an
//! hour; the table and its data come to lie in `bench/` of the target directory.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use cargo_metadata::MetadataCommand;

pub(crate) const DOES: &str = "versus [--quick …]: etcdd and genuine etcd side by side";

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
    let foreign = arguments.iter().any(|argument| argument.starts_with("--candidate="));
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--package", "etcdd-load"]);
    if !foreign {
        build.args(["--package", "etcdd"]);
    }
    let mut load = Command::new(target.join("release/etcdd-load"));
    load.args(arguments).arg(format!("--output={}", target.join("bench").display()));
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
