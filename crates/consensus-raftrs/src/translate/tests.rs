//! What is said comes out as it went in.

use bytes::Bytes;
use consensus::{Body, Marker, Message, ReadTicket};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Position, Term};

use super::{conf_from_library, conf_to_library, from_library, to_library};

fn place(term: u64, index: u64) -> Position {
    Position { term: Term(term), index: Index(index) }
}

fn conf() -> ConfState {
    ConfState {
        voters: vec![NodeId(1), NodeId(2)],
        learners: vec![NodeId(5)],
        voters_outgoing: vec![NodeId(2), NodeId(3)],
        learners_next: vec![NodeId(3)],
        auto_leave: true,
    }
}

/// Everything that the library hears or says, in each of its forms.
fn bodies() -> Vec<Body> {
    let kinds = [EntryKind::Normal, EntryKind::ConfChange, EntryKind::ConfChangeV2];
    let entry = |(kind, index)| Entry {
        kind,
        term: Term(4),
        index: Index(index),
        data: Bytes::from(format!("entry {index}")),
    };
    let entries: Vec<_> = kinds.into_iter().zip(8..).map(entry).collect();
    let context = Bytes::from_static(b"any bytes");
    let (last, ticket) = (place(4, 7), ReadTicket(u64::MAX - 1));
    let mut bodies = vec![
        Body::Append { previous: place(3, 7), entries, commit: Index(6) },
        Body::Append { previous: place(0, 0), entries: Vec::new(), commit: Index(0) },
        Body::AppendAccepted { matched: Index(9) },
        Body::AppendRejected { refused: Index(9), hint: place(2, 5) },
        Body::Heartbeat { commit: Index(3), context: context.clone() },
        Body::HeartbeatAnswer { context },
        Body::ReadIndexAnswer { ticket, index: Index(8) },
        Body::Snapshot { marker: Marker { position: last, conf_state: conf() } },
        Body::TimeoutNow,
    ];
    for flag in [false, true] {
        bodies.extend([
            Body::PreVote { last, transfer: flag, committed: place(3, 6) },
            Body::PreVoteAnswer { granted: flag, committed: place(3, 6) },
            Body::Vote { last, transfer: flag, committed: place(3, 6) },
            Body::VoteAnswer { granted: flag, committed: place(3, 6) },
        ]);
    }
    bodies
}

#[test]
fn messages_come_back_as_they_went() {
    let with_term = bodies().into_iter().map(|body| (Some(Term(4)), body));
    let without = [(None, Body::ReadIndex { ticket: ReadTicket(3) })];
    for (term, body) in with_term.chain(without) {
        let message = Message { from: NodeId(2), to: NodeId(1), term, body };
        let there = to_library(message.clone()).expect("the library has a word for it");
        assert_eq!(from_library(there), Some(message));
    }
}

#[test]
fn proposals_and_transfers_are_not_for_the_library() {
    let entries = vec![(EntryKind::Normal, Bytes::new())];
    for body in [Body::Propose { entries }, Body::TransferLeader { transferee: NodeId(3) }] {
        let message = Message { from: NodeId(2), to: NodeId(1), term: None, body };
        assert_eq!(to_library(message), None);
    }
}

#[test]
fn members_come_back_sorted() {
    let mut unsorted = conf_to_library(&conf());
    unsorted.voters.reverse();
    unsorted.voters_outgoing.reverse();
    assert_eq!(conf_from_library(&unsorted), conf());
}
