use super::super::frame::{self, Header, flag, kind};
use super::{Connection, Event, Failure, PREFACE, StreamId, WINDOW_BYTES, framed};

/// `grpc-status: 0`, spelled out and not to be remembered.
const OK: &[u8] = b"\x00\x0bgrpc-status\x010";

/// What a test has seen of events.
#[derive(Debug, Eq, PartialEq)]
enum Seen {
    Message(u64, Vec<u8>),
    Ended(u64, Result<(), Failure>),
}

fn connection() -> Connection {
    let mut connection = Connection::new("host".to_owned());
    let out = connection.streams.unsent();
    assert!(out.starts_with(PREFACE));
    out.clear();
    connection
}

fn receive(connection: &mut Connection, bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let result = connection.receive(bytes, &mut |event, _| {
        seen.push(match event {
            Event::Message { token, body } => Seen::Message(token, body.to_vec()),
            Event::Ended { token, result } => Seen::Ended(token, result),
        });
    });
    assert_eq!(result, Ok(()));
    seen
}

/// The frames that wait to be sent.
fn sent(connection: &mut Connection) -> Vec<(Header, Vec<u8>)> {
    let out = std::mem::take(connection.streams.unsent());
    let mut frames = Vec::new();
    let mut rest = &out[..];
    while let Some(header) = Header::parse(rest) {
        let (frame, tail) = rest.split_at(frame::HEADER_LEN + header.len);
        frames.push((header, frame[frame::HEADER_LEN..].to_vec()));
        rest = tail;
    }
    frames
}

fn message(body: &[u8]) -> Vec<u8> {
    [&[0], &(body.len() as u32).to_be_bytes()[..], body].concat()
}

/// An answer of one message, as a server sends it.
fn answer(stream: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write(&mut bytes, kind::HEADERS, flag::END_HEADERS, stream, &[0x88]);
    for part in message(body).chunks(frame::PAYLOAD_MAX) {
        frame::write(&mut bytes, kind::DATA, 0, stream, part);
    }
    let flags = flag::END_HEADERS | flag::END_STREAM;
    frame::write(&mut bytes, kind::HEADERS, flags, stream, OK);
    bytes
}

#[test]
fn a_call_and_its_answer() {
    let mut connection = connection();
    let request = framed(&proto::etcdserverpb::PutRequest { key: "k".into(), ..<_>::default() });
    connection.streams.call("/a", &request, 7);
    let frames = sent(&mut connection);
    let kinds: Vec<_> = frames.iter().map(|(header, _)| (header.kind, header.flags)).collect();
    assert_eq!(kinds, [(kind::HEADERS, flag::END_HEADERS), (kind::DATA, flag::END_STREAM)]);
    assert_eq!(frames[1].1, message(b"\x0a\x01k"));
    let seen = receive(&mut connection, &answer(1, b"yes"));
    assert_eq!(seen, [Seen::Message(7, b"yes".to_vec()), Seen::Ended(7, Ok(()))]);
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let mut connection = connection();
    connection.streams.call("/a", &message(b""), 1);
    let body = vec![b'x'; 40_000];
    let mut seen = Vec::new();
    for byte in answer(1, &body) {
        seen.extend(receive(&mut connection, &[byte]));
    }
    assert_eq!(seen, [Seen::Message(1, body), Seen::Ended(1, Ok(()))]);
}

#[test]
fn several_messages_in_one_frame_and_one_in_several() {
    let mut connection = connection();
    connection.streams.open("/a", &message(b""), 1);
    let all = [message(b"one"), message(b"two"), message(b"three")].concat();
    let mut seen = Vec::new();
    for part in [&all[..20], &all[20..]] {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, kind::DATA, 0, 1, part);
        seen.extend(receive(&mut connection, &bytes));
    }
    let expected = [&b"one"[..], b"two", b"three"].map(|body| Seen::Message(1, body.to_vec()));
    assert_eq!(seen, expected);
}

#[test]
fn failures_have_a_reason() {
    let mut connection = connection();
    for token in 0..3 {
        connection.streams.call("/a", &message(b""), token);
    }
    let mut bytes = Vec::new();
    let flags = flag::END_HEADERS | flag::END_STREAM;
    let trailers = b"\x00\x0bgrpc-status\x0214\x00\x0cgrpc-message\x04gone";
    frame::write(&mut bytes, kind::HEADERS, flags, 1, trailers);
    frame::write(&mut bytes, kind::RST_STREAM, 0, 3, &8_u32.to_be_bytes());
    frame::write(&mut bytes, kind::HEADERS, flags, 5, &[0x8d]);
    let reasons: Vec<String> = receive(&mut connection, &bytes)
        .into_iter()
        .map(|seen| match seen {
            Seen::Ended(_, Err(failure)) => failure.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reasons[0], "gone (gRPC code 14)");
    assert_eq!(reasons[1], "reset by the server, code Some(8)");
    assert_eq!(reasons[2], "HTTP status 404");
}

#[test]
fn headers_may_be_continued_and_padded() {
    let mut connection = connection();
    connection.streams.call("/a", &message(b""), 1);
    let mut bytes = Vec::new();
    let padded = [&[2], &OK[..4], &[0, 0]].concat();
    let flags = flag::END_STREAM | flag::PADDED;
    frame::write(&mut bytes, kind::HEADERS, flags, 1, &padded);
    frame::write(&mut bytes, kind::CONTINUATION, flag::END_HEADERS, 1, &OK[4..]);
    assert_eq!(receive(&mut connection, &bytes), [Seen::Ended(1, Ok(()))]);
}

#[test]
fn what_the_windows_do_not_allow_waits() {
    let mut connection = connection();
    let large = message(&[b'x'; 100_000]);
    connection.streams.call("/a", &large, 1);
    let data = |frames: &[(Header, Vec<u8>)]| -> Vec<u8> {
        frames.iter().filter(|(header, _)| header.kind == kind::DATA).fold(
            Vec::new(),
            |mut all, (_, payload)| {
                all.extend_from_slice(payload);
                all
            },
        )
    };
    let first = data(&sent(&mut connection));
    assert_eq!(first.len(), 65_535);
    let mut bytes = Vec::new();
    frame::write(&mut bytes, kind::WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes());
    receive(&mut connection, &bytes);
    assert!(data(&sent(&mut connection)).is_empty());
    bytes.clear();
    // The stream's window is what the peer's settings say, for streams that are open too.
    let setting = [0, 4, 0, 1, 0xff, 0xff];
    frame::write(&mut bytes, kind::SETTINGS, 0, 0, &setting);
    receive(&mut connection, &bytes);
    let frames = sent(&mut connection);
    assert_eq!([first, data(&frames)].concat(), large);
    assert!(frames.last().is_some_and(|(header, _)| header.has(flag::END_STREAM)));
    assert!(frames.iter().any(|(header, _)| header.kind == kind::SETTINGS));
}

#[test]
fn a_call_goes_on_until_it_has_ended() {
    let mut connection = connection();
    let stream = connection.streams.open("/a", &message(b"1"), 1);
    connection.streams.send(stream, &message(b"2"));
    assert_eq!(sent(&mut connection).len(), 3);
    receive(&mut connection, &answer(1, b""));
    connection.streams.send(StreamId(1), &message(b"3"));
    assert_eq!(sent(&mut connection), []);
}

#[test]
fn pings_are_answered_and_windows_reopened() {
    let mut connection = connection();
    connection.streams.open("/a", &message(b""), 1);
    sent(&mut connection);
    let mut bytes = Vec::new();
    frame::write(&mut bytes, kind::PING, 0, 0, b"12345678");
    let chunk = message(&[0; frame::PAYLOAD_MAX - 5]);
    for _ in 0..WINDOW_BYTES as usize / 2 / frame::PAYLOAD_MAX {
        frame::write(&mut bytes, kind::DATA, 0, 1, &chunk);
    }
    receive(&mut connection, &bytes);
    let frames = sent(&mut connection);
    assert_eq!((frames[0].0.kind, frames[0].0.flags), (kind::PING, flag::ACK));
    let granted: Vec<_> = frames[1..].iter().map(|(header, _)| header.stream).collect();
    assert_eq!(granted, [0, 1]);
    assert_eq!(frames[1].1, (WINDOW_BYTES / 2).to_be_bytes());
}

#[test]
fn nonsense_breaks_the_connection() {
    let broken = |kind, flags, payload: &[u8]| {
        let mut connection = connection();
        connection.streams.call("/a", &message(b""), 1);
        let mut bytes = Vec::new();
        frame::write(&mut bytes, kind, flags, 1, payload);
        connection.receive(&bytes, &mut |_, _| {}).is_err()
    };
    assert!(broken(kind::GOAWAY, 0, &[0; 8]));
    assert!(broken(kind::DATA, 0, &[1, 0, 0, 0, 0]));
    assert!(broken(kind::DATA, flag::PADDED, &[9]));
    assert!(broken(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, &[0xbe]));
    assert!(broken(kind::CONTINUATION, flag::END_HEADERS, &[]));
    assert!(broken(kind::SETTINGS, 0, &[1]));
}
