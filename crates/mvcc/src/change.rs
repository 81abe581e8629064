//! What changed, as watchers hear of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use backend::{Direction, Fault, Part, Step};
use bytes::Bytes;
use units::Revision;

use crate::reader::Reader;
use crate::record::{KeyValue, write_varint};
use crate::revision::RevisionKey;
use crate::scan::scan;
use crate::tables::{REVISIONS, Version, damaged};

/// Tags of `mvccpb.Event`.
const TYPE: u8 = 0x08;
const KV: u8 = 0x12;

/// The number of `DELETE`; that of `PUT` is 0 and not written.
const TYPE_DELETE: u8 = 1;

/// Everything that one command changed: one main revision, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The revision that the command made.
    pub revision: Revision,
    /// At least one.
    pub events: Vec<Event>,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Of which key.
    pub key: Bytes,
    /// What.
    pub kind: EventKind,
    /// Whether a put began a generation: the key did not live before.
    pub create: bool,
    /// The encoded `mvccpb.Event`, without `prev_kv`.
    pub encoded: Bytes,
    /// What the key held before.
    pub previous: Previous,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It has a new value.
    Put,
    /// It is gone.
    Delete,
}

/// What a key held before the whole revision that an event belongs to;
/// [`Snapshot::previous`](crate::Snapshot::previous) reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previous {
    /// Nothing: the key did not live.
    None,
    /// This encoded `KeyValue`.
    Record(Bytes),
    /// What was written there, if it is still there.
    At(RevisionKey),
}

/// An event that puts a record.
pub(crate) fn encode_put(record: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(6 + record.len());
    bytes.push(KV);
    write_varint(&mut bytes, record.len() as u64);
    bytes.extend_from_slice(record);
    bytes.into()
}

/// An event that deletes a key: its record holds key and revision.
pub(crate) fn encode_delete(record: &KeyValue<'_>) -> Bytes {
    let mut bytes = Vec::with_capacity(8 + record.len());
    bytes.extend_from_slice(&[TYPE, TYPE_DELETE, KV]);
    write_varint(&mut bytes, record.len() as u64);
    record.write(&mut bytes);
    bytes.into()
}

/// The key of an event that was encoded with this record.
pub(crate) fn key_of(encoded: &Bytes, record: &KeyValue<'_>) -> Bytes {
    encoded.slice(encoded.len() - record.len()..).slice(record.key_place())
}

impl Reader<'_> {
    /// See [`Snapshot::changes`](crate::Snapshot::changes).
    pub(crate) fn changes(
        &self,
        from: Revision,
        to: Revision,
        bytes_max: usize,
    ) -> Result<Vec<Arc<Changes>>, Fault> {
        let mut all: Vec<Changes> = Vec::new();
        let mut bytes = 0;
        let (from, to) = (RevisionKey::first(from).encode(), RevisionKey::last(to).encode());
        let bounds = (Bound::Included(&from[..]), Bound::Included(&to[..]));
        let how = (Direction::Ascending, Part::Records);
        scan(self.view, REVISIONS, bounds, how, &mut |key, value| {
            let at = RevisionKey::decode(key)
                .ok_or_else(|| damaged(REVISIONS, "a revision cannot be read"))?;
            if all.last().is_none_or(|last| last.revision != at.main) {
                if bytes > bytes_max {
                    return Ok(Step::Stop);
                }
                all.push(Changes { revision: at.main, events: Vec::new() });
            }
            let mut event = read_event(at, value)?;
            let events = &mut all.last_mut().expect("one was pushed").events;
            let here = matches!(event.previous, Previous::At(before) if before.main == at.main);
            if (event.create || here)
                && let Some(first) = events.iter().find(|first| first.key == event.key)
            {
                // Changed by the same command; what it held before that is what counts.
                event.previous = first.previous.clone();
            }
            bytes += event.encoded.len();
            events.push(event);
            Ok(Step::Next)
        })?;
        Ok(all.into_iter().map(Arc::new).collect())
    }
}

fn read_event(at: RevisionKey, value: &[u8]) -> Result<Event, Fault> {
    let version = Version::read(value)?;
    let meta = version.meta()?;
    let key = meta.key(version.record());
    let previous = version.previous.map_or(Previous::None, Previous::At);
    if version.tombstone {
        let record = KeyValue { key, modified: at.main, ..KeyValue::default() };
        let encoded = encode_delete(&record);
        let key = key_of(&encoded, &record);
        let kind = EventKind::Delete;
        return Ok(Event { key, kind, create: false, encoded, previous });
    }
    let encoded = encode_put(version.record());
    let tail = encoded.slice(encoded.len() - version.record().len()..);
    let key = tail.slice_ref(meta.key(&tail));
    let (kind, create) = (EventKind::Put, meta.version == 1);
    Ok(Event { key, kind, create, encoded, previous })
}
