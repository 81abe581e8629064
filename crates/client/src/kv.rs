//! Reading and writing keys.

use bytes::Bytes;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
    PutResponse, RangeRequest, RangeResponse, RangeStreamResponse, TxnResponse,
};
use tokio::time::Instant;
use tonic::Streaming;

use crate::call::{Repeat, before};
use crate::client::Client;
use crate::error::Error;
use crate::keys::Keys;
use crate::txn::Txn;

/// What an answer is sorted by.
pub use proto::etcdserverpb::range_request::SortTarget as SortBy;

/// A read of keys.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Get(pub(crate) RangeRequest);

/// Which way an answer is sorted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

impl Get {
    /// Reads these keys as they are now, for certain.
    pub fn new(keys: impl Into<Keys>) -> Self {
        let Keys { key, range_end } = keys.into();
        Self(RangeRequest { key, range_end, ..RangeRequest::default() })
    }

    /// At most this many; 0 for all.
    pub fn limit(mut self, limit: i64) -> Self {
        self.0.limit = limit;
        self
    }

    /// As they were at this revision; 0 for now.
    pub fn revision(mut self, revision: i64) -> Self {
        self.0.revision = revision;
        self
    }

    /// Sorted like this. Answers are in ascending order of keys by themselves.
    pub fn sorted(mut self, by: SortBy, order: Order) -> Self {
        self.0.sort_target = by.into();
        self.0.sort_order = match (by, order) {
            // Asking for what comes by itself would make members fetch all before they cut.
            (SortTarget::Key, Order::Ascending) => SortOrder::None,
            (_, Order::Ascending) => SortOrder::Ascend,
            (_, Order::Descending) => SortOrder::Descend,
        }
        .into();
        self
    }

    /// What the member asked has, which may be old.
    pub fn serializable(mut self) -> Self {
        self.0.serializable = true;
        self
    }

    /// Without values.
    pub fn keys_only(mut self) -> Self {
        self.0.keys_only = true;
        self
    }

    /// How many there are, and nothing else.
    pub fn count_only(mut self) -> Self {
        self.0.count_only = true;
        self
    }

    /// Only those last changed at this revision or later.
    pub fn mod_revision_min(mut self, revision: i64) -> Self {
        self.0.min_mod_revision = revision;
        self
    }

    /// Only those last changed at this revision or earlier.
    pub fn mod_revision_max(mut self, revision: i64) -> Self {
        self.0.max_mod_revision = revision;
        self
    }

    /// Only those created at this revision or later.
    pub fn create_revision_min(mut self, revision: i64) -> Self {
        self.0.min_create_revision = revision;
        self
    }

    /// Only those created at this revision or earlier.
    pub fn create_revision_max(mut self, revision: i64) -> Self {
        self.0.max_create_revision = revision;
        self
    }
}

/// A write of a key.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Put(pub(crate) PutRequest);

impl Put {
    /// Gives this key this value, on no lease.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        let (key, value) = (key.into(), value.into());
        Self(PutRequest { key, value, ..PutRequest::default() })
    }

    /// Writes this key without changing its value: a new revision, or another lease. The key must
    /// exist.
    pub fn touch(key: impl Into<Bytes>) -> Self {
        Self(PutRequest { key: key.into(), ignore_value: true, ..PutRequest::default() })
    }

    /// On this lease.
    pub fn lease(mut self, lease: i64) -> Self {
        self.0.lease = lease;
        self
    }

    /// On the lease it hangs on already. The key must exist.
    pub fn same_lease(mut self) -> Self {
        self.0.ignore_lease = true;
        self
    }

    /// Answers with what was there before.
    pub fn with_previous(mut self) -> Self {
        self.0.prev_kv = true;
        self
    }
}

/// A deletion of keys.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Delete(pub(crate) DeleteRangeRequest);

impl Delete {
    /// Deletes these keys.
    pub fn new(keys: impl Into<Keys>) -> Self {
        let Keys { key, range_end } = keys.into();
        Self(DeleteRangeRequest { key, range_end, prev_kv: false })
    }

    /// Answers with what was there before.
    pub fn with_previous(mut self) -> Self {
        self.0.prev_kv = true;
        self
    }
}

/// When a compaction is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compaction {
    /// As soon as old revisions can no longer be read.
    Logical,
    /// When the member asked has let go of them.
    Physical,
}

impl Client {
    /// Reads keys.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn get(&self, get: Get) -> Result<RangeResponse, Error> {
        self.call(
            Repeat::Always,
            get.0,
            |link, request| async move { link.kv().range(request).await },
        )
        .await
    }

    /// Reads keys in chunks, all at one revision.
    ///
    /// # Errors
    ///
    /// As [`Client::get`]; a member may not know how, or not with these options.
    pub async fn get_stream(&self, get: Get) -> Result<RangeStream, Error> {
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let chunks = self
            .call(Repeat::Always, get.0, |link, request| async move {
                link.kv().range_stream(request).await
            })
            .await?;
        Ok(RangeStream { chunks, deadline })
    }

    /// Writes a key.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn put(&self, put: Put) -> Result<PutResponse, Error> {
        self.call(
            Repeat::IfUndone,
            put.0,
            |link, request| async move { link.kv().put(request).await },
        )
        .await
    }

    /// Deletes keys.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn delete(&self, delete: Delete) -> Result<DeleteRangeResponse, Error> {
        self.call(Repeat::IfUndone, delete.0, |link, request| async move {
            link.kv().delete_range(request).await
        })
        .await
    }

    /// Does all of a transaction's branch at once, or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let repeat = if txn.only_reads() { Repeat::Always } else { Repeat::IfUndone };
        self.call(repeat, txn.0, |link, request| async move { link.kv().txn(request).await }).await
    }

    /// Discards what was before a revision.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn compact(
        &self,
        revision: i64,
        compaction: Compaction,
    ) -> Result<CompactionResponse, Error> {
        let physical = compaction == Compaction::Physical;
        let request = CompactionRequest { revision, physical };
        self.call(Repeat::IfUndone, request, |link, request| async move {
            link.kv().compact(request).await
        })
        .await
    }
}

/// The answer to a [`Client::get_stream`] as it comes. Only the last chunk has a header and a
/// count.
#[derive(Debug)]
pub struct RangeStream {
    chunks: Streaming<RangeStreamResponse>,
    deadline: Option<Instant>,
}

impl RangeStream {
    /// The next chunk; none after the last.
    ///
    /// # Errors
    ///
    /// When the rest does not come: then what has come is not the whole answer.
    pub async fn next(&mut self) -> Result<Option<RangeResponse>, Error> {
        match before(self.deadline, self.chunks.message()).await {
            Some(Ok(chunk)) => Ok(chunk.map(|chunk| chunk.range_response.unwrap_or_default())),
            Some(Err(status)) => Err(Error::of_status(&status)),
            None => Err(Error::Deadline { last: None }),
        }
    }

    /// All of it, as [`Client::get`] answers.
    ///
    /// # Errors
    ///
    /// As [`RangeStream::next`].
    pub async fn collect(mut self) -> Result<RangeResponse, Error> {
        let mut whole = RangeResponse::default();
        while let Some(chunk) = self.next().await? {
            whole.kvs.extend(chunk.kvs);
            if chunk.header.is_some() {
                (whole.header, whole.count, whole.more) = (chunk.header, chunk.count, chunk.more);
            }
        }
        Ok(whole)
    }
}
