use super::*;

#[test]
fn the_greater_number_counts_if_it_is_whole() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let path = holder.path().join("synced");
    let mut tally = Tally::create(&path).expect("there is room");
    for number in [2, 5, 9] {
        tally.note(number).expect("there is room");
    }
    drop(tally);
    assert_eq!(Tally::open(&path).expect("it is whole").number(), 9);
    let mut bytes = std::fs::read(&path).expect("it is there");
    let place = usize::try_from(PLACE_STEP).expect("it is small");
    bytes[place] ^= 1;
    std::fs::write(&path, &bytes).expect("it is there");
    assert_eq!(Tally::open(&path).expect("one is whole").number(), 5);
    bytes[0] ^= 1;
    std::fs::write(&path, &bytes).expect("it is there");
    assert!(matches!(Tally::open(&path), Err(Fault::Corrupt { .. })));
}
