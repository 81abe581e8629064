//! Servers that do nothing, each with less under it than the one before: what they cost per
//! request is what the layers cost, and what a server could gain that has one layer less.
//!
//! | server | what is under a request |
//! |---|---|
//! | `library` | `tonic`: router, codecs, a task for each request; `hyper`; `h2` |
//! | `tasks` | `hyper` and `h2`, a task for each request; the message is framed here |
//! | `inline` | the same, but the requests of a connection are answered by the task that reads it |
//! | `frames` | nothing but frames: see `frames.rs` for what it leaves out |
//!
//! Every put and every get of one key has the same answer. `cargo xtask bench floor` puts the loads
//! of `etcdd-load` on each of them in turn.

mod answer;
mod frames;
mod inline;
mod library;

use std::env;
use std::io;
use std::process::ExitCode;

use answer::Answer;

const USAGE: &str = "usage: etcdd-floor library|tasks|inline|frames put|get PORT";

const HOST: &str = "127.0.0.1";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [server, answer, port] = arguments.as_slice() else { return refuse(USAGE) };
    let (Some(answer), Ok(port)) = (Answer::of(answer), port.parse::<u16>()) else {
        return refuse(USAGE);
    };
    let served = match server.as_str() {
        "library" => library::serve((HOST, port)),
        "tasks" => inline::serve((HOST, port), answer, inline::Who::Tasks),
        "inline" => inline::serve((HOST, port), answer, inline::Who::Connection),
        "frames" => frames::serve((HOST, port), answer),
        _ => return refuse(USAGE),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("{server}: {error}")),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
