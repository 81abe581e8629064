//! A range in chunks, so that a large one need not be held in memory.

use core::mem;

use backend::Fault;
use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::RangeRequest;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::spliced::RangeResponse;
use units::Revision;

use crate::outcome::{Refusal, header};
use crate::published::Published;
use crate::range::{has_filters, range, wire};

/// Keys in the first chunk, as in etcd; what follows goes by their size.
const FIRST_KEYS: usize = 10;

/// A range that is answered in chunks, all of them at one revision. Put together they are the
/// answer that a plain range would have got.
#[derive(Debug)]
pub struct RangeStream {
    /// What is left to be read.
    request: RangeRequest,
    /// Keys in the next chunk.
    chunk_keys: usize,
    /// Bytes that a chunk should have, roughly.
    chunk_bytes: usize,
    /// The store's revision when it began.
    began: Option<Revision>,
    sent: u64,
    ended: bool,
}

/// Why a range cannot be answered in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefusal {
    /// It is to be filtered by revisions.
    Filters,
    /// It is to be sorted otherwise than by key.
    Order,
}

impl RangeStream {
    /// Begins a range, which was [checked](crate::check::range). `chunk_bytes` is the size that
    /// chunks are kept around: etcd's limit on requests.
    ///
    /// # Errors
    ///
    /// See [`StreamRefusal`].
    pub fn new(request: RangeRequest, chunk_bytes: usize) -> Result<Self, StreamRefusal> {
        let by_key = request.sort_target == i32::from(SortTarget::Key)
            && request.sort_order == i32::from(SortOrder::Ascend);
        if request.sort_order != i32::from(SortOrder::None) && !by_key {
            return Err(StreamRefusal::Order);
        }
        if has_filters(&request) {
            return Err(StreamRefusal::Filters);
        }
        // Without an order the target says nothing: chunks come by key.
        let request = RangeRequest {
            sort_order: i32::from(SortOrder::None),
            sort_target: i32::from(SortTarget::Key),
            ..request
        };
        let (chunk_keys, began) = (FIRST_KEYS, None);
        Ok(Self { request, chunk_keys, chunk_bytes, began, sent: 0, ended: false })
    }

    /// The next chunk, out of whatever is published now; `None` after the last. Only the last one
    /// has a header, a count and `more`.
    ///
    /// # Errors
    ///
    /// A fault of the engine; inside, a revision that cannot be read, or no longer.
    pub fn next(
        &mut self,
        published: &Published,
    ) -> Result<Result<Option<RangeResponse>, Refusal>, Fault> {
        if mem::replace(&mut self.ended, true) {
            return Ok(Ok(None));
        }
        let reader = published.snapshot.reader();
        if self.request.count_only {
            return Ok(range(&reader, &self.request)?.map(Some));
        }
        let began = *self.began.get_or_insert_with(|| reader.newest());
        if self.request.revision <= 0 {
            self.request.revision = began.0;
        }
        let limit = usize::try_from(self.request.limit).ok().filter(|limit| *limit > 0);
        let keys = limit.map_or(self.chunk_keys, |limit| limit.min(self.chunk_keys));
        let asked = RangeRequest { limit: wire(keys as u64), ..self.request.clone() };
        let mut chunk = match range(&reader, &asked)? {
            Ok(chunk) => chunk,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (sent, rest) = (self.sent, chunk.count);
        self.sent += chunk.kvs.len() as u64;
        let full = limit.is_some_and(|limit| chunk.kvs.len() == limit);
        if full || !chunk.more {
            chunk.header = header(began);
            chunk.count = wire(sent) + rest;
            return Ok(Ok(Some(chunk)));
        }
        self.go_on(&chunk, limit);
        Ok(Ok(Some(RangeResponse { kvs: chunk.kvs, ..RangeResponse::default() })))
    }

    fn go_on(&mut self, chunk: &RangeResponse, limit: Option<usize>) {
        let last = chunk.kvs.last().expect("a chunk with more behind it is not empty");
        let last = mvcc::Record::read(Bytes::copy_from_slice(last)).expect("a record is one");
        // The least key that is greater.
        self.request.key = Bytes::from([&last.key()[..], &[0]].concat());
        if let Some(limit) = limit {
            self.request.limit = wire((limit - chunk.kvs.len()) as u64);
        }
        let bytes = chunk.encoded_len();
        if bytes < self.chunk_bytes / 2 {
            self.chunk_keys *= 2;
        } else if bytes > self.chunk_bytes * 2 {
            self.chunk_keys = (self.chunk_keys / 2).max(1);
        }
        self.ended = false;
    }
}
