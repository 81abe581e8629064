//! `etcdctl`: etcd's command line client.
//!
//! ```text
//!   arguments ─► command: which one ─► flags: what is set ─► commands/*: the call ─► client
//!   variables ─► global ───────────────────────────────────────▲                       │
//!                                    print/*: an Answer, in one of five formats ◄──────┘
//! ```
//!
//! In go arguments, `ETCDCTL_*` variables and standard input; out come answers on standard output,
//! complaints on standard error, and an exit code: all as etcd's own 3.7 has them.
//!
//! # Invariants
//!
//! - What a command prints depends on the answer and the format alone: printers are functions.
//! - A command or an option that is not there yet says so and fails.
//!
//! # Where to start
//!
//! `tree.rs`, the table of all commands; then any file of `commands`.

mod call;
mod commands;
mod global;
mod print;
mod tree;

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use cmdline::{command, failure, flags, go, help};

fn main() -> ExitCode {
    let arguments: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    match command::run(&tree::ROOT, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
