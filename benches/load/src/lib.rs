//! Load for any server that speaks etcd's gRPC, and what that load costs.
//!
//! In go endpoints, a load (puts, gets, pages, filling) and a number of clients; out come
//! throughput, latencies, and the CPU time and memory of the servers' processes, as the kernel
//! counts them. [`versus`] starts two servers in turn and compares.
//!
//! ```text
//!   versus ──► integration::Cluster        fresh members for every round
//!      ├─────► run, fill ──► Connections   clients that share a few HTTP/2 connections
//!      │          └────────► Usage         /proc, before and after
//!      └─────► Report                      medians, as Markdown and as JSON
//! ```
//!
//! # Invariants
//!
//! - The generator is one thread, so that it takes little from servers on the same machine, and the
//!   same from each.
//! - What is measured lies between two instants: requests that end in between, CPU time in between.
//! - A request that fails is counted, never timed; a comparison with failures says so.
//!
//! # What it does not know
//!
//! Which server it speaks to.
//!
//! # Where to start
//!
//! [`Load`], then [`run`].

mod connections;
mod drive;
mod report;
mod usage;
pub mod versus;

pub use connections::Connections;
pub use drive::{Amount, Load, Outcome, fill, run};
pub use report::{Measure, Report, Sample};
pub use usage::Usage;
