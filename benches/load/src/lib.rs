//! Load for any server that speaks etcd's gRPC, and what that load costs.
//!
//! In go endpoints, a load (puts, gets, pages, watchers, …) and a number of clients; out come
//! throughput, latencies, and the CPU time, memory and disk of the servers' processes, as the
//! kernel counts them. [`versus`] starts servers in turn and compares; [`matrix`] does so with what
//! one server can be made of.
//!
//! ```text
//!   versus ──► integration::Cluster     fresh members for every stage of every round
//!      ├─────► run, fill, watch, …      clients, and what they ask for
//!      │          ├──► Pool ──► wire    they share a few connections, and one thread
//!      │          └──► Usage            /proc, before and after
//!      └─────► Recorder ──► Report      medians, as a table, data and plots, after every step
//!
//!   matrix ──► versus, one combination of parts at a time ──► cells, table, page
//! ```
//!
//! # Invariants
//!
//! - The generator is one thread and costs a few microseconds a request, so that it takes little
//!   from servers on the same machine, and the same from each. What it costs is written down.
//! - What is measured lies between two instants: requests that end in between, CPU time in between.
//! - A request that fails, or whose answer is not what was asked for, is counted, never timed; a
//!   comparison with failures says so.
//!
//! # What it does not know
//!
//! Which server it speaks to.
//!
//! # Where to start
//!
//! [`Load`], then [`run`]; `wire` for how a request costs so little.

mod closed;
mod fill;
mod histogram;
mod lease;
mod link;
pub mod matrix;
mod measure;
mod message;
mod outcome;
mod pace;
mod plan;
mod plot;
mod pool;
mod recorder;
mod report;
mod request;
mod upkeep;
mod usage;
pub mod versus;
mod watch;
mod wire;

pub use closed::{Amount, run};
pub use fill::fill;
pub use histogram::Histogram;
pub use lease::keep_alives;
pub use link::{Link, Weather};
pub use measure::Measure;
pub use outcome::Outcome;
pub use plan::{Plan, Trial};
pub use pool::Pool;
pub use recorder::Recorder;
pub use report::{Report, Sample};
pub use request::Load;
pub use upkeep::{Phase, Steady, Upkeep, upkeep};
pub use usage::Usage;
pub use watch::{Watching, watch};
pub use wire::Broken;
