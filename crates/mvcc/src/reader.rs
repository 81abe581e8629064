//! Reading the keyspace: keys and intervals, now and in the past.

use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};
use core::{fmt, mem};

use backend::{Direction, Fault, Part, Step, View};
use bytes::Bytes;
use units::{LeaseId, Revision};

use crate::arena::Arena;
use crate::heads::Heads;
use crate::interval::Interval;
use crate::record::{Meta, Record};
use crate::revision::{REVISION_KEY_BYTES, RevisionKey};
use crate::scan::scan;
use crate::store::Store;
use crate::stretch::{Stretch, missing};
use crate::tables::{
    HEADS, HISTORY, Head, REVISIONS, Version, Whole, history_key, history_revision, history_value,
    read_head, record,
};

/// Reads one state of the keyspace: that of a view, or that in the middle of a command.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub(crate) view: &'a dyn View,
    pub(crate) store: &'a Store,
    /// The revision that the heads show. In a command that has changed something it is the one
    /// above the store's.
    newest: Revision,
    /// Those that the one who writes remembers.
    heads: Option<&'a Heads>,
}

/// How the keys of an interval are gone through.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Which way.
    pub order: Direction,
    /// What of them is shown. With [`Part::Keys`] records may lack their value, and reading them
    /// costs less.
    pub part: Part,
    /// How many records the visitor will want, as far as it is known: no more are read ahead of it.
    /// If it goes on, so does the scan.
    pub ahead: usize,
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

/// What a key held before it was written or deleted, but for its value: see [`Reader::record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The key.
    pub key: Bytes,
    /// Where the version stands.
    pub at: RevisionKey,
    /// The lease it hung on, or none.
    pub lease: LeaseId,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(view: &'a dyn View, store: &'a Store, newest: Revision) -> Self {
        Self { view, store, newest, heads: None }
    }

    /// With heads that need not be read.
    pub(crate) fn with_heads(self, heads: &'a Heads) -> Self {
        Self { heads: Some(heads), ..self }
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
        let (head, whole) = match self.remembered(key) {
            Some(head) => (head, None),
            None => {
                let Some(value) = self.view.get(HEADS, key)? else {
                    return Ok(None);
                };
                let (head, whole) = read_head(&value)?;
                let record =
                    |whole: Whole<'_>| Record { bytes: whole.share(&value), meta: whole.meta };
                (head, whole.map(record))
            }
        };
        if head.at.main > at {
            return self.past(key, at);
        }
        match whole {
            Some(record) => Ok(Some(record)),
            None if head.lives() => self.version(head.at).map(Some),
            None => Ok(None),
        }
    }

    /// What the newest record of the key says besides key and value.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn meta(&self, key: &[u8]) -> Result<Option<Meta>, Fault> {
        let Some(Head { at, life: Some(life) }) = self.head(key)? else {
            return Ok(None);
        };
        let revisions = (life.create, at.main);
        Ok(Some(Meta::alone(revisions, life.version, life.lease)))
    }

    /// Shows the visitor what the keys of an interval hold at a resolved revision, in the order of
    /// keys, until it breaks off.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn scan(
        &self,
        keys: &Interval,
        at: Revision,
        walk: Walk,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        if walk.part == Part::Keys {
            return self.scan_keys(keys, at, walk.order, visit);
        }
        let mut stretch = Stretch::new(*self, walk.ahead);
        let mut flow = ControlFlow::Continue(());
        let how = (walk.order, Part::Records);
        scan(self.view, HEADS, keys.bounds(), how, &mut |key, value| {
            let (head, whole) = read_head(value)?;
            if head.at.main > at {
                if let Some((place, false)) = self.superseded(key, at)? {
                    stretch.wait(place);
                }
            } else if let Some(Whole { record, meta, .. }) = whole {
                if stretch.is_empty() {
                    stretch.pass();
                    flow = visit(Found { meta, text: Text::Lent(record) });
                } else {
                    stretch.hold(head.at, record);
                }
            } else if head.lives() {
                stretch.wait(head.at);
            }
            if stretch.is_full() {
                flow = stretch.show(visit)?;
            }
            Ok(if flow.is_break() { Step::Stop } else { Step::Next })
        })?;
        if flow.is_continue() {
            _ = stretch.show(visit)?;
        }
        Ok(())
    }

    /// The same without values.
    fn scan_keys(
        &self,
        keys: &Interval,
        at: Revision,
        order: Direction,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let mut short = Vec::new();
        scan(self.view, HEADS, keys.bounds(), (order, Part::Records), &mut |key, value| {
            let (head, whole) = read_head(value)?;
            let flow = if head.at.main > at {
                self.past(key, at)?.map(|record| visit(Found::from(record)))
            } else if let Some(Whole { record, meta, .. }) = whole {
                Some(visit(Found { meta, text: Text::Lent(record) }))
            } else if let Some(life) = head.life {
                short.clear();
                life.without_value(key, head.at.main).write(&mut short);
                let meta = Meta::read(&short).expect("it was just written");
                Some(visit(Found { meta, text: Text::Lent(&short) }))
            } else {
                None
            };
            Ok(if flow.is_some_and(|flow| flow.is_break()) { Step::Stop } else { Step::Next })
        })
    }

    /// The whole record of what a key held before.
    ///
    /// # Errors
    ///
    /// A fault of the engine.
    pub fn record(&self, former: &Former) -> Result<Record, Fault> {
        self.version(former.at)
    }

    /// What the key's head says.
    pub(crate) fn head(&self, key: &[u8]) -> Result<Option<Head>, Fault> {
        if let Some(head) = self.remembered(key) {
            return Ok(Some(head));
        }
        self.view.get(HEADS, key)?.map(|value| Head::read(&value)).transpose()
    }

    fn remembered(&self, key: &[u8]) -> Option<Head> {
        self.heads.and_then(|heads| heads.find(key))
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
        let value = self.view.get(REVISIONS, &at.encode())?.ok_or_else(|| missing(at))?;
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

    /// The encoded `KeyValue`, if it can be held on to as it is.
    #[must_use]
    pub fn shared(&self) -> Option<&Bytes> {
        match &self.text {
            Text::Lent(_) => None,
            Text::Shared(bytes) => Some(bytes),
        }
    }

    /// The record, to be held on to.
    #[must_use]
    pub fn record(mut self, arena: &mut Arena) -> Record {
        let meta = mem::take(&mut self.meta);
        let bytes = match self.text {
            Text::Lent(bytes) => arena.keep(bytes),
            Text::Shared(bytes) => bytes,
        };
        Record { bytes, meta }
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
