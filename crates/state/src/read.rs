//! Answering from what is published, on any thread.

use alloc::vec::Vec;

use backend::Fault;
use bytes::Bytes;
use mvcc::HashScope;
use proto::etcdserverpb::{HashKvResponse, RangeRequest, TxnRequest};
use proto::spliced::{RangeResponse, TxnResponse};
use units::{LeaseId, Revision};

use crate::outcome::{Refusal, header};
use crate::published::Published;
use crate::tables;

/// Answers a range, which was [checked](crate::check::range).
///
/// # Errors
///
/// A fault of the engine; inside, a revision that cannot be read.
pub fn range(
    published: &Published,
    request: &RangeRequest,
) -> Result<Result<RangeResponse, Refusal>, Fault> {
    crate::range::range(&published.snapshot.reader(), request)
}

/// Answers a transaction that [only reads](crate::is_read_only), and was
/// [checked](crate::check::txn).
///
/// # Errors
///
/// A fault of the engine; inside, a revision that cannot be read.
pub fn txn(
    published: &Published,
    request: &TxnRequest,
) -> Result<Result<TxnResponse, Refusal>, Fault> {
    crate::txn::read(&published.snapshot.reader(), request)
}

/// Hashes the keyspace up to a revision, by which members are compared. Reads all of it.
///
/// # Errors
///
/// A fault of the engine; inside, a revision that cannot be read.
pub fn hash_kv(
    published: &Published,
    revision: Revision,
) -> Result<Result<HashKvResponse, Refusal>, Fault> {
    let hash = published.snapshot.reader().hash(HashScope::Revision(revision))?;
    Ok(hash.map_err(Refusal::from).map(|hash| HashKvResponse {
        header: header(published.snapshot.revision()),
        hash: hash.hash,
        compact_revision: hash.compacted.0,
        hash_revision: hash.revision.0,
    }))
}

/// The keys that hang on a lease, in ascending order.
///
/// # Errors
///
/// A fault of the engine.
pub fn lease_keys(published: &Published, id: LeaseId) -> Result<Vec<Bytes>, Fault> {
    tables::lease_keys(published.snapshot.view().as_ref(), id)
}
