//! Frames alone: what remains when HTTP/2 costs next to nothing.
//!
//! A bound, not a server: it believes every client, does not look into headers, and keeps no
//! windows but by granting what came. A thread reads a connection, answers everything that a read
//! brought, and writes that at once.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::thread;

use crate::answer::Answer;

/// What opens a connection (RFC 9113, §3.4).
const PREFACE_BYTES: usize = 24;
/// Length, kind, flags, stream (§4.1).
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
/// Of settings and pings.
const ACK: u8 = 1;
/// Of data and headers.
const END_STREAM: u8 = 1;
/// Of headers.
const END_HEADERS: u8 = 4;

/// Room for what clients send before they are granted more (§6.9.2).
const WINDOW_BYTES: u32 = 65_535;

/// `:status: 200`, and a content type (RFC 7541) that is remembered from the first time on.
const HEADERS_FIRST: &[u8] = b"\x88\x5f\x10application/grpc";
const HEADERS_LATER: &[u8] = b"\x88\xbf";
/// `grpc-status: 0`, remembered behind it.
const TRAILERS_FIRST: &[u8] = b"\x40\x0bgrpc-status\x010";
const TRAILERS_LATER: &[u8] = b"\xbe";

pub(crate) fn serve(at: impl ToSocketAddrs, answer: Answer) -> io::Result<()> {
    for socket in TcpListener::bind(at)?.incoming() {
        let socket = socket?;
        socket.set_nodelay(true)?;
        thread::spawn(move || {
            // A client that goes away is the end of it.
            drop(connection(socket, answer));
        });
    }
    Ok(())
}

fn connection(mut socket: TcpStream, answer: Answer) -> io::Result<()> {
    socket.read_exact(&mut [0; PREFACE_BYTES])?;
    let (mut came, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    let mut out = Vec::new();
    frame(&mut out, SETTINGS, 0, 0, &[]);
    let mut talk = Talk { answer, answered: false, used: 0 };
    loop {
        socket.write_all(&out)?;
        out.clear();
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        came.extend_from_slice(&buffer[..count]);
        let mut at = 0;
        while let Some((head, payload)) = whole(&came[at..]) {
            talk.hear(head, payload, &mut out);
            at += HEAD_BYTES + payload.len();
        }
        came.drain(..at);
        talk.grant(&mut out);
    }
}

/// A frame's head: kind, flags, stream.
type Head = (u8, u8, u32);

/// The first frame, if all of it is there.
fn whole(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let [l0, l1, l2, kind, flags, stream @ ..] = *bytes.first_chunk::<HEAD_BYTES>()?;
    let len = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    let payload = bytes.get(HEAD_BYTES..HEAD_BYTES + len)?;
    Some(((kind, flags, u32::from_be_bytes(stream)), payload))
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let len = u32::try_from(payload.len()).expect("a frame is small");
    out.extend_from_slice(&len.to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

struct Talk {
    answer: Answer,
    /// Whether the client remembers the headers.
    answered: bool,
    /// Bytes of the window that came and were not granted again.
    used: u32,
}

impl Talk {
    fn hear(&mut self, (kind, flags, stream): Head, payload: &[u8], out: &mut Vec<u8>) {
        match kind {
            DATA => {
                self.used += u32::try_from(payload.len()).expect("a frame is small");
                if flags & END_STREAM != 0 {
                    self.respond(stream, out);
                }
            }
            SETTINGS | PING if flags & ACK == 0 => {
                let payload = if kind == PING { payload } else { &[] };
                frame(out, kind, ACK, 0, payload);
            }
            _ => {}
        }
    }

    fn respond(&mut self, stream: u32, out: &mut Vec<u8>) {
        let first = !std::mem::replace(&mut self.answered, true);
        let headers = if first { HEADERS_FIRST } else { HEADERS_LATER };
        let trailers = if first { TRAILERS_FIRST } else { TRAILERS_LATER };
        frame(out, HEADERS, END_HEADERS, stream, headers);
        frame(out, DATA, 0, stream, &self.answer.framed());
        frame(out, HEADERS, END_HEADERS | END_STREAM, stream, trailers);
    }

    fn grant(&mut self, out: &mut Vec<u8>) {
        if self.used > WINDOW_BYTES / 4 {
            frame(out, WINDOW_UPDATE, 0, 0, &std::mem::take(&mut self.used).to_be_bytes());
        }
    }
}
