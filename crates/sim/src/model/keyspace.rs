//! Every version of every key, in a map.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use proto::mvccpb::{self, KeyValue};
use state::Refusal;

use super::At;

/// Every version of every key. A version of version 0 is a tombstone, as in etcd's answers.
#[derive(Debug)]
pub(crate) struct Keyspace {
    versions: BTreeMap<Bytes, Vec<KeyValue>>,
    revision: i64,
    compacted: i64,
    /// What happened in each revision, from 2 on.
    changes: Vec<Vec<Happened>>,
    /// What the command at hand has done.
    doing: Vec<Happened>,
}

/// One change of one key.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    pub(crate) key: Bytes,
    pub(crate) is_delete: bool,
    /// As watchers are told, without the former value.
    pub(crate) event: Bytes,
    /// What the key held before the revision.
    pub(crate) before: Option<KeyValue>,
}

impl Default for Keyspace {
    fn default() -> Self {
        Self {
            versions: BTreeMap::new(),
            revision: 1,
            compacted: -1,
            changes: Vec::new(),
            doing: Vec::new(),
        }
    }
}

impl Keyspace {
    /// What can be read now.
    pub(crate) fn at(&self) -> At {
        At { newest: self.revision, compacted: self.compacted }
    }

    /// The revision that the command at hand shows.
    pub(crate) fn newest(&self) -> i64 {
        self.revision + i64::from(!self.doing.is_empty())
    }

    /// What happened in a revision; nothing in one that is not there.
    pub(crate) fn changes(&self, revision: i64) -> &[Happened] {
        let nth = usize::try_from(revision - 2).unwrap_or(usize::MAX);
        self.changes.get(nth).map_or(&[], Vec::as_slice)
    }

    /// What the key holds now.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&KeyValue> {
        self.get_at(key, i64::MAX)
    }

    /// What the key held then.
    pub(crate) fn get_at(&self, key: &[u8], at: i64) -> Option<&KeyValue> {
        version_at(self.versions.get(key)?, at)
    }

    /// The keys of an interval that lived then, in order.
    pub(crate) fn living(
        &self,
        start: &[u8],
        end: &[u8],
        at: i64,
    ) -> impl Iterator<Item = &KeyValue> {
        let keys = self.versions.iter().filter(move |(key, _)| within(key, start, end));
        keys.filter_map(move |(_, versions)| version_at(versions, at))
    }

    pub(crate) fn put(&mut self, key: &Bytes, value: Bytes, lease: i64) {
        let mod_revision = self.revision + 1;
        let (create_revision, version) = match self.get(key) {
            Some(before) => (before.create_revision, before.version + 1),
            None => (mod_revision, 1),
        };
        let key = key.clone();
        self.write(KeyValue { key, create_revision, mod_revision, version, value, lease });
    }

    pub(crate) fn delete(&mut self, key: &Bytes) {
        let (key, mod_revision) = (key.clone(), self.revision + 1);
        self.write(KeyValue { key, mod_revision, ..KeyValue::default() });
    }

    pub(crate) fn compact(&mut self, to: i64) -> Result<(), Refusal> {
        if to <= self.compacted {
            return Err(Refusal::Compacted);
        }
        if to > self.revision {
            return Err(Refusal::Future);
        }
        self.compacted = to;
        Ok(())
    }

    /// The command at hand is done.
    pub(crate) fn end(&mut self) {
        if !self.doing.is_empty() {
            self.revision += 1;
            self.changes.push(std::mem::take(&mut self.doing));
        }
    }

    fn write(&mut self, version: KeyValue) {
        let is_delete = version.version == 0;
        let event = mvccpb::Event {
            r#type: i32::from(is_delete),
            kv: Some(version.clone()),
            prev_kv: None,
        };
        self.doing.push(Happened {
            key: version.key.clone(),
            is_delete,
            event: event.encode_to_vec().into(),
            before: self.get_at(&version.key, self.revision).cloned(),
        });
        self.versions.entry(version.key.clone()).or_default().push(version);
    }
}

fn version_at(versions: &[KeyValue], at: i64) -> Option<&KeyValue> {
    let newest = versions.iter().rev().find(|version| version.mod_revision <= at);
    newest.filter(|version| version.version > 0)
}

/// Whether a key is in an interval, said as on etcd's wire.
pub(crate) fn within(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    match end {
        [] => key == start,
        [0] => key >= start,
        _ => key >= start && key < end,
    }
}
