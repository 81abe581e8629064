//! Writing: a group of commands, one batch.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use backend::{Batch, Direction, Fault, Part, Step};
use bytes::Bytes;
use units::{LeaseId, Revision, planted};

use crate::arena::Arena;
use crate::change::{Changes, Event, EventKind, Previous, encode_delete, encode_put, key_of};
use crate::fences::Turn;
use crate::heads::Heads;
use crate::interval::Interval;
use crate::overlay::Overlay;
use crate::reader::{Former, Reader, Refused};
use crate::record::KeyValue;
use crate::revision::RevisionKey;
use crate::scan::scan;
use crate::store::{Snapshot, Store};
use crate::tables::{
    COMPACT_SCHEDULED, CURRENT, HEADS, HISTORY, Head, KEY_BYTES_MAX, KEYSPACE, Life, REVISIONS,
    history_key, history_value, write_dead_head, write_head, write_version,
};

/// Commands that are written and published together. Each sees those before it.
///
/// What is written holds on to none of the commands' own buffers: an engine may keep a key for
/// long, and a whole entry must not be kept with it.
///
/// A command is any number of [`put`](Self::put) and [`delete_range`](Self::delete_range), then
/// [`end`](Self::end). Nothing is undone: what a command may not do is found out before it begins.
pub struct Group {
    pub(crate) overlay: Overlay,
    pub(crate) store: Store,
    /// What keys hold after the commands so far.
    heads: Heads,
    /// What is written now.
    former: Arc<Store>,
    /// What the command at hand has changed.
    events: Vec<Event>,
}

impl Group {
    /// Begins after a snapshot, which must be the newest, with the heads that the group before gave
    /// back, or none.
    #[must_use]
    pub fn new(snapshot: &Snapshot, heads: Heads) -> Self {
        Self {
            overlay: Overlay::new(snapshot.view().clone()),
            store: Store::clone(snapshot.store()),
            heads,
            former: snapshot.store().clone(),
            events: Vec::new(),
        }
    }

    /// Reads what the commands so far have made, the one at hand included.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.overlay, &self.store, self.newest()).with_heads(&self.heads)
    }

    /// The store as it is before the command at hand.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The other tables, to be read and written in the same batch.
    #[must_use]
    pub fn tables(&self) -> &Overlay {
        &self.overlay
    }

    /// As [`tables`](Self::tables), to write. The keyspace's own tables are not to be touched.
    pub fn tables_mut(&mut self) -> &mut Overlay {
        &mut self.overlay
    }

    /// The key holds this from now on. Returns what it held before, if it lived.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn put(
        &mut self,
        key: &Bytes,
        value: &[u8],
        lease: LeaseId,
    ) -> Result<Option<Former>, Fault> {
        assert!(!key.is_empty(), "a key is not empty");
        assert!(key.len() <= KEY_BYTES_MAX, "a key of {} bytes is too long", key.len());
        let at = self.next_place();
        let head = self.reader().head(key)?;
        let former = head.and_then(|head| former(key, &head));
        let life = match head.and_then(|head| head.life) {
            Some(before) => Life { version: before.version + 1, lease, ..before },
            None => Life { create: at.main, version: 1, lease },
        };
        let record = KeyValue { value, ..life.without_value(key, at.main) };
        let previous = former.as_ref().map(|former| former.at);
        let (place, version) = write_version(at, false, previous, &record);
        let encoded = encode_put(&version[version.len() - record.len()..]);
        self.overlay.put(REVISIONS, place, version);
        self.write_head(key, Head { at, life: Some(life) }, write_head(at, &record));
        if let Some(head) = &head {
            self.supersede(key, head);
        }
        if former.is_none() {
            let turn = if head.is_some() { Turn::Revived } else { Turn::Born };
            self.store.fences.turn(&self.overlay, key, turn)?;
            self.store.lately.push(at.main, true, key);
        }
        self.events.push(Event {
            key: key_of(&encoded, &record),
            kind: EventKind::Put,
            create: former.is_none(),
            encoded,
            previous: self.previous(key, head.as_ref())?,
        });
        Ok(former)
    }

    /// The keys of the interval are gone, in ascending order. Returns what they held.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn delete_range(&mut self, keys: &Interval) -> Result<Vec<Former>, Fault> {
        let mut found: Vec<(Head, Former)> = Vec::new();
        let mut meet = |key: &Bytes, head: Head| {
            found.extend(former(key, &head).map(|former| (head, former)));
        };
        if let Some(key) = keys.as_single() {
            if let Some(head) = self.reader().head(key)? {
                meet(key, head);
            }
        } else {
            let mut arena = Arena::new();
            let how = (Direction::Ascending, Part::Records);
            scan(&self.overlay, HEADS, keys.bounds(), how, &mut |key, value| {
                let head = Head::read(value)?;
                if head.lives() {
                    meet(&arena.keep(key), head);
                }
                Ok(Step::Next)
            })?;
        }
        for (head, former) in &found {
            self.delete(&former.key, head)?;
        }
        Ok(found.into_iter().map(|(_, former)| former).collect())
    }

    /// Ends the command at hand. Returns what it changed, if it changed anything.
    pub fn end(&mut self) -> Option<Arc<Changes>> {
        if self.events.is_empty() {
            return None;
        }
        let revision = self.newest();
        assert!(revision > self.store.revision, "a change makes a revision");
        self.store.revision = revision;
        self.overlay.put(KEYSPACE, CURRENT, revision.0.to_be_bytes().to_vec());
        Some(Arc::new(Changes { revision, events: mem::take(&mut self.events) }))
    }

    /// Lets history below a revision be dropped: reads there are refused from now on.
    /// [`Compaction`](crate::Compaction) drops it.
    ///
    /// # Errors
    ///
    /// The revision is compacted already, or not there yet.
    pub fn compact(&mut self, to: Revision) -> Result<(), Refused> {
        assert!(self.events.is_empty(), "a compaction is a command of its own");
        if to <= self.store.compacted {
            return Err(Refused::Compacted);
        }
        if to > self.store.revision {
            return Err(Refused::Future);
        }
        self.store.compacted = to;
        self.overlay.put(KEYSPACE, COMPACT_SCHEDULED, to.0.to_be_bytes().to_vec());
        Ok(())
    }

    /// What to write, and what is known once it is written.
    #[must_use]
    pub fn finish(mut self) -> (Batch, Store, Heads) {
        assert!(self.events.is_empty(), "every command is ended");
        self.store.fences.write(&self.former.fences, &mut self.overlay);
        self.store.lately.seal(self.store.revision);
        (self.overlay.into_batch(), self.store, self.heads)
    }

    /// The revision that is read by default.
    fn newest(&self) -> Revision {
        let current = self.store.revision;
        if self.events.is_empty() { current } else { current.next() }
    }

    fn next_place(&self) -> RevisionKey {
        let sub = u32::try_from(self.events.len()).expect("a command has fewer changes than 2^32");
        RevisionKey { main: self.store.revision.next(), sub }
    }

    fn delete(&mut self, key: &Bytes, head: &Head) -> Result<(), Fault> {
        let at = self.next_place();
        let record = KeyValue { key, ..KeyValue::default() };
        let (place, version) = write_version(at, true, Some(head.at), &record);
        self.overlay.put(REVISIONS, place, version);
        self.write_head(key, Head { at, life: None }, write_dead_head(key, at));
        self.supersede(key, head);
        if !planted!(FenceForgetsDelete) {
            self.store.fences.turn(&self.overlay, key, Turn::Died)?;
        }
        self.store.lately.push(at.main, false, key);
        let gone = KeyValue { modified: at.main, ..record };
        let encoded = encode_delete(&gone);
        self.events.push(Event {
            key: key_of(&encoded, &gone),
            kind: EventKind::Delete,
            create: false,
            encoded,
            previous: self.previous(key, Some(head))?,
        });
        Ok(())
    }

    /// The key has another head; `written` is what the engine gets of it.
    fn write_head(&mut self, key: &[u8], head: Head, written: (Bytes, Bytes)) {
        if head.lives() || !planted!(DeadHeadLives) {
            self.heads.note(key, head);
        }
        self.overlay.put(HEADS, written.0, written.1);
    }

    /// A deleted key has no head any more: its tombstone is gone.
    pub(crate) fn bury(&mut self, key: &Bytes) -> Result<(), Fault> {
        self.heads.forget(key);
        self.overlay.delete(HEADS, key.clone());
        self.store.fences.turn(&self.overlay, key, Turn::Buried)
    }

    /// The version in the head gives way to another one.
    fn supersede(&mut self, key: &[u8], head: &Head) {
        let tombstone = !head.lives();
        self.overlay.put(HISTORY, history_key(key, head.at), history_value(tombstone));
    }

    /// What the key held before the command at hand, which finds this head.
    fn previous(&self, key: &[u8], head: Option<&Head>) -> Result<Previous, Fault> {
        let Some(head) = head else { return Ok(Previous::None) };
        if head.at.main > self.store.revision && !planted!(PreviousOfTxn) {
            // The command changed it before; the first change knows.
            let first = self.events.iter().find(|event| event.key == key);
            return Ok(first.expect("every change has an event").previous.clone());
        }
        if !head.lives() {
            return Ok(Previous::None);
        }
        if head.at.main > self.former.revision {
            // Watchers hear of the group before it can be read.
            return Ok(Previous::Record(self.reader().version(head.at)?.bytes));
        }
        Ok(Previous::At(head.at))
    }
}

/// What a head says of a key that lives.
fn former(key: &Bytes, head: &Head) -> Option<Former> {
    let lease = head.life?.lease;
    Some(Former { key: key.clone(), at: head.at, lease })
}
