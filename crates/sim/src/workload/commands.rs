//! What clients think of.

use bytes::Bytes;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request as Operation;
use proto::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, LeaseRevokeRequest,
    PutRequest, RangeRequest, RequestOp, TxnRequest,
};
use state::Command;

use super::{Query, Wanted};
use crate::random::Random;

/// Leases that clients fight over.
const LEASES: usize = 4;

/// Operations in a transaction, and how deep they are nested: etcd allows more, and runs are short.
const OPERATIONS_MAX: usize = 128;
const DEPTH_MAX: usize = 2;

/// A client's imagination.
pub(super) struct Mind<'a> {
    pub(super) random: &'a mut Random,
    pub(super) keys: usize,
    /// The newest revision that anybody was told of.
    pub(super) revision: i64,
    pub(super) only_reads: bool,
}

impl Mind<'_> {
    /// What it wants next.
    pub(super) fn wants(&mut self) -> Wanted {
        match self.random.below(100) {
            0..88 if self.only_reads => Wanted::Read(self.query()),
            0..60 => Wanted::Write(Box::new(self.command())),
            60..78 => Wanted::Read(self.query()),
            78..88 => Wanted::ReadOld(self.query()),
            88..97 => Wanted::KeepAlive(self.lease()),
            _ => Wanted::Hash(if self.random.permille(500) { 0 } else { self.past() }),
        }
    }

    fn command(&mut self) -> Command {
        let mut command = Command::default();
        match self.random.below(20) {
            0 => {
                let revision = self.revision - self.random.below(20) as i64 + 3;
                command.compaction = Some(CompactionRequest { revision, physical: false });
            }
            1 | 2 => command.delete_range = Some(self.delete_range()),
            3 | 4 => {
                let (id, ttl) = (self.lease(), 1 + self.random.below(5) as i64);
                command.lease_grant = Some(LeaseGrantRequest { id, ttl });
            }
            5 => command.lease_revoke = Some(LeaseRevokeRequest { id: self.lease() }),
            6..=9 => command.txn = Some(self.writing_txn()),
            10 | 11 => command.txn = Some(self.compare_and_set()),
            _ => command.put = Some(self.put()),
        }
        command
    }

    fn query(&mut self) -> Query {
        if self.random.permille(200) {
            let range = |mind: &mut Self| operation(Operation::RequestRange(mind.range()));
            let (success, failure) = (vec![range(self), range(self)], vec![range(self)]);
            return Query::Txn(TxnRequest { compare: vec![self.compare()], success, failure });
        }
        Query::Range(self.range())
    }

    fn put(&mut self) -> PutRequest {
        let key = self.key();
        let ignore_value = self.random.permille(80);
        let ignore_lease = self.random.permille(80);
        let lease = if !ignore_lease && self.random.permille(300) { self.lease() } else { 0 };
        let length = match self.random.below(12) {
            0 => 1 + self.random.below(2_000),
            _ => 1 + self.random.below(8),
        };
        let letter = u8::try_from(self.random.within(97..=122)).expect("a letter");
        let value = if ignore_value { Bytes::new() } else { vec![letter; length].into() };
        let prev_kv = self.random.permille(300);
        PutRequest { key, value, lease, prev_kv, ignore_value, ignore_lease }
    }

    fn delete_range(&mut self) -> DeleteRangeRequest {
        let (key, range_end) = self.interval();
        DeleteRangeRequest { key, range_end, prev_kv: self.random.permille(500) }
    }

    fn range(&mut self) -> RangeRequest {
        let (key, range_end) = self.interval();
        let mut range = RangeRequest { key, range_end, ..RangeRequest::default() };
        if self.random.permille(300) {
            range.limit = self.random.below(5) as i64;
        }
        if self.random.permille(300) {
            range.revision = self.past();
        }
        if self.random.permille(300) {
            range.sort_order = self.random.below(3) as i32;
            range.sort_target = self.random.below(5) as i32;
        }
        if self.random.permille(150) {
            range.min_mod_revision = self.past();
        }
        if self.random.permille(100) {
            range.max_mod_revision = self.past();
        }
        if self.random.permille(100) {
            range.min_create_revision = self.past();
        }
        if self.random.permille(100) {
            range.max_create_revision = self.past();
        }
        range.keys_only = self.random.permille(150);
        range.count_only = self.random.permille(150);
        range
    }

    /// If the key has not changed since it was seen, it is set. What was seen may be wrong.
    fn compare_and_set(&mut self) -> TxnRequest {
        let put = self.put();
        let seen = TargetUnion::ModRevision(self.past());
        let fresh = TargetUnion::CreateRevision(0);
        let (target, union) = match self.random.below(2) {
            0 => (CompareTarget::Create, fresh),
            _ => (CompareTarget::Mod, seen),
        };
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: target.into(),
            key: put.key.clone(),
            range_end: Bytes::new(),
            target_union: Some(union),
        };
        let read = RangeRequest { key: put.key.clone(), ..RangeRequest::default() };
        let success = vec![operation(Operation::RequestPut(put))];
        let failure = vec![operation(Operation::RequestRange(read))];
        TxnRequest { compare: vec![compare], success, failure }
    }

    /// One that etcd takes, and that can change something.
    fn writing_txn(&mut self) -> TxnRequest {
        loop {
            let txn = self.txn(DEPTH_MAX);
            if state::check::txn(&txn, OPERATIONS_MAX).is_ok() && !state::is_read_only(&txn) {
                return txn;
            }
        }
    }

    fn txn(&mut self, depth: usize) -> TxnRequest {
        let compare = (0..self.random.below(3)).map(|_| self.compare()).collect();
        let success = (0..self.random.below(4)).map(|_| self.operation(depth)).collect();
        let failure = (0..self.random.below(3)).map(|_| self.operation(depth)).collect();
        TxnRequest { compare, success, failure }
    }

    fn operation(&mut self, depth: usize) -> RequestOp {
        operation(match self.random.below(8) {
            0 | 1 => Operation::RequestRange(self.range()),
            2 => Operation::RequestDeleteRange(self.delete_range()),
            3 if depth > 0 => Operation::RequestTxn(self.txn(depth - 1)),
            _ => Operation::RequestPut(self.put()),
        })
    }

    fn compare(&mut self) -> Compare {
        let (target, union) = match self.random.below(5) {
            0 => (CompareTarget::Version, TargetUnion::Version(self.random.below(3) as i64)),
            1 => (CompareTarget::Create, TargetUnion::CreateRevision(self.past())),
            2 => (CompareTarget::Mod, TargetUnion::ModRevision(self.past())),
            3 => (CompareTarget::Value, TargetUnion::Value(Bytes::from_static(b"m"))),
            _ => (CompareTarget::Lease, TargetUnion::Lease(self.random.below(3) as i64)),
        };
        let single = self.random.permille(700);
        let (key, range_end) = self.interval();
        Compare {
            result: self.random.below(4) as i32,
            target: target.into(),
            key,
            range_end: if single { Bytes::new() } else { range_end },
            target_union: Some(union),
        }
    }

    fn key(&mut self) -> Bytes {
        format!("k{:02}", self.random.below(self.keys)).into()
    }

    fn interval(&mut self) -> (Bytes, Bytes) {
        let end = match self.random.below(4) {
            0 | 1 => Bytes::new(),
            2 => Bytes::from_static(b"\0"),
            _ => self.key(),
        };
        (self.key(), end)
    }

    fn lease(&mut self) -> i64 {
        1 + self.random.below(LEASES) as i64
    }

    /// A revision that may be there; often it is not long ago.
    fn past(&mut self) -> i64 {
        let back = if self.random.permille(700) { 8 } else { 60 };
        (self.revision + 2 - self.random.below(back) as i64).max(1)
    }
}

fn operation(request: Operation) -> RequestOp {
    RequestOp { request: Some(request) }
}
