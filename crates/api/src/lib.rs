//! etcd's API, spoken by a member.
//!
//! ```text
//!   client port ──► gate ──► KV, Watch, Lease, Cluster, Maintenance, Health ──► host::Handle
//!              └──► pages: /version, /health, /livez, /readyz ────────────────►    │
//!   peer port  ───► pages: /members, /version ───────────────────────────────►     │
//!   answers, headers, errors in etcd's words ◄─────────────────────────────────────┘
//! ```
//!
//! In go HTTP requests, by a router that whoever owns the ports serves; out come answers that a
//! client of etcd cannot tell from etcd's. The only room that speaks gRPC to clients, and the only
//! one that knows status codes and etcd's texts.
//!
//! # Invariants
//!
//! - Every error has the code and the text that etcd gives it, also those that the gRPC library
//!   makes by itself.
//! - A request is checked before anybody is asked, in etcd's order.
//! - What may wait for the disk runs on a thread for that, but for a few point reads.
//!
//! # What it does not know
//!
//! Raft, disks, sockets, which parts a member is made of.
//!
//! # Where to start
//!
//! [`Api`], then `kv.rs`; `error.rs` for the words.

mod clients;
mod cluster;
mod ends;
mod error;
mod gate;
mod health;
mod http;
pub mod ids;
mod kv;
mod lease;
mod maintenance;
mod router;
mod service;
mod slow;
mod unary;
pub mod urls;
mod version;
mod watch;
mod words;

pub use clients::Clients;
pub use router::Api;
pub use service::Options;
pub use unary::{Body, Data};
pub use version::VERSION;
