//! What all threads and tasks of a member share: the desks, and what stands between them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use backend::{Backend, Fault, Records, Stats};
use bytes::Bytes;
use node::Ticket;
use raftlog::{Identity, LogReader};
use state::{Machine, Members, Outcome, Published};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Semaphore, watch};
use transport::{CallError, Peer, Transport};
use units::{NodeId, Time};

use crate::apply::Applier;
use crate::clock::Clock;
use crate::config::Config;
use crate::desk::Desk;
use crate::ids::Ids;
use crate::keep::Keeper;
use crate::leading::Leading;
use crate::order::Orderer;
use crate::pause::Pause;
use crate::space::Seen;
use crate::spool::Spool;
use crate::waiters::Waiters;
use crate::{Ending, Error};

/// What somebody who waits is told: an outcome, or that a read may begin.
pub(crate) type Reply = Result<Option<Outcome>, Error>;

/// After its removal a member lives so long, to let go out what it has to say (as etcd's do).
const REMOVED_GRACE: Duration = Duration::from_secs(1);

/// A member, but for its threads.
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) order: Desk<Orderer>,
    pub(crate) keep: Desk<Keeper>,
    pub(crate) apply: Desk<Applier>,
    /// Between two syncs of the engine.
    pub(crate) durable: Pause,
    /// Between two looks at the disks.
    pub(crate) looking: Pause,
    pub(crate) waiters: Waiters<Reply>,
    /// Who waits for answers of other members.
    pub(crate) calls: Waiters<Result<Bytes, CallError>>,
    pub(crate) leading: watch::Sender<Leading>,
    pub(crate) published: watch::Sender<Arc<Published>>,
    pub(crate) ending: watch::Sender<Option<Ending>>,
    pub(crate) space: Arc<Seen>,
    pub(crate) spool: Spool,
    /// What is shared of engine and log; nothing once the member has stopped, however long it is
    /// remembered. Whoever uses it holds this for so long, and a stop waits for that.
    stores: RwLock<Option<Stores>>,
    pub(crate) runtime: Runtime,
    /// Room for long reads, and for those that wait for it.
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) reads_waiting: Semaphore,
    /// Room for what this member proposes by itself.
    pub(crate) own_proposals: Arc<Semaphore>,
    /// Room for questions of other members.
    pub(crate) questions: Arc<Semaphore>,
    /// Peers with their addresses; none once the member has stopped.
    wire: Mutex<Wire>,
    /// Held by whoever makes the engine durable or replaces it: one excludes the other.
    engine: Mutex<()>,
    /// How many frames of peers were refused before the node could.
    pub(crate) frames_refused: AtomicU64,
    /// When the node was last seen at work, in milliseconds.
    alive_ms: AtomicU64,
    itself: Weak<Self>,
}

/// What a member reads and writes, but for what the owners have alone.
pub(crate) struct Stores {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) reader: Arc<dyn LogReader>,
}

#[derive(Default)]
struct Wire {
    transport: Option<Arc<dyn Transport>>,
    /// Everybody who was told of and not removed. A member that is not in the present list is kept:
    /// it may be in a later one that this member has not applied yet.
    peers: BTreeMap<NodeId, Peer>,
    members: Option<Arc<Members>>,
}

/// The parts of a member that are made before it.
pub(crate) struct Made {
    pub(crate) identity: Identity,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) orderer: Orderer,
    pub(crate) keeper: Keeper,
    pub(crate) applier: Applier,
    pub(crate) leading: Leading,
    pub(crate) published: Arc<Published>,
    pub(crate) space: Arc<Seen>,
    pub(crate) spool: Spool,
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
}

/// Proposals of this member's own that are under way at once, as in etcd: expiring leases must not
/// crowd out clients.
const OWN_PROPOSALS_MAX: usize = 16;

/// Long reads of clients that may run or wait for a thread: some seconds' worth of them.
const READS_WAITING_MAX: usize = 4_096;

/// Questions of other members that are answered at once; more get no answer.
const QUESTIONS_MAX: usize = 256;

impl Shared {
    /// Puts everything in its place; nothing moves yet.
    pub(crate) fn new(made: Made) -> Arc<Self> {
        let reads = Arc::new(Semaphore::new(made.config.reads_max.max(1)));
        Arc::new_cyclic(|itself| Self {
            identity: made.identity,
            durable: Pause::default(),
            looking: Pause::default(),
            config: made.config,
            clock: made.clock,
            ids: made.ids,
            order: Desk::new(made.orderer),
            keep: Desk::new(made.keeper),
            apply: Desk::new(made.applier),
            waiters: Waiters::new(),
            calls: Waiters::new(),
            leading: watch::Sender::new(made.leading),
            published: watch::Sender::new(made.published),
            ending: watch::Sender::new(None),
            space: made.space,
            spool: made.spool,
            stores: RwLock::new(Some(made.stores)),
            runtime: made.runtime,
            reads,
            reads_waiting: Semaphore::new(READS_WAITING_MAX),
            own_proposals: Arc::new(Semaphore::new(OWN_PROPOSALS_MAX)),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
            wire: Mutex::default(),
            engine: Mutex::new(()),
            frames_refused: AtomicU64::new(0),
            alive_ms: AtomicU64::new(0),
            itself: itself.clone(),
        })
    }

    /// For whatever must not keep the member alive.
    pub(crate) fn weak(&self) -> Weak<Self> {
        self.itself.clone()
    }

    /// What readers see now.
    pub(crate) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published.borrow())
    }

    /// Who leads.
    pub(crate) fn leading(&self) -> Leading {
        *self.leading.borrow()
    }

    /// Whether it is this member.
    pub(crate) fn leads(&self) -> bool {
        self.leading().leadership.leader == Some(self.identity.node)
    }

    /// Readers see this from now on, and members that came reach this one.
    pub(crate) fn publish(&self, published: &Arc<Published>) {
        self.published.send_replace(Arc::clone(published));
        self.introduce(&published.members);
    }

    /// Answers whoever waits for the ticket.
    pub(crate) fn answer(&self, ticket: Ticket, reply: Reply) {
        self.waiters.answer(ticket, reply);
    }

    /// The transport, as long as the member runs.
    pub(crate) fn transport(&self) -> Option<Arc<dyn Transport>> {
        self.wire().transport.clone()
    }

    /// From now on there is a transport, and there are these peers.
    pub(crate) fn connect(&self, transport: Arc<dyn Transport>, peers: Vec<Peer>) {
        let mut wire = self.wire();
        wire.peers = peers.into_iter().map(|peer| (peer.id, peer)).collect();
        wire.transport = Some(transport);
        wire.announce();
    }

    /// From now on nothing is said or heard.
    pub(crate) fn disconnect(&self) {
        let transport = self.wire().transport.take();
        drop(transport);
    }

    /// Tells the transport of members that are new, have moved or are gone.
    fn introduce(&self, members: &Arc<Members>) {
        let mut wire = self.wire();
        if wire.members.as_ref().is_some_and(|known| Arc::ptr_eq(known, members)) {
            return;
        }
        wire.members = Some(Arc::clone(members));
        for (id, member) in &members.current {
            if *id != self.identity.node {
                let urls = member.peer_urls.clone();
                wire.peers.insert(*id, Peer { id: *id, urls });
            }
        }
        wire.peers.retain(|id, _| !members.removed.contains(id));
        wire.announce();
    }

    /// The node is at work.
    pub(crate) fn alive(&self, now: Time) {
        let ms = u64::try_from(now.0.as_millis()).unwrap_or(u64::MAX);
        self.alive_ms.store(ms, Ordering::Relaxed);
    }

    /// For how long the node was not at work.
    pub(crate) fn absent(&self) -> Duration {
        let alive = Duration::from_millis(self.alive_ms.load(Ordering::Relaxed));
        self.clock.now().0.saturating_sub(alive)
    }

    /// Does something with engine or log, unless the member has stopped. The stop that comes
    /// meanwhile waits.
    pub(crate) fn with_stores<T>(&self, act: impl FnOnce(&Stores) -> T) -> Option<T> {
        // Nobody leaves them half changed.
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.as_ref().map(act)
    }

    /// Engine and log are free to be opened again: the threads and the long reads have ended, and
    /// nobody else gets hold of them any more.
    pub(crate) fn let_go(&self) {
        let closed = self.published().closed();
        self.published.send_replace(Arc::new(closed));
        let stores = self.stores.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(stores);
    }

    /// Bytes of the engine; none once the member has stopped.
    pub(crate) fn engine_stats(&self) -> Stats {
        self.with_stores(|stores| stores.backend.stats()).unwrap_or_default()
    }

    /// A machine over what the engine holds.
    pub(crate) fn open_machine(&self) -> Result<Machine, Fault> {
        self.on_engine(|backend| Machine::open(Arc::clone(backend), self.config.state))
    }

    /// Puts the records in the place of everything, durably.
    pub(crate) fn replace_engine(&self, records: &mut dyn Records) -> Result<(), Fault> {
        let alone = self.engine();
        let replaced = self.on_engine(|backend| backend.replace(records));
        drop(alone);
        replaced
    }

    /// Makes everything durable that was written before.
    pub(crate) fn sync_engine(&self) -> Result<(), Fault> {
        let alone = self.engine();
        let synced = self.on_engine(|backend| backend.sync());
        drop(alone);
        synced
    }

    /// This member was removed from the cluster: it ends soon.
    pub(crate) fn removed(&self) {
        let shared = self.weak();
        self.runtime.spawn(async move {
            tokio::time::sleep(REMOVED_GRACE).await;
            if let Some(shared) = shared.upgrade() {
                shared.end(Ending::Removed);
            }
        });
    }

    /// The member ends here and now, if it has not ended before: nothing more is done, and
    /// everybody who waits is told.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(ending);
            }
            first
        });
        self.order.lose();
        self.keep.lose();
        self.apply.lose();
        self.durable.close();
        self.looking.close();
        self.waiters.close(|| Err(Error::Stopped));
        self.calls.close(|| Err(CallError::NoAnswer));
        self.disconnect();
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        // Nothing here panics half-way through a change.
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the member's threads.
    fn on_engine<T>(&self, act: impl FnOnce(&Arc<dyn Backend>) -> T) -> T {
        let done = self.with_stores(|stores| act(&stores.backend));
        done.expect("a member's threads end before it lets its engine go")
    }

    fn engine(&self) -> MutexGuard<'_, ()> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    fn announce(&self) {
        let Some(transport) = &self.transport else { return };
        transport.set_peers(&self.peers.values().cloned().collect::<Vec<_>>());
        if let Some(members) = &self.members {
            transport.set_removed(&members.removed.iter().copied().collect::<Vec<_>>());
        }
    }
}
