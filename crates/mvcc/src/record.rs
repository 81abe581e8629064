//! A `KeyValue` in its encoding, and what can be said about it without decoding it.

use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;
use units::{LeaseId, Revision};

/// Tags of `mvccpb.KeyValue`, in the order in which they are written; zero and empty fields are
/// not.
const KEY: u8 = 0x0a;
const CREATE: u8 = 0x10;
const MODIFIED: u8 = 0x18;
const VERSION: u8 = 0x20;
const VALUE: u8 = 0x2a;
const LEASE: u8 = 0x30;

/// What a record says besides its value, and where in its bytes key and value are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// When its generation began.
    pub create: Revision,
    /// When it was written.
    pub modified: Revision,
    /// How many versions its generation has, with this one.
    pub version: i64,
    /// The lease it hangs on, or none.
    pub lease: LeaseId,
    key: Range<usize>,
    value: Range<usize>,
    /// The end of the fields before value and lease.
    head: usize,
}

/// An encoded `mvccpb.KeyValue` and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The encoding.
    pub bytes: Bytes,
    /// What it says.
    pub meta: Meta,
}

impl Record {
    /// Reads the encoding; `None` if it is not one that an etcd writes.
    #[must_use]
    pub fn read(bytes: Bytes) -> Option<Self> {
        let meta = Meta::read(&bytes)?;
        Some(Self { bytes, meta })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Bytes {
        self.bytes.slice(self.meta.key.clone())
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Bytes {
        self.bytes.slice(self.meta.value.clone())
    }

    /// The record without value and lease: what etcd answers when only keys are asked for.
    #[must_use]
    pub fn key_only(&self) -> Bytes {
        self.bytes.slice(..self.meta.head)
    }

    /// The record without its value.
    #[must_use]
    pub fn without_value(&self) -> Bytes {
        if self.meta.value.is_empty() {
            return self.bytes.clone();
        }
        [&self.bytes[..self.meta.head], &self.bytes[self.meta.value.end..]].concat().into()
    }
}

impl Meta {
    /// Fields must come in ascending order, as every protobuf library writes them: the record
    /// without its value is then a prefix of it.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut meta = Self { head: bytes.len(), ..Self::default() };
        let mut at = 0;
        let mut last = 0;
        while at < bytes.len() {
            let tag = bytes[at];
            if tag <= last {
                return None;
            }
            if tag >= VALUE {
                meta.head = meta.head.min(at);
            }
            last = tag;
            let (number, next) = read_varint(bytes, at + 1)?;
            at = next;
            match tag {
                KEY | VALUE => {
                    let end = at.checked_add(usize::try_from(number).ok()?)?;
                    bytes.get(at..end)?;
                    let field = if tag == KEY { &mut meta.key } else { &mut meta.value };
                    *field = at..end;
                    at = end;
                }
                CREATE => meta.create = Revision(number.cast_signed()),
                MODIFIED => meta.modified = Revision(number.cast_signed()),
                VERSION => meta.version = number.cast_signed(),
                LEASE => meta.lease = LeaseId(number.cast_signed()),
                _ => return None,
            }
        }
        (!meta.key.is_empty()).then_some(meta)
    }

    /// What a record says that is not at hand.
    pub(crate) fn alone(
        (create, modified): (Revision, Revision),
        version: i64,
        lease: LeaseId,
    ) -> Self {
        Self { create, modified, version, lease, ..Self::default() }
    }

    pub(crate) fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.key.clone()]
    }

    pub(crate) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.value.clone()]
    }

    pub(crate) fn key_only<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[..self.head]
    }
}

/// The parts of a `KeyValue` to be encoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) create: Revision,
    pub(crate) modified: Revision,
    pub(crate) version: i64,
    pub(crate) value: &'a [u8],
    pub(crate) lease: LeaseId,
}

impl KeyValue<'_> {
    pub(crate) fn len(&self) -> usize {
        let numbers = self.numbers().iter().map(|(_, number)| number_len(*number)).sum::<usize>();
        bytes_len(self.key) + numbers + bytes_len(self.value)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let [create, modified, version, lease] = self.numbers();
        write_bytes(out, KEY, self.key);
        for (tag, number) in [create, modified, version] {
            write_number(out, tag, number);
        }
        write_bytes(out, VALUE, self.value);
        write_number(out, lease.0, lease.1);
    }

    /// Where the key is in the encoding.
    pub(crate) fn key_place(&self) -> Range<usize> {
        let start = 1 + varint_len(self.key.len() as u64);
        start..start + self.key.len()
    }

    fn numbers(&self) -> [(u8, i64); 4] {
        [
            (CREATE, self.create.0),
            (MODIFIED, self.modified.0),
            (VERSION, self.version),
            (LEASE, self.lease.0),
        ]
    }
}

fn bytes_len(bytes: &[u8]) -> usize {
    if bytes.is_empty() { 0 } else { 1 + varint_len(bytes.len() as u64) + bytes.len() }
}

fn number_len(number: i64) -> usize {
    if number == 0 { 0 } else { 1 + varint_len(number.cast_unsigned()) }
}

fn write_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(tag);
        write_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

fn write_number(out: &mut Vec<u8>, tag: u8, number: i64) {
    if number != 0 {
        out.push(tag);
        write_varint(out, number.cast_unsigned());
    }
}

/// Bytes of a protobuf varint.
pub(crate) fn varint_len(number: u64) -> usize {
    let bits = u64::BITS - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

pub(crate) fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// The number at a place, and the place behind it.
pub(crate) fn read_varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number = 0;
    for (place, byte) in bytes.get(at..)?.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, at + place + 1));
        }
    }
    None
}
