//! Disks that fail, members that must not go on, and a peer that must not stop the others.

use std::sync::Arc;

use backend::{Fault, MemBackend, Table};
use bytes::Bytes;
use consensus::{Body, Message as RaftMessage};
use host::{Ending, Error};
use node::Intake;
use prost::Message;
use state::Published;
use tokio::task::yield_now;
use transport::{
    Answer, CallError, CallTicket, Lane, Peer, Sink, Source, Transport, UnreadableSnapshot,
};
use units::{EntryKind, NodeId};

use crate::world::{CLUSTER, World, local, put, read, urls, within, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_fails_ends_the_member_and_acknowledges_nothing() {
    let mut world = World::new(1);
    let one = world.leader().await;
    write(world.member(one), "a", "1").await;
    let fault = raftlog::Fault::Io { doing: "syncing".into(), error: "no such luck".into() };
    world.seats[&one].log.fail(fault.clone());
    let member = world.member(one);
    assert_eq!(within("an answer", member.propose(put("a", "2"))).await, Err(Error::Stopped));
    assert_eq!(within("its end", member.ended()).await, Ending::Log(fault));
    world.kill(one);
    world.start(one);
    assert_eq!(read(world.member(one), "a").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_panics_ends_the_member_which_says_why() {
    let mut world = World::new(1);
    let one = world.leader().await;
    let member = world.member(one);
    let read = member.read(|_| -> Result<(), Fault> { unreachable!("it was reached") });
    assert_eq!(within("an answer", read).await, Err(Error::Stopped));
    match within("its end", member.ended()).await {
        Ending::Bug(what) => assert!(what.contains("it was reached"), "{what}"),
        ending => unreachable!("{ending:?}"),
    }
    world.kill(one);
    world.start(one);
    write(world.member(one), "a", "1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_fails_ends_the_member_and_the_others_go_on() {
    let mut world = World::new(3);
    let former = world.leader().await;
    let fault = Fault::Io { doing: "writing".into(), error: "no such luck".into() };
    world.seats[&former].engine.fail(fault.clone());
    let member = world.member(former);
    assert!(within("an answer", member.propose(put("a", "1"))).await.is_err());
    assert_eq!(within("its end", member.ended()).await, Ending::Engine(fault));
    world.kill(former);
    let stays = world.other_than(former);
    write(world.member(stays), "a", "2").await;
    world.start(former);
    assert_eq!(read(world.member(former), "a").await.as_deref(), Some("2"));
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_lost_more_than_it_may_is_not_started() {
    let mut world = World::new(1);
    let one = NodeId(1);
    world.trim_log(one).await;
    world.stop(one).await;
    world.seats.get_mut(&one).expect("it has a seat").engine = backend::MemDisk::new();
    let refused = world.try_start(one).err();
    assert!(matches!(refused, Some(Ending::Apart(_))), "{refused:?}");
}

/// Engine and log can be opened again at once, whatever the member died of, also while it is
/// remembered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_has_stopped_lets_go_of_its_disks() {
    let mut world = World::new(1);
    let one = world.leader().await;
    let fault = Fault::Io { doing: "writing".into(), error: "no such luck".into() };
    for round in 0..20 {
        let former = world.member(one).clone();
        assert_eq!(former.glance(look), Ok(()));
        let mut kept = format!("{round}");
        write(&former, "a", &kept).await;
        let mut expected = Ending::Asked;
        if round % 2 == 1 {
            expected = Ending::Engine(fault.clone());
            world.seats[&one].engine.fail(fault.clone());
            assert!(within("an answer", former.propose(put("a", "no"))).await.is_err());
            // The log has it, and nobody was promised that it has not.
            kept = "no".into();
        }
        assert_eq!(within("a stop", former.stop()).await, expected);
        let seat = &world.seats[&one];
        drop(seat.log.open().expect("nobody else uses the disk"));
        drop(MemBackend::open(&seat.engine).expect("nobody else uses the disk"));
        assert_eq!(former.glance(look), Err(Error::Stopped), "nothing is read any more");
        assert_eq!(former.read(look).await, Err(Error::Stopped), "nothing is read any more");
        assert_eq!(former.engine_stats(), backend::Stats::default());
        // The fault is mended, and nothing is lost.
        seat.engine.crash(usize::MAX);
        world.network.leave(one);
        world.start(one);
        let now = world.member(one);
        assert_eq!(read(now, "a").await, Some(kept), "nothing is lost");
    }
}

/// Asks the engine.
fn look(published: &Published) -> Result<(), Fault> {
    const ANY: Table = Table { id: 1, name: "any" };
    published.snapshot.view().get(ANY, b"a").map(drop)
}

/// A peer that hears nothing.
struct Deaf;

impl Sink for Deaf {
    fn frame(&self, _: NodeId, _: Lane, _: Bytes) {}

    fn call(&self, _: NodeId, _: Bytes, _: Box<dyn Answer>) {}

    fn called(&self, _: CallTicket, _: Result<Bytes, CallError>) {}

    fn snapshot(&self, _: NodeId, _: Bytes, _: &mut dyn Source) -> Result<(), UnreadableSnapshot> {
        Err(UnreadableSnapshot("nobody hears".into()))
    }

    fn snapshot_sent(&self, _: NodeId, _: bool) {}

    fn unreachable(&self, _: NodeId) {}

    fn removed(&self, _: NodeId) {}
}

/// What no state machine could read is kept out of the log, with whatever came in the same frame;
/// the same without it is let in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_proposes_what_nobody_can_read_stops_nobody() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    let broken = world.other_than(leader);
    world.kill(broken);
    let network = world.network.join(CLUSTER, broken, Arc::new(Deaf));
    network.set_peers(&[Peer { id: leader, urls: urls(leader) }]);
    let propose = |entries: &[&[u8]]| {
        let entries = entries.iter().map(|data| (EntryKind::Normal, Bytes::copy_from_slice(data)));
        let body = Body::Propose { entries: entries.collect() };
        let message = RaftMessage { from: broken, to: leader, term: None, body };
        network.send(leader, Lane::Bulk, node::frame::encode(&message, Intake::Open));
    };
    let command = |key: &str| put(key, "1").encode_to_vec();
    let embed = |tag: u32, message: &Vec<u8>| {
        let mut bytes = Vec::new();
        prost::encoding::bytes::encode(tag, message, &mut bytes);
        bytes
    };
    let nested = |levels: usize| {
        let put = put("deep", "1").put.expect("it is one").encode_to_vec();
        let txn = (0..levels).fold(embed(2, &embed(2, &put)), |txn, _| embed(2, &embed(4, &txn)));
        embed(6, &txn)
    };
    propose(&[&command("a"), b"\xff\xff"]);
    propose(&[&command("a"), &nested(10_000)]);
    propose(&[&command("b"), &nested(128), &command("c")]);
    let member = world.member(leader);
    within("what can be read", async {
        while local(member, "c").is_none() {
            yield_now().await;
        }
    })
    .await;
    assert_eq!((local(member, "a"), local(member, "b").as_deref()), (None, Some("1")));
    assert_eq!(local(member, "deep").as_deref(), Some("1"));
    assert_eq!(member.status().await.map(|status| status.frames_refused), Ok(2));
    drop(network);
    world.network.leave(broken);
    world.start(broken);
    write(world.member(broken), "d", "1").await;
    world.assert_equal().await;
}
