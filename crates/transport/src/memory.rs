//! A network inside the process, for tests: whom it reaches and what it loses is up to the test.
//!
//! It is good for several members in one process. Nothing of it is durable, nothing is encrypted,
//! and nobody outside the process is reached.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use core::time::Duration;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use units::{ClusterId, NodeId};

use crate::{
    Answer, CallError, CallTicket, Lane, Peer, Sink, Source, Transport, UnreadableSnapshot,
};

/// Frames that wait in one lane of one member. Small, so that tests reach it.
const LANE_FRAMES_MAX: usize = 128;

/// How long an answer is waited for.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// The network. Clones are the same network.
#[derive(Clone, Default)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

/// One member's part in it, which ends when this is dropped.
pub struct Memory {
    network: Network,
    id: NodeId,
    joined: Joining,
}

/// Tells the stay of a member from its later ones.
type Joining = u64;

#[derive(Default)]
struct State {
    members: BTreeMap<NodeId, Member>,
    joinings: Joining,
    cut: BTreeSet<(NodeId, NodeId)>,
    to_lose: BTreeMap<(NodeId, NodeId), usize>,
    snapshots: BTreeSet<(NodeId, NodeId)>,
}

struct Member {
    cluster: ClusterId,
    joined: Joining,
    since: Instant,
    lanes: [SyncSender<(NodeId, Bytes)>; Lane::ALL.len()],
    sink: Arc<dyn Sink>,
    known: BTreeSet<NodeId>,
    removed: BTreeSet<NodeId>,
}

/// What becomes of something sent.
enum Route {
    /// It arrives.
    Open,
    /// It vanishes, and the sender notices.
    Closed,
    /// The addressee has removed the sender.
    Removed,
}

impl Network {
    /// Lets a member take part. Its sink is called from threads of the network.
    #[must_use]
    pub fn join(&self, cluster: ClusterId, id: NodeId, sink: Arc<dyn Sink>) -> Memory {
        let lanes = Lane::ALL.map(|lane| {
            let (sender, receiver) = mpsc::sync_channel(LANE_FRAMES_MAX);
            let sink = Arc::clone(&sink);
            thread::spawn(move || deliver(&receiver, lane, &*sink));
            sender
        });
        let mut state = self.lock();
        state.joinings += 1;
        let joined = state.joinings;
        let member = Member {
            cluster,
            joined,
            since: Instant::now(),
            lanes,
            sink,
            known: BTreeSet::new(),
            removed: BTreeSet::new(),
        };
        let former = state.members.insert(id, member);
        assert!(former.is_none(), "member {id} is there already");
        drop(state);
        Memory { network: self.clone(), id, joined }
    }

    /// The member is gone, as if its process had ended.
    pub fn leave(&self, id: NodeId) {
        self.lock().members.remove(&id);
    }

    /// Nothing gets from one member to the other any more, in this direction.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.lock().cut.insert((from, to));
    }

    /// Everything gets through again.
    pub fn mend(&self) {
        let mut state = self.lock();
        state.cut.clear();
        state.to_lose.clear();
    }

    /// The next frames from one member to the other vanish without a word.
    pub fn lose(&self, from: NodeId, to: NodeId, frames: usize) {
        self.lock().to_lose.insert((from, to), frames);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn sink(&self) -> Option<Arc<dyn Sink>> {
        let state = self.network.lock();
        let member = state.members.get(&self.id)?;
        (member.joined == self.joined).then(|| Arc::clone(&member.sink))
    }
}

impl State {
    fn route(&self, from: NodeId, to: NodeId) -> Route {
        let (Some(sender), Some(receiver)) = (self.members.get(&from), self.members.get(&to))
        else {
            return Route::Closed;
        };
        if !sender.known.contains(&to)
            || sender.cluster != receiver.cluster
            || self.cut.contains(&(from, to))
        {
            return Route::Closed;
        }
        if receiver.removed.contains(&from) { Route::Removed } else { Route::Open }
    }

    /// Who is heard of can be answered.
    fn introduce(&mut self, from: NodeId, to: NodeId) {
        if let Some(receiver) = self.members.get_mut(&to) {
            receiver.known.insert(from);
        }
    }

    fn is_to_lose(&mut self, from: NodeId, to: NodeId) -> bool {
        match self.to_lose.get_mut(&(from, to)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

fn deliver(frames: &Receiver<(NodeId, Bytes)>, lane: Lane, sink: &dyn Sink) {
    for (from, frame) in frames {
        sink.frame(from, lane, frame);
    }
}

impl Transport for Memory {
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        let Some(sink) = self.sink() else { return };
        let mut state = self.network.lock();
        let route = state.route(self.id, to);
        let sent = match route {
            Route::Open if state.is_to_lose(self.id, to) => true,
            Route::Open => {
                state.introduce(self.id, to);
                let lanes = &state.members[&to].lanes;
                lanes[lane as usize].try_send((self.id, frame)).is_ok()
            }
            Route::Closed | Route::Removed => false,
        };
        drop(state);
        if matches!(route, Route::Removed) {
            sink.removed(to);
        }
        if !sent {
            sink.unreachable(to);
        }
    }

    fn call(&self, to: NodeId, ticket: CallTicket, request: Bytes) {
        let Some(asker) = self.sink() else { return };
        let mut state = self.network.lock();
        if !matches!(state.route(self.id, to), Route::Open) {
            drop(state);
            asker.called(ticket, Err(CallError::Unreachable));
            return;
        }
        state.introduce(self.id, to);
        let asked = Arc::clone(&state.members[&to].sink);
        drop(state);
        let from = self.id;
        thread::spawn(move || {
            let (give, given) = mpsc::sync_channel(1);
            asked.call(from, request, Box::new(Giving(give)));
            let answer = given.recv_timeout(CALL_TIMEOUT).map_err(|error| match error {
                RecvTimeoutError::Disconnected => CallError::NoAnswer,
                RecvTimeoutError::Timeout => CallError::TimedOut,
            });
            asker.called(ticket, answer);
        });
    }

    fn send_snapshot(&self, to: NodeId, header: Bytes, source: Box<dyn Source>) {
        let Some(sender) = self.sink() else { return };
        let mut state = self.network.lock();
        let route = (self.id, to);
        if !matches!(state.route(self.id, to), Route::Open) || !state.snapshots.insert(route) {
            drop(state);
            sender.snapshot_sent(to, false);
            return;
        }
        state.introduce(self.id, to);
        let receiver = Arc::clone(&state.members[&to].sink);
        drop(state);
        let network = self.network.clone();
        thread::spawn(move || {
            let mut source = Cuttable { network: &network, route, source };
            let arrived = receiver.snapshot(route.0, header, &mut source).is_ok();
            network.lock().snapshots.remove(&route);
            sender.snapshot_sent(to, arrived);
        });
    }

    fn set_peers(&self, peers: &[Peer]) {
        let mut state = self.network.lock();
        let Some(member) = state.members.get_mut(&self.id) else { return };
        let known: BTreeSet<NodeId> = peers.iter().map(|peer| peer.id).collect();
        member.removed.extend(member.known.difference(&known));
        member.known = known;
    }

    fn set_removed(&self, members: &[NodeId]) {
        let mut state = self.network.lock();
        let Some(member) = state.members.get_mut(&self.id) else { return };
        for id in members {
            member.known.remove(id);
            member.removed.insert(*id);
        }
    }

    fn connected(&self, peer: NodeId) -> Option<Duration> {
        let state = self.network.lock();
        matches!(state.route(self.id, peer), Route::Open).then(|| {
            let since = state.members[&peer].since.max(state.members[&self.id].since);
            since.elapsed()
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut state = self.network.lock();
        if state.members.get(&self.id).is_some_and(|member| member.joined == self.joined) {
            state.members.remove(&self.id);
        }
    }
}

struct Giving(SyncSender<Bytes>);

impl Answer for Giving {
    fn give(self: Box<Self>, answer: Bytes) {
        // The asker may have given up.
        drop(self.0.try_send(answer));
    }
}

/// A source that ends where the network is cut.
struct Cuttable<'a> {
    network: &'a Network,
    route: (NodeId, NodeId),
    source: Box<dyn Source>,
}

impl Source for Cuttable<'_> {
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
        if self.network.lock().cut.contains(&self.route) {
            return Err(UnreadableSnapshot("the network is cut".to_string()));
        }
        self.source.next()
    }
}
