//! `etcdutl`: what is done to data directories that no server uses.
//!
//! ```text
//!   arguments ─► cmdline: which command, what is set ─► convert ─► server::Conversion
//! ```
//!
//! In go arguments and directories; out come answers on standard output, progress and complaints on
//! standard error, and an exit code: as etcd's own 3.7 has them. It reads no variables, and never
//! uses the network.
//!
//! # Invariants
//!
//! - A command of etcd's that is not there yet says so and fails.
//!
//! # Where to start
//!
//! `tree.rs`, the table of all commands; then `convert.rs`.

mod convert;
mod own;
mod tree;

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    server::raise_descriptors_max();
    let arguments: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    match cmdline::command::run(&tree::ROOT, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
