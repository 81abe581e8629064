//! Whether the programs can be built of any choice of parts: each feature by itself, none, and all
//! together. The defaults are built everywhere else, and are what they seem: no package of
//! the workspace adds parts to a server that is built without naming packages.

use std::path::Path;
use std::process::{Command, ExitCode};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

pub(crate) const DOES: &str = "check that each feature of the programs compiles alone, and all do";

/// The packages whose features are parts.
const PROGRAMS: [&str; 2] = ["etcdd", "etcdd-etcdutl"];
/// The package that has them.
const LIBRARY: &str = "etcdd-server";

/// How features are chosen in one check.
enum Choice<'a> {
    None,
    One(&'a str),
    All,
}

pub(crate) fn run(_: &[String]) -> ExitCode {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let packages = match MetadataCommand::new().current_dir(top).no_deps().exec() {
        Ok(metadata) => metadata.packages,
        Err(error) => {
            eprintln!("the features of the programs cannot be found out: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(package) = packages.iter().find(|package| adds_parts(package)) {
        eprintln!("{} adds parts to every server: it must not name features", package.name);
        return ExitCode::FAILURE;
    }
    for program in PROGRAMS {
        let features = features(&packages, program);
        let each = features.iter().map(|feature| Choice::One(feature));
        for choice in [Choice::None].into_iter().chain(each).chain([Choice::All]) {
            if !is_clean(top, program, &choice) {
                eprintln!("{program} with {}: not clean", choice.in_words());
                return ExitCode::FAILURE;
            }
            println!("{program} with {}: fine", choice.in_words());
        }
    }
    ExitCode::SUCCESS
}

/// Whether a package turns parts on by depending on the library. Cargo puts together what all
/// packages ask for, but for their tests and benchmarks, where none is named: `cargo run --bin
/// etcdd` would build them all, and RocksDB's C++ among them.
fn adds_parts(package: &Package) -> bool {
    package.dependencies.iter().any(|dependency| {
        let is_always = dependency.kind != DependencyKind::Development;
        dependency.name == LIBRARY && is_always && !dependency.features.is_empty()
    })
}

/// The features that are no collection of others.
fn features<'a>(packages: &'a [Package], program: &str) -> Vec<&'a str> {
    let package = packages.iter().find(|package| *package.name == *program);
    let names = package.into_iter().flat_map(|package| package.features.keys());
    names.map(String::as_str).filter(|name| !matches!(*name, "default" | "parts")).collect()
}

/// Clippy is asked, as it tells of what a choice leaves unused.
fn is_clean(top: &Path, program: &str, choice: &Choice<'_>) -> bool {
    let mut command = Command::new(env!("CARGO"));
    command.args(["clippy", "--quiet", "--package", program, "--no-default-features"]);
    match choice {
        Choice::None => {}
        Choice::One(feature) => _ = command.args(["--features", feature]),
        Choice::All => _ = command.arg("--all-features"),
    }
    command.args(["--", "-D", "warnings"]).current_dir(top);
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cargo cannot be run: {error}");
            false
        }
    }
}

impl Choice<'_> {
    fn in_words(&self) -> String {
        match self {
            Self::None => "no features".to_owned(),
            Self::One(feature) => format!("{feature} alone"),
            Self::All => "all features".to_owned(),
        }
    }
}
