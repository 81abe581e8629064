//! Keys, and everything that reads or writes them.

use bytes::Bytes;
use proto::etcdserverpb::compare::TargetUnion;
use proto::etcdserverpb::{
    Compare, DeleteRangeRequest, HashKvRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    request_op,
};

use super::Generator;

/// Keys that differ in length, order and kind: neighbours, prefixes of each other, first and last.
const KEYS: [&[u8]; 24] = [
    b"\0",
    b"\0\0",
    b"a",
    b"a\0",
    b"a/",
    b"a/1",
    b"a/10",
    b"a/2",
    b"aa",
    b"b",
    b"b/1",
    b"b/2",
    b"b/3",
    b"b0",
    b"c",
    b"k\xc3\xa9y",
    b"x/1",
    b"x/2",
    b"x/3",
    b"x/4",
    b"y",
    b"z\xff",
    b"\xff",
    b"\xff\xff",
];

/// From where to where, both ends among, between and beyond the keys; an end of `\0` is none.
const INTERVALS: [(&[u8], &[u8]); 12] = [
    (b"\0", b"\0"),
    (b"a", b"b"),
    (b"a/", b"a0"),
    (b"a/1", b"a/2"),
    (b"b", b"\0"),
    (b"b/", b"b0"),
    (b"b/2", b"x/3"),
    (b"c", b"c"),
    (b"nothing", b"o"),
    (b"x/", b"x0"),
    (b"z", b"a"),
    (b"\xff", b"\0"),
];

/// Values, some of them the same as others' beginnings.
const VALUES: [&[u8]; 9] = [b"", b"0", b"1", b"10", b"2", b"\0", b"\xff\xfe", b"value", b"values"];

/// Each of so many writes carries a longer value.
const LONG_VALUES: u32 = 25;

/// How long those are at most: beyond what small records may have in one place.
const LONG_VALUE_LEN: usize = 5_000;

/// How deep transactions lie in each other.
const DEPTH_MAX: u32 = 2;

/// As many operations as a transaction may have.
const OPERATIONS_MAX: usize = 128;

impl Generator {
    pub(super) fn put(&mut self) {
        let request = self.some_put();
        self.plan("KV.Put", &request);
    }

    pub(super) fn delete_range(&mut self) {
        let request = self.some_delete();
        self.plan("KV.DeleteRange", &request);
    }

    pub(super) fn range(&mut self) {
        let request = self.some_range();
        self.plan("KV.Range", &request);
    }

    /// Often without the order and the filters that it does not support.
    pub(super) fn range_stream(&mut self) {
        let mut request = self.some_range();
        if !self.one_in(4) {
            request = RangeRequest {
                sort_order: 0,
                sort_target: 0,
                min_mod_revision: 0,
                max_mod_revision: 0,
                min_create_revision: 0,
                max_create_revision: 0,
                ..request
            };
        }
        self.plan("KV.RangeStream", &request);
    }

    pub(super) fn txn(&mut self) {
        let request = if self.one_in(60) { self.large_txn() } else { self.some_txn(DEPTH_MAX) };
        self.plan("KV.Txn", &request);
    }

    /// Everything that is there, and what it hashes to.
    pub(super) fn look_at_everything(&mut self) {
        let (key, range_end) = (Self::bytes(b"\0"), Self::bytes(b"\0"));
        self.plan("KV.Range", &RangeRequest { key, range_end, ..RangeRequest::default() });
        let revisions = (self.compacted.max(1)..=self.revision).rev();
        for revision in revisions.step_by(7).take(10) {
            self.plan("Maintenance.HashKV", &HashKvRequest { revision });
        }
        self.plan("Maintenance.HashKV", &HashKvRequest { revision: 0 });
    }

    /// A put that changes something for sure.
    pub(super) fn simple_put(&mut self) -> PutRequest {
        let (key, value) = (self.some_key(), self.some_value());
        PutRequest { key, value, ..PutRequest::default() }
    }

    fn some_put(&mut self) -> PutRequest {
        let mut request = self.simple_put();
        if self.one_in(40) {
            request.key = Bytes::new();
        }
        if self.one_in(4) {
            request.lease = self.some_lease();
        }
        request.prev_kv = self.one_in(3);
        if self.one_in(8) {
            request.ignore_value = true;
            if !self.one_in(5) {
                request.value = Bytes::new();
            }
        }
        if self.one_in(8) {
            request.ignore_lease = true;
            if !self.one_in(5) {
                request.lease = 0;
            }
        }
        request
    }

    fn some_delete(&mut self) -> DeleteRangeRequest {
        let (key, range_end) = self.some_interval(3);
        DeleteRangeRequest { key, range_end, prev_kv: self.rng.bool() }
    }

    fn some_range(&mut self) -> RangeRequest {
        let (key, range_end) = self.some_interval(1);
        let mut request = RangeRequest { key, range_end, ..RangeRequest::default() };
        if self.one_in(2) {
            request.limit = self.pick(&[0, 1, 2, 3, 5, 8, 100, -1, i64::MAX, i64::MIN]);
        }
        if self.one_in(3) {
            request.revision = self.some_revision();
        }
        if self.one_in(2) {
            request.sort_order = self.pick(&[0, 1, 2]);
            request.sort_target = self.pick(&[0, 1, 2, 3, 4]);
        }
        if self.one_in(50) {
            request.sort_order = self.pick(&[3, -1, i32::MAX]);
        }
        if self.one_in(50) {
            request.sort_target = self.pick(&[5, -1, i32::MAX]);
        }
        request.serializable = self.one_in(3);
        request.keys_only = self.one_in(5);
        request.count_only = self.one_in(8);
        if self.one_in(8) {
            request.min_mod_revision = self.some_revision();
        }
        if self.one_in(8) {
            request.max_mod_revision = self.some_revision();
        }
        if self.one_in(8) {
            request.min_create_revision = self.some_revision();
        }
        if self.one_in(8) {
            request.max_create_revision = self.some_revision();
        }
        request
    }

    fn some_txn(&mut self, depth: u32) -> TxnRequest {
        let mut request = TxnRequest::default();
        for _ in 0..self.pick(&[0, 1, 1, 1, 2, 3]) {
            request.compare.push(self.some_compare());
        }
        for _ in 0..self.pick(&[0, 1, 1, 2, 3, 4]) {
            request.success.push(self.some_op(depth));
        }
        for _ in 0..self.pick(&[0, 0, 1, 1, 2, 3]) {
            request.failure.push(self.some_op(depth));
        }
        request
    }

    /// About as large as a transaction may be.
    fn large_txn(&mut self) -> TxnRequest {
        let mut request = TxnRequest::default();
        for number in 0..OPERATIONS_MAX - 1 + self.rng.usize(0..3) {
            let key = format!("large/{number}").into();
            let put = PutRequest { key, value: self.some_value(), ..PutRequest::default() };
            let request_put = Some(request_op::Request::RequestPut(put));
            request.success.push(RequestOp { request: request_put });
        }
        request
    }

    fn some_op(&mut self, depth: u32) -> RequestOp {
        let request = match self.rng.u8(0..20) {
            0 => None,
            1..4 if depth > 0 => Some(request_op::Request::RequestTxn(self.some_txn(depth - 1))),
            1..8 => Some(request_op::Request::RequestRange(self.some_range())),
            8..12 => {
                let mut request = self.some_delete();
                // A delete without an end goes through together with puts of what it deletes, and
                // etcd does not stand that: see the table of known differences.
                if request.range_end == b"\0"[..] {
                    request.range_end = Self::bytes(b"\xff\xff\xff");
                }
                Some(request_op::Request::RequestDeleteRange(request))
            }
            _ => Some(request_op::Request::RequestPut(self.some_put())),
        };
        // Most transactions should not fail for being nonsense.
        if request.is_none() && !self.one_in(4) {
            return self.some_op(depth);
        }
        RequestOp { request }
    }

    fn some_compare(&mut self) -> Compare {
        let (key, range_end) =
            if self.one_in(4) { self.some_interval(2) } else { (self.some_key(), Bytes::new()) };
        let target = if self.one_in(40) { 9 } else { self.rng.i32(0..5) };
        let result = if self.one_in(40) { 9 } else { self.rng.i32(0..4) };
        // Sometimes not what the target speaks of.
        let union = if self.one_in(20) { self.rng.i32(0..6) } else { target };
        let target_union = match union {
            0 => Some(TargetUnion::Version(self.rng.i64(0..4))),
            1 => Some(TargetUnion::CreateRevision(self.revision_of_key())),
            2 => Some(TargetUnion::ModRevision(self.revision_of_key())),
            3 => Some(TargetUnion::Value(self.some_value())),
            4 => Some(TargetUnion::Lease(self.some_lease())),
            _ => None,
        };
        Compare { result, target, key, target_union, range_end }
    }

    /// 0 is that of a key that is not there.
    fn revision_of_key(&mut self) -> i64 {
        if self.one_in(3) { 0 } else { self.some_past() }
    }

    /// An interval; one in so many is more than a single key.
    pub(super) fn some_interval(&mut self, wide: u32) -> (Bytes, Bytes) {
        if self.one_in(60) {
            let range_end = self.pick(&[&b""[..], b"a", b"\0"]);
            return (Bytes::new(), Self::bytes(range_end));
        }
        if !self.one_in(wide) || self.one_in(4) {
            return (self.some_key(), Bytes::new());
        }
        let (from, to) = self.pick(&INTERVALS);
        (Self::bytes(from), Self::bytes(to))
    }

    pub(super) fn some_key(&mut self) -> Bytes {
        let key = self.pick(&KEYS);
        Self::bytes(key)
    }

    fn some_value(&mut self) -> Bytes {
        if self.one_in(LONG_VALUES) {
            let len = self.rng.usize(..=LONG_VALUE_LEN);
            let byte = self.rng.alphanumeric();
            return byte.to_string().repeat(len).into();
        }
        let value = self.pick(&VALUES);
        Self::bytes(value)
    }
}
