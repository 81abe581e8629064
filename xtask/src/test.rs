//! Every test there is, in one command: the programs that the black-box tests start are built
//! first, and the genuine etcd programs and clients that they use are installed.

use std::path::Path;
use std::process::{Command, ExitCode};

pub(crate) const DOES: &str = "install what the tests need, build, and run them all";

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let cargo = env!("CARGO");
    let steps: [(&str, &[&str], &[String]); 4] = [
        ("integration/setup", &[], &[]),
        (cargo, &["build", "--workspace", "--bins"], &[]),
        (cargo, &["test", "--workspace"], arguments),
        // Outside the workspace, as those are who build on it.
        (
            cargo,
            &["test", "--locked", "--manifest-path", "integration/custom/Cargo.toml"],
            arguments,
        ),
    ];
    for (program, fixed, given) in steps {
        match Command::new(program).args(fixed).args(given).current_dir(top).status() {
            Ok(status) if status.success() => {}
            Ok(_) => return ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{program} cannot be run: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
