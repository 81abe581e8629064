//! A running member.

use std::sync::Arc;
use std::time::Duration;

use api::Api;
use api::urls::Urls;
use host::{Ending, Handle};
use raftlog::Opened;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{info, warn};
use transport::Peer;
use units::NodeId;

use crate::assemble::{AmongPeers, Engine, Plan};
use crate::bootstrap::origin;
use crate::config::ClusterState;
use crate::data_dir::DataDir;
use crate::listen::{Bound, Homes, Options};
use crate::parts::Chosen;
use crate::security::Security;
use crate::{Assembly, Config, Error, corruption};

/// A running member: it serves its peers from the start, and clients from when it has joined.
/// Dropped without having been stopped, it ends as if its process was killed.
pub struct Member {
    plan: Arc<Plan>,
    handle: Handle,
    clients: Serving,
    /// If it has addresses of its own for those who look after it.
    checks: Option<Serving>,
    peers: Serving,
}

/// Something that is served, until it is told to stop.
struct Serving {
    stop: watch::Sender<bool>,
    done: JoinHandle<()>,
}

impl Member {
    /// Starts a member as the program does; see [`Assembly::start`].
    ///
    /// # Errors
    ///
    /// Whatever is in the way; nothing was touched then that is not ours.
    pub async fn start(config: Config) -> Result<Self, Error> {
        Assembly::usual().start(config).await
    }

    pub(crate) async fn assemble(assembly: Assembly, config: Config) -> Result<Self, Error> {
        let Assembly { parts, routes } = assembly;
        let (config, chosen) = parts.settle(config)?;
        info!(
            "listen-peer-urls" = ?config.listen_peer_urls.to_strings(),
            "configuring peer listeners"
        );
        let mut peers = Bound::bind(&config.listen_peer_urls).await?;
        let sockets = peers.take_udp();
        info!(
            "listen-client-urls" = ?config.listen_client_urls.to_strings(),
            "configuring client listeners"
        );
        let clients = Bound::bind(&config.listen_client_urls).await?.listen()?;
        let checks = match &config.listen_metrics_urls {
            Some(urls) => Some(Bound::bind(urls).await?),
            None => None,
        };
        introduce(&config, &chosen);
        let data = DataDir::look(&config, &chosen)?;
        let security = Security::open(&config)?;
        let plan = Arc::new(Plan { config, data, chosen, security });
        let config = &plan.config;
        let (log, engine, told) = stores(&plan).await?;
        if let Some(repaired) = &log.repaired {
            warn!("what" = repaired, "repaired WAL");
        }
        let identity = log.identity;
        let (homes, among_peers) = Homes::thread("peers")
            .map_err(|error| Error::System(format!("starting a thread: {error}")))?;
        let among_peers = AmongPeers { told, runtime: among_peers, sockets };
        let starting = move |plan: &Plan| plan.start(log, engine, among_peers);
        let (handle, carried) = blocking(&plan, starting).await?;
        info!(
            "local-member-id" = %identity.node,
            "cluster-id" = %identity.cluster,
            "started a member"
        );
        // A new one holds what it is told, and nothing that could be compared.
        if config.initial_corrupt_check && plan.data.has_log && plan.data.has_engine {
            corruption::check(&handle).await?;
        }
        let stop = watch::Sender::new(false);
        let api = Api::new(handle.clone(), api_options(&plan), stop.subscribe());
        let client_routes = api.clients(routes(&handle));
        let stop_peers = watch::Sender::new(false);
        let serving = peers.listen()?.and(carried.visitors).serve(
            carried.served.merge(api.peers()),
            homes,
            Options::peers(plan.security.peers.clone()),
            stop_peers.subscribe(),
            // What peers are told never comes to an end by itself.
            Duration::ZERO,
        );
        let peers = Serving::begin(stop_peers, serving);
        let checks = checks.map(|bound| serve_checks(bound, &api, &plan)).transpose()?;

        joined(&handle).await?;
        let options = Options::clients(config, plan.security.clients.clone());
        let told = stop.subscribe();
        let drain = config.request_timeout();
        let serving = clients.serve(client_routes, Homes::threads(), options, told, drain);
        let clients = Serving::begin(stop, serving);
        info!("ready to serve client requests");
        announce(config);
        Ok(Self { plan, handle, clients, checks, peers })
    }

    /// What an embedder does with the member without a client: propose, read, watch, and ask how it
    /// is.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the member has ended by itself: it was removed from its cluster, or it failed.
    ///
    /// # Errors
    ///
    /// When it failed.
    pub async fn ended(&self) -> Result<(), Error> {
        match self.handle.ended().await {
            Ending::Asked => Ok(()),
            Ending::Removed => {
                info!("the member has been permanently removed from the cluster");
                Ok(())
            }
            ending => Err(Error::Ended(ending)),
        }
    }

    /// Stops: answers what is under way, hands leadership to another member if there is one, and
    /// ends.
    ///
    /// # Errors
    ///
    /// When it fails over it.
    pub async fn stop(self) -> Result<(), Error> {
        let Self { plan, handle, clients, checks, peers } = self;
        let config = &plan.config;
        clients.end().await;
        let ending = handle.stop().await;
        peers.end().await;
        if let Some(checks) = checks {
            checks.end().await;
        }
        info!(
            "name" = config.name,
            "data-dir" = %config.data_dir.display(),
            "advertise-peer-urls" = ?config.advertise_peer_urls.to_strings(),
            "advertise-client-urls" = ?config.advertise_client_urls.to_strings(),
            "closed etcd server"
        );
        match ending {
            Ending::Asked | Ending::Removed => Ok(()),
            ending => Err(Error::Ended(ending)),
        }
    }
}

/// Says what is started, and what should not surprise anybody later.
fn introduce(config: &Config, chosen: &Chosen) {
    info!(
        "etcd-version" = api::VERSION,
        "name" = config.name,
        "data-dir" = %config.data_dir.display(),
        "advertise-client-urls" = ?config.advertise_client_urls.to_strings(),
        "initial-advertise-peer-urls" = ?config.advertise_peer_urls.to_strings(),
        "heartbeat-interval" = ?config.heartbeat,
        "election-timeout" = ?config.election_timeout,
        "quota-backend-bytes" = config.quota_bytes,
        "starting an etcd server"
    );
    if !(chosen.log.keeps() && chosen.engine.keeps()) {
        warn!(
            "raft-log" = chosen.log_name,
            "backend" = chosen.engine_name,
            "this member forgets everything when it ends, its votes too: as one of several it can \
             cost the others what they were promised"
        );
    }
}

/// Serves those who look after the member, also while it waits for its cluster.
fn serve_checks(bound: Bound, api: &Api, plan: &Plan) -> Result<Serving, Error> {
    let config = &plan.config;
    let listening = bound.listen()?;
    for url in config.listen_metrics_urls.iter().flat_map(Urls::iter) {
        info!("address" = %url, "serving metrics");
    }
    let stop = watch::Sender::new(false);
    let told = stop.subscribe();
    let options = Options::clients(config, plan.security.metrics.clone());
    let homes = Homes::threads();
    let serving = listening.serve(api.checks(), homes, options, told, Duration::ZERO);
    Ok(Serving::begin(stop, serving))
}

/// Says where clients are served, and how.
fn announce(config: &Config) {
    for url in config.listen_client_urls.iter() {
        let how = if url.is_secure() {
            "serving client traffic securely"
        } else {
            "serving client traffic insecurely; this is strongly discouraged!"
        };
        info!("traffic" = "grpc+http", "address" = url.address(), "{how}");
    }
}

impl Serving {
    fn begin(
        stop: watch::Sender<bool>,
        serving: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self { stop, done: tokio::spawn(serving) }
    }

    async fn end(mut self) {
        self.stop.send_replace(true);
        drop((&mut self.done).await);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.done.abort();
    }
}

/// Waits until the cluster knows the member, and the member what the cluster has agreed on; or
/// until it has ended instead.
async fn joined(handle: &Handle) -> Result<(), Error> {
    let mut joined = handle.ready().await;
    while joined.is_ok() {
        // Known from a former start is not enough: somebody must lead it now.
        match handle.linearize().await {
            Ok(()) => return Ok(()),
            Err(host::Error::Stopped) => joined = Err(host::Error::Stopped),
            Err(_) => {}
        }
    }
    Err(Error::Ended(handle.ended().await))
}

/// The log and the engine, as they are or as the member's coming into its cluster makes them; and
/// the members that it was told of then, as its state does not know them yet. Nothing is made
/// before the cluster has agreed.
async fn stores(plan: &Arc<Plan>) -> Result<(Opened, Engine, Vec<Peer>), Error> {
    let (config, data) = (&plan.config, &plan.data);
    let (mut former, mut opened) = (None, None);
    if data.has_engine {
        former = Some(blocking(plan, Plan::engine).await?);
    }
    if data.has_log {
        let log = blocking(plan, Plan::open_log).await?;
        // An empty one belongs to a member that joins and was told nothing yet, or to a founder
        // that was stopped before it had written the founding into it.
        let is_told =
            log.last.index.0 > 0 || config.initial_cluster_state == ClusterState::Existing;
        if let Some(engine) = former.take_if(|_| is_told) {
            return Ok((log, engine, Vec::new()));
        }
        opened = Some(log);
    } else if let Some((engine, _)) = &former {
        let engine = Arc::clone(engine);
        blocking(plan, move |plan| plan.check_unused(&engine)).await?;
    }
    let origin = origin(config, &plan.reach()).await?;
    let peers = origin.members.iter().filter(|member| member.id != origin.id.0);
    let peers = peers.map(|member| Peer { id: NodeId(member.id), urls: member.peer_urls.clone() });
    let peers = peers.collect();
    let (log, engine) = blocking(plan, move |plan| {
        plan.data.make(&plan.chosen)?;
        // Before the log, as a log without an engine is one whose engine was lost.
        let engine = former.map_or_else(|| plan.engine(), Ok)?;
        let mut log = match opened {
            Some(log) => log,
            None => plan.create_log(&origin)?,
        };
        if (log.identity.node, log.identity.cluster) != (origin.id, origin.cluster) {
            return Err(Error::DataDir(format!(
                "the log in {} belongs to another member or cluster",
                plan.data.log.display()
            )));
        }
        if origin.founds {
            host::found(&mut log, &origin.members).map_err(Error::Raftlog)?;
        }
        Ok((log, engine))
    })
    .await?;
    Ok((log, engine, peers))
}

/// Does something that waits for the disk.
async fn blocking<T: Send + 'static>(
    plan: &Arc<Plan>,
    act: impl FnOnce(&Plan) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let plan = Arc::clone(plan);
    let done = spawn_blocking(move || act(&plan)).await;
    done.unwrap_or_else(|error| Err(Error::System(error.to_string())))
}

fn api_options(Plan { config, chosen, .. }: &Plan) -> api::Options {
    api::Options {
        txn_ops_max: config.txn_ops_max,
        request_bytes_max: config.request_bytes_max,
        quota: state::Quota { bytes_max: config.quota_bytes },
        election_timeout: config.election_timeout,
        slow_read: config.warning_apply_duration,
        slow_request: config.warning_request_duration,
        peer_schemes: chosen.transport.schemes(),
    }
}
