//! Who the peers are, and what belongs to each.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tls::Connector;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tracing::{info, warn};
use transport::{Lane, Peer, Sink};
use units::NodeId;

use crate::queue::Queue;
use crate::verdicts::Verdicts;
use crate::wire::{Introduction, Refusal};
use crate::{Options, link};

/// Members of the cluster that this one has not heard of and answers nevertheless. More than a
/// cluster ever gains while a member is away.
const STRANGERS_MAX: usize = 16;

/// Questions on their way to one peer.
const CALLS_MAX: usize = 1024;

/// What this member itself brings.
pub(crate) struct Local {
    pub(crate) options: Options,
    /// Connects to peers that are secured.
    pub(crate) connector: Connector,
    pub(crate) runtime: Handle,
    pub(crate) sink: Arc<dyn Sink>,
}

/// Everybody this member may speak with.
pub(crate) struct Peers {
    pub(crate) local: Arc<Local>,
    table: RwLock<Table>,
    verdicts: Mutex<Verdicts>,
}

#[derive(Default)]
struct Table {
    peers: BTreeMap<NodeId, Arc<Remote>>,
    /// Of the cluster by their own word, and not among `peers`.
    strangers: BTreeMap<NodeId, Arc<Remote>>,
    removed: BTreeSet<NodeId>,
}

/// A peer and the tasks that serve it, which end when it is dropped.
pub(crate) struct Remote {
    pub(crate) line: Arc<Line>,
    tasks: Mutex<JoinSet<()>>,
}

/// The way to a peer. Tasks hold this and never the [`Remote`] that holds them.
pub(crate) struct Line {
    pub(crate) local: Arc<Local>,
    pub(crate) peer: Peer,
    /// By `Lane as usize`.
    pub(crate) queues: [Arc<Queue>; Lane::ALL.len()],
    /// Since when each lane is open, by `Lane as usize`.
    open: Mutex<[Option<Instant>; Lane::ALL.len()]>,
    /// Which of the peer's URLs is tried next.
    pub(crate) next_url: AtomicUsize,
    /// For calls, kept from one to the next.
    pub(crate) channel: Mutex<Option<Channel>>,
    pub(crate) calls: Arc<Semaphore>,
    pub(crate) sends_snapshot: AtomicBool,
}

impl Peers {
    pub(crate) fn new(local: Local) -> Self {
        Self { local: Arc::new(local), table: RwLock::default(), verdicts: Mutex::default() }
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<Arc<Remote>> {
        let table = self.read();
        table.peers.get(&id).or_else(|| table.strangers.get(&id)).cloned()
    }

    /// See [`transport::Transport::set_peers`].
    pub(crate) fn set(&self, peers: &[Peer]) {
        let mut table = self.write();
        let mut former = std::mem::take(&mut table.peers);
        for peer in peers.iter().filter(|peer| peer.id != self.local.options.id) {
            let kept = former.remove(&peer.id).or_else(|| table.strangers.remove(&peer.id));
            let remote = match kept {
                Some(remote) if remote.line.peer == *peer => remote,
                _ => Remote::start(&self.local, peer.clone()),
            };
            table.peers.insert(peer.id, remote);
        }
        table.removed.extend(former.into_keys());
    }

    /// See [`transport::Transport::set_removed`].
    pub(crate) fn remove(&self, members: &[NodeId]) {
        let mut table = self.write();
        for id in members {
            table.peers.remove(id);
            table.strangers.remove(id);
            table.removed.insert(*id);
        }
    }

    /// Whether a caller is to be heard, and from now on answered.
    pub(crate) fn admit(&self, caller: &Introduction) -> Result<(), Refusal> {
        let verdict = self.refusal(caller);
        // Once for each change, else a peer that tries again and again fills the log.
        let is_news = self.verdicts().is_news(caller, verdict);
        if let (Err(refusal), true) = (verdict, is_news) {
            warn!(
                "local-member-id" = %self.local.options.id,
                "local-cluster-id" = %self.local.options.cluster,
                "remote-peer-id" = %caller.from,
                "remote-cluster-id" = %caller.cluster,
                "reason" = %refusal,
                "rejected a peer"
            );
        }
        verdict
    }

    fn refusal(&self, caller: &Introduction) -> Result<(), Refusal> {
        let options = &self.local.options;
        if caller.cluster != options.cluster {
            return Err(Refusal::AnotherCluster);
        }
        if caller.to != options.id || caller.from == options.id {
            return Err(Refusal::AnotherMember);
        }
        let table = self.read();
        if table.removed.contains(&caller.from) {
            return Err(Refusal::Removed);
        }
        if table.peers.contains_key(&caller.from) {
            return Ok(());
        }
        drop(table);
        self.welcome(caller)
    }

    /// A member that is behind must hear a leader that joined meanwhile, or it stays behind.
    fn welcome(&self, caller: &Introduction) -> Result<(), Refusal> {
        let mut table = self.write();
        let peer = Peer { id: caller.from, urls: caller.urls.clone() };
        if table.strangers.get(&caller.from).is_some_and(|remote| remote.line.peer == peer) {
            return Ok(());
        }
        let is_full = table.strangers.len() >= STRANGERS_MAX;
        if peer.urls.is_empty() || (is_full && !table.strangers.contains_key(&caller.from)) {
            return Err(Refusal::Unknown);
        }
        info!("remote-peer-id" = %peer.id, "remote-peer-urls" = ?peer.urls, "added remote peer");
        table.strangers.insert(caller.from, Remote::start(&self.local, peer));
        Ok(())
    }

    pub(crate) fn is_removed(&self, id: NodeId) -> bool {
        self.read().removed.contains(&id)
    }

    fn verdicts(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote {
    fn start(local: &Arc<Local>, peer: Peer) -> Arc<Self> {
        let line = Arc::new(Line {
            local: Arc::clone(local),
            peer,
            queues: Lane::ALL.map(|_| Arc::new(Queue::default())),
            open: Mutex::default(),
            next_url: AtomicUsize::new(0),
            channel: Mutex::default(),
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
            sends_snapshot: AtomicBool::new(false),
        });
        let remote = Self { line: Arc::clone(&line), tasks: Mutex::default() };
        for lane in Lane::ALL {
            remote.spawn(link::run(Arc::clone(&line), lane));
        }
        Arc::new(remote)
    }

    /// Runs something on behalf of the peer, until it is done or the peer is none any more.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.line.local.runtime);
    }
}

impl Line {
    /// For how long frames have been able to reach the peer.
    pub(crate) fn connected(&self) -> Option<Duration> {
        let open = self.lanes();
        let heartbeat = open[Lane::Heartbeat as usize]?;
        let append = open[Lane::Append as usize]?;
        Some(heartbeat.max(append).elapsed())
    }

    pub(crate) fn is_open(&self, lane: Lane) -> bool {
        self.lanes()[lane as usize].is_some()
    }

    pub(crate) fn set_open(&self, lane: Lane, since: Option<Instant>) {
        self.lanes()[lane as usize] = since;
    }

    fn lanes(&self) -> MutexGuard<'_, [Option<Instant>; Lane::ALL.len()]> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
