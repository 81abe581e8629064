use alloc::vec;

use prost::Message;

use super::*;
use crate::spliced::RangeResponse;

/// What prost makes of it.
#[derive(Message)]
struct Plain {
    #[prost(bytes = "bytes", repeated, tag = "2")]
    kvs: Vec<Bytes>,
}

/// Lengths around all that makes a difference: prefixes, pieces, what is shared.
const LENGTHS: [usize; 16] = [
    0,
    1,
    127,
    128,
    300,
    SHARED_BYTES_MIN - 1,
    SHARED_BYTES_MIN,
    SHARED_BYTES_MIN + 1,
    (16 << 10) - 1,
    16 << 10,
    PIECE_BYTES_MAX - 4,
    PIECE_BYTES_MAX - 3,
    PIECE_BYTES_MAX,
    PIECE_BYTES_MAX + 1,
    2 * PIECE_BYTES_MAX,
    0,
];

/// Numbers that look drawn (xorshift).
fn drawn(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).expect("it has 31 bits")
}

#[track_caller]
fn assert_laid_out(wanted: &[Bytes], records: &Records) {
    assert_eq!(records.len(), wanted.len());
    assert_eq!(records.is_empty(), wanted.is_empty());
    assert!(records.iter().eq(wanted.iter().map(|record| &record[..])));
    assert_eq!(records.last(), wanted.last().map(|record| &record[..]));
    assert!(records.pieces().all(|piece| !piece.is_empty()));
    let plain = Plain { kvs: wanted.to_vec() }.encode_to_vec();
    let pieces: Vec<&[u8]> = records.pieces().collect();
    assert_eq!(pieces.concat(), plain);
    assert_eq!(records.encoded_len(), plain.len());
    assert_eq!(records.clone().into_pieces().concat(), plain);
}

#[test]
fn they_are_what_prost_encodes_however_they_come() {
    let mut state = 1;
    for round in 0..300 {
        let (mut wanted, mut records) = (Vec::new(), Records::default());
        for _ in 0..round % 40 {
            // Mostly small ones, so that many share a piece.
            let length = match drawn(&mut state) % 8 {
                0 => LENGTHS[drawn(&mut state) % LENGTHS.len()],
                _ => LENGTHS[drawn(&mut state) % 5],
            };
            let record = Bytes::from(vec![u8::try_from(wanted.len()).expect("few"); length]);
            match drawn(&mut state) % 2 {
                0 => records.push(&record),
                _ => records.push_shared(record.clone()),
            }
            wanted.push(record);
        }
        assert_laid_out(&wanted, &records);
        let copied: Records = wanted.iter().collect();
        assert_eq!(records, copied, "whatever the pieces");
        assert_laid_out(&wanted, &copied);
        let answer = RangeResponse { kvs: records, ..RangeResponse::default() };
        assert_eq!(RangeResponse::decode(&*answer.encode_to_vec()), Ok(answer));
    }
}

#[test]
fn what_is_large_and_shared_is_not_copied() {
    let large = Bytes::from(vec![7; SHARED_BYTES_MIN]);
    let mut records = Records::default();
    records.push(b"small");
    records.push_shared(large.clone());
    records.push(b"small");
    assert!(records.into_pieces().iter().any(|piece| piece.as_ptr() == large.as_ptr()));
}

#[test]
fn a_lone_record_takes_its_size_and_many_take_few_pieces() {
    let mut records = Records::default();
    records.push(&[1; 300]);
    let capacity = records.0.as_ref().map(|laid| laid.open.capacity());
    assert_eq!(capacity, Some(records.encoded_len()));
    (1..10_000).for_each(|_| records.push(&[1; 300]));
    let bytes = records.encoded_len();
    assert!(records.pieces().count() < bytes / PIECE_BYTES_MAX + 10);
}

#[test]
fn those_that_differ_are_not_equal() {
    let of = |records: &[&str]| records.iter().collect::<Records>();
    assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
    assert_ne!(of(&["a", "bc"]), of(&["ab", "c"]));
    assert_ne!(of(&[""]), of(&[]));
}
