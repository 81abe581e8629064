//! Watchers, on whichever member.

use std::time::Instant;

use bytes::Bytes;
use host::{Handle, WatchStream};
use units::{NodeId, Revision};
use watch::{Body, Create, Filters, WatchId};

use crate::world::{SYNC_EVERY, World, until, value_in, within, write};

fn everything(start: i64) -> Create {
    Create {
        id: WatchId(0),
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        start: Revision(start),
        filters: Filters::default(),
        previous: false,
        progress: false,
        fragment: false,
    }
}

/// A stream with a watcher of everything from the revision on.
async fn watch(member: &Handle, start: i64) -> WatchStream {
    let mut stream = member.watch().expect("it runs");
    stream.create(everything(start)).expect("there is room");
    let created = within("the watcher", stream.next()).await.expect("it runs");
    assert!(matches!(created.body, Body::Created), "{created:?}");
    stream
}

/// The revisions that a stream tells of, until the last is told.
async fn revisions(stream: &mut WatchStream, last: i64) -> Vec<i64> {
    let mut revisions = Vec::new();
    while revisions.last().is_none_or(|told| *told < last) {
        let response = within("a response", stream.next()).await.expect("it runs");
        match response.body {
            Body::Events(delivery) => {
                revisions.extend(delivery.picked.iter().map(|picked| picked.changes.revision.0));
            }
            body => panic!("{body:?}"),
        }
    }
    revisions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_told_once_and_in_order() {
    let world = World::new(3);
    let leader = world.leader().await;
    let follower = world.other_than(leader);
    write(world.member(leader), "before", "1").await;
    until(world.member(follower), "the write", |seen| value_in(seen, "before").is_some()).await;
    let mut live = watch(world.member(follower), 0).await;
    for number in 0..300 {
        write(world.member(leader), "a", &format!("{number}")).await;
    }
    assert_eq!(revisions(&mut live, 302).await, Vec::from_iter(3..=302));
    // The ring of recent changes does not reach back so far: these come from the engine.
    let mut late = watch(world.member(follower), 2).await;
    assert_eq!(revisions(&mut late, 302).await, Vec::from_iter(2..=302));
    let mut ahead = watch(world.member(follower), 304).await;
    write(world.member(leader), "a", "not told").await;
    write(world.member(leader), "a", "told").await;
    assert_eq!(revisions(&mut ahead, 304).await, [304]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_loses_nothing() {
    let world = World::new(1);
    let one = world.leader().await;
    let mut stream = watch(world.member(one), 0).await;
    let value = "x".repeat(100_000);
    for _ in 0..100 {
        write(world.member(one), "a", &value).await;
    }
    assert_eq!(revisions(&mut stream, 101).await, Vec::from_iter(2..=101));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_outlive_a_snapshot() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    let away = world.other_than(leader);
    write(world.member(leader), "a", "1").await;
    until(world.member(away), "the write", |seen| value_in(seen, "a").is_some()).await;
    let mut stream = watch(world.member(away), 0).await;
    for (id, _) in world.running().filter(|(id, _)| *id != away) {
        world.network.cut(id, away);
        world.network.cut(away, id);
    }
    let began = Instant::now();
    let mut last = 2;
    while last < 400 || began.elapsed() < 25 * SYNC_EVERY {
        write(world.member(leader), "a", "more").await;
        last += 1;
    }
    world.network.mend();
    assert_eq!(revisions(&mut stream, last).await, Vec::from_iter(3..=last));
    // It cannot have come from the log: that begins later.
    world.kill(away);
    assert!(world.marker(away).index.0 > 100, "{:?}", world.marker(away));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_hears_before_a_reader_sees() {
    let world = World::new(1);
    let member = world.member(NodeId(1)).clone();
    let mut stream = watch(&member, 0).await;
    for number in 2..100 {
        write(&member, "a", "value").await;
        assert!(member.published().snapshot.revision() >= Revision(number));
        // It is there already: nothing has to be waited for.
        let told = revisions(&mut stream, number).await;
        assert_eq!(told, [number]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_member() {
    let mut world = World::new(1);
    let mut stream = watch(world.member(NodeId(1)), 0).await;
    world.stop(NodeId(1)).await;
    assert!(within("the end", stream.next()).await.is_none());
    assert!(stream.create(everything(0)).is_err());
}
