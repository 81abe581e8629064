//! Members that were away for too long.

use backend::Backend;
use host::Ending;
use units::{Index, NodeId};

use crate::world::{SYNC_EVERY, World, local, read, until, value_in, within, write};

/// Writes so much that what a member needs from the log is gone, wherever it asks; the leader.
async fn leave_behind(world: &mut World) -> NodeId {
    let leader = world.leader().await;
    let running: Vec<_> = world.running().map(|(id, _)| id).collect();
    for id in running {
        // Only who is alone can be looked at without disturbing others, so the trim is inferred:
        // the engine is made durable many times while this is written.
        let member = world.member(id);
        let first = member.published().applied.index;
        let began = std::time::Instant::now();
        while member.published().applied.index.0 < first.0 + 200
            || began.elapsed() < 25 * SYNC_EVERY
        {
            write(member, "many", "value").await;
        }
    }
    leader
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_away_for_too_long_gets_a_snapshot() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    write(world.member(leader), "before", "1").await;
    let away = world.other_than(leader);
    world.kill(away);
    let leader = leave_behind(&mut world).await;
    write(world.member(leader), "after", "1").await;
    world.start(away);
    let member = world.member(away);
    until(member, "the snapshot and the rest", |seen| value_in(seen, "after").is_some()).await;
    assert_eq!(local(member, "before").as_deref(), Some("1"));
    assert_eq!(read(member, "after").await.as_deref(), Some("1"));
    world.assert_equal().await;
    // It goes on from there, also after a crash, and can lead.
    world.kill(away);
    assert!(world.marker(away).index > Index(100), "its log begins after the snapshot");
    world.start(away);
    let leader = world.leader().await;
    if leader != away {
        let moved = world.member(leader).transfer(away);
        within("a transfer", moved).await.expect("it has everything");
    }
    write(world.member(away), "later", "1").await;
    world.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_member_begins_with_a_snapshot() {
    let mut world = World::new(1);
    let one = NodeId(1);
    let new = NodeId(2);
    let leader = leave_behind(&mut world).await;
    within("it to be known", world.member(one).ready()).await.expect("it runs");
    let added = state::MemberChange::Add(crate::world::member(new));
    within("the addition", world.member(leader).change(added)).await.expect("it is alone");
    world.join(new);
    let member = world.member(new);
    until(member, "the snapshot", |seen| value_in(seen, "many").is_some()).await;
    within("it to be known", member.ready()).await.expect("it runs");
    world.assert_equal().await;
}

/// The engine is ahead of the log for a moment while a snapshot is installed. Elsewhere it means
/// that the log has lost its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_ahead_of_its_log_needs_a_reason() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    let away = world.other_than(leader);
    write(world.member(leader), "a", "1").await;
    world.assert_equal().await;
    world.kill(away);
    let other = world.other_than(leader);
    write(world.member(leader), "a", "2").await;
    world.assert_equal().await;
    world.stop(other).await;
    // The other's engine, without its log.
    let ahead = backend::MemBackend::open(&world.seats[&other].engine).expect("nobody uses it");
    let behind = backend::MemBackend::open(&world.seats[&away].engine).expect("nobody uses it");
    let published = state::Machine::open(std::sync::Arc::new(ahead), machine(away));
    let published = std::sync::Arc::clone(published.expect("it is sound").published());
    behind.replace(&mut state::Export::new(&published)).expect("the disk is sound");
    drop((published, behind));
    let refused = world.try_start(away).err();
    assert!(matches!(refused, Some(Ending::Apart(_))), "{refused:?}");
    world.seats[&away].log.crash(0);
    world.seats[&away].engine.crash(0);
    let folder = world.seats[&away].snapshots();
    let index = applied(&world, away);
    std::fs::write(folder.join(format!("{index}.installing")), b"").expect("there is room");
    world.start(away);
    world.start(other);
    assert_eq!(read(world.member(away), "a").await.as_deref(), Some("2"));
    world.assert_equal().await;
    assert_eq!(std::fs::read_dir(folder).expect("it is there").count(), 0);
}

fn machine(node: NodeId) -> state::Config {
    host::testing::config(node, std::path::PathBuf::new()).state
}

fn applied(world: &World, id: NodeId) -> Index {
    let engine = backend::MemBackend::open(&world.seats[&id].engine).expect("nobody uses it");
    let machine = state::Machine::open(std::sync::Arc::new(engine), machine(id));
    machine.expect("it is sound").published().applied.index
}
