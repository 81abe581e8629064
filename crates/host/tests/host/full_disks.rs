//! Disks that are full: what is refused, and what goes on.

use host::{Error, Handle};
use state::{Command, Outcome, Refusal};
use tokio::task::yield_now;
use units::NodeId;

use crate::world::{World, local, put, read, within, write};

const NO_SPACE: Error = Error::Refused(Refusal::NoSpace);

fn delete(key: &str) -> Command {
    let mut command = Command::default();
    let delete = command.delete_range.get_or_insert_default();
    delete.key = key.as_bytes().to_vec().into();
    command
}

/// Proposes until it is refused for want of room.
async fn until_refused(handle: &Handle, command: impl Fn() -> Command) {
    within("a refusal", async {
        loop {
            match handle.propose(command()).await {
                Err(NO_SPACE) => return,
                Ok(_) | Err(Error::NoLeader | Error::TimedOut(_)) => yield_now().await,
                other => panic!("a proposal came to {other:?}"),
            }
        }
    })
    .await;
}

/// Writes as soon as there is room.
async fn write_with_room(handle: &Handle, key: &str, value: &str) {
    within("room", async {
        while handle.propose(put(key, value)).await == Err(NO_SPACE) {
            yield_now().await;
        }
    })
    .await;
    write(handle, key, value).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_disk_fills_up_refuses_what_takes_space() {
    let mut world = World::new(1);
    let one = world.leader().await;
    write(world.member(one), "a", "1").await;
    assert!(world.seats[&one].disk.has_reserve());

    world.seats[&one].disk.fill();
    until_refused(world.member(one), || put("b", "1")).await;
    assert_eq!(read(world.member(one), "a").await.as_deref(), Some("1"));
    let deleted = within("a delete", world.member(one).propose(delete("b"))).await;
    assert!(matches!(deleted, Ok(Outcome::DeleteRange(_))), "{deleted:?}");
    assert!(!world.seats[&one].disk.has_reserve(), "it was given back");

    world.kill(one);
    world.start(one);
    assert_eq!(world.member(one).propose(put("c", "1")).await, Err(NO_SPACE));
    assert_eq!(read(world.member(one), "a").await.as_deref(), Some("1"));

    world.seats[&one].disk.make_room();
    write_with_room(world.member(one), "c", "1").await;
    assert!(world.seats[&one].disk.has_reserve(), "it is there again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_enters_the_log_when_the_reserve_is_used_up() {
    let mut world = World::new(1);
    let one = world.leader().await;
    write(world.member(one), "a", "1").await;
    world.seats[&one].disk.fill_wholly();
    until_refused(world.member(one), || delete("b")).await;
    assert_eq!(read(world.member(one), "a").await.as_deref(), Some("1"));

    world.kill(one);
    world.start(one);
    assert_eq!(read(world.member(one), "a").await.as_deref(), Some("1"));
    until_refused(world.member(one), || delete("b")).await;
    world.seats[&one].disk.make_room();
    write_with_room(world.member(one), "a", "2").await;
    assert_eq!(read(world.member(one), "a").await.as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_room_makes_way_for_one_that_has_some() {
    let world = World::new(3);
    let full = world.leader().await;
    write(world.member(full), "a", "1").await;
    world.seats[&full].disk.fill_wholly();
    let other = world.other_than(full);
    let mut leading = world.member(other).watch_leading();
    let led =
        leading.wait_for(|leading| leading.leadership.leader.is_some_and(|leader| leader != full));
    drop(within("another leader", led).await.expect("the member runs"));
    for number in 0..20 {
        write(world.member(other), "a", &format!("{number}")).await;
    }
    assert_eq!(local(world.member(full), "a").as_deref(), Some("1"), "nothing enters its log");

    world.seats[&full].disk.make_room();
    write(world.member(other), "a", "last").await;
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_without_room_elect_another_leader_and_read() {
    let mut world = World::new(3);
    let former = world.leader().await;
    write(world.member(former), "a", "1").await;
    for id in [1, 2, 3].map(NodeId) {
        world.seats[&id].disk.fill_wholly();
    }
    for id in [1, 2, 3].map(NodeId) {
        until_refused(world.member(id), || delete("b")).await;
    }
    world.kill(former);
    for (_, handle) in world.running() {
        assert_eq!(read(handle, "a").await.as_deref(), Some("1"));
    }
    world.start(former);
    for id in [1, 2, 3].map(NodeId) {
        world.seats[&id].disk.make_room();
    }
    for id in [1, 2, 3].map(NodeId) {
        write_with_room(world.member(id), "a", "2").await;
    }
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_finds_no_room_is_not_given_more() {
    let mut world = World::new(1);
    let one = world.leader().await;
    write(world.member(one), "a", "1").await;
    world.seats[&one].engine.fill();
    until_refused(world.member(one), || put("b", "1")).await;
    assert_eq!(read(world.member(one), "a").await.as_deref(), Some("1"));

    // What it could not make durable is in the log.
    world.kill(one);
    world.start(one);
    assert_eq!(read(world.member(one), "b").await.as_deref(), Some("1"));
    world.seats[&one].engine.make_room();
    write_with_room(world.member(one), "c", "1").await;
    world.stop(one).await;
    assert_eq!(world.seats[&one].engine.unsynced(), 0, "all of it is durable");
}
