//! How large the engine may become.

use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{PutRequest, RequestOp, TxnRequest};

use crate::Command;

/// Bytes that a put takes besides key and value, by etcd's estimate.
const PUT_OVERHEAD: u64 = 256;
/// Bytes that a lease takes, by etcd's estimate.
const LEASE_COST: u64 = 64;

/// A bound on the size of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes on disk; `None` for no bound.
    pub bytes_max: Option<u64>,
}

impl Quota {
    /// Whether a command of this cost may come on top of so many bytes. What costs nothing always
    /// may: it is what makes room.
    #[must_use]
    pub fn allows(&self, bytes: u64, cost: u64) -> bool {
        cost == 0 || self.bytes_max.is_none_or(|max| bytes.saturating_add(cost) < max)
    }
}

/// What a command may add to the engine at most, by etcd's estimate.
#[must_use]
pub fn cost(command: &Command) -> u64 {
    if let Some(put) = &command.put {
        put_cost(put)
    } else if let Some(txn) = &command.txn {
        txn_cost(txn)
    } else if command.lease_grant.is_some() {
        LEASE_COST
    } else {
        0
    }
}

/// The dearer of the two branches.
pub(crate) fn txn_cost(txn: &TxnRequest) -> u64 {
    let branch = |ops: &[RequestOp]| ops.iter().map(op_cost).sum::<u64>();
    branch(&txn.success).max(branch(&txn.failure))
}

fn op_cost(op: &RequestOp) -> u64 {
    match &op.request {
        Some(Request::RequestPut(put)) => put_cost(put),
        Some(Request::RequestTxn(txn)) => txn_cost(txn),
        Some(Request::RequestRange(_) | Request::RequestDeleteRange(_)) | None => 0,
    }
}

fn put_cost(put: &PutRequest) -> u64 {
    PUT_OVERHEAD + put.key.len() as u64 + put.value.len() as u64
}
