use bytes::Bytes;
use links::Introduction;
use units::{ClusterId, NodeId};

use super::write_introduction;
use super::{COPIED_BYTES_MAX, INTRODUCTION, Records, read_introduction, write_batch};

fn taken(records: &mut Records, chunk: &[u8]) -> Result<Vec<Bytes>, String> {
    let mut taken = Vec::new();
    let chunk = Bytes::copy_from_slice(chunk);
    records.take(chunk, |record| taken.push(record)).map_err(|broken| broken.to_string())?;
    Ok(taken)
}

#[test]
fn frames_come_out_as_they_went_in_however_they_are_cut() {
    let large = vec![7; COPIED_BYTES_MAX + 1];
    let frames: Vec<Bytes> =
        [&b"one"[..], b"", b"three", &large, b"", b"six"].map(Bytes::copy_from_slice).into();
    let written: Vec<u8> = write_batch(frames.clone()).concat();
    for size in [1, 2, 3, 4, 5, 7, 11, 4096, COPIED_BYTES_MAX, written.len()] {
        let mut records = Records::new(large.len());
        let mut read = Vec::new();
        for chunk in written.chunks(size) {
            read.extend(taken(&mut records, chunk).expect("it was written so"));
        }
        assert!(read == frames, "in chunks of {size}");
    }
}

#[test]
fn frames_that_are_too_long_are_refused_before_they_are_there() {
    for cut in 1..4 {
        let mut records = Records::new(8);
        let length = 9_u32.to_be_bytes();
        assert_eq!(taken(&mut records, &length[..cut]), Ok(vec![]));
        let why = taken(&mut records, &length[cut..]).expect_err("it is too long");
        assert_eq!(why, "a record is too long");
    }
}

#[test]
fn an_introduction_is_read_as_it_was_written() {
    let urls = vec!["quic://a:1".to_owned(), "quic://b:2".to_owned()];
    let said = Introduction { cluster: ClusterId(1), from: NodeId(2), to: NodeId(3), urls };
    let written = write_introduction(&said, 4);
    assert_eq!(written[0], INTRODUCTION);
    let mut records = Records::new(1024);
    let record = taken(&mut records, &written[1..]).expect("it is a record").remove(0);
    let (read, life) = read_introduction(record.clone()).expect("it was written so");
    assert_eq!((read, life), (said, 4));
    for length in 0..32 {
        read_introduction(record.slice(..length)).expect_err("it is too short");
    }
    read_introduction(Bytes::from(vec![0; 32])).expect_err("nobody is 0");
    read_introduction(Bytes::from(vec![255; 33])).expect_err("URLs are text");
}
