use super::{Decoder, Encoder, Status};

fn ok() -> Status {
    Status { code: Some(0), ..Status::default() }
}

#[test]
fn what_was_said_once_is_named_by_a_number() {
    let mut encoder = Encoder::new("127.0.0.1:2379".to_owned());
    let mut sizes = Vec::new();
    for path in ["/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Put"] {
        let mut block = Vec::new();
        encoder.encode(path, &mut block);
        sizes.push(block.len());
    }
    assert!(sizes[0] > 60, "{sizes:?}");
    assert_eq!(sizes[1], 6 + 2 + "/etcdserverpb.KV/Range".len());
    assert_eq!(sizes[2], 7);
}

/// Our decoder keeps its table as a server does; the path is the fourth header of five to seven.
#[test]
fn numbers_follow_the_table_as_it_grows() {
    let mut encoder = Encoder::new("host".to_owned());
    let mut decoder = Decoder::default();
    for path in ["/a", "/b", "/a", "/c", "/b"] {
        let mut block = Vec::new();
        encoder.encode(path, &mut block);
        assert!(decoder.decode(&block).is_some());
        let spelled = decoder.entries.iter().position(|(_, value)| value == path.as_bytes());
        let position = spelled.expect("every path has been spelled out");
        if block.len() == 7 {
            assert_eq!(usize::from(block[3] & 0x7f), super::DYNAMIC + position);
        }
        let others: Vec<_> = block[block.len() - 3..]
            .iter()
            .map(|number| decoder.entries.get(usize::from(number & 0x7f) - super::DYNAMIC))
            .map(|entry| entry.map(|(_, value)| String::from_utf8_lossy(value).into_owned()))
            .collect();
        if block.len() < 20 {
            let expected = ["application/grpc", "etcdd-load", "trailers"];
            assert_eq!(others, expected.map(|value| Some(value.to_owned())));
        }
    }
}

#[test]
fn trailers_in_full_and_by_number() {
    let mut decoder = Decoder::default();
    let spelled = b"\x40\x0bgrpc-status\x010\x40\x0cgrpc-message\x00";
    assert_eq!(decoder.decode(spelled), Some(ok()));
    assert_eq!(decoder.decode(&[0x80 | 63, 0x80 | 62]), Some(ok()));
    // A name by its number, a value in full, and nothing to be remembered.
    let failed = decoder.decode(b"\x0f\x30\x0214\x0f\x2f\x04gone");
    let expected = Status { code: Some(14), message: "gone".to_owned(), http: None };
    assert_eq!(failed, Some(expected));
    assert_eq!(decoder.entries.len(), 2);
}

#[test]
fn other_statuses_of_http_are_told() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.decode(&[0x88]), Some(Status::default()));
    let http = |block: &[u8]| Decoder::default().decode(block).and_then(|status| status.http);
    assert_eq!(http(&[0x8d]).as_deref(), Some("HTTP status 404"));
    assert_eq!(http(b"\x48\x03503").as_deref(), Some("HTTP status 503"));
}

#[test]
fn the_oldest_entries_make_room() {
    let mut decoder = Decoder::default();
    for n in 0..100 {
        let block = format!("\x40\x04date\x14{n:020}");
        assert!(decoder.decode(block.as_bytes()).is_some());
    }
    assert_eq!(decoder.entries.len(), 4_096 / (4 + 20 + 32));
    assert!(decoder.decode(&[0x20]).is_some());
    assert!(decoder.entries.is_empty());
}

#[test]
fn a_block_that_ends_too_early_is_refused() {
    let whole = b"\x40\x0bgrpc-status\x010";
    for len in 1..whole.len() {
        assert_eq!(Decoder::default().decode(&whole[..len]), None, "{len}");
    }
    assert_eq!(Decoder::default().decode(&[0x80 | 62]), None);
}
