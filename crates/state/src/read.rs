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
    hash(published, HashScope::Revision(revision))
}

fn hash(published: &Published, scope: HashScope) -> Result<Result<HashKvResponse, Refusal>, Fault> {
    let hash = published.snapshot.reader().hash(scope)?;
    Ok(hash.map_err(Refusal::from).map(|hash| HashKvResponse {
        header: header(published.snapshot.revision()),
        hash: hash.hash,
        compact_revision: hash.compacted.0,
        hash_revision: hash.revision.0,
    }))
}

/// Hashes the keyspace up to a revision that a compaction has just begun to drop history below, as
/// it was before: what members compare, since all of them compact at the same place in the log.
/// Asked of what [`Applied::compacted`](crate::Applied::compacted) came with, however late; it
/// means nothing if the compaction before, to `former`, was not finished by then. Reads all of it.
///
/// # Errors
///
/// A fault of the engine; inside, a revision that cannot be read.
pub fn hash_compaction(
    published: &Published,
    former: Revision,
) -> Result<Result<HashKvResponse, Refusal>, Fault> {
    let to = published.snapshot.compacted();
    hash(published, HashScope::BeforeCompaction { former, to })
}

/// The keys that hang on a lease, in ascending order.
///
/// # Errors
///
/// A fault of the engine.
pub fn lease_keys(published: &Published, id: LeaseId) -> Result<Vec<Bytes>, Fault> {
    tables::lease_keys(published.snapshot.view().as_ref(), id)
}
