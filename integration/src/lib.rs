//! Everything a test needs to watch a cluster from outside: real processes, real sockets, genuine
//! clients.
//!
//! In goes the path of a server binary that takes etcd's flags (`ETCDD_BIN`; the built etcdd, if it
//! is not set). Out come running clusters that can be killed, paused, grown and asked, and clients
//! that speak to them: `etcdctl`, the JSON gateway, and programs in other languages that announce
//! when they want a fault.
//!
//! ```text
//!   test ──► Cluster ──► Member ──► Process     a server process each, its log kept by lines
//!     │         └─► Client, Etcdctl             asking, by the gateway and the command line
//!     ├──► Load ──► Ledger                      writers, and what they were promised
//!     └──► run_script                           a foreign program that asks for faults
//! ```
//!
//! # Invariants
//!
//! - Nothing is left behind: processes end and folders vanish when their owner is dropped. A test
//!   that fails leaves its logs, and says where.
//! - Nothing waits for time to pass: each wait is for a condition, and has a deadline.
//! - The same test runs against genuine etcd. What only etcdd does is asked of
//!   [`Server::is_etcdd`].
//!
//! # What it does not know
//!
//! Any crate of etcdd: it sees what every other client sees.
//!
//! # Where to start
//!
//! [`Cluster::start`]; then `tests/blackbox`, one file a subject. `integration/setup` installs the
//! genuine programs.

mod client;
mod cluster;
mod condition;
mod etcdctl;
mod load;
mod member;
mod process;
mod script;
mod tools;

pub use client::{Client, Consistency, Failure, Record, Status};
pub use cluster::{Cluster, Joining};
pub use condition::{PATIENCE, eventually};
pub use etcdctl::Etcdctl;
pub use load::{Ledger, Load};
pub use member::{Member, Place, free_address};
pub use process::Process;
pub use script::run_script;
pub use tools::{Server, Tools};
