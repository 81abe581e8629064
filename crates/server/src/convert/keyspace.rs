//! What lies in an engine, moved to another one.

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Records, Table};
use bytes::Bytes;
use state::read::hash_kv;
use state::{Export, Fault, LeaseConfig, Machine, Published};
use units::{NodeId, Revision};
use xxhash_rust::xxh3::Xxh3;

use super::{Progress, Step, Tell};
use crate::Error;

/// How many records pass before progress is told.
const TOLD_EVERY: u64 = 4096;

/// What an engine holds, for comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keyspace {
    /// etcd's hash of the keyspace, and of what.
    pub(super) hash: u32,
    pub(super) revision: i64,
    pub(super) compacted: i64,
    /// In all tables.
    pub(super) records: u64,
    /// Of all tables, with what etcd's hash passes over: leases, members, the applied position.
    digest: u128,
}

/// What a member that starts with this engine would publish. Nothing is written.
pub(super) fn published(backend: &Arc<dyn Backend>) -> Result<Arc<Published>, Fault> {
    // Nothing is applied, so how the machine behaves makes no difference.
    let lease = LeaseConfig {
        ttl_min_s: 1,
        election_timeout: Duration::ZERO,
        retry: Duration::ZERO,
        checkpoint_every: None,
    };
    let config = state::Config {
        node: NodeId(u64::MAX),
        lease,
        quota_bytes: None,
        learners_max: 0,
        store_checkpoints: false,
    };
    Ok(Machine::open(Arc::clone(backend), config)?.published().clone())
}

impl Keyspace {
    /// Reads all of it, twice.
    pub(super) fn read(
        published: &Published,
        (step, total): (Step, Option<u64>),
        tell: Tell<'_>,
    ) -> Result<Self, Error> {
        let hashed = hash_kv(published, Revision(0)).map_err(Error::Engine)?;
        let hashed = hashed.map_err(|refusal| Error::DataDir(format!("hashing: {refusal:?}")))?;
        let mut all = Digested::new(published, (step, total), tell);
        while all.next().map_err(Error::Engine)?.is_some() {}
        Ok(Self {
            hash: hashed.hash,
            revision: hashed.hash_revision,
            compacted: hashed.compact_revision,
            records: all.records,
            digest: all.digest.digest128(),
        })
    }

    /// Writes what one engine holds into another one, where it is durable then.
    pub(super) fn pour(
        &self,
        from: &Arc<dyn Backend>,
        into: &dyn Backend,
        tell: Tell<'_>,
    ) -> Result<(), Error> {
        let published = published(from).map_err(Error::Engine)?;
        let mut all = Digested::new(&published, (Step::Move, Some(self.records)), tell);
        into.replace(&mut all).map_err(Error::Engine)
    }
}

/// All records, digested and counted as they pass.
struct Digested<'a> {
    export: Export,
    digest: Box<Xxh3>,
    records: u64,
    step: Step,
    total: Option<u64>,
    tell: Tell<'a>,
}

impl<'a> Digested<'a> {
    fn new(published: &Published, (step, total): (Step, Option<u64>), tell: Tell<'a>) -> Self {
        let (export, digest) = (Export::new(published), Box::new(Xxh3::new()));
        Self { export, digest, records: 0, step, total, tell }
    }
}

impl Records for Digested<'_> {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        let record = self.export.next()?;
        if let Some((table, key, value)) = &record {
            self.digest.update(&[table.id]);
            for bytes in [key, value] {
                self.digest.update(&(bytes.len() as u64).to_be_bytes());
                self.digest.update(bytes);
            }
            self.records += 1;
        }
        if record.is_none() || self.records.is_multiple_of(TOLD_EVERY) {
            let Self { step, total, .. } = *self;
            (self.tell)(Progress { step, done: self.records, total });
        }
        Ok(record)
    }
}
