use super::*;

#[test]
fn the_greatest_number_is_found_again() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let path = holder.path().join("synced");
    let tally = Tally::create(&path, 1).expect("there is room");
    for number in [2, 7, 7, 3, 100] {
        tally.raise(number).expect("there is room");
    }
    assert_eq!(tally.number(), 100);
    drop(tally);
    assert_eq!(Tally::open(&path).expect("it is whole").number(), 100);
}

#[test]
fn what_is_noted_is_found_by_the_next_process() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let path = holder.path().join("synced");
    let tally = Tally::create(&path, 1).expect("there is room");
    for number in [2, 3, 3, 1, 8] {
        tally.note(number).expect("there is room");
    }
    drop(tally);
    let tally = Tally::open(&path).expect("it is whole");
    assert_eq!(tally.number(), 8);
    tally.raise(9).expect("there is room");
    assert_eq!(Tally::open(&path).expect("it is whole").number(), 9);
}

#[test]
fn a_number_that_is_half_written_is_as_good_as_not() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let path = holder.path().join("synced");
    let tally = Tally::create(&path, 5).expect("there is room");
    tally.raise(9).expect("there is room");
    drop(tally);
    let mut bytes = std::fs::read(&path).expect("it is there");
    bytes[place(1)] ^= 1;
    std::fs::write(&path, &bytes).expect("it is there");
    assert_eq!(Tally::open(&path).expect("one is whole").number(), 5);
    bytes[0] ^= 1;
    std::fs::write(&path, &bytes).expect("it is there");
    assert!(matches!(Tally::open(&path), Err(Fault::Corrupt { .. })));
}

#[test]
fn less_than_was_synced_is_damage() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let tally = Tally::create(&holder.path().join("synced"), 5).expect("there is room");
    for last in [5, 9] {
        assert_eq!(tally.check(holder.path(), Some(&u64::to_be_bytes(last))), Ok(last));
    }
    for last in [Some(&u64::to_be_bytes(4)[..]), Some(&[9]), None] {
        let checked = tally.check(holder.path(), last);
        assert!(matches!(checked, Err(Fault::Corrupt { .. })), "{checked:?}");
    }
}
