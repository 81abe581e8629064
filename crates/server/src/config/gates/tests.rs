use super::Gates;

fn gates(texts: &[&str]) -> Gates {
    let each = texts.iter().map(|text| Gates::parse(text).expect("it is a list of gates"));
    each.fold(Gates::default(), Gates::and)
}

#[test]
fn what_is_new_is_off_and_what_proved_itself_is_on() {
    let gates = gates(&["", ",,"]);
    assert!(!gates.is_on("LeaseCheckpoint"));
    assert!(gates.is_on("TxnModeWriteWithSharedBuffer"));
    assert_eq!(gates.unsupported(), None);
}

#[test]
fn what_is_said_last_of_a_gate_counts() {
    assert!(gates(&["LeaseCheckpoint=true"]).is_on("LeaseCheckpoint"));
    assert!(gates(&[" LeaseCheckpoint = T ,AllBeta=1"]).is_on("LeaseCheckpoint"));
    assert!(!gates(&["LeaseCheckpoint=true,LeaseCheckpoint=false"]).is_on("LeaseCheckpoint"));
    let both = gates(&["LeaseCheckpoint=true", "LeaseCheckpointPersist=true"]);
    assert!(both.is_on("LeaseCheckpoint") && both.is_on("LeaseCheckpointPersist"));
}

#[test]
fn a_whole_stage_gives_way_to_what_is_said_of_a_gate() {
    for texts in [
        &["AllAlpha=true,LeaseCheckpoint=false"][..],
        &["LeaseCheckpoint=false", "AllAlpha=true"],
        &["AllAlpha=true", "LeaseCheckpoint=false"],
    ] {
        let gates = gates(texts);
        assert!(!gates.is_on("LeaseCheckpoint"), "{texts:?}");
        assert!(gates.is_on("LeaseCheckpointPersist"), "{texts:?}");
    }
}

#[test]
fn etcd_would_complain_in_these_words() {
    for (text, words) in [
        ("LeaseCheckpoint", "missing bool value for LeaseCheckpoint"),
        ("LeaseCheckpoint=true, x", "missing bool value for x"),
        (
            "LeaseCheckpoint=yes",
            "invalid value of LeaseCheckpoint=yes, err: strconv.ParseBool: parsing \"yes\": \
             invalid syntax",
        ),
        ("leaseCheckpoint=true", "unrecognized feature gate: leaseCheckpoint"),
        ("=true", "unrecognized feature gate: "),
    ] {
        assert_eq!(Gates::parse(text), Err(words.to_owned()));
    }
}

#[test]
fn what_is_not_here_can_only_stay_as_it_is() {
    assert_eq!(gates(&["CompactHashCheck=false,FastLeaseKeepAlive=true"]).unsupported(), None);
    let asked = |text| gates(&[text]).unsupported();
    assert_eq!(asked("CompactHashCheck=true").as_deref(), Some("CompactHashCheck=true"));
    assert_eq!(asked("AllBeta=false").as_deref(), Some("FastLeaseKeepAlive=false"));
    assert_eq!(asked("AllAlpha=true").as_deref(), Some("CompactHashCheck=true"));
}
