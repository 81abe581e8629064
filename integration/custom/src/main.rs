//! The server: etcd's flags and API, over parts of our own.

use std::process::ExitCode;

fn main() -> ExitCode {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let arguments = std::env::args_os().skip(1).map(text);
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    server::run_of(custom::assembly(), arguments, variables)
}
