//! What clients call this server, made into what HTTP/2 lets them call it.
//!
//! Clients of etcd send `:authority` values that are none: etcdctl 3.4 the whole endpoint
//! (`http://127.0.0.1:2379`), Go's naming resolver the service's name (`some/service`, or with a
//! `%2F`). Go's server takes them and never looks; `h2` resets the stream (`malformed authority`)
//! before anything above could forgive it. So [`Tolerant`] stands below `h2`, between it and the
//! socket, and puts `-` in the place of whatever makes such a value wrong.
//!
//! ```text
//!   socket ──▶ Tolerant: preface, frames, header blocks ──▶ h2
//!                 └─▶ steps aside for good when the first block is fine, or all is unclear
//! ```
//!
//! A gRPC client has one authority per connection, so that the first header block tells. An
//! ordinary connection costs the reading of that one block and a copy of what comes before it; from
//! there on its bytes are not looked at. One with a wrong authority is rewritten to its end, as the
//! client may spell the value out again whenever it has fallen out of its dynamic table; that costs
//! two copies of what comes in.
//!
//! # Why no table is kept
//!
//! HPACK (RFC 7541) keeps a table on both sides, of what was sent before. A replacement is as long
//! as what it replaces and is sent in the same kind of field, so that the reader's table has the
//! same names, sizes and evictions as the writer's: what refers to a replaced entry finds the
//! replacement. Thus every block can be rewritten without knowing the others, and sizes of tables
//! are nobody's business here.
//!
//! # What stays as it is
//!
//! An empty authority (nothing of its length is valid), one whose name comes from the dynamic table
//! (nobody who changes authorities within a connection is known), and anything malformed: `h2`
//! judges those.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::uri::Authority;
use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::hpack::{AUTHORITY_INDEX, put_string, take_integer, take_string};

mod hpack;

/// How an HTTP/2 connection begins (RFC 9113, §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is held back for one header block, frames and all: four times the headers that `h2` takes.
const BLOCK_BYTES_MAX: usize = 64 << 10;

/// The largest frame a server has to take that has not said otherwise (RFC 9113, §4.2).
const FRAME_BYTES_MAX: usize = 16 << 10;

const FRAME_HEAD_BYTES: usize = 9;
const PRIORITY_BYTES: usize = 5;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// A connection, plain text, whose HTTP/2 requests name an authority that is one.
#[derive(Debug)]
pub(crate) struct Tolerant<S> {
    stream: S,
    /// `None` once it has stepped aside and all it held is read.
    sieve: Option<Sieve>,
}

impl<S> Tolerant<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, sieve: Some(Sieve::default()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tolerant<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        while let Some(sieve) = &mut this.sieve {
            if !sieve.passed.is_empty() {
                let size = sieve.passed.len().min(buffer.remaining());
                buffer.put_slice(&sieve.passed.split_to(size));
                return Poll::Ready(Ok(()));
            }
            if sieve.stage == Stage::Aside {
                this.sieve = None;
                break;
            }
            let filled = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            match &buffer.filled()[filled..] {
                [] => sieve.step_aside(),
                bytes => sieve.feed(bytes),
            }
            buffer.set_filled(filled);
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tolerant<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// There is nothing to do here, or it is unclear what: the rest is the server's.
struct Aside;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    /// It may still be any protocol.
    #[default]
    Preface,
    /// It is HTTP/2, and no header block has come.
    First,
    /// The first block had a wrong authority.
    Rewriting,
    /// Whatever comes passes.
    Aside,
}

/// Bytes go in as they come, and out as the server may read them.
///
/// Invariant: `held` is less than a head and [`BLOCK_BYTES_MAX`] between two calls of `feed`.
#[derive(Debug, Default)]
struct Sieve {
    stage: Stage,
    /// Read, and not yet understood; it begins with a frame, but for the first `pass` bytes.
    held: BytesMut,
    /// How much of what is held, or comes next, passes unseen.
    pass: usize,
    /// For the server to read.
    passed: BytesMut,
}

impl Sieve {
    fn feed(&mut self, bytes: &[u8]) {
        self.held.put_slice(bytes);
        loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => return,
                Err(Aside) => return self.step_aside(),
            }
        }
    }

    fn step_aside(&mut self) {
        self.stage = Stage::Aside;
        self.passed.unsplit(self.held.split());
    }

    /// Passes what is clear; false when more must come first.
    fn step(&mut self) -> Result<bool, Aside> {
        let size = self.pass.min(self.held.len());
        self.passed.put_slice(&self.held.split_to(size));
        self.pass -= size;
        if self.held.is_empty() {
            return Ok(false);
        }
        if self.stage == Stage::Preface {
            return self.step_over_preface();
        }
        let Some(frame) = Frame::first_of(&self.held) else { return Ok(false) };
        if frame.kind != HEADERS {
            self.pass = FRAME_HEAD_BYTES + frame.length;
            return Ok(true);
        }
        let Some(headers) = Headers::first_of(&self.held)? else { return Ok(false) };
        match with_valid_authority(&headers.block).ok_or(Aside)? {
            Cow::Borrowed(_) if self.stage == Stage::First => return Err(Aside),
            Cow::Borrowed(_) => self.pass = headers.size,
            Cow::Owned(block) => {
                self.stage = Stage::Rewriting;
                headers.write_with(&block, &mut self.passed);
                drop(self.held.split_to(headers.size));
            }
        }
        Ok(true)
    }

    fn step_over_preface(&mut self) -> Result<bool, Aside> {
        let size = self.held.len().min(PREFACE.len());
        if self.held[..size] != PREFACE[..size] {
            return Err(Aside);
        }
        if size == PREFACE.len() {
            self.stage = Stage::First;
            self.pass = size;
        }
        Ok(self.stage == Stage::First)
    }
}

/// The head of a frame (RFC 9113, §4.1).
#[derive(Clone, Copy, Debug)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: [u8; 4],
}

impl Frame {
    fn first_of(bytes: &[u8]) -> Option<Self> {
        let &[high, middle, low, kind, flags, s0, s1, s2, s3] = bytes.first_chunk()?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Some(Self { length, kind, flags, stream: [s0, s1, s2, s3] })
    }

    fn write(self, payload: &[u8], to: &mut BytesMut) {
        to.put_uint(payload.len() as u64, 3);
        to.put_slice(&[self.kind, self.flags]);
        to.put_slice(&self.stream);
        to.put_slice(payload);
    }
}

/// A HEADERS frame and the CONTINUATIONs that end it.
#[derive(Debug)]
struct Headers {
    frame: Frame,
    /// A stream's old kind of priority, or nothing.
    priority: Vec<u8>,
    /// The fields, as HPACK has them.
    block: Vec<u8>,
    /// What all of it took.
    size: usize,
}

impl Headers {
    /// What bytes begin with; `None` if its end is still to come.
    fn first_of(bytes: &[u8]) -> Result<Option<Self>, Aside> {
        let Some(frame) = Frame::first_of(bytes) else { return Ok(None) };
        let mut headers = Self { frame, priority: Vec::new(), block: Vec::new(), size: 0 };
        loop {
            let rest = &bytes[headers.size..];
            let Some(next) = Frame::first_of(rest) else { return Ok(None) };
            let kind = if headers.size == 0 { HEADERS } else { CONTINUATION };
            if next.kind != kind || next.stream != frame.stream {
                return Err(Aside);
            }
            let size = FRAME_HEAD_BYTES + next.length;
            if headers.size + size > BLOCK_BYTES_MAX {
                return Err(Aside);
            }
            let Some(payload) = rest.get(FRAME_HEAD_BYTES..size) else { return Ok(None) };
            if kind == HEADERS {
                let (priority, fragment) = unwrapped(frame.flags, payload).ok_or(Aside)?;
                headers.priority.extend_from_slice(priority);
                headers.block.extend_from_slice(fragment);
            } else {
                headers.block.extend_from_slice(payload);
            }
            headers.size += size;
            if next.flags & END_HEADERS != 0 {
                return Ok(Some(headers));
            }
        }
    }

    /// The same with another block, and without padding.
    fn write_with(&self, block: &[u8], to: &mut BytesMut) {
        let payload = [&self.priority, block].concat();
        let mut frame = Frame { flags: self.frame.flags & !(PADDED | END_HEADERS), ..self.frame };
        let mut chunks = payload.chunks(FRAME_BYTES_MAX).peekable();
        while let Some(chunk) = chunks.next() {
            if chunks.peek().is_none() {
                frame.flags |= END_HEADERS;
            }
            frame.write(chunk, to);
            frame = Frame { kind: CONTINUATION, flags: 0, ..frame };
        }
    }
}

/// The priority and the fields in a HEADERS frame, without the padding (RFC 9113, §6.2).
fn unwrapped(flags: u8, mut payload: &[u8]) -> Option<(&[u8], &[u8])> {
    if flags & PADDED != 0 {
        let (&padding, rest) = payload.split_first()?;
        payload = &rest[..rest.len().checked_sub(usize::from(padding))?];
    }
    payload.split_at_checked(if flags & PRIORITY != 0 { PRIORITY_BYTES } else { 0 })
}

/// The block with a valid authority; borrowed if that is what it has, or it names none. `None` if
/// it is malformed.
fn with_valid_authority(block: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut changed = Vec::new();
    // How much of the block `changed` stands for.
    let mut done = 0;
    let mut rest = block;
    while let Some(&first) = rest.first() {
        // The kinds of fields, by their first bits (RFC 7541, §6).
        let index_bits = match first {
            // A field of the table, whole.
            0x80.. => 7,
            // A name of the table or spelled out, and a value; to be kept in the table.
            0x40.. => 6,
            // Another size of the table.
            0x20.. => 5,
            // As above, not to be kept.
            _ => 4,
        };
        let index = take_integer(&mut rest, index_bits)?;
        if index_bits == 7 || index_bits == 5 {
            continue;
        }
        let is_authority = match index {
            0 => take_string(&mut rest)?.text()?.as_ref() == b":authority",
            index => index == AUTHORITY_INDEX,
        };
        let start = block.len() - rest.len();
        let value = take_string(&mut rest)?;
        if !is_authority {
            continue;
        }
        let text = value.text()?;
        if text.is_empty() || Authority::try_from(text.as_ref()).is_ok() {
            continue;
        }
        changed.extend_from_slice(&block[done..start]);
        put_string(&mut changed, text.iter().map(|&byte| harmless(byte)));
        done = block.len() - rest.len();
    }
    if done == 0 {
        return Some(Cow::Borrowed(block));
    }
    changed.extend_from_slice(&block[done..]);
    Some(Cow::Owned(changed))
}

fn harmless(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() || byte == b'.' { byte } else { b'-' }
}

#[cfg(test)]
mod tests;
