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
