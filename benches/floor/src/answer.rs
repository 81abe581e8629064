//! What everybody is answered.

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::ResponseHeader;
use proto::spliced::{PutResponse, RangeResponse};

/// The bytes of the one key that there is.
const RECORD_BYTES: usize = 290;

/// What before a message says that it is not compressed, and how long it is.
const PREFIX_BYTES: usize = 5;

/// A kind of answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Get,
    Put,
}

impl Answer {
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "get" => Some(Self::Get),
            "put" => Some(Self::Put),
            _ => None,
        }
    }

    /// As gRPC sends it. Encoded each time, as a server would.
    pub(crate) fn framed(self) -> Bytes {
        match self {
            Self::Get => framed(&range()),
            Self::Put => framed(&put()),
        }
    }
}

fn framed(message: &impl Message) -> Bytes {
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + message.encoded_len());
    bytes.push(0);
    let len = u32::try_from(message.encoded_len()).expect("an answer is small");
    bytes.extend_from_slice(&len.to_be_bytes());
    message.encode(&mut bytes).expect("a vector grows");
    bytes.into()
}

pub(crate) fn put() -> PutResponse {
    PutResponse { header: Some(header()), prev_kv: None }
}

pub(crate) fn range() -> RangeResponse {
    static RECORD: [u8; RECORD_BYTES] = [0; RECORD_BYTES];
    let kvs = [RECORD].into_iter().collect();
    RangeResponse { header: Some(header()), kvs, more: false, count: 1 }
}

fn header() -> ResponseHeader {
    let id = u64::MAX / 3;
    ResponseHeader { cluster_id: id, member_id: id, revision: 100_000, raft_term: 2 }
}
