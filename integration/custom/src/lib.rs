//! A server that etcdd's makers have never seen: their crates, with an engine, a raft log and a
//! service of gRPC that are written here.
//!
//! ```text
//!   custom-etcdd --raft-log=journal --backend=journal …
//! ```
//!
//! (Which needs no saying, as there are no others.) `journal.rs` is a file of records that both
//! parts write; `engine.rs` and `log.rs` are the parts; `count.rs` is the service. `tests/` runs
//! the suites that every part of etcdd has to pass, and a cluster of three in one process.

mod assembly;
mod count;
mod engine;
mod journal;
mod log;
pub mod wire;

pub use assembly::assembly;
pub use engine::JournalEngine;
pub use log::JournalLog;
