//! Reading the keyspace: keys and intervals, now and in the past.

use core::fmt;
use core::ops::{Bound, ControlFlow};

use backend::{Direction, Fault, Part, Step, View};
use bytes::Bytes;
use units::Revision;

use crate::arena::Arena;
use crate::interval::Interval;
use crate::record::{Meta, Record};
use crate::revision::{REVISION_KEY_BYTES, RevisionKey};
use crate::scan::scan;
use crate::store::Store;
use crate::tables::{
    HEADS, HISTORY, Head, HeadKind, REVISIONS, Version, damaged, history_key, history_revision,
    history_value, record,
};

/// Reads one state of the keyspace: that of a view, or that in the middle of a command.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub(crate) view: &'a dyn View,
    pub(crate) store: &'a Store,
    /// The revision that the heads show. In a command that has changed something it is the one
    /// above the store's.
    newest: Revision,
}

/// Why a revision cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has been compacted.
    Compacted,
    /// It is not there yet.
    Future,
}

/// A record that a scan shows, for as long as the visitor looks at it.
pub struct Found<'a> {
    /// What it says.
    pub meta: Meta,
    text: Text<'a>,
}

enum Text<'a> {
    Lent(&'a [u8]),
    Shared(Bytes),
}

/// What a key held before it was written or deleted. Its record may still be in the engine only:
/// see [`Reader::record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// Where it stands.
    pub at: RevisionKey,
    /// The record; without its value, if that is too large for a head.
    pub record: Record,
    /// Whether the record has its value.
    pub whole: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(view: &'a dyn View, store: &'a Store, newest: Revision) -> Self {
        Self { view, store, newest }
    }

    /// The revision that is read by default: in a command that has changed something, the one that
    /// it makes.
    #[must_use]
    pub fn newest(&self) -> Revision {
        self.newest
    }

    /// Reads below are refused; −1 if nothing was ever compacted.
    #[must_use]
    pub fn compacted(&self) -> Revision {
        self.store.compacted
    }

    /// The revision that a request means: 0 and below mean the newest.
    ///
    /// # Errors
    ///
    /// It is not there, or no longer.
    pub fn resolve(&self, asked: Revision) -> Result<Revision, Refused> {
        if asked.0 <= 0 {
            return Ok(self.newest);
        }
        if asked > self.newest {
            return Err(Refused::Future);
        }
        if asked < self.store.compacted { Err(Refused::Compacted) } else { Ok(asked) }
    }

    /// What the key holds at a resolved revision.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn get(&self, key: &[u8], at: Revision) -> Result<Option<Record>, Fault> {
        let Some(value) = self.view.get(HEADS, key)? else {
            return Ok(None);
        };
        let head = Head::read(&value)?;
        if head.at.main > at {
            return self.past(key, at);
        }
        match head.kind {
            HeadKind::Dead => Ok(None),
            HeadKind::Short(_) => self.version(head.at).map(Some),
            HeadKind::Whole(ref meta) => {
                let (bytes, meta) = (head.share(&value), meta.clone());
                Ok(Some(Record { bytes, meta }))
            }
        }
    }

    /// Shows the visitor what the keys of an interval hold at a resolved revision, in the order of
    /// keys, until it breaks off. With [`Part::Keys`] records may lack their value, and reading
    /// them costs less.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn scan(
        &self,
        keys: &Interval,
        at: Revision,
        (order, part): (Direction, Part),
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let how = (order, Part::Records);
        scan(self.view, HEADS, keys.bounds(), how, &mut |key, value| {
            let head = Head::read(value)?;
            let found = if head.at.main > at {
                self.past(key, at)?.map(Found::from)
            } else {
                match head.kind {
                    HeadKind::Dead => None,
                    HeadKind::Short(_) if part == Part::Records => {
                        Some(Found::from(self.version(head.at)?))
                    }
                    HeadKind::Short(ref meta) | HeadKind::Whole(ref meta) => {
                        let (text, meta) = (Text::Lent(head.record(value)), meta.clone());
                        Some(Found { meta, text })
                    }
                }
            };
            match found.map(&mut *visit) {
                None | Some(ControlFlow::Continue(())) => Ok(Step::Next),
                Some(ControlFlow::Break(())) => Ok(Step::Stop),
            }
        })
    }

    /// The whole record of what a key held before.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn record(&self, former: &Former) -> Result<Record, Fault> {
        if former.whole { Ok(former.record.clone()) } else { self.version(former.at) }
    }

    /// What the key holds now, as far as its head says.
    pub(crate) fn head(&self, key: &[u8]) -> Result<Option<(Head, Bytes)>, Fault> {
        let Some(value) = self.view.get(HEADS, key)? else {
            return Ok(None);
        };
        Ok(Some((Head::read(&value)?, value)))
    }

    /// What the key held at a revision that is older than its head.
    fn past(&self, key: &[u8], at: Revision) -> Result<Option<Record>, Fault> {
        match self.superseded(key, at)? {
            Some((place, false)) => self.version(place).map(Some),
            Some((_, true)) | None => Ok(None),
        }
    }

    /// Whether the key held something at a revision that is older than its head.
    pub(crate) fn lived(&self, key: &[u8], at: Revision) -> Result<bool, Fault> {
        Ok(matches!(self.superseded(key, at)?, Some((_, false))))
    }

    /// The newest superseded version up to a revision, and whether it is a tombstone.
    fn superseded(&self, key: &[u8], at: Revision) -> Result<Option<(RevisionKey, bool)>, Fault> {
        let first = history_key(key, RevisionKey::last(at));
        let mut last = first.clone();
        let revision = last.len() - REVISION_KEY_BYTES;
        last[revision..].fill(u8::MAX);
        let bounds = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        let mut found = None;
        let how = (Direction::Ascending, Part::Records);
        scan(self.view, HISTORY, bounds, how, &mut |key, value| {
            found = Some((history_revision(key)?, history_value(true) == value));
            Ok(Step::Stop)
        })?;
        Ok(found)
    }

    /// The record of a version that must be there.
    pub(crate) fn version(&self, at: RevisionKey) -> Result<Record, Fault> {
        let value = self.view.get(REVISIONS, &at.encode())?.ok_or_else(|| {
            damaged(REVISIONS, format_args!("revision {}.{} is missing", at.main, at.sub))
        })?;
        let version = Version::read(&value)?;
        record(REVISIONS, version.share(&value))
    }
}

impl Found<'_> {
    /// The encoded `KeyValue`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Lent(bytes) => bytes,
            Text::Shared(bytes) => bytes,
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.meta.key(self.bytes())
    }

    /// The value; empty if the scan left it out.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.meta.value(self.bytes())
    }

    /// The record without value and lease: what etcd answers when only keys are asked for.
    #[must_use]
    pub fn key_only(&self) -> &[u8] {
        self.meta.key_only(self.bytes())
    }

    /// The encoded `KeyValue`, to be held on to.
    #[must_use]
    pub fn keep(&self, arena: &mut Arena) -> Bytes {
        match &self.text {
            Text::Lent(bytes) => arena.keep(bytes),
            Text::Shared(bytes) => bytes.clone(),
        }
    }

    /// The record, to be held on to.
    #[must_use]
    pub fn record(&self, arena: &mut Arena) -> Record {
        Record { bytes: self.keep(arena), meta: self.meta.clone() }
    }
}

impl From<Record> for Found<'_> {
    fn from(record: Record) -> Self {
        Self { meta: record.meta, text: Text::Shared(record.bytes) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compacted => "required revision has been compacted",
            Self::Future => "required revision is a future revision",
        })
    }
}

impl core::error::Error for Refused {}
