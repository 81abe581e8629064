//! A server that etcdd's makers have never seen: their crates, with an engine, a raft log and a
//! service of gRPC that are written here.
//!
//! ```text
//!   custom-etcdd --raft-log=journal --backend=journal …     (which needs no saying: there are no others)
//! ```
//!
//! `journal.rs` is a file of records that both parts write; `engine.rs` and `log.rs` are the parts;
//! `count.rs` is the service. `tests/` runs the suites that every part of etcdd has to pass, and a
//! cluster of three in one process.

mod count;
mod engine;
mod journal;
mod log;

use std::sync::Arc;

use server::{Assembly, Parts};

pub use engine::JournalEngine;
pub use log::JournalLog;

/// What `build.rs` makes of `proto/`.
pub mod wire {
    tonic::include_proto!("custom.v1");
}

/// What the parts here are called.
pub const NAME: &str = "journal";

/// The parts of etcdd that are compiled in, with ours, and the service.
pub fn assembly() -> Assembly {
    let mut parts = Parts::compiled_in();
    parts.engines.offer(NAME, Arc::new(engine::Part));
    parts.logs.offer(NAME, Arc::new(log::Part));
    Assembly::of(parts).serving(count::routes)
}
