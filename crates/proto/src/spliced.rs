//! Answers that hold each `KeyValue` and `Event` as the bytes it is stored in.
//!
//! On the wire an embedded message is its encoding with the length in front, and so is a `bytes`
//! field. The types here say `bytes` where those of [`etcdserverpb`](crate::etcdserverpb) say
//! `KeyValue` or `Event`, and are the same otherwise, so that a server copies what it has stored
//! into the answer and nothing is decoded to be encoded again. Nobody checks the bytes: what is put
//! in must be an encoded message of the type the field names.
//!
//! The answer to a range may be long: its records are laid out as they are sent when they are read
//! ([`Records`]), so that nothing is copied once more to be sent.

mod range;
mod records;

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use prost::{Message, Oneof};

pub use self::range::RangeResponse;
pub use self::records::Records;
use crate::etcdserverpb::ResponseHeader;

/// Twin of [`etcdserverpb::RangeStreamResponse`](crate::etcdserverpb::RangeStreamResponse).
#[derive(Clone, Eq, Hash, Message, PartialEq)]
pub struct RangeStreamResponse {
    /// A part of the answer.
    #[prost(message, optional, tag = "1")]
    pub range_response: Option<RangeResponse>,
}

/// Twin of [`etcdserverpb::PutResponse`](crate::etcdserverpb::PutResponse).
#[derive(Clone, Eq, Hash, Message, PartialEq)]
pub struct PutResponse {
    /// Where and when it was answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// An encoded `mvccpb.KeyValue`: what the key held before.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub prev_kv: Option<Bytes>,
}

/// Twin of [`etcdserverpb::DeleteRangeResponse`](crate::etcdserverpb::DeleteRangeResponse).
#[derive(Clone, Eq, Hash, Message, PartialEq)]
pub struct DeleteRangeResponse {
    /// Where and when it was answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// How many keys were deleted.
    #[prost(int64, tag = "2")]
    pub deleted: i64,
    /// Encoded `mvccpb.KeyValue`s: what the keys held before.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub prev_kvs: Vec<Bytes>,
}

/// Twin of [`etcdserverpb::TxnResponse`](crate::etcdserverpb::TxnResponse).
#[derive(Clone, Eq, Hash, Message, PartialEq)]
pub struct TxnResponse {
    /// Where and when it was answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether the comparisons held, hence which branch ran.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
    /// An answer for each operation of that branch, in order.
    #[prost(message, repeated, tag = "3")]
    pub responses: Vec<ResponseOp>,
}

/// Twin of [`etcdserverpb::ResponseOp`](crate::etcdserverpb::ResponseOp).
#[derive(Clone, Eq, Hash, Message, PartialEq)]
pub struct ResponseOp {
    /// The answer to one operation.
    #[prost(oneof = "Response", tags = "1, 2, 3, 4")]
    pub response: Option<Response>,
}

/// Twin of [`etcdserverpb::response_op::Response`](crate::etcdserverpb::response_op::Response).
#[derive(Clone, Eq, Hash, Oneof, PartialEq)]
pub enum Response {
    /// To a range.
    #[prost(message, tag = "1")]
    ResponseRange(RangeResponse),
    /// To a put.
    #[prost(message, tag = "2")]
    ResponsePut(PutResponse),
    /// To a deletion.
    #[prost(message, tag = "3")]
    ResponseDeleteRange(DeleteRangeResponse),
    /// To a nested transaction.
    #[prost(message, tag = "4")]
    ResponseTxn(TxnResponse),
}

/// Twin of [`etcdserverpb::WatchResponse`](crate::etcdserverpb::WatchResponse).
#[derive(Clone, Eq, Hash, Message, PartialEq)]
pub struct WatchResponse {
    /// Where and when it was answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Which watch of the stream this is for.
    #[prost(int64, tag = "2")]
    pub watch_id: i64,
    /// Whether this answers a create request.
    #[prost(bool, tag = "3")]
    pub created: bool,
    /// Whether the watch has ended.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// If not 0, the watch asked for history that is gone; the oldest revision still there.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// Why it has ended.
    #[prost(string, tag = "6")]
    pub cancel_reason: String,
    /// Whether more of the same revision follows in another response.
    #[prost(bool, tag = "7")]
    pub fragment: bool,
    /// Encoded `mvccpb.Event`s.
    #[prost(bytes = "bytes", repeated, tag = "11")]
    pub events: Vec<Bytes>,
}

#[cfg(test)]
mod tests;
