use super::*;

#[test]
fn what_is_written_is_read() {
    let written = Entry {
        kind: EntryKind::ConfChange,
        term: Term(u64::MAX),
        index: Index(7),
        data: Bytes::from_static(b"data"),
    };
    let bytes = entry(&written);
    assert_eq!(parse_entry(Index(7), &bytes), Some(written));
    assert_eq!(parse_term(&bytes), Some(Term(u64::MAX)));
    for vote in [None, Some(NodeId(9))] {
        let written = HardState { term: Term(3), vote, commit: Index(4) };
        assert_eq!(parse_hard_state(&hard_state(written)), Some(written));
    }
    let written = Identity { node: NodeId(1), cluster: ClusterId(2) };
    assert_eq!(parse_identity(&identity(written)), Some(written));
    let conf_state = ConfState {
        voters: vec![NodeId(1), NodeId(2)],
        learners: vec![],
        voters_outgoing: vec![NodeId(3)],
        learners_next: vec![NodeId(4), NodeId(5)],
        auto_leave: true,
    };
    let position = Position { term: Term(6), index: Index(7) };
    let written = Marker { position, conf_state };
    assert_eq!(parse_marker(&marker(Generation(8), &written)), Some((Generation(8), written)));
    assert_eq!(parse_key(&key(Generation(1), Index(2))), Some((Generation(1), Index(2))));
}

#[test]
fn keys_are_in_the_order_of_entries() {
    let keys = [(1, 5), (1, 256), (1, u64::MAX), (2, 0)];
    let keys = keys.map(|(generation, index)| key(Generation(generation), Index(index)));
    assert!(keys.is_sorted());
    assert!([COUNT, HARD_STATE, IDENTITY, MARKER].iter().all(|fact| *fact < &keys[0][..]));
    assert!([COUNT, HARD_STATE, IDENTITY, MARKER].iter().all(|fact| parse_key(fact).is_none()));
}

#[test]
fn what_is_cut_short_is_nothing() {
    let whole = marker(Generation(1), &Marker::default());
    for end in 0..whole.len() {
        assert_eq!(parse_marker(&whole[..end]), None);
    }
    assert_eq!(parse_marker(&[&whole[..], &[0]].concat()), None);
    // A list that says that it is longer than anything.
    let mut endless = whole;
    endless[24] = 0xff;
    assert_eq!(parse_marker(&endless), None);
    assert_eq!(parse_entry(Index(1), &[3, 0, 0, 0, 0, 0, 0, 0, 1]), None, "no such kind");
    assert_eq!(parse_entry(Index(1), &[0, 0, 0]), None);
}
