//! Disks that fail, and members that must not go on.

use host::{Ending, Error};
use units::NodeId;

use crate::world::{World, put, read, within, write};

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
async fn an_engine_that_fails_ends_the_member_and_the_others_go_on() {
    let mut world = World::new(3);
    let former = world.leader().await;
    let fault = backend::Fault::Io { doing: "writing".into(), error: "no such luck".into() };
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
    assert!(matches!(refused, Some(Ending::Engine(backend::Fault::Corrupt { .. }))), "{refused:?}");
}
