//! Whether the server can be built of any choice of parts: each of its features by itself, none,
//! and all together. The defaults are built everywhere else.

use std::path::Path;
use std::process::{Command, ExitCode};

use cargo_metadata::MetadataCommand;

pub(crate) const DOES: &str = "check that each feature of the server compiles alone, and all do";

/// The package whose features are parts.
const SERVER: &str = "etcdd";

/// How features are chosen in one check.
enum Choice<'a> {
    None,
    One(&'a str),
    All,
}

pub(crate) fn run(_: &[String]) -> ExitCode {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let features = match features(top) {
        Ok(features) => features,
        Err(error) => {
            eprintln!("the features of {SERVER} cannot be found out: {error}");
            return ExitCode::FAILURE;
        }
    };
    let each = features.iter().map(|feature| Choice::One(feature));
    for choice in [Choice::None].into_iter().chain(each).chain([Choice::All]) {
        if !is_clean(top, &choice) {
            eprintln!("{SERVER} with {}: not clean", choice.in_words());
            return ExitCode::FAILURE;
        }
        println!("{SERVER} with {}: fine", choice.in_words());
    }
    ExitCode::SUCCESS
}

/// The features that are no collection of others.
fn features(top: &Path) -> Result<Vec<String>, cargo_metadata::Error> {
    let metadata = MetadataCommand::new().manifest_path(top.join("Cargo.toml")).no_deps().exec()?;
    let package = metadata.packages.into_iter().find(|package| *package.name == *SERVER);
    let features = package.map(|package| package.features).unwrap_or_default();
    let is_one = |name: &str| !matches!(name, "default" | "parts");
    Ok(features.into_keys().filter(|name| is_one(name)).collect())
}

/// Clippy is asked, as it tells of what a choice leaves unused.
fn is_clean(top: &Path, choice: &Choice<'_>) -> bool {
    let mut command = Command::new(env!("CARGO"));
    command.args(["clippy", "--quiet", "--package", SERVER, "--no-default-features"]);
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
