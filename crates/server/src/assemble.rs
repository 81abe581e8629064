//! Puts a member together from the parts that were chosen.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use axum::Router;
use backend::Backend;
use consensus::{Limits, ReadPolicy};
use host::{Ending, Handle, Inline, MakeConsensus, MakeTransport, Parts, Space};
use links::SNAPSHOT_BYTES_PER_SECOND;
use node::TrimPolicy;
use raftlog::{Identity, Opened};
use state::{Machine, Version};
use tokio::runtime::Handle as Runtime;
use transport::Peer;
use units::{Index, NodeId};

use crate::ask::Reach;
use crate::bootstrap::Origin;
use crate::data_dir::DataDir;
use crate::parts::{Carrier, Chosen, LogSite, TransportOptions, TransportSite, Visitors};
use crate::security::Security;
use crate::{Config, Error, LeaseCheckpoints};

/// What a member is made of and where.
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) data: DataDir,
    pub(crate) chosen: Chosen,
    pub(crate) security: Security,
}

/// The version of etcd that is spoken.
const VERSION: Version = Version { major: 3, minor: 7, patch: 1 };

/// How often the engine is made durable: what a start replays after a crash was written in this
/// time.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How often what is left of long leases is noted where that is asked for: etcd's interval.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);

/// The largest snapshot that is taken in: more than an engine should ever hold.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 40;

/// Long reads that run at once: as many as keep a disk busy, and leave processors to the rest.
const READS_MAX: usize = 16;

/// Bytes of recent changes kept for watchers that are a little behind: some forty thousand usual
/// ones, a second's worth of the most that there can be. Who is further behind is served from the
/// engine.
const WATCH_RING_BYTES: usize = 16 << 20;

/// Bytes of entries that are kept for peers that lag, beside their number, which is configured. One
/// that lags further is sent a snapshot, which is about as soon done as so much log.
const KEPT_BYTES_MAX: u64 = 64 << 20;

/// How much must go at least when the log is trimmed before `--snapshot-count` entries may, as that
/// costs a sync.
const TRIM_STEP_BYTES: u64 = 16 << 20;

/// The largest frame between members. Far more than their own requests may be, as another member
/// may allow larger ones, and an entry that cannot be sent holds up all that follow it.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// What one message, one peer and one group may have: etcd's numbers where it has some. Entries are
/// kept in memory for peers that are seconds behind; what others lack is read from the log.
const LIMITS: Limits = Limits {
    message_bytes_max: 1 << 20,
    inflight_messages_max: 512,
    inflight_bytes_max: 64 << 20,
    uncommitted_bytes_max: 256 << 20,
    cached_bytes_max: 24 << 20,
    apply_bytes_max: 4 << 20,
};

/// Whom a transport is told of first, where it runs, and where it hears datagrams.
pub(crate) struct AmongPeers {
    pub(crate) told: Vec<Peer>,
    pub(crate) runtime: Runtime,
    pub(crate) sockets: Vec<UdpSocket>,
}

/// What is to be served for a transport.
pub(crate) struct Carried {
    /// On the peer port, beside its other paths.
    pub(crate) served: Router,
    /// As if they had come to the peer port.
    pub(crate) visitors: Option<Visitors>,
}

impl Plan {
    /// How the member behaves.
    fn host_config(&self) -> host::Config {
        host_config(&self.config, &self.data, self.chosen.consensus.members_max())
    }
}

fn host_config(config: &Config, data: &DataDir, members_max: Option<usize>) -> host::Config {
    host::Config {
        name: config.name.clone(),
        client_urls: config.advertise_client_urls.to_strings(),
        version: VERSION,
        consensus: consensus::Config {
            // The member's own; it sets them itself.
            id: NodeId(u64::MAX),
            seed: 0,
            heartbeat: config.heartbeat,
            election_timeout: config.election_timeout,
            pre_vote: config.pre_vote,
            check_quorum: true,
            reads: ReadPolicy::Quorum,
            limits: LIMITS,
        },
        state: state::Config {
            node: NodeId(u64::MAX),
            lease: state::LeaseConfig {
                ttl_min_s: ttl_min_s(config),
                election_timeout: config.election_timeout,
                retry: config.request_timeout(),
                checkpoint_every: (config.lease_checkpoints != LeaseCheckpoints::Never)
                    .then_some(CHECKPOINT_EVERY),
            },
            quota_bytes: config.quota_bytes,
            learners_max: config.learners_max,
            store_checkpoints: config.lease_checkpoints == LeaseCheckpoints::Stored,
        },
        watch: watch::Config {
            ring_bytes_max: WATCH_RING_BYTES,
            progress_every: config.watch_progress_interval,
            seed: 0,
        },
        trim: TrimPolicy {
            kept_entries_max: config.snapshot_catchup_entries,
            kept_bytes_max: KEPT_BYTES_MAX,
            step_entries: config.snapshot_count.max(1),
            step_bytes: TRIM_STEP_BYTES,
        },
        request_timeout: config.request_timeout(),
        request_bytes_max: config.request_bytes_max,
        slow_apply: config.warning_apply_duration,
        hasten_first_election: config.initial_election_tick_advance,
        strict_changes: config.strict_reconfig_check,
        members_max,
        sync_every: SYNC_EVERY,
        spool: data.spool.clone(),
        snapshot_bytes_max: SNAPSHOT_BYTES_MAX,
        reads_max: READS_MAX,
        inline: Inline { apply: true, keep: true },
    }
}

/// The least TTL of a lease, in whole seconds: one and a half elections, as etcd counts them.
fn ttl_min_s(config: &Config) -> i64 {
    let ticks = config.election_timeout.as_nanos() / config.heartbeat.as_nanos().max(1);
    let shortest = config.heartbeat * u32::try_from(3 * ticks / 2).unwrap_or(u32::MAX);
    let whole = shortest.as_secs() + u64::from(shortest.subsec_nanos() > 0);
    i64::try_from(whole).unwrap_or(i64::MAX)
}

/// The engine, and the disks that it and everything else is on.
pub(crate) type Engine = (Arc<dyn Backend>, Space);

impl Plan {
    /// Opens or makes the engine, which locks it. First of all the disks are looked at, as one that
    /// is nearly full must get its reserve back for whatever is opened on it.
    pub(crate) fn engine(&self) -> Result<Engine, Error> {
        let data = &self.data;
        // In the log's directory, if that is on another disk: what is above it may be somebody
        // else's.
        let directories = [&data.member, &data.log, &data.engine, &data.spool].map(Clone::clone);
        let space = Space::of_directories(&directories);
        let engine = self.chosen.engine.open(&data.engine).map_err(Error::Engine)?;
        Ok((engine, space))
    }

    /// Makes sure that an engine without a log has nothing in it: then the start that made it came
    /// no further. Else the log was lost, and with it what the member has promised to others.
    pub(crate) fn check_unused(&self, engine: &Arc<dyn Backend>) -> Result<(), Error> {
        let state = Machine::open(Arc::clone(engine), self.host_config().state);
        let applied = state.map_err(Error::Engine)?.published().applied.index;
        if applied == Index(0) {
            return Ok(());
        }
        Err(Error::DataDir(format!(
            "the raft log in {} is missing, while {} holds data up to index {applied}: put it \
             back, or start with the --wal-dir that it is in; if it is lost, remove this member \
             and add it anew with an empty data directory",
            self.data.log.display(),
            self.data.engine.display()
        )))
    }

    /// Opens the log that is there.
    pub(crate) fn open_log(&self) -> Result<Opened, Error> {
        self.chosen.log.open(&self.log_site()).map_err(Error::Raftlog)
    }

    /// Makes the empty log of a member that comes into its cluster.
    pub(crate) fn create_log(&self, origin: &Origin) -> Result<Opened, Error> {
        let identity = Identity { node: origin.id, cluster: origin.cluster };
        self.chosen.log.create(&self.log_site(), identity).map_err(Error::Raftlog)
    }

    fn log_site(&self) -> LogSite<'_> {
        LogSite { directory: &self.data.log, skips_syncs: self.config.unsafe_no_fsync }
    }

    /// How other members are asked before there is a transport.
    pub(crate) fn reach(&self) -> Reach<'_> {
        Reach {
            connector: self.security.connector(),
            transport: &*self.chosen.transport,
            tls: &self.security.among_peers,
        }
    }

    /// Starts the member. What its transport serves comes with it, for the peer port. Must be
    /// called on a thread of the member's runtime that may wait for the disk.
    pub(crate) fn start(
        &self,
        log: Opened,
        (backend, space): Engine,
        among_peers: AmongPeers,
    ) -> Result<(Handle, Carried), Error> {
        let AmongPeers { told, runtime, sockets } = among_peers;
        let consensus = Arc::clone(&self.chosen.consensus);
        let consensus: MakeConsensus =
            Box::new(move |now, config, start| consensus.make(now, config, start));
        let (carry, carried) = sync_channel(1);
        let transport = self.transport(log.identity, (runtime, sockets), carry);
        let runtime = Runtime::current();
        let parts = Parts { log, backend, consensus, transport, space, runtime };
        let handle = host::start(parts, self.host_config(), told);
        let handle = handle.map_err(|ending| match ending {
            Ending::Apart(what) => {
                let (log, engine) = (self.data.log.display(), self.data.engine.display());
                Error::DataDir(format!("{log} does not fit {engine}: {what}"))
            }
            ending => Error::Ended(ending),
        })?;
        let carried = carried.try_recv();
        Ok((handle, carried.expect("a member makes its transport when it starts")))
    }

    /// Makes the transport once there is a sink, and leaves what has to be served for it.
    fn transport(
        &self,
        identity: Identity,
        (runtime, sockets): (Runtime, Vec<UdpSocket>),
        carried: SyncSender<Carried>,
    ) -> MakeTransport {
        let config = &self.config;
        let options = TransportOptions {
            cluster: identity.cluster,
            id: identity.node,
            urls: config.advertise_peer_urls.to_strings(),
            frame_bytes_max: FRAME_BYTES_MAX.max(config.request_bytes_max.saturating_mul(2)),
            call_timeout: config.request_timeout(),
            connect_timeout: config.connect_timeout(),
            snapshot_bytes_per_second: SNAPSHOT_BYTES_PER_SECOND,
        };
        let tls = self.security.among_peers.clone();
        let site = TransportSite { options, sockets, tls, runtime };
        let part = Arc::clone(&self.chosen.transport);
        Box::new(move |sink| {
            let Carrier { transport, served, visitors } = part.start(site, sink)?;
            // Whoever starts the member waits for it.
            drop(carried.send(Carried { served, visitors }));
            Ok(transport)
        })
    }
}
