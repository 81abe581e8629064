//! Several members: what must come of their talk, whatever they say.

use alloc::vec::Vec;

use units::{EntryKind, Index, NodeId};

use super::{
    Cluster, ELECTION_TIMEOUT, HEARTBEAT, Make, Member, Seen, commands, config, effects, elect,
    encode, led, propose, rest,
};
use crate::{Body, Effect, PeerState, ReadTicket, Role, Status};

fn status(cluster: &mut Cluster, id: NodeId) -> Status {
    cluster.member(id).status().expect("it runs")
}

fn others(cluster: &Cluster, but: NodeId) -> Vec<NodeId> {
    cluster.ids().into_iter().filter(|id| *id != but).collect()
}

fn isolate(cluster: &mut Cluster, id: NodeId) {
    for other in others(cluster, id) {
        cluster.cut.extend([(id, other), (other, id)]);
    }
}

fn change(cluster: &mut Cluster, id: NodeId, kind: EntryKind, words: &str) {
    let data = encode(words);
    let taken = cluster.call(id, |machine, now| machine.propose_change(now, kind, data));
    assert_eq!(taken, Some(Ok(())), "{words}");
    cluster.run();
}

/// Another than this one comes to lead, while it is cut off.
fn succeed(cluster: &mut Cluster, old: NodeId) -> NodeId {
    let rest = others(cluster, old);
    for _ in 0..100 {
        cluster.elapse(&rest, HEARTBEAT);
        let leads = |id: &&NodeId| {
            let status = cluster.members[*id].status();
            status.is_some_and(|status| status.role == Role::Leader)
        };
        if let Some(leader) = rest.iter().find(leads) {
            return *leader;
        }
    }
    panic!("nobody succeeds {old}");
}

fn ask(cluster: &mut Cluster, id: NodeId, ticket: u64) {
    let ticket = ReadTicket(ticket);
    let asked = cluster.call(id, |machine, now| machine.read_index(now, ticket));
    assert_eq!(asked, Some(Ok(())));
}

/// Every member applies the same entries, and all know who leads.
pub fn entries_reach_everybody(make: Make) {
    let (mut cluster, leader) = led(make, 5);
    propose(&mut cluster, leader, &["a", "b"]).expect("it leads");
    propose(&mut cluster, leader, &["c"]).expect("it leads");
    rest(&mut cluster, 1);
    for id in cluster.ids() {
        assert_eq!(commands(&mut cluster, id), ["a", "b", "c"], "at {id}");
        assert_eq!(status(&mut cluster, id).leader, Some(leader));
        assert_eq!(cluster.members[&id].history, cluster.members[&leader].history);
    }
}

/// A minority agrees on nothing, however long it waits.
pub fn a_leader_without_quorum_commits_nothing(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    for other in others(&cluster, leader) {
        cluster.member(other).crash(usize::MAX);
    }
    let commit = status(&mut cluster, leader).commit;
    propose(&mut cluster, leader, &["x"]).expect("it does not know yet");
    rest(&mut cluster, 5);
    assert_eq!(status(&mut cluster, leader).commit, commit);
    assert!(commands(&mut cluster, leader).is_empty());
}

/// What one leader committed the next one has, and goes on from there.
pub fn what_is_committed_outlives_its_leader(make: Make) {
    let (mut cluster, first) = led(make, 3);
    propose(&mut cluster, first, &["a"]).expect("it leads");
    cluster.run();
    cluster.member(first).crash(usize::MAX);
    let second = elect(&mut cluster);
    assert_ne!(first, second);
    propose(&mut cluster, second, &["b"]).expect("it leads");
    cluster.run();
    cluster.member(first).flush_engine();
    cluster.with(first, Member::start);
    rest(&mut cluster, 3);
    for id in cluster.ids() {
        assert_eq!(commands(&mut cluster, id), ["a", "b"], "at {id}");
    }
}

/// Time may be told of together with a message, before anybody asks what is to be done: it has not
/// passed for who leads since that message.
pub fn an_election_and_a_timeout_may_come_together(make: Make) {
    let (mut cluster, old) = led(make, 3);
    rest(&mut cluster, 3);
    cluster.member(old).crash(usize::MAX);
    let left = others(&cluster, old);
    let candidate = left[0];
    cluster.skip(&left, ELECTION_TIMEOUT * 2);
    cluster.time_out(candidate);
    while !cluster.network.is_empty() {
        for message in core::mem::take(&mut cluster.network) {
            if message.to != candidate {
                cluster.deliver(message);
                continue;
            }
            cluster.call(candidate, |machine, now| {
                machine.step(now, message);
                if machine.deadline().is_some_and(|deadline| deadline <= now) {
                    machine.handle_timeout(now);
                }
            });
        }
        for id in &left {
            cluster.with(*id, |member| member.sync(usize::MAX));
        }
    }
    let status = status(&mut cluster, candidate);
    assert_eq!((status.role, status.commit), (Role::Leader, status.last.index), "{status:?}");
}

/// After a power loss of all everything that was answered is there.
pub fn all_may_restart_at_once(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    propose(&mut cluster, leader, &["a", "b"]).expect("it leads");
    cluster.run();
    assert_eq!(commands(&mut cluster, leader), ["a", "b"]);
    for id in cluster.ids() {
        cluster.member(id).crash(0);
    }
    for id in cluster.ids() {
        cluster.with(id, Member::start);
    }
    let leader = elect(&mut cluster);
    propose(&mut cluster, leader, &["c"]).expect("it leads");
    rest(&mut cluster, 1);
    for id in cluster.ids() {
        assert_eq!(commands(&mut cluster, id), ["a", "b", "c"], "at {id}");
    }
}

/// Neither acknowledgement nor vote leaves a member whose disk stands still.
pub fn a_follower_promises_only_what_is_durable(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let slow = others(&cluster, leader)[0];
    cluster.held_disks.insert(slow);
    let before = cluster.member(slow).disk.last().index;
    propose(&mut cluster, leader, &["x"]).expect("it leads");
    cluster.run();
    cluster.member(leader).crash(usize::MAX);
    cluster.seen.clear();
    let fast: Vec<_> = others(&cluster, leader).into_iter().filter(|id| *id != slow).collect();
    cluster.member(slow).now = cluster.member(slow).now + ELECTION_TIMEOUT * 2;
    cluster.elapse(&fast, ELECTION_TIMEOUT * 4);
    for effect in effects(&mut cluster, slow) {
        let Effect::Send(message) = effect else { continue };
        match message.body {
            Body::AppendAccepted { matched } => assert!(matched <= before, "{message:?}"),
            Body::VoteAnswer { granted, .. } => assert!(!granted, "{message:?}"),
            _ => {}
        }
    }
    cluster.held_disks.clear();
    let next = elect(&mut cluster);
    propose(&mut cluster, next, &["y"]).expect("it leads");
    cluster.run();
    assert_eq!(commands(&mut cluster, next), ["x", "y"], "a quorum held what was committed");
}

/// A follower's clients propose and read by way of the leader.
pub fn followers_pass_on_what_they_are_asked(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let follower = others(&cluster, leader)[0];
    propose(&mut cluster, follower, &["x"]).expect("it knows its leader");
    rest(&mut cluster, 1);
    assert_eq!(commands(&mut cluster, follower), ["x"]);
    let applied = cluster.member(leader).applied.index;
    effects(&mut cluster, follower);
    ask(&mut cluster, follower, 1);
    cluster.run();
    let ready = effects(&mut cluster, follower).into_iter().find_map(|effect| match effect {
        Effect::ReadReady { index, .. } => Some(index),
        _ => None,
    });
    assert!(ready.is_some_and(|index| index >= applied), "{ready:?}, but {applied} is applied");
}

/// A leader that was replaced and does not know it answers nothing, and says so in the end.
pub fn a_stale_leader_answers_no_read(make: Make) {
    let (mut cluster, old) = led(make, 3);
    isolate(&mut cluster, old);
    let new = succeed(&mut cluster, old);
    propose(&mut cluster, new, &["newer"]).expect("it leads");
    cluster.run();
    effects(&mut cluster, old);
    ask(&mut cluster, old, 1);
    cluster.run();
    cluster.cut.clear();
    rest(&mut cluster, 3);
    let answers: Vec<_> = effects(&mut cluster, old)
        .into_iter()
        .filter(|it| matches!(it, Effect::ReadReady { .. } | Effect::ReadLost { .. }))
        .collect();
    assert_eq!(answers, [Effect::ReadLost { ticket: ReadTicket(1) }]);
}

/// A leader that hears nobody leads no longer, without being told.
pub fn a_stale_leader_steps_down(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    isolate(&mut cluster, leader);
    cluster.elapse(&[leader], ELECTION_TIMEOUT * 3);
    let status = status(&mut cluster, leader);
    assert!(status.role != Role::Leader && status.leader.is_none(), "{status:?}");
}

/// A member that was away for long is taken back in the term that there is.
pub fn a_returning_member_raises_no_term(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let away = others(&cluster, leader)[0];
    let term = status(&mut cluster, leader).term;
    isolate(&mut cluster, away);
    rest(&mut cluster, 10);
    cluster.cut.clear();
    rest(&mut cluster, 2);
    let status = status(&mut cluster, away);
    assert_eq!((status.term, status.leader), (term, Some(leader)));
}

/// The leader hands over to the voter that is asked for, and takes nothing meanwhile.
pub fn a_successor_is_chosen(make: Make) {
    let (mut cluster, old) = led(make, 3);
    propose(&mut cluster, old, &["a"]).expect("it leads");
    cluster.run();
    let chosen = others(&cluster, old)[1];
    let begun = cluster.call(old, |machine, now| machine.transfer(now, chosen));
    assert_eq!(begun, Some(Ok(())));
    cluster.run();
    rest(&mut cluster, 1);
    assert_eq!(status(&mut cluster, chosen).role, Role::Leader);
    assert_eq!(status(&mut cluster, old).leader, Some(chosen));
    propose(&mut cluster, chosen, &["b"]).expect("it leads");
    rest(&mut cluster, 1);
    assert_eq!(commands(&mut cluster, old), ["a", "b"]);
}

/// A newcomer gets everything before it counts; once it is a voter, it is needed.
pub fn a_learner_becomes_a_voter(make: Make) {
    let (mut cluster, leader) = led(make, 1);
    let new = NodeId(2);
    propose(&mut cluster, leader, &["a"]).expect("it leads");
    change(&mut cluster, leader, EntryKind::ConfChange, "learn 2");
    let conf = status(&mut cluster, leader).conf_state;
    assert_eq!((conf.voters, conf.learners), (alloc::vec![leader], alloc::vec![new]));
    propose(&mut cluster, leader, &["b"]).expect("it leads");
    cluster.run();
    assert_eq!(commands(&mut cluster, leader).last().map(|last| &last[..]), Some(&b"b"[..]));
    cluster.add(config(new));
    rest(&mut cluster, 1);
    assert_eq!(cluster.members[&new].applied, cluster.members[&leader].applied);
    change(&mut cluster, leader, EntryKind::ConfChange, "add 2");
    assert_eq!(status(&mut cluster, leader).conf_state.voters, [leader, new]);
    cluster.member(new).crash(usize::MAX);
    propose(&mut cluster, leader, &["c"]).expect("it leads");
    cluster.run();
    let last = commands(&mut cluster, leader).pop();
    assert_eq!(last.as_deref(), Some(&b"add 2"[..]), "half of two is no majority");
}

/// The only voter makes a learner another one, and loses the end of its log in a crash before it
/// has said so. The new one holds more, and has not heard that it may campaign: whoever asks for
/// its vote tells it.
pub fn a_new_voter_learns_that_it_is_one(make: Make) {
    let (mut cluster, old) = led(make, 1);
    let new = NodeId(2);
    change(&mut cluster, old, EntryKind::ConfChange, "learn 2");
    cluster.add(config(new));
    rest(&mut cluster, 1);
    cluster.held_disks.insert(old);
    change(&mut cluster, old, EntryKind::ConfChange, "add 2");
    cluster.with(old, |member| member.sync(usize::MAX));
    propose(&mut cluster, old, &["x"]).expect("it leads");
    cluster.run();
    isolate(&mut cluster, old);
    cluster.with(old, |member| member.sync(1));
    cluster.run();
    assert!(cluster.member(old).disk.last() < cluster.member(new).disk.last());
    cluster.member(old).crash(0);
    cluster.held_disks.clear();
    cluster.cut.clear();
    cluster.with(old, Member::start);
    let leader = elect(&mut cluster);
    propose(&mut cluster, leader, &["y"]).expect("it leads");
    rest(&mut cluster, 1);
    for id in [old, new] {
        assert_eq!(status(&mut cluster, id).conf_state.voters, [old, new]);
        assert_eq!(commands(&mut cluster, id).last().map(|last| &last[..]), Some(&b"y"[..]));
    }
}

/// A voter that is removed is not counted any more.
pub fn a_removed_voter_is_not_needed(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let others = others(&cluster, leader);
    change(&mut cluster, leader, EntryKind::ConfChange, &alloc::format!("remove {}", others[0]));
    rest(&mut cluster, 1);
    cluster.member(others[0]).crash(usize::MAX);
    propose(&mut cluster, leader, &["x"]).expect("it leads");
    rest(&mut cluster, 1);
    assert_eq!(commands(&mut cluster, others[1]).last().map(|last| &last[..]), Some(&b"x"[..]));
    assert_eq!(status(&mut cluster, leader).conf_state.voters.len(), 2);
}

/// Who may forget that a term was begun, and begin it again, would put other entries at the places
/// of those that a learner has got: the only voter must not rely on nobody else voting.
pub fn a_term_is_durable_before_it_has_entries(make: Make) {
    let (mut cluster, leader) = led(make, 1);
    change(&mut cluster, leader, EntryKind::ConfChange, "learn 2");
    cluster.add(config(NodeId(2)));
    rest(&mut cluster, 1);
    cluster.member(leader).flush_engine();
    cluster.member(leader).crash(usize::MAX);
    cluster.held_disks.insert(leader);
    cluster.with(leader, Member::start);
    cluster.run();
    propose(&mut cluster, leader, &["forgotten"]).ok();
    let before = cluster.member(leader).disk.last();
    rest(&mut cluster, 3);
    assert_eq!(cluster.member(leader).given.last(), before, "its new term is not durable");
    assert_eq!(cluster.members[&NodeId(2)].given.last(), before);
    cluster.held_disks.clear();
    cluster.member(leader).crash(0);
    cluster.with(leader, Member::start);
    rest(&mut cluster, 3);
    propose(&mut cluster, leader, &["x"]).expect("it leads");
    rest(&mut cluster, 1);
    assert_eq!(cluster.members[&NodeId(2)].history, cluster.members[&leader].history);
}

/// Several voters change at once by way of a joint configuration, which the leader leaves.
pub fn a_joint_change_is_left_by_itself(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let old = others(&cluster, leader);
    cluster.add(config(NodeId(4)));
    cluster.add(config(NodeId(5)));
    let words = alloc::format!("add 4, add 5, remove {}, remove {}", old[0], old[1]);
    change(&mut cluster, leader, EntryKind::ConfChangeV2, &words);
    rest(&mut cluster, 1);
    let status = status(&mut cluster, leader);
    assert_eq!(status.conf_state.voters, [leader, NodeId(4), NodeId(5)]);
    assert!(!status.conf_state.is_joint() && !status.conf_state.auto_leave, "{status:?}");
    propose(&mut cluster, leader, &["x"]).expect("it leads");
    rest(&mut cluster, 1);
    assert_eq!(cluster.members[&NodeId(5)].applied, cluster.members[&leader].applied);
}

/// A member that needs what the log no longer holds gets a snapshot, and the rest from the log.
pub fn a_laggard_is_brought_back_by_a_snapshot(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let away = others(&cluster, leader)[0];
    fall_behind(&mut cluster, leader, away);
    cluster.cut.clear();
    rest(&mut cluster, 2);
    propose(&mut cluster, leader, &["z"]).expect("it leads");
    rest(&mut cluster, 1);
    let wanted = cluster
        .seen
        .iter()
        .any(|seen| matches!(seen, Seen::Effect(_, Effect::SnapshotWanted { to }) if *to == away));
    assert!(wanted, "entries alone cannot have done it");
    assert_eq!(cluster.members[&away].applied, cluster.members[&leader].applied);
    assert_eq!(commands(&mut cluster, away).last().map(|last| &last[..]), Some(&b"z"[..]));
}

/// A snapshot that did not arrive is wanted again, once the first attempt has ended.
pub fn a_lost_snapshot_is_wanted_again(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let away = others(&cluster, leader)[0];
    fall_behind(&mut cluster, leader, away);
    cluster.held_snapshots = true;
    cluster.cut.clear();
    cluster.seen.clear();
    rest(&mut cluster, 3);
    assert_eq!(snapshots_wanted(&cluster), 1, "one at a time");
    let peer = status(&mut cluster, leader).peers.into_iter().find(|peer| peer.id == away);
    assert_eq!(peer.map(|peer| peer.state), Some(PeerState::Snapshot));
    cluster.end_snapshot(leader, away, false);
    cluster.held_snapshots = false;
    rest(&mut cluster, 3);
    assert!(snapshots_wanted(&cluster) > 1);
    assert_eq!(cluster.members[&away].applied, cluster.members[&leader].applied);
}

/// While a snapshot is being installed entries may still be applied that were handed out before;
/// the changes in them are made to the configuration of their own time.
pub fn a_snapshot_is_not_mixed_with_what_came_before(make: Make) {
    let (mut cluster, leader) = led(make, 3);
    let away = others(&cluster, leader)[0];
    cluster.held_appliers.insert(away);
    change(&mut cluster, leader, EntryKind::ConfChange, "learn 4");
    rest(&mut cluster, 1);
    isolate(&mut cluster, away);
    change(&mut cluster, leader, EntryKind::ConfChange, "remove 4");
    change(&mut cluster, leader, EntryKind::ConfChange, "learn 5");
    fall_behind(&mut cluster, leader, away);
    cluster.held_disks.insert(away);
    cluster.seen.clear();
    cluster.cut.clear();
    rest(&mut cluster, 2);
    let installs = |effect: &Effect| matches!(effect, Effect::InstallSnapshot { .. });
    assert!(effects(&mut cluster, away).iter().any(installs), "it gets a snapshot");
    while cluster.member(away).applies() > 0 {
        cluster.with(away, Member::apply);
    }
    let applied = cluster.member(away).applied.index;
    let (here, there) = (&cluster.members[&away], &cluster.members[&leader]);
    assert_eq!(here.conf_at(applied).learners, [NodeId(4)]);
    assert_eq!(here.conf_at(applied), there.conf_at(applied));
    cluster.held_appliers.clear();
    cluster.held_disks.clear();
    rest(&mut cluster, 1);
    assert_eq!(status(&mut cluster, away).conf_state.learners, [NodeId(5)]);
}

fn fall_behind(cluster: &mut Cluster, leader: NodeId, away: NodeId) {
    isolate(cluster, away);
    for _ in 0..3 {
        propose(cluster, leader, &["x", "y"]).expect("it leads");
        cluster.run();
    }
    rest(cluster, 1);
    let applied = cluster.member(leader).applied.index;
    assert!(applied > Index(6), "the others are a quorum");
    cluster.member(leader).flush_engine();
    cluster.with(leader, |member| member.trim(applied));
}

fn snapshots_wanted(cluster: &Cluster) -> usize {
    let wanted = |seen: &&Seen| matches!(seen, Seen::Effect(_, Effect::SnapshotWanted { .. }));
    cluster.seen.iter().filter(wanted).count()
}
