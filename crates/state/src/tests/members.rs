//! raft.md §7, §12 and §13: what changes of members do, and which are refused.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use prost::Message;
use proto::membershippb::{Attributes, ClusterMemberAttrSetRequest, ClusterVersionSetRequest};
use proto::raftpb;
use units::{ConfChangeKind, EntryKind, Index, NodeId, Term};

use super::world::{World, member};
use crate::{Command, Member, MemberChange, Refusal, Version, bootstrap};

fn add(id: u64, url: &str) -> MemberChange {
    MemberChange::Add(member(id, url))
}

fn learner(id: u64, url: &str) -> MemberChange {
    MemberChange::Add(Member { is_learner: true, ..member(id, url) })
}

fn remove(id: u64) -> MemberChange {
    MemberChange::Remove { id: NodeId(id) }
}

fn promote(id: u64) -> MemberChange {
    MemberChange::Promote { id: NodeId(id) }
}

fn update(id: u64, url: &str) -> MemberChange {
    MemberChange::Update { id: NodeId(id), peer_urls: vec![url.into()] }
}

fn roles(world: &World) -> (Vec<u64>, Vec<u64>) {
    let state = &world.published().conf_state;
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    (ids(&state.voters), ids(&state.learners))
}

#[test]
fn raft_12_what_is_refused_at_apply() {
    let mut world = World::new();
    assert_eq!(world.change(&add(1, "a")), Ok(()));
    assert_eq!(world.change(&add(1, "z")), Err(Refusal::MemberExists));
    assert_eq!(world.change(&add(2, "a")), Err(Refusal::PeerUrlExists));
    assert_eq!(world.change(&learner(2, "b")), Ok(()));
    assert_eq!(world.change(&learner(3, "c")), Err(Refusal::TooManyLearners));
    assert_eq!(world.change(&promote(1)), Err(Refusal::MemberNotLearner));
    assert_eq!(world.change(&promote(9)), Err(Refusal::MemberNotFound));
    assert_eq!(world.change(&remove(9)), Err(Refusal::MemberNotFound));
    assert_eq!(world.change(&update(9, "x")), Err(Refusal::MemberNotFound));
    for nobody in [promote(0), remove(0), update(0, "x")] {
        assert_eq!(world.change(&nobody), Err(Refusal::MemberNotFound));
    }
    assert_eq!(world.change(&update(2, "a")), Err(Refusal::PeerUrlExists));
    assert_eq!(world.change(&update(2, "b")), Ok(()), "its own may stay");
    assert_eq!(roles(&world), (vec![1], vec![2]));
    assert_eq!(world.change(&promote(2)), Ok(()));
    assert_eq!(roles(&world), (vec![1, 2], vec![]));
    assert_eq!(world.change(&remove(2)), Ok(()));
    assert_eq!(world.change(&add(2, "new")), Err(Refusal::MemberNotFound), "never again");
    assert_eq!(world.change(&remove(2)), Err(Refusal::MemberNotFound));
    assert_eq!(roles(&world), (vec![1], vec![]));
}

#[test]
fn raft_7_the_last_voter_cannot_leave() {
    let mut world = World::new();
    world.change(&add(1, "a")).expect("it is new");
    world.change(&learner(2, "b")).expect("it is new");
    assert_eq!(world.change(&remove(1)), Err(Refusal::LastVoter));
    assert_eq!(world.change(&remove(2)), Ok(()), "a learner can");
    assert_eq!(roles(&world), (vec![1], vec![]));
}

#[test]
fn r9_an_update_leaves_a_learner_a_learner() {
    let mut world = World::new();
    world.change(&add(1, "a")).expect("it is new");
    world.change(&learner(2, "b")).expect("it is new");
    world.change(&update(2, "c")).expect("it is there");
    let one = &world.published().members.current[&NodeId(2)];
    assert_eq!((one.is_learner, &one.peer_urls[..]), (true, &[String::from("c")][..]));
    world.change(&promote(2)).expect("it is a learner");
    assert_eq!(world.published().members.voters(), 2);
}

#[test]
fn d15_d16_refused_and_empty_entries_move_the_applied_position_too() {
    let mut world = World::new();
    world.change(&add(1, "a")).expect("it is new");
    world.change(&add(1, "a")).expect_err("it is there");
    let empty = world.entry(EntryKind::Normal, vec![]);
    world.machine.apply(world.now, &[empty]).expect("no faults");
    world.run(Command::default()).expect_err("it is nothing");
    let joint = world.entry(EntryKind::ConfChangeV2, vec![]);
    let applied = world.machine.apply(world.now, &[joint]).expect("no faults");
    assert_eq!(applied.changes, [(Index(5), false)]);
    let world = world.restart(usize::MAX);
    assert_eq!(world.published().applied.index, Index(5));
    assert_eq!(world.published().applied.term, Term(1));
}

#[test]
fn members_and_their_attributes_survive_a_restart() {
    let mut world = World::new();
    world.change(&add(u64::MAX, "http://a:2380")).expect("it is new");
    world.change(&learner(7, "http://b:2380")).expect("it is new");
    world.change(&add(8, "http://c:2380")).expect("it is new");
    world.change(&remove(8)).expect("it is there");
    let attributes = |id| {
        let (name, client_urls) = ("first \"one\"".into(), vec!["http://a:2379".into()]);
        let member_attributes = Some(Attributes { name, client_urls });
        let request = ClusterMemberAttrSetRequest { member_id: id, member_attributes };
        Command { cluster_member_attr_set: Some(request), ..Command::default() }
    };
    world.run(attributes(u64::MAX)).expect("it is there");
    world.run(attributes(8)).expect("one that is gone says it in vain");
    let cluster_version_set = Some(ClusterVersionSetRequest { ver: "3.7.0".into() });
    world.run(Command { cluster_version_set, ..Command::default() }).expect("it is one");
    let before = world.published().clone();
    let world = world.restart(usize::MAX);
    let after = world.published();
    assert_eq!(after.members, before.members);
    assert_eq!(after.conf_state, before.conf_state);
    let version = Version { major: 3, minor: 7, patch: 0 };
    assert_eq!((before.cluster_version, after.cluster_version), (Some(version), Some(version)));
    let first = &after.members.current[&NodeId(u64::MAX)];
    assert_eq!((&first.name[..], first.client_urls.len()), ("first \"one\"", 1));
    assert_eq!(after.members.current.len(), 2);
    assert!(after.members.removed.contains(&NodeId(8)));
}

#[test]
fn contexts_are_etcds() {
    let context = |change: &MemberChange| {
        let change = change.to_conf_change(1);
        let text = String::from_utf8(change.context.to_vec()).expect("JSON is text");
        (change.kind, text)
    };
    let (kind, text) = context(&add(3, "http://a"));
    assert_eq!(kind, ConfChangeKind::AddNode);
    assert_eq!(text, r#"{"id":3,"peerURLs":["http://a"],"isPromote":false}"#);
    let (kind, text) = context(&learner(3, "http://a"));
    assert_eq!(kind, ConfChangeKind::AddLearnerNode);
    let expected = r#"{"id":3,"peerURLs":["http://a"],"isLearner":true,"isPromote":false}"#;
    assert_eq!(text, expected);
    let (kind, text) = context(&promote(3));
    assert_eq!(kind, ConfChangeKind::AddNode);
    assert_eq!(text, r#"{"id":3,"peerURLs":[],"isPromote":true}"#);
    let (kind, text) = context(&update(3, "http://b"));
    assert_eq!(kind, ConfChangeKind::UpdateNode);
    assert_eq!(text, r#"{"id":3,"peerURLs":["http://b"]}"#);
    assert_eq!(context(&remove(3)).0, ConfChangeKind::RemoveNode);
}

#[test]
fn contexts_that_go_writes_are_read() {
    let read = |kind: i32, json: &str| {
        let change = raftpb::ConfChange {
            id: Some(1),
            r#type: Some(kind),
            node_id: Some(12_345_678_901_234_567_890),
            context: Some(json.as_bytes().to_vec().into()),
        };
        MemberChange::read(&change)
    };
    let id = 12_345_678_901_234_567_890;
    let plain = r#"{"id":12345678901234567890,"peerURLs":["http://a"],"name":"n"}"#;
    let expected = Member { name: "n".into(), ..member(id, "http://a") };
    assert_eq!(read(0, plain), Ok(MemberChange::Add(expected.clone())));
    let as_learner = Member { is_learner: true, ..expected };
    assert_eq!(read(3, plain), Ok(MemberChange::Add(as_learner)));
    let nulls = r#"{"id":12345678901234567890,"peerURLs":null,"clientURLs":null,"isPromote":true}"#;
    assert_eq!(read(0, nulls), Ok(MemberChange::Promote { id: NodeId(id) }));
    let other = r#"{"id":5,"peerURLs":["http://a"]}"#;
    assert_eq!(read(0, other), Err(Refusal::Unsupported), "another member's");
    assert_eq!(read(0, "{"), Err(Refusal::Unsupported));
    assert_eq!(read(9, plain), Err(Refusal::Unsupported));
    assert_eq!(read(1, ""), Ok(MemberChange::Remove { id: NodeId(id) }));
}

#[test]
fn ops_2_a_new_cluster_begins_with_its_members() {
    let founding = [member(9, "http://c"), member(3, "http://a"), member(5, "http://b")];
    let entries = bootstrap(&founding);
    let nodes: Vec<_> = entries
        .iter()
        .map(|entry| raftpb::ConfChange::decode(entry.data.clone()).expect("it is one").node_id())
        .collect();
    assert_eq!(nodes, [3, 5, 9]);
    assert_eq!(entries.iter().map(|entry| entry.index.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(entries.iter().all(|entry| entry.term == Term(1)));
    let mut world = World::new();
    let applied = world.machine.apply(world.now, &entries).expect("no faults");
    assert!(applied.completions.is_empty(), "nobody waits");
    assert_eq!(applied.changes.iter().filter(|(_, counts)| *counts).count(), 3);
    assert_eq!(roles(&world), (vec![3, 5, 9], vec![]));
}
