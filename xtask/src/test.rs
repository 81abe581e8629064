//! Every test there is, in one command: the programs that the black-box tests start are built
//! first, and the genuine etcd programs and clients that they use are installed.

use std::fs;
use std::process::{Command, ExitCode};

use crate::build::{finish, target};

pub(crate) const DOES: &str = "install what the tests need, build, and run them all";

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    match all(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("test: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(arguments: &[String]) -> Result<(), String> {
    finish(&mut Command::new("integration/setup"))?;
    server_of_all_parts()?;
    // What most tests start is what most people run: the defaults.
    finish(cargo().args(["build", "--workspace", "--bins"]))?;
    finish(cargo().args(["test", "--workspace"]).args(arguments))?;
    // Outside the workspace, as those are who build on it.
    let custom = ["test", "--locked", "--manifest-path", "integration/custom/Cargo.toml"];
    finish(cargo().args(custom).args(arguments))
}

fn cargo() -> Command {
    Command::new(env!("CARGO"))
}

/// Builds it, and puts it where the tests look for it and the next build does not.
fn server_of_all_parts() -> Result<(), String> {
    finish(cargo().args(["build", "--package", "etcdd", "--features", "parts"]))?;
    let built = target()?.join("debug");
    let folder = built.join("parts");
    let copied = fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(built.join("etcdd"), folder.join("etcdd")));
    copied.map(|_| ()).map_err(|error| format!("copying into {}: {error}", folder.display()))
}
