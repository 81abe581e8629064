//! What must come out: etcd's keyspace and leases again, as naive as can be.
//!
//! It applies the same commands in the same order and keeps everything for ever: maps of whole
//! versions, no engine, no compaction. What members answer is compared with it byte by byte.

mod keyspace;
mod range;
mod txn;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::{
    CompactionResponse, LeaseGrantResponse, LeaseRevokeResponse, PutRequest, RangeRequest,
    ResponseHeader, TxnRequest,
};
use proto::spliced::{RangeResponse, TxnResponse};
use state::{Command, Outcome, Refusal};
use units::{Entry, EntryKind, Index};

pub(crate) use keyspace::{Happened, Keyspace, within};

/// The least TTL of a lease here, in seconds: short, so that leases expire within a run.
pub(crate) const TTL_MIN_S: i64 = 2;

/// What came of a command.
pub(crate) type End = Result<Outcome, Refusal>;

/// What can be read of a state: its revision, and below which reads are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) newest: i64,
    pub(crate) compacted: i64,
}

/// The state after all entries that are known to be committed, and what it was after each.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) keyspace: Keyspace,
    pub(crate) leases: BTreeMap<i64, Lease>,
    /// What could be read after each entry; the first is the beginning.
    states: Vec<At>,
    /// What came of each command that says.
    ends: BTreeMap<Index, (u64, End)>,
}

/// A lease, and the keys that hang on it.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// The least that a checkpoint said was left of it; nothing if none did.
    pub(crate) least_s: Option<i64>,
    pub(crate) keys: BTreeSet<Bytes>,
}

impl Default for Model {
    fn default() -> Self {
        let keyspace = Keyspace::default();
        let states = vec![keyspace.at()];
        Self { keyspace, leases: BTreeMap::new(), states, ends: BTreeMap::new() }
    }
}

impl Model {
    /// Applies the next committed entry.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        assert_eq!(entry.index.0 as usize, self.states.len(), "entries are committed in order");
        if entry.kind == EntryKind::Normal && !entry.data.is_empty() {
            let command = Command::decode(entry.data.clone()).expect("clients send commands");
            let request = command.header.as_ref().map_or(0, |header| header.id);
            let end = self.command(&command);
            self.keyspace.end();
            self.ends.insert(entry.index, (request, end));
        }
        self.states.push(self.keyspace.at());
    }

    /// What could be read after the entry there; nothing if nobody knows it to be committed.
    pub(crate) fn at(&self, index: Index) -> Option<At> {
        self.states.get(usize::try_from(index.0).ok()?).copied()
    }

    /// What came of the command there, and which request it was.
    pub(crate) fn end(&self, index: Index) -> Option<&(u64, End)> {
        self.ends.get(&index)
    }

    /// What a read of a range shows in a state.
    pub(crate) fn range(&self, request: &RangeRequest, at: At) -> Result<RangeResponse, Refusal> {
        range::range(&self.keyspace, request, at)
    }

    /// What a transaction that only reads shows in a state.
    pub(crate) fn read(&self, request: &TxnRequest, at: At) -> Result<TxnResponse, Refusal> {
        txn::read(&self.keyspace, request, at)
    }

    fn command(&mut self, command: &Command) -> End {
        if let Some(request) = &command.put {
            return self.put_alone(request);
        }
        if let Some(request) = &command.txn {
            return txn::write(self, request).map(Outcome::Txn);
        }
        if let Some(request) = &command.delete_range {
            return Ok(Outcome::DeleteRange(self.delete_range(request)));
        }
        if let Some(request) = &command.compaction {
            self.keyspace.compact(request.revision)?;
            return Ok(Outcome::Compact(CompactionResponse { header: self.header() }));
        }
        if let Some(request) = &command.lease_grant {
            if self.leases.contains_key(&request.id) {
                return Err(Refusal::LeaseExists);
            }
            let ttl_s = request.ttl.max(TTL_MIN_S);
            let lease = Lease { least_s: None, keys: BTreeSet::new() };
            self.leases.insert(request.id, lease);
            let (header, id) = (self.header(), request.id);
            let granted = LeaseGrantResponse { header, id, ttl: ttl_s, ..Default::default() };
            return Ok(Outcome::LeaseGrant(granted));
        }
        if let Some(request) = &command.lease_revoke {
            let lease = self.leases.remove(&request.id).ok_or(Refusal::LeaseNotFound)?;
            for key in lease.keys {
                self.keyspace.delete(&key);
            }
            return Ok(Outcome::LeaseRevoke(LeaseRevokeResponse { header: self.header() }));
        }
        if let Some(request) = &command.lease_checkpoint {
            for one in &request.checkpoints {
                if let Some(lease) = self.leases.get_mut(&one.id) {
                    let left = (one.remaining_ttl > 0).then_some(one.remaining_ttl);
                    lease.least_s = left.map(|left| lease.least_s.unwrap_or(left).min(left));
                }
            }
            return Ok(Outcome::Done);
        }
        Err(Refusal::Unsupported)
    }

    fn put_alone(&mut self, request: &PutRequest) -> End {
        self.check_lease(request)?;
        self.check_kept(request)?;
        Ok(Outcome::Put(self.put(request)))
    }

    fn check_lease(&self, request: &PutRequest) -> Result<(), Refusal> {
        let known = request.lease == 0 || self.leases.contains_key(&request.lease);
        if known { Ok(()) } else { Err(Refusal::LeaseNotFound) }
    }

    fn check_kept(&self, request: &PutRequest) -> Result<(), Refusal> {
        let keeps = request.ignore_value || request.ignore_lease;
        let there = self.keyspace.get(&request.key).is_some();
        if keeps && !there { Err(Refusal::KeyNotFound) } else { Ok(()) }
    }

    fn put(&mut self, request: &PutRequest) -> proto::spliced::PutResponse {
        let before = self.keyspace.get(&request.key).cloned();
        let kept = before.clone().unwrap_or_default();
        let value = if request.ignore_value { kept.value } else { request.value.clone() };
        let lease = if request.ignore_lease { kept.lease } else { request.lease };
        self.hang(&request.key, kept.lease, lease);
        self.keyspace.put(&request.key, value, lease);
        let prev_kv = before.filter(|_| request.prev_kv).map(|before| encoded(&before));
        proto::spliced::PutResponse { header: self.header(), prev_kv }
    }

    fn delete_range(
        &mut self,
        request: &proto::etcdserverpb::DeleteRangeRequest,
    ) -> proto::spliced::DeleteRangeResponse {
        let newest = self.keyspace.newest();
        let gone: Vec<_> =
            self.keyspace.living(&request.key, &request.range_end, newest).cloned().collect();
        for one in &gone {
            self.hang(&one.key, one.lease, 0);
            self.keyspace.delete(&one.key);
        }
        let prev_kvs = gone.iter().filter(|_| request.prev_kv).map(encoded).collect();
        let (header, deleted) = (self.header(), gone.len() as i64);
        proto::spliced::DeleteRangeResponse { header, deleted, prev_kvs }
    }

    fn hang(&mut self, key: &Bytes, from: i64, to: i64) {
        if let Some(lease) = self.leases.get_mut(&from) {
            lease.keys.remove(key);
        }
        if let Some(lease) = self.leases.get_mut(&to) {
            lease.keys.insert(key.clone());
        }
    }

    fn header(&self) -> Option<ResponseHeader> {
        header(self.keyspace.newest())
    }
}

/// A header with its revision.
pub(crate) fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}

/// A record as it travels.
pub(crate) fn encoded(record: &proto::mvccpb::KeyValue) -> Bytes {
    record.encode_to_vec().into()
}
