//! What is wrong with a request before anybody is asked: etcd's checks at its API, in their order.

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};

/// Why a request is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// A transaction puts a key twice, or puts and deletes it.
    DuplicateKey,
    /// There is no key.
    EmptyKey,
    /// An operation of a transaction is nothing at all; etcd says "key not found".
    EmptyOperation,
    /// A key is longer than [`mvcc::KEY_BYTES_MAX`]. An etcd takes it; here it is too large a
    /// request.
    KeyTooLong,
    /// A lease is given and is to be ignored.
    LeaseProvided,
    /// The order or what it goes by is not known.
    SortOption,
    /// A transaction has too many comparisons or operations.
    TooManyOperations,
    /// A value is given and is to be ignored.
    ValueProvided,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateKey => "a key is given twice",
            Self::EmptyKey => "there is no key",
            Self::EmptyOperation => "an operation is empty",
            Self::KeyTooLong => "a key is too long",
            Self::LeaseProvided => "a lease is given and is to be ignored",
            Self::SortOption => "the order is not known",
            Self::TooManyOperations => "there are too many operations",
            Self::ValueProvided => "a value is given and is to be ignored",
        })
    }
}

impl core::error::Error for Invalid {}

/// Checks a range.
///
/// # Errors
///
/// No key, or an order that is not known.
pub fn range(request: &RangeRequest) -> Result<(), Invalid> {
    if request.key.is_empty() {
        return Err(Invalid::EmptyKey);
    }
    let known = SortOrder::try_from(request.sort_order).is_ok()
        && SortTarget::try_from(request.sort_target).is_ok();
    if known { Ok(()) } else { Err(Invalid::SortOption) }
}

/// Checks a put.
///
/// # Errors
///
/// No key or too long a one, or something that is both given and to be ignored.
pub fn put(request: &PutRequest) -> Result<(), Invalid> {
    if request.key.is_empty() {
        Err(Invalid::EmptyKey)
    } else if request.key.len() > mvcc::KEY_BYTES_MAX {
        Err(Invalid::KeyTooLong)
    } else if request.ignore_value && !request.value.is_empty() {
        Err(Invalid::ValueProvided)
    } else if request.ignore_lease && request.lease != 0 {
        Err(Invalid::LeaseProvided)
    } else {
        Ok(())
    }
}

/// Checks a deletion.
///
/// # Errors
///
/// No key.
pub fn delete_range(request: &DeleteRangeRequest) -> Result<(), Invalid> {
    if request.key.is_empty() { Err(Invalid::EmptyKey) } else { Ok(()) }
}

/// Checks a transaction with both branches, and the transactions in them. `operations_max` bounds
/// the longest list; a nested transaction has what the enclosing one has left of it.
///
/// # Errors
///
/// Whatever is wrong with it first.
pub fn txn(request: &TxnRequest, operations_max: usize) -> Result<(), Invalid> {
    operations(request, operations_max)?;
    changes(&request.success)?;
    changes(&request.failure)?;
    Ok(())
}

fn operations(request: &TxnRequest, operations_max: usize) -> Result<(), Invalid> {
    let longest = request.compare.len().max(request.success.len()).max(request.failure.len());
    let left = operations_max.checked_sub(longest).ok_or(Invalid::TooManyOperations)?;
    if request.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Invalid::EmptyKey);
    }
    for op in request.success.iter().chain(&request.failure) {
        match &op.request {
            Some(Request::RequestDeleteRange(request)) => delete_range(request)?,
            Some(Request::RequestPut(request)) => put(request)?,
            Some(Request::RequestRange(request)) => range(request)?,
            Some(Request::RequestTxn(request)) => operations(request, left)?,
            None => return Err(Invalid::EmptyOperation),
        }
    }
    Ok(())
}

/// What a branch may change.
#[derive(Default)]
struct Changes<'a> {
    puts: BTreeSet<&'a [u8]>,
    deletes: Deletes<'a>,
}

/// Looks for keys that a branch changes twice, the way etcd does: this level's deletions count for
/// everything in it, a nested transaction's only for what comes after.
fn changes(ops: &[RequestOp]) -> Result<Changes<'_>, Invalid> {
    let mut all = Changes::default();
    for op in ops {
        if let Some(Request::RequestDeleteRange(delete)) = &op.request {
            all.deletes.add(&delete.key, &delete.range_end);
        }
    }
    for op in ops {
        let Some(Request::RequestTxn(txn)) = &op.request else {
            continue;
        };
        let (success, failure) = (changes(&txn.success)?, changes(&txn.failure)?);
        for key in &success.puts {
            all.put(key)?;
        }
        for key in &failure.puts {
            // Only one of the two branches runs, so a key may be put in both.
            if !success.puts.contains(key) {
                all.put(key)?;
            }
        }
        all.deletes.join(success.deletes);
        all.deletes.join(failure.deletes);
    }
    for op in ops {
        if let Some(Request::RequestPut(put)) = &op.request {
            all.put(&put.key)?;
        }
    }
    Ok(all)
}

impl<'a> Changes<'a> {
    fn put(&mut self, key: &'a [u8]) -> Result<(), Invalid> {
        if self.deletes.cover(key) || !self.puts.insert(key) {
            return Err(Invalid::DuplicateKey);
        }
        Ok(())
    }
}

/// Deleted intervals.
#[derive(Default)]
struct Deletes<'a> {
    keys: BTreeSet<&'a [u8]>,
    /// Start and end; they neither overlap nor touch.
    ranges: BTreeMap<&'a [u8], &'a [u8]>,
}

impl<'a> Deletes<'a> {
    /// An end of one zero byte is taken literally: a deletion to the end of the keyspace covers
    /// nothing here. etcd's oddity, which is kept.
    fn add(&mut self, start: &'a [u8], range_end: &'a [u8]) {
        if range_end.is_empty() {
            self.keys.insert(start);
            return;
        }
        if range_end <= start {
            return;
        }
        let (mut start, mut end) = (start, range_end);
        while let Some((&from, &to)) = self.ranges.range(..=end).next_back()
            && to >= start
        {
            (start, end) = (start.min(from), end.max(to));
            self.ranges.remove(from);
        }
        self.ranges.insert(start, end);
    }

    fn join(&mut self, other: Self) {
        self.keys.extend(other.keys);
        for (start, end) in other.ranges {
            self.add(start, end);
        }
    }

    fn cover(&self, key: &[u8]) -> bool {
        let below = self.ranges.range(..=key).next_back();
        self.keys.contains(key) || below.is_some_and(|(_, end)| key < *end)
    }
}
