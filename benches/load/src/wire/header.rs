//! Headers as numbers (RFC 7541): what has been said once is named by its place in a table that
//! both sides keep.

use std::collections::VecDeque;

use super::huffman;

/// The first number of the table that grows.
const DYNAMIC: usize = 62;

/// How large a peer may let our table grow: the protocol's initial size, which nobody here changes.
const TABLE_BYTES_MAX: usize = 4_096;

/// What each entry counts besides its text (§4.1).
const ENTRY_BYTES: usize = 32;

/// Numbers of the static table (Appendix A).
const AUTHORITY: u8 = 1;
const METHOD_POST: u8 = 3;
const PATH: u8 = 4;
const SCHEME_HTTP: u8 = 6;
const STATUS_200: usize = 8;
const CONTENT_TYPE: u8 = 31;
const USER_AGENT: u8 = 58;

/// Says the headers of gRPC requests to one authority. The paths are few enough for the table to
/// hold all of them.
#[derive(Debug)]
pub(super) struct Encoder {
    authority: String,
    /// What the peer remembers, oldest first; the path of each entry that is one.
    entries: Vec<Option<&'static str>>,
}

/// Where the first request's headers are among the entries. The pseudo-headers come first, as they
/// must (RFC 9113, §8.3).
const AUTHORITY_ENTRY: usize = 0;
const OTHER_ENTRIES: std::ops::RangeInclusive<usize> = 2..=4;

impl Encoder {
    pub(super) fn new(authority: String) -> Self {
        Self { authority, entries: Vec::new() }
    }

    /// Appends the headers of a request for this path.
    pub(super) fn encode(&mut self, path: &'static str, block: &mut Vec<u8>) {
        block.extend_from_slice(&[0x80 | METHOD_POST, 0x80 | SCHEME_HTTP]);
        let first = self.entries.is_empty();
        if first {
            let authority = self.authority.clone();
            self.add(block, AUTHORITY, authority.as_bytes(), None);
        } else {
            block.push(self.number(AUTHORITY_ENTRY));
        }
        match self.entries.iter().position(|&known| known == Some(path)) {
            Some(position) => block.push(self.number(position)),
            None => self.add(block, PATH, path.as_bytes(), Some(path)),
        }
        if first {
            self.add(block, CONTENT_TYPE, b"application/grpc", None);
            self.add(block, USER_AGENT, b"etcdd-load", None);
            block.extend_from_slice(b"\x40\x02te\x08trailers");
            self.entries.push(None);
        } else {
            OTHER_ENTRIES.for_each(|position| block.push(self.number(position)));
        }
    }

    /// An entry's number, as one byte.
    fn number(&self, position: usize) -> u8 {
        let number = DYNAMIC + self.entries.len() - 1 - position;
        assert!(number < 0x7f, "{number} does not fit one byte");
        0x80 | number as u8
    }

    fn add(&mut self, block: &mut Vec<u8>, name: u8, value: &[u8], path: Option<&'static str>) {
        assert!(value.len() < 0x7f, "{} bytes in one header", value.len());
        block.extend_from_slice(&[0x40 | name, value.len() as u8]);
        block.extend_from_slice(value);
        self.entries.push(path);
    }
}

/// Understands the headers of answers.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Newest first.
    entries: VecDeque<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
    /// As the peer has chosen, up to [`TABLE_BYTES_MAX`].
    bytes_max: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max: TABLE_BYTES_MAX }
    }
}

/// The headers of an answer that matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Status {
    /// `grpc-status`, if there is one.
    pub(super) code: Option<u32>,
    /// `grpc-message`.
    pub(super) message: String,
    /// HTTP's own, if it is not 200.
    pub(super) http: Option<String>,
}

impl Decoder {
    /// Reads a block of headers; `None` if it is none.
    pub(super) fn decode(&mut self, block: &[u8]) -> Option<Status> {
        let mut status = Status::default();
        let mut rest = block;
        while let Some(&first) = rest.first() {
            if first & 0x80 != 0 {
                let index = number(&mut rest, 7)?;
                if index >= DYNAMIC {
                    let (name, value) = self.entries.get(index - DYNAMIC)?;
                    status.note(name, value);
                } else if (STATUS_200 + 1..=STATUS_200 + 6).contains(&index) {
                    status.http = Some(format!("HTTP status {}", STATIC_STATUSES[index - 9]));
                }
            } else if first & 0xe0 == 0x20 {
                self.bytes_max = number(&mut rest, 5)?.min(TABLE_BYTES_MAX);
                self.shrink();
            } else {
                let remembered = first & 0x40 != 0;
                let index = number(&mut rest, if remembered { 6 } else { 4 })?;
                let name = if index == 0 { string(&mut rest)? } else { self.name(index)?.to_vec() };
                let value = string(&mut rest)?;
                status.note(&name, &value);
                if remembered {
                    self.bytes += name.len() + value.len() + ENTRY_BYTES;
                    self.entries.push_front((name, value));
                    self.shrink();
                }
            }
        }
        Some(status)
    }

    fn name(&self, index: usize) -> Option<&[u8]> {
        if index >= DYNAMIC {
            return self.entries.get(index - DYNAMIC).map(|(name, _)| &name[..]);
        }
        // Of the static names only one matters to us.
        Some(if (STATUS_200..STATUS_200 + 7).contains(&index) { b":status" } else { b"" })
    }

    fn shrink(&mut self) {
        while self.bytes > self.bytes_max
            && let Some((name, value)) = self.entries.pop_back()
        {
            self.bytes -= name.len() + value.len() + ENTRY_BYTES;
        }
    }
}

const STATIC_STATUSES: [u16; 6] = [204, 206, 304, 400, 404, 500];

impl Status {
    fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = || String::from_utf8_lossy(value);
        match name {
            b"grpc-status" => self.code = text().parse().ok(),
            b"grpc-message" => self.message = text().into_owned(),
            b":status" if value != b"200" => self.http = Some(format!("HTTP status {}", text())),
            _ => {}
        }
    }
}

/// An integer that begins in the low bits of a byte (§5.1).
fn number(rest: &mut &[u8], bits: u32) -> Option<usize> {
    let mask = (1_usize << bits) - 1;
    let (&first, mut tail) = rest.split_first()?;
    let mut value = usize::from(first) & mask;
    if value == mask {
        for shift in (0..28).step_by(7) {
            let (&byte, after) = tail.split_first()?;
            tail = after;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *rest = tail;
                return Some(value);
            }
        }
        return None;
    }
    *rest = tail;
    Some(value)
}

fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let compressed = rest.first()? & 0x80 != 0;
    let len = number(rest, 7)?;
    let (text, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    if compressed { huffman::decode(text) } else { Some(text.to_vec()) }
}

#[cfg(test)]
mod tests;
