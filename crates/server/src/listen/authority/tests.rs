use std::net::SocketAddr;
use std::time::Duration;

use api::urls::Urls;
use axum::Router;
use axum::http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::hpack::{CODES, take_string};
use super::{
    BLOCK_BYTES_MAX, CONTINUATION, END_HEADERS, FRAME_BYTES_MAX, Frame, HEADERS, PADDED, PREFACE,
    PRIORITY, Sieve, Stage, Tolerant, put_string,
};
use crate::listen::{Bound, Homes, Options};

const DATA: u8 = 0;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;

/// `:method: GET`, `:scheme: http`, `:path: /`, all from the static table.
const REQUEST: &[u8] = &[0x82, 0x86, 0x84];

/// `:authority`, to be kept in the table; its value follows.
const AUTHORITY: &[u8] = &[0x41];

/// The newest field of the dynamic table.
const NEWEST: &[u8] = &[0xbe];

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let head = [&length.to_be_bytes()[1..], &[kind, flags, 0, 0, 0, stream]].concat();
    [&head, payload].concat()
}

fn headers(stream: u8, block: &[&[u8]]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block.concat())
}

fn text(text: &str) -> Vec<u8> {
    let mut string = Vec::new();
    put_string(&mut string, text.bytes());
    string
}

fn begun() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// What comes out when these come in, and whether it had stepped aside before the end.
fn through<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let mut sieve = Sieve::default();
    let mut passed = Vec::new();
    for piece in pieces {
        if sieve.stage == Stage::Aside {
            passed.extend_from_slice(piece);
            continue;
        }
        sieve.feed(piece);
        assert!(sieve.held.len() < BLOCK_BYTES_MAX + piece.len(), "it holds too much");
        passed.extend(sieve.passed.split());
    }
    let aside = sieve.stage == Stage::Aside;
    sieve.step_aside();
    passed.extend(sieve.passed.split());
    (passed, aside)
}

#[test]
fn wrong_authorities_are_replaced_wherever_reads_end() {
    // In two frames, with padding and priority.
    let block = [REQUEST, AUTHORITY, &text("http://127.0.0.1:2379")].concat();
    let (one, two) = block.split_at(9);
    let padded = [&[3, 0, 0, 0, 0, 15][..], one, &[0; 3]].concat();
    let first = frame(HEADERS, PADDED | PRIORITY, 1, &padded);
    let second = frame(CONTINUATION, END_HEADERS, 1, two);
    let data = frame(DATA, END_STREAM, 1, b"some bytes, \x01 and not fields");
    let by_index = headers(3, &[REQUEST, NEWEST]);
    // A size of the table, a name spelled out in Huffman's code, never to be kept.
    let name = [0x10, 0x88, 0xb8, 0x3b, 0x53, 0x39, 0xec, 0x32, 0x7d, 0x7f];
    let coded = [0x89, 0x41, 0xe9, 0x2b, 0x08, 0x2d, 0x9d, 0xcc, 0x42, 0xff];
    let again = headers(5, &[&[0x3f, 0xe1, 0x1f], REQUEST, &name, &coded]);
    let sent = [begun(), first, second, data.clone(), by_index.clone(), again].concat();

    let block =
        [&[0, 0, 0, 0, 15][..], REQUEST, AUTHORITY, &text("http---127.0.0.1-2379")].concat();
    let first = frame(HEADERS, PRIORITY | END_HEADERS, 1, &block);
    let again = headers(5, &[&[0x3f, 0xe1, 0x1f], REQUEST, &name, &text("some-service")]);
    let expected = [begun(), first, data, by_index, again].concat();

    assert_eq!(through(sent.chunks(1)), (expected.clone(), false));
    for at in 0..=sent.len() {
        let (one, two) = sent.split_at(at);
        assert_eq!(through([one, two]), (expected.clone(), false), "cut at {at}");
    }
}

#[test]
fn it_steps_aside_when_the_first_authority_is_valid() {
    let fine = ["127.0.0.1:2379", "[::1]:2379", "etcd.example", "#initially=[a]"];
    for (authority, aside) in fine.into_iter().zip([true, true, true, false]) {
        let block = [REQUEST, AUTHORITY, &text(authority)];
        assert_eq!(through([&[begun(), headers(1, &block)].concat()[..]]).1, aside, "{authority}");
    }
    let wrong = [REQUEST, AUTHORITY, &text("not/one")].concat();
    let sent = [begun(), headers(1, &[REQUEST]), headers(3, &[&wrong])].concat();
    assert_eq!(through(sent.chunks(1)), (sent, true));
}

#[test]
fn what_is_not_http_2_passes_at_once() {
    for sent in [&b"GET / HTTP/1.1\r\n"[..], b"PUT", b"\x16\x03\x01", b"PRI * HTTP/1.1\r\n\r\n"] {
        assert_eq!(through([sent]), (sent.to_vec(), true));
    }
    assert_eq!(through([&b"PRI"[..]]), (b"PRI".to_vec(), false));
}

#[test]
fn large_blocks_are_cut_again_and_too_large_ones_pass() {
    for (length, aside) in [(40_000, false), (BLOCK_BYTES_MAX, true)] {
        let block = [REQUEST, AUTHORITY, &text(&"/".repeat(length))].concat();
        let mut sent = [begun(), frame(HEADERS, 0, 1, &[])].concat();
        for chunk in block.chunks(1_000) {
            sent.extend(frame(CONTINUATION, 0, 1, chunk));
        }
        sent.extend(frame(CONTINUATION, END_HEADERS, 1, &[]));
        let (passed, stepped) = through(sent.chunks(777));
        assert_eq!(stepped, aside);
        if aside {
            assert_eq!(passed, sent);
            continue;
        }
        let block = [REQUEST, AUTHORITY, &text(&"-".repeat(length))].concat();
        let mut chunks = block.chunks(FRAME_BYTES_MAX);
        let mut chunk = || chunks.next().expect("it is that long");
        let expected = [
            begun(),
            frame(HEADERS, 0, 1, chunk()),
            frame(CONTINUATION, 0, 1, chunk()),
            frame(CONTINUATION, END_HEADERS, 1, chunk()),
        ];
        assert_eq!(passed, expected.concat());
    }
}

#[test]
fn malformed_blocks_pass_as_they_are() {
    let wrong = [REQUEST, AUTHORITY, &text("not/one")].concat();
    let blocks: [&[u8]; 6] = [
        &[0x41],
        &[0x41, 0x05, b'a'],
        &[0x41, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        // Huffman's code: the end of a string within, and filled up with zeros.
        &[0x41, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x41, 0x81, 0x00],
        &[0xff],
    ];
    for block in blocks {
        let first = [begun(), headers(1, &[&wrong, block])].concat();
        assert_eq!(through([&first[..]]), (first.clone(), true), "{block:x?}");
    }
    // Padding beyond the end, no room for a priority, a block cut by another frame.
    let frames = [
        frame(HEADERS, END_HEADERS | PADDED, 1, &[9, 0, 0]),
        frame(HEADERS, END_HEADERS | PADDED, 1, &[]),
        frame(HEADERS, END_HEADERS | PRIORITY, 1, &[0, 0, 0, 0]),
        [frame(HEADERS, 0, 1, &wrong), frame(DATA, 0, 1, &[])].concat(),
        [frame(HEADERS, 0, 1, &wrong), frame(CONTINUATION, END_HEADERS, 3, &[])].concat(),
    ];
    for frames in frames {
        let sent = [begun(), frames].concat();
        assert_eq!(through([&sent[..]]), (sent.clone(), true));
    }
}

#[test]
fn noise_is_no_harm() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let wrong = headers(1, &[REQUEST, AUTHORITY, &text("not/one")]);
    for _ in 0..20_000 {
        let mut sent = [begun(), wrong.clone()].concat();
        for _ in 0..random(4) {
            let payload: Vec<u8> = (0..random(40)).map(|_| random(256) as u8).collect();
            let kind = [HEADERS, HEADERS, CONTINUATION, DATA][random(4)];
            sent.extend(frame(kind, random(256) as u8, 1, &payload));
        }
        for _ in 0..random(3) {
            let at = PREFACE.len() + random(sent.len() - PREFACE.len());
            sent[at] = random(256) as u8;
        }
        let (whole, _) = through([&sent[..]]);
        let (in_pieces, _) = through(sent.chunks(1 + random(20)));
        assert_eq!(whole, in_pieces, "{sent:x?}");
    }
}

#[test]
fn the_code_is_huffmans() {
    // Of the standard's examples (C.4.1, C.6.3), and one of long codes.
    let coded = [
        (&b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], &b"www.example.com"[..]),
        (
            b"\xad\x94\xe7\x82\x1d\xd7\xf2\xe6\xc7\xb3\x35\xdf\xdf\xcd\x5b\x39\x60\xd5\xaf\x27\
              \x08\x7f\x36\x72\xc1\xab\x27\x0f\xb5\x29\x1f\x95\x87\x31\x60\x65\xc0\x03\xed\x4e\
              \xe5\xb1\x06\x3d\x50\x07",
            b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ),
        (
            b"\x94\x1f\xff\xf1\xff\xff\xe1\xff\xfc\x3f\xff\xff\xfc\xff\xff\xff\xcf\xff\xff\xbb\xdf",
            b"a\xff\xff\xff\xff\xff\xffz",
        ),
    ];
    for (mut coded, text) in coded {
        let string = take_string(&mut coded).and_then(|sent| sent.text());
        assert_eq!(string.as_deref(), Some(text));
    }
    // Every sequence of bits is one of codes, and the end of strings is one more than the bytes.
    let share = |(bits, &codes): (usize, &u32)| u64::from(codes) << (30 - bits);
    assert_eq!(CODES.iter().enumerate().map(share).sum::<u64>(), 1 << 30);
    assert_eq!(CODES.iter().sum::<u32>(), 257);
}

#[tokio::test]
async fn reads_end_where_the_stream_ends() {
    let sent = [begun(), headers(1, &[REQUEST, AUTHORITY, &text("a/b")]), vec![0, 0, 1]].concat();
    for at in 0..sent.len() {
        let (one, two) = sent.split_at(at);
        let mut read = Vec::new();
        let size = Tolerant::new(one.chain(two)).read_to_end(&mut read).await.expect("it reads");
        assert_eq!((&read, size), (&through([&sent[..]]).0, sent.len()));
    }
}

/// Serves its clients the authority that they named.
async fn serve_authorities(stop: watch::Receiver<bool>) -> SocketAddr {
    let urls = Urls::parse(&["http://127.0.0.1:0"]).expect("it is one");
    let bound = Bound::bind(&urls).await.and_then(Bound::listen).expect("a port is free");
    let address = bound.address().expect("it is bound");
    let answer =
        |uri: Uri| async move { uri.authority().map(ToString::to_string).unwrap_or_default() };
    let router = Router::new().fallback(answer);
    tokio::spawn(bound.serve(router, Homes::here(), Options::PEERS, stop, Duration::ZERO));
    address
}

/// Reads frames up to one of these kinds.
async fn next_of(kinds: [u8; 2], stream: &mut TcpStream) -> (u8, Vec<u8>) {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("it comes");
        let frame = Frame::first_of(&head).expect("it is a head");
        let mut payload = vec![0; frame.length];
        stream.read_exact(&mut payload).await.expect("it comes");
        if kinds.contains(&frame.kind) {
            return (frame.kind, payload);
        }
    }
}

#[tokio::test]
async fn a_server_answers_who_names_it_wrongly() {
    let (_stop, stopped) = watch::channel(false);
    let address = serve_authorities(stopped).await;
    let endpoint = format!("http://{address}");
    let names = [endpoint.as_str(), "some/service", "some%2Fservice", "127.0.0.1:2379"];
    for name in names {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(&begun()).await.expect("written");
        let full = headers(1, &[REQUEST, AUTHORITY, &text(name)]);
        let by_index = headers(3, &[REQUEST, NEWEST]);
        let as_fine = if name.contains('/') || name.contains('%') {
            name.replace(|of: char| !of.is_ascii_alphanumeric() && of != '.', "-")
        } else {
            name.to_owned()
        };
        for request in [full, by_index] {
            stream.write_all(&request).await.expect("written");
            let (kind, payload) = next_of([DATA, RST_STREAM], &mut stream).await;
            assert_eq!((kind, String::from_utf8_lossy(&payload)), (DATA, as_fine.as_str().into()));
        }
    }
}
