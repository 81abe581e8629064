//! etcdd: arguments and environment in, an exit code out.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request's messages are made on one thread and dropped on another, for which the system's
/// allocator takes a fifth of a put's time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // What is not text is no flag and no setting that etcd knows.
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let arguments = std::env::args_os().skip(1).map(text);
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    server::run(arguments, variables)
}
