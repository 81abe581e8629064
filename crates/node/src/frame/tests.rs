use alloc::vec;

use super::*;

const FROM: NodeId = NodeId(0x11);
const TO: NodeId = NodeId(0x22);

fn position(term: u64, index: u64) -> Position {
    Position { term: Term(term), index: Index(index) }
}

fn entry(kind: EntryKind, term: u64, index: u64, data: &'static [u8]) -> Entry {
    Entry { kind, term: Term(term), index: Index(index), data: Bytes::from_static(data) }
}

fn marker() -> Marker {
    let conf_state = ConfState {
        voters: vec![FROM, TO],
        learners: vec![NodeId(5)],
        voters_outgoing: vec![NodeId(7), FROM],
        learners_next: vec![NodeId(7)],
        auto_leave: true,
    };
    Marker { position: position(4, 99), conf_state }
}

/// One of each, and of each what could get lost.
fn bodies() -> Vec<Body> {
    let last = position(3, 8);
    let (commit, matched, index) = (Index(7), Index(8), Index(9));
    let (context, ticket) = (Bytes::from_static(b"\x05\0\0\0\0\0\0\0"), ReadTicket(u64::MAX - 1));
    let entries = vec![
        entry(EntryKind::Normal, 3, 9, b""),
        entry(EntryKind::Normal, 4, 10, b"put"),
        entry(EntryKind::ConfChange, 4, 11, b"add"),
        entry(EntryKind::ConfChangeV2, 5, 12, b""),
    ];
    let proposals = vec![
        (EntryKind::Normal, Bytes::from_static(b"put")),
        (EntryKind::ConfChange, Bytes::from_static(b"add")),
        (EntryKind::ConfChangeV2, Bytes::new()),
    ];
    vec![
        Body::Append { previous: last, entries, commit },
        Body::Append { previous: position(0, 0), entries: vec![], commit: Index(0) },
        Body::AppendAccepted { matched },
        Body::AppendAccepted { matched: Index(0) },
        Body::AppendRejected { refused: matched, hint: position(2, 6) },
        Body::AppendRejected { refused: matched, hint: position(0, 0) },
        Body::Heartbeat { commit, context: context.clone() },
        Body::Heartbeat { commit: Index(0), context: Bytes::new() },
        Body::HeartbeatAnswer { context },
        Body::PreVote { last, transfer: false, committed: position(0, 0) },
        Body::PreVote { last, transfer: true, committed: last },
        Body::PreVoteAnswer { granted: true, committed: position(0, 0) },
        Body::PreVoteAnswer { granted: false, committed: last },
        Body::ReadIndexAnswer { ticket, index },
        Body::Snapshot { marker: marker() },
        Body::TimeoutNow,
        Body::TransferLeader { transferee: NodeId(0x33) },
        Body::Vote { last, transfer: false, committed: last },
        Body::Vote { last, transfer: true, committed: position(0, 0) },
        Body::VoteAnswer { granted: true, committed: position(0, 0) },
        Body::VoteAnswer { granted: false, committed: last },
        Body::Propose { entries: proposals },
        Body::ReadIndex { ticket },
    ]
}

fn messages() -> Vec<Message> {
    let message = |body| {
        let termless = matches!(body, Body::Propose { .. } | Body::ReadIndex { .. });
        Message { from: FROM, to: TO, term: (!termless).then_some(Term(5)), body }
    };
    bodies().into_iter().map(message).collect()
}

/// What a leader with this intake says of it in such a message.
fn told(message: &Message, intake: Intake) -> Option<Intake> {
    matches!(message.body, Body::Append { .. } | Body::Heartbeat { .. }).then_some(intake)
}

/// A frame of version 1 around any protobuf bytes.
fn framed(wire: &raftpb::Message) -> Bytes {
    let mut frame = vec![VERSION];
    wire.encode(&mut frame).expect("a vector grows");
    frame.into()
}

#[test]
fn every_message_comes_back_as_it_was() {
    for message in messages() {
        assert_eq!(
            decode(FROM, TO, &encode(&message, Intake::Open)),
            Ok((message.clone(), told(&message, Intake::Open)))
        );
    }
}

#[test]
fn a_frame_is_a_version_and_what_etcd_would_send() {
    let heartbeat = Message {
        from: NodeId(1),
        to: NodeId(2),
        term: Some(Term(3)),
        body: Body::Heartbeat { commit: Index(5), context: Bytes::new() },
    };
    assert_eq!(*encode(&heartbeat, Intake::Open), *b"\x01\x08\x08\x10\x02\x18\x01\x20\x03\x40\x05");
    // Seen between two members of etcd: a forwarded proposal has no term, and its entry only data.
    let proposal = Message {
        from: NodeId(1),
        to: NodeId(2),
        term: None,
        body: Body::Propose { entries: vec![(EntryKind::Normal, Bytes::from_static(b"x"))] },
    };
    assert_eq!(*encode(&proposal, Intake::Open), *b"\x01\x08\x02\x10\x02\x18\x01\x3a\x03\x22\x01x");
}

/// A leader that takes no commands says so whenever it speaks; what others say stays what it was.
#[test]
fn a_leader_tells_whether_it_takes_commands() {
    for message in messages() {
        let frame = encode(&message, Intake::Closed);
        let told = told(&message, Intake::Closed);
        assert_eq!(decode(FROM, TO, &frame), Ok((message, told)));
    }
}

#[test]
fn entries_share_the_memory_of_their_frame() {
    let entries = vec![entry(EntryKind::Normal, 1, 1, b"some command")];
    let body = Body::Append { previous: position(0, 0), entries, commit: Index(0) };
    let frame = encode(&Message { from: FROM, to: TO, term: Some(Term(1)), body }, Intake::Open);
    let (message, _) = decode(FROM, TO, &frame).expect("it was just encoded");
    let Body::Append { entries, .. } = message.body else { panic!("an append comes back as one") };
    assert!(frame.as_ptr_range().contains(&entries[0].data.as_ptr()));
}

#[test]
fn a_message_for_or_from_another_is_refused() {
    for message in messages() {
        let frame = encode(&message, Intake::Open);
        assert_eq!(decode(FROM, NodeId(9), &frame), Err(FrameError::ForAnother { to: TO.0 }));
        if !matches!(message.body, Body::TransferLeader { .. }) {
            assert_eq!(
                decode(NodeId(9), TO, &frame),
                Err(FrameError::FromAnother { from: FROM.0 })
            );
        }
    }
}

#[test]
fn another_version_is_refused() {
    assert_eq!(decode(FROM, TO, &Bytes::new()), Err(FrameError::UnknownVersion { version: None }));
    let mut frame = encode(&messages()[0], Intake::Open).to_vec();
    frame[0] = 2;
    assert_eq!(
        decode(FROM, TO, &frame.into()),
        Err(FrameError::UnknownVersion { version: Some(2) })
    );
}

#[test]
fn what_no_member_sends_is_refused() {
    let kind = |kind: MessageType| raftpb::Message {
        r#type: Some(kind as i32),
        to: Some(TO.0),
        from: Some(FROM.0),
        term: Some(5),
        ..raftpb::Message::default()
    };
    let wire_entry = |term, index| raftpb::Entry {
        term: Some(term),
        index: Some(index),
        ..raftpb::Entry::default()
    };
    let append = |entries: &[(u64, u64)]| raftpb::Message {
        index: Some(8),
        log_term: Some(3),
        entries: entries.iter().map(|(term, index)| wire_entry(*term, *index)).collect(),
        ..kind(MessageType::MsgApp)
    };
    let refused = [
        ("a gap", append(&[(3, 10)])),
        ("a repeat", append(&[(3, 9), (3, 9)])),
        ("a term that goes back", append(&[(2, 9)])),
        ("a term of the future", append(&[(6, 9)])),
        ("no term", raftpb::Message { term: None, ..append(&[]) }),
        ("a huge index", raftpb::Message { index: Some(u64::MAX), ..append(&[]) }),
        ("a huge commit", raftpb::Message { commit: Some(u64::MAX), ..append(&[]) }),
        ("a huge term", raftpb::Message { term: Some(u64::MAX), ..append(&[]) }),
        ("a local message", kind(MessageType::MsgHup)),
        ("another local message", kind(MessageType::MsgStorageApply)),
        ("no type", raftpb::Message { r#type: None, ..append(&[]) }),
        ("an unknown type", raftpb::Message { r#type: Some(77), ..append(&[]) }),
        ("no proposals", kind(MessageType::MsgProp)),
        ("no question", kind(MessageType::MsgReadIndex)),
        ("a snapshot of nothing", kind(MessageType::MsgSnap)),
        (
            "leadership for nobody",
            raftpb::Message { from: None, ..kind(MessageType::MsgTransferLeader) },
        ),
        (
            "answers",
            raftpb::Message { responses: vec![append(&[])], ..kind(MessageType::MsgHeartbeat) },
        ),
        (
            "a bare entry",
            raftpb::Message {
                entries: vec![raftpb::Entry::default()],
                ..kind(MessageType::MsgProp)
            },
        ),
    ];
    for (name, wire) in refused {
        let answer = decode(FROM, TO, &framed(&wire));
        assert!(answer.is_err(), "{name}: {answer:?}");
    }
}

/// What a message is can be told by a glance at its frame, and by no trick hidden from it.
#[test]
fn a_proposal_is_known_by_its_first_bytes() {
    for message in messages() {
        let proposal = matches!(message.body, Body::Propose { .. });
        assert_eq!(proposes(&encode(&message, Intake::Open)), proposal, "{message:?}");
    }
    let body = b"\x10\x22\x18\x11\x3a\x03\x22\x01x";
    let heads: [(&[u8], bool); 5] = [
        (b"\x08\x02", true),
        (b"", false),
        (b"\x08\x82\x00", false),
        (b"\x08\x00\x08\x02", false),
        (b"\x88\x00\x02", false),
    ];
    for (head, fine) in heads {
        let frame = Bytes::from([&[VERSION], head, body].concat());
        assert_eq!((decode(FROM, TO, &frame).is_ok(), proposes(&frame)), (fine, fine), "{head:?}");
        let last = Bytes::from([&[VERSION], &body[..], head].concat());
        assert!(decode(FROM, TO, &last).is_err() && !proposes(&last), "{head:?} comes last");
    }
}

#[test]
fn a_snapshot_names_members_once_and_in_order() {
    let metadata = raftpb::SnapshotMetadata {
        conf_state: Some(raftpb::ConfState {
            voters: vec![9, 3, 9, 5],
            ..raftpb::ConfState::default()
        }),
        index: Some(4),
        term: Some(2),
    };
    let snapshot = raftpb::Snapshot { data: None, metadata: Some(metadata) };
    let marker = snapshot_from_wire(Some(snapshot)).expect("it is a snapshot");
    assert_eq!(marker.conf_state.voters, [NodeId(3), NodeId(5), NodeId(9)]);
}

/// Any cut, any flipped bit, any noise: an error or a message, never a panic; and what is a message
/// can be sent on and read again.
#[test]
fn damaged_frames_do_no_harm() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).expect("31 bits fit")
    };
    let judge = |frame: Vec<u8>| {
        if let Ok((message, intake)) = decode(FROM, TO, &frame.into()) {
            let again = decode(FROM, TO, &encode(&message, intake.unwrap_or_default()));
            assert_eq!(again, Ok((message, intake)));
        }
    };
    for message in messages() {
        let frame = encode(&message, Intake::Open);
        for end in 0..frame.len() {
            judge(frame[..end].to_vec());
        }
        for place in 0..frame.len() {
            for bit in 0..8 {
                let mut damaged = frame.to_vec();
                damaged[place] ^= 1 << bit;
                judge(damaged);
            }
        }
        for _ in 0..500 {
            let mut damaged = frame.to_vec();
            for _ in 0..1 + draw() % 4 {
                let place = draw() % damaged.len();
                damaged[place] = u8::try_from(draw() % 256).expect("a byte");
            }
            judge(damaged);
        }
    }
    for length in 0..2000 {
        let mut noise = vec![VERSION];
        noise.extend((0..length % 64).map(|_| u8::try_from(draw() % 256).expect("a byte")));
        judge(noise);
    }
}
