//! Writing and reading, while members come and go.

use host::{Ending, Error};
use state::{Command, Outcome, Refusal};
use units::NodeId;

use crate::world::{World, local, put, read, until, value_in, within, write};

const ONE: NodeId = NodeId(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_writes_and_reads() {
    let world = World::new(1);
    let member = world.member(ONE);
    write(member, "a", "1").await;
    write(member, "a", "2").await;
    assert_eq!(read(member, "a").await.as_deref(), Some("2"));
    assert_eq!(read(member, "b").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_writes_and_reads() {
    let world = World::new(3);
    world.leader().await;
    for (id, member) in world.running() {
        write(member, &format!("key-{id}"), "value").await;
        for (_, other) in world.running() {
            assert_eq!(read(other, &format!("key-{id}")).await.as_deref(), Some("value"));
        }
    }
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_write_at_once() {
    let world = World::new(3);
    world.leader().await;
    let mut writers = Vec::new();
    for (id, member) in world.running() {
        for number in 0..100 {
            let member = member.clone();
            let key = format!("{id}-{number}");
            writers.push(tokio::spawn(async move { write(&member, &key, "value").await }));
        }
    }
    for writer in writers {
        within("a writer", writer).await.expect("it does not panic");
    }
    for (_, member) in world.running() {
        assert_eq!(read(member, "1-99").await.as_deref(), Some("value"));
        assert_eq!(member.published().snapshot.revision().0, 301);
    }
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_hands_over() {
    let mut world = World::new(3);
    let former = world.leader().await;
    write(world.member(former), "a", "1").await;
    let mut leading = world.member(world.other_than(former)).watch_leading();
    let term = leading.borrow().leadership.term;
    world.stop(former).await;
    let stays = world.other_than(former);
    let leader = world.leader().await;
    assert_ne!(leader, former);
    assert_eq!(world.member(stays).leading().leadership.term, term.next(), "nobody had to wait");
    write(world.member(stays), "a", "2").await;
    world.start(former);
    assert_eq!(read(world.member(former), "a").await.as_deref(), Some("2"));
    world.assert_equal().await;
    leading.mark_unchanged();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_is_replaced_and_nothing_is_lost() {
    let mut world = World::new(3);
    for round in 0..3 {
        let former = world.leader().await;
        let value = format!("{round}");
        write(world.member(former), "a", &value).await;
        world.kill(former);
        let stays = world.other_than(former);
        assert_eq!(read(world.member(stays), "a").await, Some(value.clone()));
        write(world.member(stays), "b", &value).await;
        world.start(former);
        assert_eq!(read(world.member(former), "b").await, Some(value));
    }
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_may_lose_power_at_once() {
    let mut world = World::new(3);
    world.leader().await;
    for number in 0..100 {
        write(world.member(ONE), &format!("{number}"), "value").await;
    }
    let ids = [1, 2, 3].map(NodeId);
    ids.into_iter().for_each(|id| world.kill(id));
    ids.into_iter().for_each(|id| world.start(id));
    for number in 0..100 {
        let key = format!("{number}");
        assert_eq!(read(world.member(ONE), &key).await.as_deref(), Some("value"), "{key}");
    }
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minority_writes_nothing_and_reads_only_the_past() {
    let world = World::new(3);
    let leader = world.leader().await;
    write(world.member(leader), "a", "1").await;
    let alone = world.other_than(leader);
    until(world.member(alone), "the write", |seen| value_in(seen, "a").is_some()).await;
    for (id, _) in world.running().filter(|(id, _)| *id != alone) {
        world.network.cut(id, alone);
        world.network.cut(alone, id);
    }
    write(world.member(leader), "a", "2").await;
    let mut leading = world.member(alone).watch_leading();
    let gone = leading.wait_for(|leading| leading.leadership.leader.is_none());
    drop(within("the leader to be missed", gone).await);
    let member = world.member(alone);
    let (write, read) = tokio::join!(member.propose(put("a", "3")), member.linearize());
    assert!(matches!(write, Err(Error::NoLeader)), "{write:?}");
    assert!(matches!(read, Err(Error::TimedOut(_))), "{read:?}");
    assert_eq!(local(member, "a").as_deref(), Some("1"));
    world.network.mend();
    world.leader().await;
    assert_eq!(crate::world::read(member, "a").await.as_deref(), Some("2"));
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_leader_is_done_when_there_is_one() {
    let mut world = World::new(3);
    let ids = [1, 2, 3].map(NodeId);
    world.leader().await;
    for id in &ids[1..] {
        world.stop(*id).await;
    }
    let mut leading = world.member(ONE).watch_leading();
    let gone = leading.wait_for(|leading| leading.leadership.leader.is_none());
    drop(within("the leader to be missed", gone).await);
    let member = world.member(ONE).clone();
    let waiting = tokio::spawn(async move { member.propose(put("late", "1")).await });
    ids[1..].iter().for_each(|id| world.start(*id));
    let outcome = within("the write", waiting).await.expect("it does not panic");
    assert!(matches!(outcome, Ok(Outcome::Put(_))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_told_to_whoever_asked() {
    let world = World::new(1);
    let member = world.member(ONE);
    let mut revoke = Command::default();
    revoke.lease_revoke.get_or_insert_default().id = 7;
    let refused = within("an answer", member.propose(revoke)).await;
    assert_eq!(refused, Err(Error::Refused(Refusal::LeaseNotFound)));
    let large = "x".repeat(2_000_000);
    let refused = within("an answer", member.propose(put("a", &large))).await;
    assert_eq!(refused, Err(Error::TooLarge));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_member_says_so() {
    let mut world = World::new(1);
    let member = world.member(ONE).clone();
    write(&member, "a", "1").await;
    world.stop(ONE).await;
    assert_eq!(member.propose(put("a", "2")).await, Err(Error::Stopped));
    assert_eq!(member.linearize().await, Err(Error::Stopped));
    assert!(member.watch().is_err());
    assert_eq!(member.ended().await, Ending::Asked);
    world.start(ONE);
    assert_eq!(read(world.member(ONE), "a").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_when_a_member_ends_is_told() {
    let mut world = World::new(3);
    world.leader().await;
    world.stop(NodeId(2)).await;
    world.stop(NodeId(3)).await;
    let member = world.member(ONE).clone();
    let waiting = tokio::spawn(async move { member.propose(put("a", "1")).await });
    tokio::task::yield_now().await;
    world.stop(ONE).await;
    let outcome = within("an answer", waiting).await.expect("it does not panic");
    assert_eq!(outcome, Err(Error::Stopped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_trimmed_behind_the_engine() {
    let mut world = World::new(1);
    world.trim_log(ONE).await;
    assert_eq!(read(world.member(ONE), "many").await.as_deref(), Some("99"));
}
