//! Who the peers are, and who is heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tracing::{info, warn};
use transport::{CallError, CallTicket, Lane, Peer, Sink, Source};
use units::NodeId;

use crate::question::Asked;
use crate::snapshot::{self, Departing};
use crate::verdicts::Verdicts;
use crate::{Introduction, Line, Options, Refusal, Remote};

/// Members of the cluster that this one has not heard of and answers nevertheless. More than a
/// cluster ever gains while a member is away.
const STRANGERS_MAX: usize = 16;

/// How a part connects.
pub trait Dialer: Send + Sync + 'static {
    /// What is kept of a connection from one use to the next; by default there is none.
    type Kept: Clone + Default + Send + Sync + 'static;
}

/// What this member itself brings.
pub struct Local<D> {
    /// Who it is and how it treats its peers.
    pub options: Options,
    /// Connects to them.
    pub dialer: D,
    /// Where what is said to peers is done.
    pub runtime: Handle,
    /// Where what they say goes.
    pub sink: Arc<dyn Sink>,
}

/// Everybody this member may speak with.
pub struct Peers<D: Dialer> {
    local: Arc<Local<D>>,
    begin: Begin<D>,
    table: RwLock<Table<D>>,
    verdicts: Mutex<Verdicts>,
}

/// Begins whatever keeps a new peer connected.
type Begin<D> = Box<dyn Fn(&Remote<D>) + Send + Sync>;

struct Table<D: Dialer> {
    peers: BTreeMap<NodeId, Arc<Remote<D>>>,
    /// Of the cluster by their own word, and not among `peers`.
    strangers: BTreeMap<NodeId, Arc<Remote<D>>>,
    removed: BTreeSet<NodeId>,
}

impl<D: Dialer> Peers<D> {
    /// Nobody yet. Of each new peer the part is told, so that it begins to connect to it.
    pub fn new(local: Local<D>, begin: impl Fn(&Remote<D>) + Send + Sync + 'static) -> Self {
        let table =
            Table { peers: BTreeMap::new(), strangers: BTreeMap::new(), removed: BTreeSet::new() };
        Self {
            local: Arc::new(local),
            begin: Box::new(begin),
            table: RwLock::new(table),
            verdicts: Mutex::default(),
        }
    }

    /// This member.
    pub fn local(&self) -> &Arc<Local<D>> {
        &self.local
    }

    /// Who has this id, if anybody here knows.
    pub fn get(&self, id: NodeId) -> Option<Arc<Remote<D>>> {
        let table = self.read();
        table.peers.get(&id).or_else(|| table.strangers.get(&id)).cloned()
    }

    /// See [`transport::Transport::send`].
    pub fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        let is_sendable = frame.len() <= self.local.options.frame_bytes_max;
        if !is_sendable {
            warn!("remote-peer-id" = %to, "bytes" = frame.len(), "dropped a frame too large");
        }
        let remote = self.get(to).filter(|_| is_sendable);
        if !remote.is_some_and(|remote| remote.line.queues[lane as usize].push(frame)) {
            self.local.sink.unreachable(to);
        }
    }

    /// See [`transport::Transport::call`]; the part asks.
    pub fn call<F>(
        &self,
        to: NodeId,
        ticket: CallTicket,
        ask: impl FnOnce(Arc<Line<D>>) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<Bytes, CallError>> + Send,
    {
        let asked = Asked::new(Arc::clone(&self.local.sink), ticket);
        if let Some(remote) = self.get(to) {
            remote.ask(asked, ask);
        }
    }

    /// See [`transport::Transport::send_snapshot`]; the part transmits, and says how much content
    /// there was.
    pub fn send_snapshot<F>(
        &self,
        to: NodeId,
        header: Bytes,
        source: Box<dyn Source>,
        transmit: impl FnOnce(Arc<Line<D>>, Departing) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<u64, String>> + Send,
    {
        match self.get(to) {
            Some(remote) => snapshot::send(&remote, Departing::new(header, source), transmit),
            None => self.local.sink.snapshot_sent(to, false),
        }
    }

    /// See [`transport::Transport::connected`].
    pub fn connected(&self, peer: NodeId) -> Option<Duration> {
        self.get(peer)?.line.connected()
    }

    /// See [`transport::Transport::set_peers`].
    pub fn set(&self, peers: &[Peer]) {
        let mut table = self.write();
        let mut former = std::mem::take(&mut table.peers);
        for peer in peers.iter().filter(|peer| peer.id != self.local.options.id) {
            let kept = former.remove(&peer.id).or_else(|| table.strangers.remove(&peer.id));
            let remote = match kept {
                Some(remote) if remote.line.peer == *peer => remote,
                _ => self.start(peer.clone()),
            };
            table.peers.insert(peer.id, remote);
        }
        table.removed.extend(former.into_keys());
    }

    /// See [`transport::Transport::set_removed`].
    pub fn remove(&self, members: &[NodeId]) {
        let mut table = self.write();
        for id in members {
            table.peers.remove(id);
            table.strangers.remove(id);
            table.removed.insert(*id);
        }
    }

    /// Whether a caller is to be heard, and from now on answered.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn admit(&self, caller: &Introduction) -> Result<(), Refusal> {
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
        table.strangers.insert(caller.from, self.start(peer));
        Ok(())
    }

    /// Whether this member was removed from the cluster.
    pub fn is_removed(&self, id: NodeId) -> bool {
        self.read().removed.contains(&id)
    }

    fn start(&self, peer: Peer) -> Arc<Remote<D>> {
        let remote = Remote::new(Arc::clone(&self.local), peer);
        (self.begin)(&remote);
        Arc::new(remote)
    }

    fn verdicts(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Table<D>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table<D>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
