//! Transactions.

use bytes::Bytes;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{Compare as CompareMessage, RequestOp, TxnRequest};

use crate::keys::Keys;
use crate::kv::{Delete, Get, Put};

/// How what is there must be to what is named.
pub use proto::etcdserverpb::compare::CompareResult as Relation;

/// If all comparisons hold, one list of operations, else the other, all at one revision.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Txn(pub(crate) TxnRequest);

impl Txn {
    /// One that compares nothing and does nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// If these hold too.
    pub fn when(mut self, compares: impl IntoIterator<Item = Compare>) -> Self {
        self.0.compare.extend(compares.into_iter().map(|compare| compare.0));
        self
    }

    /// Then these operations too.
    pub fn then(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.0.success.extend(operations.into_iter().map(|operation| operation.0));
        self
    }

    /// Else these operations too.
    pub fn otherwise(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.0.failure.extend(operations.into_iter().map(|operation| operation.0));
        self
    }

    pub(crate) fn only_reads(&self) -> bool {
        only_reads(&self.0)
    }
}

fn only_reads(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).all(|operation| match &operation.request {
        Some(Request::RequestRange(_)) => true,
        Some(Request::RequestTxn(txn)) => only_reads(txn),
        Some(Request::RequestPut(_) | Request::RequestDeleteRange(_)) | None => false,
    })
}

/// Something a transaction does.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation(RequestOp);

impl From<Get> for Operation {
    fn from(get: Get) -> Self {
        Self(RequestOp { request: Some(Request::RequestRange(get.0)) })
    }
}

impl From<Put> for Operation {
    fn from(put: Put) -> Self {
        Self(RequestOp { request: Some(Request::RequestPut(put.0)) })
    }
}

impl From<Delete> for Operation {
    fn from(delete: Delete) -> Self {
        Self(RequestOp { request: Some(Request::RequestDeleteRange(delete.0)) })
    }
}

impl From<Txn> for Operation {
    fn from(txn: Txn) -> Self {
        Self(RequestOp { request: Some(Request::RequestTxn(txn.0)) })
    }
}

/// A condition of a transaction. On an interval of keys it must hold for each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare(CompareMessage);

impl Compare {
    /// How often the key was written since it was created; 0 if it does not exist.
    pub fn version(keys: impl Into<Keys>, relation: Relation, version: i64) -> Self {
        Self::new(keys, relation, CompareTarget::Version, TargetUnion::Version(version))
    }

    /// The revision that created the key; 0 if it does not exist.
    pub fn create_revision(keys: impl Into<Keys>, relation: Relation, revision: i64) -> Self {
        Self::new(keys, relation, CompareTarget::Create, TargetUnion::CreateRevision(revision))
    }

    /// The revision that last wrote the key; 0 if it does not exist.
    pub fn mod_revision(keys: impl Into<Keys>, relation: Relation, revision: i64) -> Self {
        Self::new(keys, relation, CompareTarget::Mod, TargetUnion::ModRevision(revision))
    }

    /// The key's value. Of a key that does not exist nothing holds.
    pub fn value(keys: impl Into<Keys>, relation: Relation, value: impl Into<Bytes>) -> Self {
        Self::new(keys, relation, CompareTarget::Value, TargetUnion::Value(value.into()))
    }

    /// The lease the key hangs on; 0 if on none, or if it does not exist.
    pub fn lease(keys: impl Into<Keys>, relation: Relation, lease: i64) -> Self {
        Self::new(keys, relation, CompareTarget::Lease, TargetUnion::Lease(lease))
    }

    fn new(
        keys: impl Into<Keys>,
        relation: CompareResult,
        target: CompareTarget,
        target_union: TargetUnion,
    ) -> Self {
        let Keys { key, range_end } = keys.into();
        Self(CompareMessage {
            result: relation.into(),
            target: target.into(),
            key,
            range_end,
            target_union: Some(target_union),
        })
    }
}
