//! One member: what is durable is committed, and what is committed is applied.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use units::{EntryKind, Index, NodeId, Term};

use super::{Cluster, Make, Member, commands, effects, encode, led, propose, rest, started};
use crate::{Body, Change, Effect, Message, ReadTicket, Refused, Role};

const ME: NodeId = NodeId(1);

/// The only voter becomes leader without waiting for anybody, and says so.
pub fn a_sole_voter_leads(make: Make) {
    let mut cluster = started(make, 1, |_| {});
    cluster.run();
    let status = cluster.member(ME).status().expect("it runs");
    assert_eq!((status.id, status.role, status.leader), (ME, Role::Leader, Some(ME)));
    assert_eq!(status.conf_state.voters, [ME]);
    assert!(status.peers.is_empty(), "it has no peers");
    let told = effects(&mut cluster, ME).into_iter().rev().find_map(|effect| match effect {
        Effect::Changed(leadership) => Some(leadership),
        _ => None,
    });
    let told = told.expect("leading is news");
    assert_eq!((told.term, told.leader, told.role), (status.term, Some(ME), Role::Leader));
}

/// Commands come back as they went in: in order, once, without a gap between the entries.
pub fn proposals_are_applied_in_their_order(make: Make) {
    let (mut cluster, _) = led(make, 1);
    propose(&mut cluster, ME, &["a", "b"]).expect("it leads");
    cluster.run();
    propose(&mut cluster, ME, &["c"]).expect("it leads");
    cluster.run();
    assert_eq!(commands(&mut cluster, ME), ["a", "b", "c"]);
    let indexes: Vec<_> = cluster.member(ME).history.iter().map(|entry| entry.index.0).collect();
    assert_eq!(indexes, (1..=indexes.len() as u64).collect::<Vec<_>>());
}

/// However many proposals came before effects were taken, they are one write.
pub fn proposals_of_a_round_share_a_write(make: Make) {
    let (mut cluster, _) = led(make, 1);
    effects(&mut cluster, ME);
    for _ in 0..100 {
        let taken = cluster.member(ME).call(|machine, now| machine.propose(now, vec!["x".into()]));
        assert_eq!(taken, Some(Ok(())));
    }
    cluster.drain(ME);
    let writes = effects(&mut cluster, ME).into_iter().filter_map(|effect| match effect {
        Effect::Append { entries, sync, .. } if !entries.is_empty() => Some((entries.len(), sync)),
        _ => None,
    });
    assert_eq!(writes.collect::<Vec<_>>(), [(100, true)]);
}

/// As long as the disk works on an entry nobody may see what it does.
pub fn nothing_is_applied_before_it_is_durable(make: Make) {
    let (mut cluster, _) = led(make, 1);
    cluster.held_disks.insert(ME);
    propose(&mut cluster, ME, &["x"]).expect("it leads");
    cluster.run();
    assert!(commands(&mut cluster, ME).is_empty(), "it is not durable yet");
    cluster.with(ME, |member| member.sync(usize::MAX));
    cluster.run();
    assert_eq!(commands(&mut cluster, ME), ["x"]);
}

/// A crash takes what was not durable and nothing else; what is proposed later goes on from there.
pub fn a_crash_loses_only_what_is_not_durable(make: Make) {
    let (mut cluster, _) = led(make, 1);
    propose(&mut cluster, ME, &["kept"]).expect("it leads");
    cluster.run();
    cluster.held_disks.insert(ME);
    propose(&mut cluster, ME, &["lost"]).expect("it leads");
    cluster.run();
    cluster.member(ME).flush_engine();
    cluster.member(ME).crash(0);
    cluster.held_disks.clear();
    cluster.with(ME, Member::start);
    rest(&mut cluster, 3);
    propose(&mut cluster, ME, &["later"]).expect("it leads again");
    cluster.run();
    assert_eq!(commands(&mut cluster, ME), ["kept", "later"]);
}

/// An engine that forgot its newest entries gets the very same again, from the log, before others.
pub fn a_restart_applies_what_is_missing(make: Make) {
    let (mut cluster, _) = led(make, 1);
    propose(&mut cluster, ME, &["a"]).expect("it leads");
    cluster.run();
    cluster.member(ME).flush_engine();
    propose(&mut cluster, ME, &["b", "c"]).expect("it leads");
    cluster.run();
    let before = cluster.member(ME).history.clone();
    cluster.member(ME).crash(usize::MAX);
    cluster.with(ME, Member::start);
    rest(&mut cluster, 3);
    propose(&mut cluster, ME, &["d"]).expect("it leads again");
    cluster.run();
    assert_eq!(commands(&mut cluster, ME), ["a", "b", "c", "d"]);
    assert_eq!(cluster.member(ME).history[..before.len()], before, "entries never change");
}

/// Two starts never share a term, so that their entries can be told apart.
pub fn a_restart_begins_a_newer_term(make: Make) {
    let (mut cluster, _) = led(make, 1);
    let before = cluster.member(ME).status().expect("it runs").term;
    cluster.member(ME).flush_engine();
    cluster.member(ME).crash(usize::MAX);
    cluster.with(ME, Member::start);
    rest(&mut cluster, 3);
    let status = cluster.member(ME).status().expect("it runs");
    assert!(status.term > before, "term {} after {before}", status.term);
    assert_eq!(status.role, Role::Leader);
}

/// A trimmed log serves as well, and so does a start from it.
pub fn a_trimmed_log_is_no_obstacle(make: Make) {
    let (mut cluster, _) = led(make, 1);
    propose(&mut cluster, ME, &["a", "b"]).expect("it leads");
    cluster.run();
    let applied = cluster.member(ME).applied.index;
    cluster.member(ME).flush_engine();
    cluster.with(ME, |member| member.trim(applied));
    propose(&mut cluster, ME, &["c"]).expect("it leads");
    cluster.run();
    cluster.member(ME).crash(usize::MAX);
    cluster.with(ME, Member::start);
    rest(&mut cluster, 3);
    propose(&mut cluster, ME, &["d"]).expect("it leads again");
    cluster.run();
    assert_eq!(commands(&mut cluster, ME), ["a", "b", "c", "d"]);
}

/// What is handed out and not applied yet is bounded; but one entry always goes.
pub fn groups_to_apply_are_bounded(make: Make) {
    const LARGE: &str = "a command that is larger than what may be handed out at once, by far";
    let mut cluster = started(make, 1, |config| config.limits.apply_bytes_max = 32);
    cluster.run();
    effects(&mut cluster, ME);
    cluster.held_appliers.insert(ME);
    propose(&mut cluster, ME, &[LARGE, LARGE, LARGE, LARGE]).expect("it leads");
    cluster.run();
    let handed: Vec<_> = effects(&mut cluster, ME)
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Apply { entries } => Some(entries.len()),
            _ => None,
        })
        .collect();
    assert_eq!(handed, [1], "one exceeds the limit, so the others wait for it");
    cluster.held_appliers.clear();
    while cluster.member(ME).applies() > 0 {
        cluster.with(ME, Member::apply);
        cluster.run();
    }
    assert_eq!(commands(&mut cluster, ME).len(), 4);
}

/// What waits for durability is bounded; but the only proposal is never refused.
pub fn too_much_uncommitted_is_refused(make: Make) {
    let mut cluster = started(make, 1, |config| config.limits.uncommitted_bytes_max = 16);
    cluster.run();
    cluster.held_disks.insert(ME);
    propose(&mut cluster, ME, &["larger than the limit, but alone"]).expect("it is the only one");
    let more = propose(&mut cluster, ME, &["another one, which is too much"]);
    assert_eq!(more, Err(Refused::TooMuchUncommitted));
    let change = encode("update 1, and many words to go with it");
    let change =
        cluster.call(ME, |machine, now| machine.propose_change(now, EntryKind::ConfChange, change));
    assert_eq!(change, Some(Err(Refused::TooMuchUncommitted)));
    cluster.with(ME, |member| member.sync(usize::MAX));
    propose(&mut cluster, ME, &["now there is room"]).expect("nothing waits any more");
}

/// A change comes out as it went in, of its own kind; one that does nothing leaves who takes part.
pub fn a_change_is_handed_out_as_proposed(make: Make) {
    let (mut cluster, _) = led(make, 1);
    let data = encode("update 1");
    let taken = cluster
        .call(ME, |machine, now| machine.propose_change(now, EntryKind::ConfChange, data.clone()));
    assert_eq!(taken, Some(Ok(())));
    propose(&mut cluster, ME, &["after it"]).expect("it leads");
    cluster.run();
    let kinds: Vec<_> =
        cluster.member(ME).history.iter().map(|entry| (entry.kind, entry.data.clone())).collect();
    let tail = [(EntryKind::ConfChange, data), (EntryKind::Normal, Bytes::from("after it"))];
    assert_eq!(kinds[kinds.len() - 2..], tail);
    let before = cluster.member(ME).status().expect("it runs").conf_state;
    let conf = cluster.call(ME, |machine, now| machine.apply_change(now, &Change::default()));
    assert_eq!(conf, Some(before), "a change without steps is nothing here");
}

/// A read shows everything that was applied when it was asked, also before and after a restart.
pub fn reads_cover_what_is_applied(make: Make) {
    let (mut cluster, _) = led(make, 1);
    propose(&mut cluster, ME, &["a", "b"]).expect("it leads");
    cluster.run();
    let applied = cluster.member(ME).applied.index;
    assert!(answer(&mut cluster, 1) >= applied);
    cluster.member(ME).crash(usize::MAX);
    cluster.with(ME, Member::start);
    rest(&mut cluster, 3);
    assert!(answer(&mut cluster, 2) >= applied, "a restart forgets no answered write");
}

fn answer(cluster: &mut Cluster, ticket: u64) -> Index {
    let ticket = ReadTicket(ticket);
    effects(cluster, ME);
    let asked = cluster.call(ME, |machine, now| machine.read_index(now, ticket));
    assert_eq!(asked, Some(Ok(())));
    cluster.run();
    let answers = effects(cluster, ME).into_iter().filter_map(|effect| match effect {
        Effect::ReadReady { ticket: of, index } if of == ticket => Some(index),
        _ => None,
    });
    let answers: Vec<_> = answers.collect();
    assert_eq!(answers.len(), 1, "a question has one answer");
    answers[0]
}

/// Leadership cannot go to who is no voter, and need not go to who has it.
pub fn only_voters_can_lead(make: Make) {
    let (mut cluster, _) = led(make, 1);
    let stranger = cluster.call(ME, |machine, now| machine.transfer(now, NodeId(9)));
    assert_eq!(stranger, Some(Err(Refused::BadTransferee)));
    let itself = cluster.call(ME, |machine, now| machine.transfer(now, ME));
    assert_eq!(itself, Some(Ok(())));
    propose(&mut cluster, ME, &["x"]).expect("it leads as before");
}

/// Messages for another member, and calls about peers that are not there, are nothing.
pub fn messages_for_others_change_nothing(make: Make) {
    let (mut cluster, _) = led(make, 1);
    let before = cluster.member(ME).status();
    let body = Body::Heartbeat { commit: Index(9), context: Bytes::new() };
    let message = Message { from: NodeId(2), to: NodeId(3), term: Some(Term(99)), body };
    cluster.call(ME, |machine, now| machine.step(now, message));
    cluster.call(ME, |machine, _| machine.unreachable(NodeId(2)));
    cluster.end_snapshot(ME, NodeId(2), true);
    cluster.start_snapshot(ME, NodeId(2));
    cluster.run();
    assert_eq!(cluster.member(ME).status(), before);
}
