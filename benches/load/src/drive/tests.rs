use std::time::Duration;

use super::{key, percentiles};

#[test]
fn keys_are_ordered_as_their_numbers() {
    assert!(key("load/", 99) < key("load/", 100));
    assert_eq!(key("load/", 7), b"load/0000000007");
}

#[test]
fn percentiles_are_of_what_was_noted() {
    let us = Duration::from_micros;
    assert_eq!(percentiles(&mut []), (us(0), us(0)));
    assert_eq!(percentiles(&mut [7]), (us(7), us(7)));
    let mut hundred: Vec<u32> = (1..=100).rev().collect();
    assert_eq!(percentiles(&mut hundred), (us(50), us(99)));
}
