//! One connection with many streams.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;

use prost::Message;

use super::frame::{self, Header, flag, kind};
use super::header::{Decoder, Encoder};

/// What opens a connection (RFC 9113, §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Room for the largest answer on its way (100,000 keys), so that flow control is not what is
/// measured; for a stream, and for the connection.
const WINDOW_BYTES: u32 = 64 << 20;

/// The windows until somebody says otherwise.
const WINDOW_BYTES_INITIAL: u32 = 65_535;

/// No answer is larger; a length beyond it is a broken stream of bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// The compressed-flag and the length before a gRPC message.
const PREFIX_LEN: usize = 5;

/// Settings' names (§6.5.2).
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A stream's number in its connection.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct StreamId(u32);

/// The connection cannot be used any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Broken(pub(crate) String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// How a call failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    /// gRPC's code, if the server gave one.
    pub(crate) code: Option<u32>,
    pub(crate) message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (gRPC code {code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What has come. A call is known by the token that it was made with.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A whole message of a call that has not ended yet.
    Message { token: u64, body: &'a [u8] },
    /// The last of a call.
    Ended { token: u64, result: Result<(), Failure> },
}

/// A message as gRPC sends it.
pub(crate) fn framed(message: &impl Message) -> Vec<u8> {
    let mut bytes = vec![0; PREFIX_LEN];
    message.encode(&mut bytes).expect("a vector grows");
    let len = u32::try_from(bytes.len() - PREFIX_LEN).expect("a request is small");
    bytes[1..PREFIX_LEN].copy_from_slice(&len.to_be_bytes());
    bytes
}

/// The half that understands what comes.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The half that says what goes. An event's receiver has it at hand, to ask again at once.
    pub(crate) streams: Streams,
    decoder: Decoder,
    /// The beginning of a frame that is not whole.
    rest: Vec<u8>,
    /// Headers that are not whole: whose, whether they are the last, and what has come.
    block: Option<(u32, bool, Vec<u8>)>,
    /// Received since the last word about the connection's window.
    received: u32,
}

impl Connection {
    /// A connection that has already something to say: see [`Streams::unsent`].
    pub(crate) fn new(authority: String) -> Self {
        let mut out = PREFACE.to_vec();
        let mut settings = Vec::new();
        for (name, value) in [(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, WINDOW_BYTES)] {
            settings.extend_from_slice(&name.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        frame::write(&mut out, kind::SETTINGS, 0, 0, &settings);
        let more = WINDOW_BYTES - WINDOW_BYTES_INITIAL;
        frame::write(&mut out, kind::WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        let streams = Streams {
            encoder: Encoder::new(authority),
            out,
            block: Vec::new(),
            next: 1,
            open: BTreeMap::new(),
            open_max: usize::MAX,
            window: WINDOW_BYTES_INITIAL.into(),
            window_initial: WINDOW_BYTES_INITIAL.into(),
        };
        Self { streams, decoder: Decoder::default(), rest: Vec::new(), block: None, received: 0 }
    }

    /// Takes in what has come, and tells of it event by event.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        on: &mut impl FnMut(Event<'_>, &mut Streams),
    ) -> Result<(), Broken> {
        if self.rest.is_empty() {
            let used = self.frames(bytes, on)?;
            self.rest.extend_from_slice(&bytes[used..]);
        } else {
            let mut all = mem::take(&mut self.rest);
            all.extend_from_slice(bytes);
            let used = self.frames(&all, on)?;
            all.drain(..used);
            self.rest = all;
        }
        Ok(())
    }

    /// Takes in whole frames; how many bytes they were.
    fn frames(
        &mut self,
        bytes: &[u8],
        on: &mut impl FnMut(Event<'_>, &mut Streams),
    ) -> Result<usize, Broken> {
        let mut used = 0;
        while let Some(header) = Header::parse(&bytes[used..]) {
            if header.len > frame::PAYLOAD_MAX {
                return Err(Broken(format!("a frame of {} bytes", header.len)));
            }
            let payload = used + frame::HEADER_LEN;
            let Some(payload) = bytes.get(payload..payload + header.len) else { break };
            self.frame(header, payload, on)?;
            used += frame::HEADER_LEN + header.len;
        }
        Ok(used)
    }

    fn frame(
        &mut self,
        header: Header,
        payload: &[u8],
        on: &mut impl FnMut(Event<'_>, &mut Streams),
    ) -> Result<(), Broken> {
        let malformed = || Broken(format!("malformed: {header:?}"));
        let unpadded = || frame::unpadded(header, payload).ok_or_else(malformed);
        let number = || payload.first_chunk().copied().map(u32::from_be_bytes);
        match header.kind {
            kind::DATA => self.data(header, unpadded()?, on),
            kind::HEADERS if self.block.is_none() => {
                let (ends, block) = (header.has(flag::END_STREAM), unpadded()?);
                if header.has(flag::END_HEADERS) {
                    return self.headers(header.stream, ends, block, on);
                }
                self.block = Some((header.stream, ends, block.to_vec()));
                Ok(())
            }
            kind::CONTINUATION => {
                let (stream, ends, mut block) = self.block.take().ok_or_else(malformed)?;
                block.extend_from_slice(payload);
                if header.has(flag::END_HEADERS) {
                    return self.headers(stream, ends, &block, on);
                }
                self.block = Some((stream, ends, block));
                Ok(())
            }
            kind::RST_STREAM => {
                let message = format!("reset by the server, code {:?}", number());
                let result = Err(Failure { code: None, message });
                self.end(header.stream, result, on);
                Ok(())
            }
            kind::SETTINGS if !header.has(flag::ACK) => self.streams.settings(payload),
            kind::PING if !header.has(flag::ACK) => {
                frame::write(&mut self.streams.out, kind::PING, flag::ACK, 0, payload);
                Ok(())
            }
            kind::WINDOW_UPDATE => {
                let more = number().ok_or_else(malformed)?;
                self.streams.widen(header.stream, more.into());
                Ok(())
            }
            kind::GOAWAY => {
                let why = String::from_utf8_lossy(payload.get(8..).unwrap_or_default());
                Err(Broken(format!("the server says goodbye: {why}")))
            }
            // The rest is answers to what we have said, and what a client may ignore.
            _ => Ok(()),
        }
    }

    /// Part of one message or several.
    fn data(
        &mut self,
        header: Header,
        payload: &[u8],
        on: &mut impl FnMut(Event<'_>, &mut Streams),
    ) -> Result<(), Broken> {
        let Self { streams, received, .. } = self;
        grant(&mut streams.out, 0, received, header.len as u32);
        // What still comes for a stream that has ended is nobody's.
        let Some(stream) = streams.open.get_mut(&header.stream) else { return Ok(()) };
        let ends = header.has(flag::END_STREAM);
        if !ends {
            grant(&mut streams.out, header.stream, &mut stream.received, header.len as u32);
        }
        let token = stream.token;
        let mut partial = mem::take(&mut stream.partial);
        let in_place = partial.is_empty();
        if !in_place {
            partial.extend_from_slice(payload);
        }
        let received = if in_place { payload } else { &partial };
        let mut used = 0;
        while let Some(body) = first_message(&received[used..])? {
            on(Event::Message { token, body }, streams);
            used += PREFIX_LEN + body.len();
        }
        if in_place {
            partial.extend_from_slice(&payload[used..]);
        } else {
            partial.drain(..used);
        }
        if let Some(stream) = streams.open.get_mut(&header.stream) {
            stream.partial = partial;
        }
        if ends {
            let message = "ended without trailers".to_owned();
            self.end(header.stream, Err(Failure { code: None, message }), on);
        }
        Ok(())
    }

    fn headers(
        &mut self,
        stream: u32,
        ends: bool,
        block: &[u8],
        on: &mut impl FnMut(Event<'_>, &mut Streams),
    ) -> Result<(), Broken> {
        // Numbers alone leave the table as it is, and the beginning of an answer says nothing.
        if !ends && block.iter().all(|&byte| byte & 0x80 != 0 && byte != 0xff) {
            return Ok(());
        }
        let malformed = || Broken("headers that cannot be decoded".to_owned());
        let status = self.decoder.decode(block).ok_or_else(malformed)?;
        if ends {
            let result = match status.code {
                Some(0) => Ok(()),
                code => Err(Failure { code, message: status.http.unwrap_or(status.message) }),
            };
            self.end(stream, result, on);
        }
        Ok(())
    }

    fn end(
        &mut self,
        stream: u32,
        result: Result<(), Failure>,
        on: &mut impl FnMut(Event<'_>, &mut Streams),
    ) {
        if let Some(Stream { token, .. }) = self.streams.open.remove(&stream) {
            on(Event::Ended { token, result }, &mut self.streams);
        }
    }
}

/// Lets the peer go on once half a window has come.
fn grant(out: &mut Vec<u8>, stream: u32, received: &mut u32, more: u32) {
    *received += more;
    if *received >= WINDOW_BYTES / 2 {
        frame::write(out, kind::WINDOW_UPDATE, 0, stream, &received.to_be_bytes());
        *received = 0;
    }
}

/// The first message, if it is whole.
fn first_message(bytes: &[u8]) -> Result<Option<&[u8]>, Broken> {
    let Some((&[compressed, l0, l1, l2, l3], rest)) = bytes.split_first_chunk::<PREFIX_LEN>()
    else {
        return Ok(None);
    };
    let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    if compressed != 0 || len > MESSAGE_BYTES_MAX {
        return Err(Broken(format!("a message of {len} bytes, compressed: {compressed}")));
    }
    Ok(rest.get(..len))
}

/// The half that says what goes.
#[derive(Debug)]
pub(crate) struct Streams {
    encoder: Encoder,
    out: Vec<u8>,
    /// A request's headers; kept for its room.
    block: Vec<u8>,
    next: u32,
    open: BTreeMap<u32, Stream>,
    /// How many streams the peer allows.
    open_max: usize,
    /// What the peer is ready to take, over all streams. Below zero when it has changed its mind.
    window: i64,
    window_initial: i64,
}

#[derive(Debug)]
struct Stream {
    token: u64,
    /// What the peer is ready to take.
    window: i64,
    /// What it is not yet ready to take.
    waiting: Vec<u8>,
    /// Whether nothing follows.
    closing: bool,
    /// The beginning of a message that is not whole.
    partial: Vec<u8>,
    /// Received since the last word about this stream's window.
    received: u32,
}

impl Streams {
    /// Makes a call of one message.
    pub(crate) fn call(&mut self, path: &'static str, message: &[u8], token: u64) {
        self.begin(path, message, token, true);
    }

    /// Makes a call that goes on with more messages.
    pub(crate) fn open(&mut self, path: &'static str, message: &[u8], token: u64) -> StreamId {
        self.begin(path, message, token, false)
    }

    /// Goes on with a call.
    pub(crate) fn send(&mut self, StreamId(id): StreamId, message: &[u8]) {
        if let Some(stream) = self.open.get_mut(&id) {
            stream.waiting.extend_from_slice(message);
            self.drain(id);
        }
    }

    /// What the socket should take; whatever it took should be drained off.
    pub(crate) fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn begin(&mut self, path: &'static str, message: &[u8], token: u64, closing: bool) -> StreamId {
        let id = self.next;
        self.next += 2;
        assert!(self.next < 1 << 31, "a connection's streams are used up");
        assert!(self.open.len() < self.open_max, "the server allows {} streams", self.open_max);
        self.block.clear();
        self.encoder.encode(path, &mut self.block);
        frame::write(&mut self.out, kind::HEADERS, flag::END_HEADERS, id, &self.block);
        let mut stream = Stream {
            token,
            window: self.window_initial,
            waiting: Vec::new(),
            closing,
            partial: Vec::new(),
            received: 0,
        };
        let len = message.len() as i64;
        let fits = len <= self.window.min(stream.window) && message.len() <= frame::PAYLOAD_MAX;
        if fits {
            let flags = if closing { flag::END_STREAM } else { 0 };
            frame::write(&mut self.out, kind::DATA, flags, id, message);
            self.window -= len;
            stream.window -= len;
            self.open.insert(id, stream);
        } else {
            stream.waiting.extend_from_slice(message);
            self.open.insert(id, stream);
            self.drain(id);
        }
        StreamId(id)
    }

    /// Sends what waits in a stream, as far as the windows are open.
    fn drain(&mut self, id: u32) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let mut sent = 0;
        while sent < stream.waiting.len() {
            let room = self.window.min(stream.window).max(0) as usize;
            let len = room.min(frame::PAYLOAD_MAX).min(stream.waiting.len() - sent);
            if len == 0 {
                break;
            }
            let last = stream.closing && sent + len == stream.waiting.len();
            let flags = if last { flag::END_STREAM } else { 0 };
            frame::write(&mut self.out, kind::DATA, flags, id, &stream.waiting[sent..sent + len]);
            sent += len;
            self.window -= len as i64;
            stream.window -= len as i64;
        }
        stream.waiting.drain(..sent);
    }

    fn widen(&mut self, id: u32, more: i64) {
        if id == 0 {
            self.window += more;
            self.drain_all();
        } else if let Some(stream) = self.open.get_mut(&id) {
            stream.window += more;
            self.drain(id);
        }
    }

    fn drain_all(&mut self) {
        let waiting = self.open.iter().filter(|(_, stream)| !stream.waiting.is_empty());
        let waiting: Vec<u32> = waiting.map(|(&id, _)| id).collect();
        waiting.into_iter().for_each(|id| self.drain(id));
    }

    fn settings(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let (settings, []) = payload.as_chunks::<6>() else {
            return Err(Broken("malformed settings".to_owned()));
        };
        for &[n0, n1, v0, v1, v2, v3] in settings {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([n0, n1]) {
                MAX_CONCURRENT_STREAMS => self.open_max = value as usize,
                INITIAL_WINDOW_SIZE => {
                    let change = i64::from(value) - self.window_initial;
                    self.window_initial += change;
                    self.open.values_mut().for_each(|stream| stream.window += change);
                }
                // Our headers need little of any table, and our frames are the smallest allowed.
                _ => {}
            }
        }
        frame::write(&mut self.out, kind::SETTINGS, flag::ACK, 0, &[]);
        self.drain_all();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
