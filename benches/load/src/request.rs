//! What clients ask for, and whether an answer is one.

use fastrand::Rng;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{Compare, PutRequest, RangeRequest, RequestOp, TxnRequest};

use crate::message::{Noise, Template, blank, bytes_of, fields, key, number_of};
use crate::wire::framed;

/// The keys that loads use.
pub(crate) const PREFIX: &str = "load/";

/// The first key behind those.
pub(crate) const PREFIX_END: &[u8] = b"load0";

pub(crate) const PUT: &str = "/etcdserverpb.KV/Put";
pub(crate) const RANGE: &str = "/etcdserverpb.KV/Range";
pub(crate) const TXN: &str = "/etcdserverpb.KV/Txn";

/// How many of a hundred requests of [`Load::Mix`] are puts.
const MIX_PUTS: usize = 10;

/// What a client asks for. Keys are those that [`crate::fill()`] writes, drawn at random.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// One key at its newest.
    Get {
        /// Of how many keys it is drawn.
        keys: usize,
        /// Whether the member that is asked answers from what it has.
        serializable: bool,
    },
    /// Nine linearizable gets for each put.
    Mix {
        /// Of how many keys they are drawn.
        keys: usize,
        /// How long the values are.
        value_bytes: usize,
    },
    /// All keys, this many at a time, at one revision; then again.
    Page {
        /// How many keys there are.
        keys: usize,
        /// How many keys one page holds.
        limit: usize,
    },
    /// One key, written.
    Put {
        /// Of how many keys it is drawn.
        keys: usize,
        /// How long its value is.
        value_bytes: usize,
    },
    /// All keys at once.
    Range {
        /// How many keys there are.
        keys: usize,
    },
    /// A key that is there is written; if it were not, it would be read.
    Txn {
        /// Of how many keys it is drawn.
        keys: usize,
        /// How long its value is.
        value_bytes: usize,
    },
}

/// Where a client is.
#[derive(Debug)]
pub(crate) struct Cursor {
    rng: Rng,
    /// The next page's first key and revision, 0 for the newest.
    page: (usize, u64),
}

impl Cursor {
    pub(crate) fn new(client: usize) -> Self {
        Self { rng: Rng::with_seed(client as u64), page: (0, 0) }
    }
}

/// Requests of one load, encoded as far as they are the same.
#[derive(Debug)]
pub(crate) struct Requests {
    load: Load,
    noise: Noise,
    get: Template,
    put: Template,
    txn: Template,
    /// A page or a range: each is worth an encoding of its own.
    range: Vec<u8>,
}

impl Requests {
    pub(crate) fn new(load: Load) -> Self {
        let serializable = matches!(load, Load::Get { serializable: true, .. });
        let get = RangeRequest { key: zero(), serializable, ..RangeRequest::default() };
        let value_bytes = match load {
            Load::Mix { value_bytes, .. }
            | Load::Put { value_bytes, .. }
            | Load::Txn { value_bytes, .. } => value_bytes,
            Load::Get { .. } | Load::Page { .. } | Load::Range { .. } => 0,
        };
        let put = put_of(value_bytes);
        let there = Compare {
            result: CompareResult::Greater.into(),
            target: CompareTarget::Version.into(),
            key: zero(),
            target_union: Some(TargetUnion::Version(0)),
            ..Compare::default()
        };
        let operation = |request| vec![RequestOp { request: Some(request) }];
        let txn = TxnRequest {
            compare: vec![there],
            success: operation(Request::RequestPut(put.clone())),
            failure: operation(Request::RequestRange(get.clone())),
        };
        Self {
            load,
            noise: Noise::new(1),
            get: Template::new(RANGE, &get, PREFIX),
            put: Template::new(PUT, &put, PREFIX),
            txn: Template::new(TXN, &txn, PREFIX),
            range: Vec::new(),
        }
    }

    /// What a client asks next: the method and the message.
    pub(crate) fn next(&mut self, cursor: &mut Cursor) -> (&'static str, &[u8]) {
        let (template, keys) = match self.load {
            Load::Get { keys, .. } => (&mut self.get, keys),
            Load::Mix { keys, .. } if cursor.rng.usize(..100) < MIX_PUTS => (&mut self.put, keys),
            Load::Mix { keys, .. } => (&mut self.get, keys),
            Load::Put { keys, .. } => (&mut self.put, keys),
            Load::Txn { keys, .. } => (&mut self.txn, keys),
            Load::Page { limit, .. } => {
                let (from, revision) = cursor.page;
                self.range = range_from(from, limit, revision);
                return (RANGE, &self.range);
            }
            Load::Range { .. } => {
                self.range = range_from(0, 0, 0);
                return (RANGE, &self.range);
            }
        };
        // The same key wherever a request names one.
        let number = cursor.rng.usize(..keys);
        (template.path, template.fill(std::iter::repeat(number), &mut self.noise))
    }

    /// Whether an answer holds what must be in it; moves a client on to its next page.
    pub(crate) fn check(&self, cursor: &mut Cursor, answer: &[u8]) -> Result<(), &'static str> {
        let right = match self.load {
            Load::Get { .. } => bytes_of(answer, 2).is_some(),
            // Puts and gets both have a header, and a mix does not say which this was.
            Load::Mix { .. } | Load::Put { .. } => bytes_of(answer, 1).is_some(),
            Load::Txn { .. } => number_of(answer, 2) == 1,
            Load::Range { keys } => count(answer) == keys,
            Load::Page { keys, limit } => {
                let (from, revision) = cursor.page;
                let current = number_of(bytes_of(answer, 1).unwrap_or_default(), 3);
                let first = revision == 0;
                let next = (from + limit, if first { current } else { revision });
                cursor.page = if next.0 < keys { next } else { (0, 0) };
                count(answer) == limit.min(keys - from)
            }
        };
        if right { Ok(()) } else { Err("keys that were filled in are not in the answer") }
    }
}

fn zero() -> bytes::Bytes {
    key(PREFIX, 0).into()
}

/// A put to be filled in.
pub(crate) fn put_of(value_bytes: usize) -> PutRequest {
    PutRequest { key: zero(), value: blank(value_bytes).into(), ..PutRequest::default() }
}

/// A linearizable get of a key that need not be there.
pub(crate) fn get_any() -> Vec<u8> {
    framed(&RangeRequest { key: zero(), ..RangeRequest::default() })
}

/// Some keys from one on; without a limit, all.
fn range_from(from: usize, limit: usize, revision: u64) -> Vec<u8> {
    framed(&RangeRequest {
        key: key(PREFIX, from).into(),
        range_end: PREFIX_END.into(),
        limit: i64::try_from(limit).expect("a page is small"),
        revision: i64::try_from(revision).expect("a revision is a positive i64"),
        ..RangeRequest::default()
    })
}

/// How many keys an answer holds.
fn count(answer: &[u8]) -> usize {
    fields(answer).filter(|(number, _)| *number == 2).count()
}

#[cfg(test)]
mod tests;
