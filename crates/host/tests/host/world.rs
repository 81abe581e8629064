//! Members in one process: disks that remember what a crash leaves, and a network that can be cut.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use backend::{MemBackend, MemDisk};
use bytes::Bytes;
use host::testing::{HEARTBEAT, config};
use host::{Config, Error, Handle, Parts, Space, found, start};
use raft::Raft;
use raftlog::Identity;
use raftlog::memory::Disk;
use state::{Command, Member, Outcome, Published};
use tempfile::TempDir;
use tokio::runtime::Handle as Runtime;
use tokio::time::timeout;
use transport::Peer;
use transport::memory::Network;
use units::{ClusterId, Index, LeaseId, NodeId, Position, Revision};

use crate::small_disk::SmallDisk;

pub(crate) use host::testing::{SYNC_EVERY, within};

pub(crate) const CLUSTER: ClusterId = ClusterId(0xc1);

/// Where members live.
pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) seats: BTreeMap<NodeId, Seat>,
    /// What is different from the usual configuration.
    adjust: fn(&mut Config),
}

/// A member's place: what stays when it is not running.
pub(crate) struct Seat {
    pub(crate) log: Disk,
    pub(crate) engine: MemDisk,
    pub(crate) disk: SmallDisk,
    folder: TempDir,
    pub(crate) running: Option<Handle>,
}

impl World {
    /// A new cluster of so many members, all running.
    pub(crate) fn new(count: u64) -> Self {
        Self::with(count, |_| {})
    }

    /// One whose members are configured a little differently.
    pub(crate) fn with(count: u64, adjust: fn(&mut Config)) -> Self {
        let mut world = Self { network: Network::default(), seats: BTreeMap::new(), adjust };
        let members: Vec<_> = (1..=count).map(|id| member(NodeId(id))).collect();
        for member in &members {
            let id = NodeId(member.id);
            let log = Disk::new();
            let mut opened =
                log.create(Identity { node: id, cluster: CLUSTER }).expect("it is new");
            found(&mut opened, &members).expect("the disk is sound");
            drop(opened);
            world.seat(id, log);
        }
        (1..=count).for_each(|id| world.start(NodeId(id)));
        world
    }

    fn seat(&mut self, id: NodeId, log: Disk) {
        let folder = TempDir::new().expect("there is room for a folder");
        let disk = SmallDisk::new(folder.path());
        let seat = Seat { log, engine: MemDisk::new(), disk, folder, running: None };
        self.seats.insert(id, seat);
    }

    /// A member that knows the others, and nothing else.
    pub(crate) fn join(&mut self, id: NodeId) {
        let log = Disk::new();
        drop(log.create(Identity { node: id, cluster: CLUSTER }).expect("it is new"));
        self.seat(id, log);
        self.start(id);
    }

    /// Starts a member from what it holds.
    pub(crate) fn start(&mut self, id: NodeId) {
        let handle = self.try_start(id).unwrap_or_else(|ending| panic!("no start: {ending}"));
        self.seats.get_mut(&id).expect("it has a seat").running = Some(handle);
    }

    pub(crate) fn try_start(&self, id: NodeId) -> Result<Handle, host::Ending> {
        let seat = &self.seats[&id];
        let network = self.network.clone();
        let parts = Parts {
            log: seat.log.open().expect("nobody else uses the disk"),
            backend: Arc::new(MemBackend::open(&seat.engine).expect("nobody else uses the disk")),
            consensus: Box::new(|now, config, start| Box::new(Raft::new(now, config, start))),
            transport: Box::new(move |sink| Ok(Arc::new(network.join(CLUSTER, id, sink)))),
            space: Space::of_disks(vec![seat.disk.disk()]),
            runtime: Runtime::current(),
        };
        let peers = self.seats.keys().filter(|peer| **peer != id);
        let peers = peers.map(|peer| Peer { id: *peer, urls: urls(*peer) }).collect();
        let mut config = config(id, seat.snapshots());
        (self.adjust)(&mut config);
        start(parts, config, peers)
    }

    /// The member ends as if its process was killed and its machine lost power: what was not
    /// durable is gone.
    pub(crate) fn kill(&mut self, id: NodeId) {
        let seat = self.seats.get_mut(&id).expect("it has a seat");
        drop(seat.running.take());
        self.network.leave(id);
        seat.log.crash(0);
        seat.engine.crash(0);
    }

    /// Writes on a member, which has no peers, until the beginning of its log is gone: that follows
    /// when the engine has been made durable.
    pub(crate) async fn trim_log(&mut self, id: NodeId) {
        within("a trim", async {
            loop {
                for number in 0..100 {
                    write(self.member(id), "many", &format!("{number}")).await;
                }
                self.kill(id);
                let trimmed = self.marker(id).index;
                self.start(id);
                if trimmed > Index(50) {
                    return;
                }
            }
        })
        .await;
    }

    /// Where the log of a member begins that does not run.
    pub(crate) fn marker(&self, id: NodeId) -> Position {
        let opened = self.seats[&id].log.open().expect("nobody else uses the disk");
        opened.marker.position
    }

    /// The member stops as it should.
    pub(crate) async fn stop(&mut self, id: NodeId) {
        let seat = self.seats.get_mut(&id).expect("it has a seat");
        let handle = seat.running.take().expect("it is running");
        within("a stop", handle.stop()).await;
        drop(handle);
        // All of it is durable, so a crash takes nothing away.
        seat.log.crash(0);
        seat.engine.crash(0);
    }

    pub(crate) fn member(&self, id: NodeId) -> &Handle {
        self.seats[&id].running.as_ref().expect("it is running")
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = (NodeId, &Handle)> {
        self.seats.iter().filter_map(|(id, seat)| Some((*id, seat.running.as_ref()?)))
    }

    /// Waits until all running members follow one of them, who is ready to lead.
    pub(crate) async fn leader(&self) -> NodeId {
        let (_, any) = self.running().next().expect("somebody runs");
        let mut leading = any.watch_leading();
        within("a leader", async {
            loop {
                let named = leading.borrow_and_update().leadership.leader;
                if let Some(leader) = named
                    && let Some((_, handle)) = self.running().find(|(id, _)| *id == leader)
                    && self.all_follow(leader)
                    && handle.leading().ready
                {
                    return leader;
                }
                // Others may come to know before or after this one.
                drop(timeout(HEARTBEAT, leading.changed()).await);
            }
        })
        .await
    }

    fn all_follow(&self, leader: NodeId) -> bool {
        self.running().all(|(_, handle)| handle.leading().leadership.leader == Some(leader))
    }

    /// Some running member but this one.
    pub(crate) fn other_than(&self, id: NodeId) -> NodeId {
        self.running().map(|(other, _)| other).find(|other| *other != id).expect("there are others")
    }

    /// Waits until all running members have applied what the one has, and hold the same.
    pub(crate) async fn assert_equal(&self) {
        let newest = self.running().map(|(_, handle)| handle.published().applied.index).max();
        let newest = newest.expect("somebody runs");
        let mut hashes = Vec::new();
        for (id, handle) in self.running() {
            until(handle, "all to be applied", |seen| seen.applied.index >= newest).await;
            hashes.push(handle.hash(id, Revision(0)).await.expect("it can be hashed"));
        }
        assert!(hashes.windows(2).all(|pair| pair[0].hash == pair[1].hash), "{hashes:?}");
    }
}

impl Seat {
    /// Where received snapshots wait.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }
}

pub(crate) fn urls(id: NodeId) -> Vec<String> {
    vec![format!("memory://{id}")]
}

pub(crate) fn member(id: NodeId) -> Member {
    Member {
        id: id.0,
        peer_urls: urls(id),
        is_learner: false,
        name: String::new(),
        client_urls: Vec::new(),
    }
}

/// Waits until what a member has applied is as it should be.
pub(crate) async fn until(handle: &Handle, what: &str, seen: impl Fn(&Published) -> bool) {
    let mut published = handle.watch_published();
    drop(within(what, published.wait_for(|published| seen(published))).await);
}

/// The command that puts a value.
pub(crate) fn put(key: &str, value: &str) -> Command {
    put_with(key, value, LeaseId::NONE)
}

pub(crate) fn put_with(key: &str, value: &str, lease: LeaseId) -> Command {
    let mut command = Command::default();
    let put = command.put.get_or_insert_default();
    put.key = Bytes::copy_from_slice(key.as_bytes());
    put.value = Bytes::copy_from_slice(value.as_bytes());
    put.lease = lease.0;
    command
}

/// Puts a value and waits until that is done, again and again while leaders change.
pub(crate) async fn write(handle: &Handle, key: &str, value: &str) {
    within("a write", async {
        loop {
            match handle.propose(put(key, value)).await {
                Ok(Outcome::Put(_)) => return,
                Err(Error::NoLeader | Error::TimedOut(_)) => {}
                other => panic!("a put came to {other:?}"),
            }
        }
    })
    .await;
}

/// What a key holds on a member at present.
pub(crate) fn local(handle: &Handle, key: &str) -> Option<String> {
    value_in(&handle.published(), key)
}

pub(crate) fn value_in(published: &Published, key: &str) -> Option<String> {
    let reader = published.snapshot.reader();
    let record = reader.get(key.as_bytes(), reader.newest()).expect("the engine is sound");
    record.map(|record| String::from_utf8_lossy(&record.value()).into_owned())
}

/// What a key holds now, read on a member.
pub(crate) async fn read(handle: &Handle, key: &str) -> Option<String> {
    within("a read", async {
        loop {
            match handle.linearize().await {
                Ok(()) => return local(handle, key),
                Err(Error::LeaderChanged | Error::TimedOut(_)) => {}
                Err(error) => panic!("a read came to {error}"),
            }
        }
    })
    .await
}
