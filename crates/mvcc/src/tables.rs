//! How the keyspace lies in the engine: the tables, and what their keys and values look like.
//!
//! ```text
//!   revisions   main u64 BE · sub u32 BE     → flags · previous main · previous sub · KeyValue
//!   heads       the key                      → kind · sub · …
//!                   whole: the KeyValue                       (up to HEAD_BYTES_MAX)
//!                   short: main · create · version · lease    (the rest is in `revisions`)
//!                   dead:  main of the tombstone
//!   history     key, escaped · !main · !sub  → 0 for a put, 1 for a tombstone   (superseded ones)
//!   fences      first key of a block         → living u32 BE · dead u32 BE
//!   keyspace    a name                       → a revision u64 BE
//! ```
//!
//! Numbers without a width are protobuf varints. A `KeyValue` is byte for byte what etcd has in its
//! file, so that hashes and exports need no encoding; a tombstone's holds the key alone. `previous`
//! links a version to the one that it superseded; nothing but the key says otherwise what hangs
//! together, so a compaction and a hash follow the links and never look up a key.
//!
//! A dead head stays until compaction takes its tombstone away, so a scan of `heads` meets every
//! key that lives at any revision that is not compacted.

use alloc::format;
use alloc::vec::Vec;

use backend::{Fault, Table};
use bytes::Bytes;
use units::{LeaseId, Revision};

use crate::record::{KeyValue, Meta, Record, read_varint, varint_len, write_varint};
use crate::revision::{REVISION_KEY_BYTES, RevisionKey};

/// Every version, in the order of history.
pub(crate) const REVISIONS: Table = Table { id: 1, name: "revisions" };
/// The newest version of every key.
pub(crate) const HEADS: Table = Table { id: 2, name: "heads" };
/// Where the superseded versions of a key are.
pub(crate) const HISTORY: Table = Table { id: 3, name: "history" };
/// How many keys there are in each block of neighbours.
pub(crate) const FENCES: Table = Table { id: 4, name: "fences" };
/// Revisions with a name.
pub(crate) const KEYSPACE: Table = Table { id: 5, name: "keyspace" };

/// All tables of the keyspace.
pub const KEY_TABLES: [Table; 5] = [REVISIONS, HEADS, HISTORY, FENCES, KEYSPACE];

/// In [`KEYSPACE`]: the current revision.
pub(crate) const CURRENT: &[u8] = b"revision";
/// In [`KEYSPACE`]: up to where history may be dropped; reads below are refused.
pub(crate) const COMPACT_SCHEDULED: &[u8] = b"compact-scheduled";
/// In [`KEYSPACE`]: up to where history has been dropped.
pub(crate) const COMPACT_FINISHED: &[u8] = b"compact-finished";

/// The longest key there may be, so that every engine takes it with each byte of it escaped, and a
/// revision behind it. etcd's bound is that of the whole request.
pub const KEY_BYTES_MAX: usize =
    (backend::KEY_BYTES_MAX - KEY_END.len() - REVISION_KEY_BYTES) / ESCAPED_ZERO.len();

/// A record up to this size lies in the head too, so that reading it is one access; of a larger one
/// the head holds numbers alone.
///
/// A value that lies twice costs a put the bytes to write and merge; one that lies with its version
/// alone costs a get a second access, and a page of 500 keys that were written in random order 500
/// of them. Measured with values of 256 bytes, whole against short: a get takes 50,000 instructions
/// of the server against 64,000, such a page 2.5 million against 9.6, a page of keys in the order
/// in which they were written 1.2 million against 2.2; and a put 10 % more. So what is small and
/// often listed is whole. Cheaper accesses to the engine would let this be lower.
const HEAD_BYTES_MAX: usize = 512;

const WHOLE: u8 = 0;
const DEAD: u8 = 2;
// 1 was a short head with a record, and is not read any more.
const SHORT: u8 = 3;

/// The flag of a tombstone.
const TOMBSTONE: u64 = 1;

/// Behind an escaped key; below everything that an escaped key can go on with.
const KEY_END: [u8; 2] = [0x00, 0x01];
/// What a zero byte of a key becomes, so that no key is a prefix of another and their order is
/// kept.
const ESCAPED_ZERO: [u8; 2] = [0x00, 0xff];

/// The fault of a record that does not read as it must.
pub(crate) fn damaged(table: Table, what: impl core::fmt::Display) -> Fault {
    Fault::Corrupt { file: format!("table {}", table.name), what: format!("{what}") }
}

/// A version as `revisions` holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version<'a> {
    pub(crate) tombstone: bool,
    /// What it superseded; `None` for the first version of a generation.
    pub(crate) previous: Option<RevisionKey>,
    /// Where the `KeyValue` begins.
    start: usize,
    value: &'a [u8],
}

impl<'a> Version<'a> {
    pub(crate) fn read(value: &'a [u8]) -> Result<Self, Fault> {
        let read = || {
            let (flags, at) = read_varint(value, 0)?;
            let (main, at) = read_varint(value, at)?;
            let (sub, start) = read_varint(value, at)?;
            let main = Revision(i64::try_from(main).ok()?);
            let previous = RevisionKey { main, sub: u32::try_from(sub).ok()? };
            let previous = (previous != RevisionKey::default()).then_some(previous);
            Some(Self { tombstone: flags & TOMBSTONE != 0, previous, start, value })
        };
        read().ok_or_else(|| damaged(REVISIONS, "a version's links cannot be read"))
    }

    /// The encoded `KeyValue`.
    pub(crate) fn record(&self) -> &'a [u8] {
        &self.value[self.start..]
    }

    /// The encoded `KeyValue`, shared out of the value that this was read from.
    pub(crate) fn share(&self, value: &Bytes) -> Bytes {
        value.slice(self.start..)
    }

    /// What the record says.
    pub(crate) fn meta(&self) -> Result<Meta, Fault> {
        Meta::read(self.record()).ok_or_else(|| damaged(REVISIONS, "a record cannot be read"))
    }
}

/// A version's entry in `revisions`.
pub(crate) fn write_version(
    at: RevisionKey,
    tombstone: bool,
    previous: Option<RevisionKey>,
    record: &KeyValue<'_>,
) -> (Bytes, Bytes) {
    let previous = previous.unwrap_or_default();
    let (main, sub) = (previous.main.0.cast_unsigned(), u64::from(previous.sub));
    let links = 1 + varint_len(main) + varint_len(sub);
    let mut bytes = Vec::with_capacity(REVISION_KEY_BYTES + links + record.len());
    bytes.extend_from_slice(&at.encode());
    write_varint(&mut bytes, if tombstone { TOMBSTONE } else { 0 });
    write_varint(&mut bytes, main);
    write_varint(&mut bytes, sub);
    record.write(&mut bytes);
    let mut key = Bytes::from(bytes);
    let value = key.split_off(REVISION_KEY_BYTES);
    (key, value)
}

/// The newest version of a key, but for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) at: RevisionKey,
    /// What it says of the key; nothing if that is deleted.
    pub(crate) life: Option<Life>,
}

/// What a version says besides key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) create: Revision,
    pub(crate) version: i64,
    pub(crate) lease: LeaseId,
}

/// The `KeyValue` in a whole head.
pub(crate) struct Whole<'a> {
    /// Where it begins in the head.
    start: usize,
    pub(crate) record: &'a [u8],
    pub(crate) meta: Meta,
}

impl Head {
    /// What the head says of the key.
    pub(crate) fn read(value: &[u8]) -> Result<Self, Fault> {
        read_head(value).map(|(head, _)| head)
    }

    pub(crate) fn lives(&self) -> bool {
        self.life.is_some()
    }
}

impl Life {
    /// The record of a version that says this, without its value.
    pub(crate) fn without_value(self, key: &[u8], modified: Revision) -> KeyValue<'_> {
        let Self { create, version, lease } = self;
        KeyValue { key, create, modified, version, value: &[], lease }
    }
}

impl Whole<'_> {
    /// The `KeyValue`, shared out of the value that this was read from.
    pub(crate) fn share(&self, value: &Bytes) -> Bytes {
        value.slice(self.start..)
    }
}

/// A head, and its `KeyValue` if it is whole.
pub(crate) fn read_head(value: &[u8]) -> Result<(Head, Option<Whole<'_>>), Fault> {
    let read = || {
        let kind = *value.first()?;
        let (sub, start) = read_varint(value, 1)?;
        let sub = u32::try_from(sub).ok()?;
        if kind == WHOLE {
            let record = &value[start..];
            let meta = Meta::read(record)?;
            let at = RevisionKey { main: meta.modified, sub };
            let life = Life { create: meta.create, version: meta.version, lease: meta.lease };
            return Some((Head { at, life: Some(life) }, Some(Whole { start, record, meta })));
        }
        let (main, next) = read_varint(value, start)?;
        let at = RevisionKey { main: Revision(i64::try_from(main).ok()?), sub };
        if kind == DEAD {
            return Some((Head { at, life: None }, None));
        }
        let (create, next) = read_varint(value, next)?;
        let (version, next) = read_varint(value, next)?;
        let (lease, _) = read_varint(value, next)?;
        let life = Life {
            create: Revision(create.cast_signed()),
            version: version.cast_signed(),
            lease: LeaseId(lease.cast_signed()),
        };
        (kind == SHORT).then_some((Head { at, life: Some(life) }, None))
    };
    read().ok_or_else(|| damaged(HEADS, "a head cannot be read"))
}

/// The head of a key that lives, key and value.
pub(crate) fn write_head(at: RevisionKey, record: &KeyValue<'_>) -> (Bytes, Bytes) {
    if record.len() > HEAD_BYTES_MAX {
        let numbers = [
            record.modified.0.cast_unsigned(),
            record.create.0.cast_unsigned(),
            record.version.cast_unsigned(),
            record.lease.0.cast_unsigned(),
        ];
        return write_numbers(record.key, (SHORT, at.sub), &numbers);
    }
    let sub = u64::from(at.sub);
    let mut bytes = Vec::with_capacity(1 + varint_len(sub) + record.len());
    bytes.push(WHOLE);
    write_varint(&mut bytes, sub);
    let start = bytes.len();
    record.write(&mut bytes);
    let value = Bytes::from(bytes);
    (value.slice(start..).slice(record.key_place()), value)
}

/// The head of a key that was deleted, key and value.
pub(crate) fn write_dead_head(key: &[u8], at: RevisionKey) -> (Bytes, Bytes) {
    write_numbers(key, (DEAD, at.sub), &[at.main.0.cast_unsigned()])
}

/// A head that holds numbers alone, behind its key.
fn write_numbers(key: &[u8], (kind, sub): (u8, u32), numbers: &[u64]) -> (Bytes, Bytes) {
    let sub = u64::from(sub);
    let length: usize = numbers.iter().map(|number| varint_len(*number)).sum();
    let mut bytes = Vec::with_capacity(key.len() + 1 + varint_len(sub) + length);
    bytes.extend_from_slice(key);
    bytes.push(kind);
    write_varint(&mut bytes, sub);
    for number in numbers {
        write_varint(&mut bytes, *number);
    }
    let mut key_bytes = Bytes::from(bytes);
    let value = key_bytes.split_off(key.len());
    (key_bytes, value)
}

/// What `history` says of a superseded version.
pub(crate) fn history_value(tombstone: bool) -> Bytes {
    Bytes::from_static(if tombstone { &[1] } else { &[0] })
}

/// The key of a superseded version in `history`.
pub(crate) fn history_key(key: &[u8], at: RevisionKey) -> Vec<u8> {
    let mut bytes = escaped(key);
    bytes.extend_from_slice(&at.encode_descending());
    bytes
}

/// Where a superseded version stands, of whatever key.
pub(crate) fn history_revision(bytes: &[u8]) -> Result<RevisionKey, Fault> {
    let at = bytes.len().checked_sub(REVISION_KEY_BYTES);
    at.and_then(|at| RevisionKey::decode_descending(&bytes[at..]))
        .ok_or_else(|| damaged(HISTORY, "a revision cannot be read"))
}

fn escaped(key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + KEY_END.len() + REVISION_KEY_BYTES);
    for byte in key {
        match byte {
            0 => bytes.extend_from_slice(&ESCAPED_ZERO),
            _ => bytes.push(*byte),
        }
    }
    bytes.extend_from_slice(&KEY_END);
    bytes
}

/// Reads a record out of a head or a version.
pub(crate) fn record(table: Table, bytes: Bytes) -> Result<Record, Fault> {
    Record::read(bytes).ok_or_else(|| damaged(table, "a record cannot be read"))
}
