//! Where things are built, and programs that do it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::MetadataCommand;

/// The workspace.
pub(crate) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Where cargo builds.
pub(crate) fn target() -> Result<PathBuf, String> {
    let metadata = MetadataCommand::new().current_dir(top()).no_deps().exec();
    metadata.map(|metadata| metadata.target_directory.into()).map_err(|error| error.to_string())
}

/// Runs a command in the workspace, which must succeed.
pub(crate) fn finish(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    match command.current_dir(top()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(format!("{program} cannot be run: {error}")),
    }
}

/// The same; what it prints.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    match command.current_dir(top()).stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8(output.stdout).map_err(|_| format!("{program} prints no text"))
        }
        Ok(output) => Err(format!("{program}: {}", output.status)),
        Err(error) => Err(format!("{program} cannot be run: {error}")),
    }
}
