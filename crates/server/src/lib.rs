//! A member put together from a configuration.
//!
//! ```text
//!   arguments, environment ──► Config ──► parts, DataDir, origin ──► assemble ──► Member
//!                                       peer port: transport, pages ◄──┤
//!                          client port: api, once it has joined     ◄──┘
//! ```
//!
//! In goes what etcd's flags say; out comes a member that is one of a cluster, or one line that
//! says why not. This is also what others embed: [`Config`] and [`Member`] without the program
//! around them. [`Conversion`] moves a data directory to other parts.
//!
//! # Invariants
//!
//! - Nothing is touched before every check is passed: a wrong flag or directory costs nothing.
//! - Clients are served when, and only when, the member has joined.
//! - Which parts there are is known here and nowhere else.
//!
//! # What it does not know
//!
//! What a request means.
//!
//! # Where to start
//!
//! [`run()`], which is the program, then [`Member`] and `parts.rs`; [`guide`] for those who build
//! on it.

mod ask;
mod assemble;
mod assembly;
mod bootstrap;
mod config;
mod convert;
mod corruption;
mod data_dir;
mod error;
pub mod guide;
mod listen;
mod log;
mod member;
mod notify;
mod parts;
mod run;
mod security;

/// In which words a [`TransportPart`] says where members are.
pub use api::urls::{Scheme, Url};
pub use assembly::Assembly;
pub use config::{BadConfig, ClusterState, Config, Keepalive, LeaseCheckpoints};
pub use convert::{Conversion, Converted, Progress, Step};
pub use error::Error;
pub use host::Handle;
pub use member::Member;
pub use parts::{
    Carrier, Choices, ConsensusPart, EnginePart, LogPart, LogSite, Parts, Passage,
    TransportOptions, TransportPart, TransportSite, Visiting, Visitors,
};
pub use run::{raise_descriptors_max, run, run_of};
/// What [`Config`] says about TLS, and [`TransportSite`] hands on.
pub use tls;
