//! What every transport must pass.
//!
//! A part runs it in a few lines: it says how a member gets an address, starts and stops
//! ([`World`]), and calls [`run`] from a test.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use std::eprintln;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use units::{ClusterId, NodeId};

use crate::{
    Answer, CallError, CallTicket, Lane, Peer, Sink, Source, Transport, UnreadableSnapshot,
};

/// How long something that must happen may take: long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often something that may get lost is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// Where the members of one case live.
pub trait World {
    /// The member's address, the same whenever asked.
    fn peer(&mut self, id: NodeId) -> Peer;

    /// Starts a member at its address.
    fn start(&mut self, cluster: ClusterId, id: NodeId, sink: Arc<dyn Sink>) -> Arc<dyn Transport>;

    /// Ends whatever belongs to the member, as if its process had ended.
    fn stop(&mut self, id: NodeId);
}

/// Runs every case in a world of its own.
///
/// # Panics
///
/// When one fails.
pub fn run(world: &mut dyn FnMut() -> Box<dyn World>) {
    for (name, case) in CASES {
        eprintln!("transport suite: {name}");
        case(&mut *world());
    }
}

type Case = fn(&mut dyn World);

const CASES: [(&str, Case); 16] = [
    ("frames arrive in order", frames_arrive_in_order),
    ("large frames arrive whole", large_frames_arrive_whole),
    ("a lane does not wait for another", a_lane_does_not_wait_for_another),
    ("a full lane drops and says so", a_full_lane_drops_and_says_so),
    ("nobody is unreachable", nobody_is_unreachable),
    ("a returning peer is reached again", a_returning_peer_is_reached_again),
    ("a stranger of the cluster is answered", a_stranger_of_the_cluster_is_answered),
    ("another cluster is not heard", another_cluster_is_not_heard),
    ("another member's frames are not heard", another_members_frames_are_not_heard),
    ("a removed member is told", a_removed_member_is_told),
    ("a member known as removed is told", a_member_known_as_removed_is_told),
    ("calls are answered", calls_are_answered),
    ("a call without an answer ends", a_call_without_an_answer_ends),
    ("a snapshot arrives whole", a_snapshot_arrives_whole),
    ("a broken snapshot does not arrive", a_broken_snapshot_does_not_arrive),
    ("a second snapshot ends at once", a_second_snapshot_ends_at_once),
];

const CLUSTER: ClusterId = ClusterId(0xc1);
const ONE: NodeId = NodeId(0x101);
const TWO: NodeId = NodeId(0x202);

/// A sink that remembers what it heard.
pub struct Recorder {
    heard: Mutex<Heard>,
    changed: Condvar,
    on_call: Mutex<OnCall>,
    held: Mutex<Option<Lane>>,
    let_go: Condvar,
}

/// What a sink heard, oldest first.
#[derive(Debug, Default)]
pub struct Heard {
    /// Frames, from whom and on which lane.
    pub frames: Vec<(NodeId, Lane, Bytes)>,
    /// Results of calls.
    pub called: Vec<(CallTicket, Result<Bytes, CallError>)>,
    /// Snapshots taken in, or why not.
    pub snapshots: Vec<(NodeId, Bytes, Result<Bytes, UnreadableSnapshot>)>,
    /// Results of snapshots sent.
    pub sent: Vec<(NodeId, bool)>,
    /// Peers that were not reached.
    pub unreachable: Vec<NodeId>,
    /// Who said that this member was removed.
    pub removed: Vec<NodeId>,
}

/// What a sink does with questions.
#[derive(Default)]
enum OnCall {
    /// Answers with the question, from another thread.
    #[default]
    Echo,
    /// Drops it.
    Drop,
    /// Keeps it and says nothing.
    Keep(Vec<Box<dyn Answer>>),
}

impl Recorder {
    /// A sink that has heard nothing, and answers questions with the question.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            heard: Mutex::default(),
            changed: Condvar::new(),
            on_call: Mutex::default(),
            held: Mutex::default(),
            let_go: Condvar::new(),
        })
    }

    /// Waits until what was heard is as it should be.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Heard) -> bool) {
        assert!(
            self.wait_for(PATIENCE, &condition),
            "waited in vain until {what}; heard {:#?}",
            self.heard()
        );
    }

    /// Whether what was heard becomes as it should be in this time.
    fn wait_for(&self, patience: Duration, condition: &dyn Fn(&Heard) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut heard = self.heard();
        while !condition(&heard) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            heard =
                self.changed.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Heard)) {
        note(&mut self.heard());
        self.changed.notify_all();
    }

    fn on_call(&self, what: OnCall) {
        *self.on_call.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// Frames of this lane are not taken from the transport until another lane is held, or none.
    fn hold(&self, lane: Option<Lane>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = lane;
        self.let_go.notify_all();
    }
}

impl Sink for Recorder {
    fn frame(&self, from: NodeId, lane: Lane, frame: Bytes) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held == Some(lane) {
            held = self.let_go.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        drop(held);
        self.note(|heard| heard.frames.push((from, lane, frame)));
    }

    fn call(&self, _: NodeId, request: Bytes, answer: Box<dyn Answer>) {
        match &mut *self.on_call.lock().unwrap_or_else(PoisonError::into_inner) {
            OnCall::Echo => drop(std::thread::spawn(move || answer.give(request))),
            OnCall::Drop => drop(answer),
            OnCall::Keep(kept) => kept.push(answer),
        }
    }

    fn called(&self, ticket: CallTicket, result: Result<Bytes, CallError>) {
        self.note(|heard| heard.called.push((ticket, result)));
    }

    fn snapshot(
        &self,
        from: NodeId,
        header: Bytes,
        source: &mut dyn Source,
    ) -> Result<(), UnreadableSnapshot> {
        let mut content = Vec::new();
        let read = loop {
            match source.next() {
                Ok(Some(chunk)) => content.extend_from_slice(&chunk),
                Ok(None) => break Ok(Bytes::from(content)),
                Err(error) => break Err(error),
            }
        };
        let result = read.as_ref().map(|_| ()).map_err(Clone::clone);
        self.note(|heard| heard.snapshots.push((from, header, read)));
        result
    }

    fn snapshot_sent(&self, to: NodeId, arrived: bool) {
        self.note(|heard| heard.sent.push((to, arrived)));
    }

    fn unreachable(&self, peer: NodeId) {
        self.note(|heard| heard.unreachable.push(peer));
    }

    fn removed(&self, by: NodeId) {
        self.note(|heard| heard.removed.push(by));
    }
}

/// A member and what it heard.
struct Running {
    transport: Arc<dyn Transport>,
    heard: Arc<Recorder>,
}

fn start(world: &mut dyn World, cluster: ClusterId, id: NodeId) -> Running {
    let heard = Recorder::new();
    Running { transport: world.start(cluster, id, heard.clone()), heard }
}

/// Two members that know each other.
fn pair(world: &mut dyn World) -> (Running, Running) {
    let one = start(world, CLUSTER, ONE);
    let two = start(world, CLUSTER, TWO);
    one.transport.set_peers(&[world.peer(TWO)]);
    two.transport.set_peers(&[world.peer(ONE)]);
    (one, two)
}

/// Sends again and again until the condition holds for what the listener heard.
fn send_until(
    sender: &Running,
    to: NodeId,
    listener: &Recorder,
    what: &str,
    condition: &dyn Fn(&Heard) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        sender.transport.send(to, Lane::Append, Bytes::from_static(b"again"));
        if listener.wait_for(AGAIN, condition) {
            return;
        }
    }
    panic!("sent in vain until {what}");
}

/// Frames may arrive before their sender knows that it is connected.
fn wait_until_connected(member: &Running, peer: NodeId) {
    let deadline = Instant::now() + PATIENCE;
    while member.transport.connected(peer).is_none() {
        assert!(Instant::now() < deadline, "waited in vain until {peer} is connected");
        member.heard.wait_for(AGAIN, &|_| false);
    }
}

fn frames_arrive_in_order(world: &mut dyn World) {
    let (one, two) = pair(world);
    for number in 0..100_u8 {
        for lane in Lane::ALL {
            one.transport.send(TWO, lane, Bytes::from(vec![number]));
        }
    }
    two.heard.wait_until("all arrive", |heard| heard.frames.len() == 300);
    for lane in Lane::ALL {
        let heard = two.heard.heard();
        let numbers: Vec<u8> = heard
            .frames
            .iter()
            .filter(|(from, on, _)| *from == ONE && *on == lane)
            .map(|(_, _, frame)| frame[0])
            .collect();
        assert_eq!(numbers, Vec::from_iter(0..100), "{lane:?}");
    }
    wait_until_connected(&one, TWO);
    assert!(one.heard.heard().unreachable.is_empty());
}

fn large_frames_arrive_whole(world: &mut dyn World) {
    let (one, two) = pair(world);
    let large: Vec<u8> =
        (0..3 << 20_u32).map(|at: u32| at.to_le_bytes()[at as usize % 3]).collect();
    let large = Bytes::from(large);
    for frame in [large.clone(), Bytes::new(), large.clone()] {
        one.transport.send(TWO, Lane::Append, frame);
    }
    two.heard.wait_until("all arrive", |heard| heard.frames.len() == 3);
    let heard = two.heard.heard();
    assert!(heard.frames[0].2 == large && heard.frames[2].2 == large, "contents differ");
    assert!(heard.frames[1].2.is_empty());
}

fn a_lane_does_not_wait_for_another(world: &mut dyn World) {
    let (one, two) = pair(world);
    two.heard.hold(Some(Lane::Append));
    for _ in 0..16 {
        one.transport.send(TWO, Lane::Append, Bytes::from(vec![0; 1 << 20]));
    }
    one.transport.send(TWO, Lane::Heartbeat, Bytes::from_static(b"beat"));
    one.transport.send(TWO, Lane::Bulk, Bytes::from_static(b"bulk"));
    two.heard.wait_until("the others arrive", |heard| heard.frames.len() == 2);
    two.heard.hold(None);
    two.heard.wait_until("the held ones arrive", |heard| heard.frames.len() == 18);
}

fn a_full_lane_drops_and_says_so(world: &mut dyn World) {
    let (one, two) = pair(world);
    two.heard.hold(Some(Lane::Bulk));
    let frame = Bytes::from(vec![0; 1 << 16]);
    let deadline = Instant::now() + PATIENCE;
    while one.heard.heard().unreachable.is_empty() {
        assert!(Instant::now() < deadline, "a lane nobody reads takes everything");
        one.transport.send(TWO, Lane::Bulk, frame.clone());
    }
    assert_eq!(one.heard.heard().unreachable[0], TWO);
    two.heard.hold(None);
}

fn nobody_is_unreachable(world: &mut dyn World) {
    let one = start(world, CLUSTER, ONE);
    one.transport.send(TWO, Lane::Append, Bytes::from_static(b"unknown"));
    one.transport.call(TWO, CallTicket(1), Bytes::new());
    one.transport.send_snapshot(TWO, Bytes::new(), Box::new(Chunks::new(&["x"])));
    one.heard.wait_until("an unknown member is told", |heard| {
        heard.unreachable == [TWO] && heard.sent == [(TWO, false)] && heard.called.len() == 1
    });
    // Known now, but not there.
    one.transport.set_peers(&[world.peer(TWO)]);
    one.transport.send(TWO, Lane::Append, Bytes::from_static(b"away"));
    one.transport.call(TWO, CallTicket(2), Bytes::new());
    one.transport.send_snapshot(TWO, Bytes::new(), Box::new(Chunks::new(&["x"])));
    one.heard.wait_until("an absent member is told", |heard| {
        heard.unreachable.len() > 1 && heard.sent.len() == 2 && heard.called.len() == 2
    });
    let heard = one.heard.heard();
    assert_eq!(heard.called[0], (CallTicket(1), Err(CallError::Unreachable)));
    // One that is away may look like one that is slow.
    let away = [Err(CallError::Unreachable), Err(CallError::TimedOut)];
    assert!(away.contains(&heard.called[1].1), "{:?}", heard.called[1]);
    assert_eq!(heard.sent[1], (TWO, false));
    assert_eq!(one.transport.connected(TWO), None);
}

fn a_returning_peer_is_reached_again(world: &mut dyn World) {
    let (one, two) = pair(world);
    send_until(&one, TWO, &two.heard, "it is heard", &|heard| !heard.frames.is_empty());
    world.stop(TWO);
    drop(two);
    send_until(&one, TWO, &one.heard, "it is missed", &|heard| !heard.unreachable.is_empty());
    let two = start(world, CLUSTER, TWO);
    two.transport.set_peers(&[world.peer(ONE)]);
    send_until(&one, TWO, &two.heard, "it is heard again", &|heard| !heard.frames.is_empty());
    two.heard.wait_until("it hears one", |heard| heard.frames[0].0 == ONE);
    send_until(&two, ONE, &one.heard, "it is answered", &|heard| !heard.frames.is_empty());
}

fn a_stranger_of_the_cluster_is_answered(world: &mut dyn World) {
    let one = start(world, CLUSTER, ONE);
    let two = start(world, CLUSTER, TWO);
    one.transport.set_peers(&[world.peer(TWO)]);
    send_until(&one, TWO, &two.heard, "it is heard", &|heard| !heard.frames.is_empty());
    send_until(&two, ONE, &one.heard, "it is answered", &|heard| !heard.frames.is_empty());
    assert!(one.heard.heard().removed.is_empty());
}

fn another_cluster_is_not_heard(world: &mut dyn World) {
    let one = start(world, ClusterId(CLUSTER.0 + 1), ONE);
    let two = start(world, CLUSTER, TWO);
    one.transport.set_peers(&[world.peer(TWO)]);
    two.transport.set_peers(&[world.peer(ONE)]);
    one.transport.call(TWO, CallTicket(1), Bytes::new());
    one.transport.send_snapshot(TWO, Bytes::new(), Box::new(Chunks::new(&["x"])));
    one.heard.wait_until("both end", |heard| heard.called.len() + heard.sent.len() == 2);
    send_until(&one, TWO, &one.heard, "it is refused", &|heard| !heard.unreachable.is_empty());
    assert!(two.heard.heard().frames.is_empty() && two.heard.heard().snapshots.is_empty());
    assert_eq!(one.heard.heard().called, [(CallTicket(1), Err(CallError::Unreachable))]);
    assert_eq!(one.heard.heard().sent, [(TWO, false)]);
    assert!(one.heard.heard().removed.is_empty());
    assert_eq!(one.transport.connected(TWO), None);
}

fn another_members_frames_are_not_heard(world: &mut dyn World) {
    let one = start(world, CLUSTER, ONE);
    let two = start(world, CLUSTER, TWO);
    // The address of one member under the name of another that is not there.
    let absent = NodeId(0x303);
    one.transport.set_peers(&[Peer { id: absent, urls: world.peer(TWO).urls }]);
    send_until(&one, absent, &one.heard, "it is refused", &|heard| !heard.unreachable.is_empty());
    assert!(two.heard.heard().frames.is_empty());
}

fn a_removed_member_is_told(world: &mut dyn World) {
    let (one, two) = pair(world);
    send_until(&one, TWO, &two.heard, "it is heard", &|heard| !heard.frames.is_empty());
    two.transport.set_peers(&[]);
    send_until(&one, TWO, &one.heard, "it is told", &|heard| !heard.removed.is_empty());
    assert_eq!(one.heard.heard().removed[0], TWO);
    let before = two.heard.heard().frames.len();
    let unreachable = one.heard.heard().unreachable.len();
    send_until(&one, TWO, &one.heard, "it is refused", &|heard| {
        heard.unreachable.len() > unreachable
    });
    assert_eq!(two.heard.heard().frames.len(), before, "a removed member is heard");
}

fn a_member_known_as_removed_is_told(world: &mut dyn World) {
    let one = start(world, CLUSTER, ONE);
    let two = start(world, CLUSTER, TWO);
    one.transport.set_peers(&[world.peer(TWO)]);
    two.transport.set_removed(&[ONE]);
    send_until(&one, TWO, &one.heard, "it is told", &|heard| !heard.removed.is_empty());
    assert!(two.heard.heard().frames.is_empty());
}

fn calls_are_answered(world: &mut dyn World) {
    let (one, two) = pair(world);
    for number in 0..20 {
        one.transport.call(TWO, CallTicket(number), Bytes::from(format!("question {number}")));
    }
    two.transport.call(ONE, CallTicket(0), Bytes::from_static(b"back"));
    one.heard.wait_until("all are answered", |heard| heard.called.len() == 20);
    two.heard.wait_until("the other way too", |heard| heard.called.len() == 1);
    let mut called = one.heard.heard().called.clone();
    called.sort_by_key(|(ticket, _)| *ticket);
    for (number, (ticket, answer)) in called.into_iter().enumerate() {
        assert_eq!(ticket, CallTicket(number as u64));
        assert_eq!(answer, Ok(Bytes::from(format!("question {number}"))));
    }
}

fn a_call_without_an_answer_ends(world: &mut dyn World) {
    let (one, two) = pair(world);
    two.heard.on_call(OnCall::Drop);
    one.transport.call(TWO, CallTicket(1), Bytes::from_static(b"dropped"));
    one.heard.wait_until("the dropped one ends", |heard| heard.called.len() == 1);
    two.heard.on_call(OnCall::Keep(Vec::new()));
    one.transport.call(TWO, CallTicket(2), Bytes::from_static(b"kept"));
    one.heard.wait_until("the kept one ends", |heard| heard.called.len() == 2);
    let heard = one.heard.heard();
    assert_eq!(heard.called[0], (CallTicket(1), Err(CallError::NoAnswer)));
    assert_eq!(heard.called[1], (CallTicket(2), Err(CallError::TimedOut)));
}

fn a_snapshot_arrives_whole(world: &mut dyn World) {
    let (one, two) = pair(world);
    let large = "x".repeat(3 << 20);
    let chunks = Chunks::new(&["one ", "", &large, " three"]);
    one.transport.send_snapshot(TWO, Bytes::from_static(b"header"), Box::new(chunks));
    one.heard.wait_until("it is sent", |heard| heard.sent == [(TWO, true)]);
    let heard = two.heard.heard();
    let [(from, header, Ok(content))] = &heard.snapshots[..] else {
        panic!("{} snapshots, or a broken one", heard.snapshots.len());
    };
    assert_eq!((*from, &header[..]), (ONE, &b"header"[..]));
    assert!(*content == format!("one {large} three"), "contents differ");
    drop(heard);
    // And again, without content.
    one.transport.send_snapshot(TWO, Bytes::new(), Box::new(Chunks::new(&[])));
    one.heard.wait_until("it is sent", |heard| heard.sent == [(TWO, true), (TWO, true)]);
}

fn a_broken_snapshot_does_not_arrive(world: &mut dyn World) {
    let (one, two) = pair(world);
    let mut broken = Chunks::new(&["half"]);
    broken.breaks = true;
    one.transport.send_snapshot(TWO, Bytes::from_static(b"header"), Box::new(broken));
    one.heard.wait_until("it ends", |heard| heard.sent == [(TWO, false)]);
    two.heard.wait_until("the receiver knows", |heard| heard.snapshots.len() == 1);
    assert!(two.heard.heard().snapshots[0].2.is_err(), "half a snapshot was taken for a whole");
}

fn a_second_snapshot_ends_at_once(world: &mut dyn World) {
    let (one, _two) = pair(world);
    let (mut slow, gate) = (Chunks::new(&["slow"]), Gate::new());
    slow.gate = Some(gate.clone());
    one.transport.send_snapshot(TWO, Bytes::new(), Box::new(slow));
    one.transport.send_snapshot(TWO, Bytes::new(), Box::new(Chunks::new(&["second"])));
    one.heard.wait_until("the second ends", |heard| heard.sent == [(TWO, false)]);
    gate.open();
    one.heard.wait_until("the first arrives", |heard| heard.sent == [(TWO, false), (TWO, true)]);
}

/// A snapshot in chunks.
struct Chunks {
    left: std::collections::VecDeque<Bytes>,
    breaks: bool,
    gate: Option<Arc<Gate>>,
}

impl Chunks {
    fn new(chunks: &[&str]) -> Self {
        let left = chunks.iter().map(|chunk| Bytes::copy_from_slice(chunk.as_bytes())).collect();
        Self { left, breaks: false, gate: None }
    }
}

impl Source for Chunks {
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
        if let Some(gate) = self.gate.take() {
            gate.wait();
        }
        match self.left.pop_front() {
            None if self.breaks => Err(UnreadableSnapshot("broken on purpose".to_string())),
            chunk => Ok(chunk),
        }
    }
}

/// Closed until it is opened.
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self { open: Mutex::new(false), opened: Condvar::new() })
    }

    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.opened.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
