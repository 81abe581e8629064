//! What a member is put together from.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backend::Backend;
use consensus::Consensus;
use node::TrimPolicy;
use state::Version;
use tokio::runtime::Handle as Runtime;
use transport::{Sink, Transport};
use units::Time;

use crate::Space;

/// How a member behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name for people, which it makes known to the others.
    pub name: String,
    /// Where clients reach it, which it makes known to the others.
    pub client_urls: Vec<String>,
    /// What it speaks.
    pub version: Version,
    /// How consensus behaves; `id` and `seed` are set by the member.
    pub consensus: consensus::Config,
    /// How the state machine behaves; `node` is set by the member.
    pub state: state::Config,
    /// How watching behaves; `seed` is set by the member.
    pub watch: watch::Config,
    /// How much of the log is kept.
    pub trim: TrimPolicy,
    /// How long a request may take (etcd: 5 s and two election timeouts).
    pub request_timeout: Duration,
    /// The largest command (etcd: 1.5 MiB).
    pub request_bytes_max: usize,
    /// Entries that take longer to apply are worth a line in the log.
    pub slow_apply: Duration,
    /// Whether a member that starts waits less for a leader once it can reach the others.
    pub hasten_first_election: bool,
    /// Whether changes of members are refused that could cost the cluster its quorum.
    pub strict_changes: bool,
    /// How many members consensus can order for, if not for any number.
    pub members_max: Option<usize>,
    /// How often the engine is made durable, and so how much of the log a start replays.
    pub sync_every: Duration,
    /// A folder for received snapshots, of which nothing survives a start.
    pub spool: PathBuf,
    /// The largest snapshot that is taken in.
    pub snapshot_bytes_max: u64,
    /// How many long reads may run at once.
    pub reads_max: usize,
    /// What is done by whoever orders when the others are found idle.
    pub inline: Inline,
}

/// What is done by whoever orders, instead of waking the thread whose work it is, when
/// nothing else waits. It saves a hop when there is little to do, and costs nothing when there is
/// much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inline {
    /// Applying.
    pub apply: bool,
    /// Writing the log, unless this member leads others: what they do must not wait for its disk.
    pub keep: bool,
}

impl Inline {
    /// Everything is left to the thread whose work it is.
    pub(crate) const NOTHING: Self = Self { apply: false, keep: false };
}

/// The parts of a member.
pub struct Parts {
    /// The log, as it was found or just made.
    pub log: raftlog::Opened,
    /// The engine.
    pub backend: Arc<dyn Backend>,
    /// Makes the consensus machine.
    pub consensus: MakeConsensus,
    /// Makes the transport, which delivers into the sink from then on.
    pub transport: MakeTransport,
    /// The disks that log, engine and spool are on.
    pub space: Space,
    /// Where whatever waits for sockets and clocks runs; it must have time, and threads for
    /// blocking calls.
    pub runtime: Runtime,
}

/// Makes a consensus machine from where the member starts.
pub type MakeConsensus =
    Box<dyn FnOnce(Time, consensus::Config, consensus::Start) -> Box<dyn Consensus>>;

/// Makes a transport that delivers into the sink, if the system lets it.
pub type MakeTransport = Box<dyn FnOnce(Arc<dyn Sink>) -> io::Result<Arc<dyn Transport>>>;
