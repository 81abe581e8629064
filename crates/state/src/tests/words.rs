//! How requests are described: in etcd's words, and never with a value.

use alloc::vec;

use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{
    Compare, LeaseGrantRequest, PutRequest, RangeRequest, RequestHeader, TxnRequest,
};

use super::world::{delete, op, put};
use crate::{Command, describe};

#[test]
fn commands_are_described_without_values() {
    let header = Some(RequestHeader { id: 7, ..RequestHeader::default() });
    let secret = PutRequest { lease: 3, prev_kv: true, ..put("a\n\"", "secret") };
    let put = Command { header: header.clone(), put: Some(secret), ..Command::default() };
    assert_eq!(
        describe::command(&put),
        r#"header:<ID:7> put:<key:"a\n\"" value_size:6 lease:3 prev_kv:true>"#
    );
    let grant = LeaseGrantRequest { ttl: 60, id: 0x0568_a203 };
    let grant = Command { header, lease_grant: Some(grant), ..Command::default() };
    assert_eq!(
        describe::command(&grant),
        "header:<ID:7> lease_grant:<ttl:60-second id:000000000568a203>"
    );
}

#[test]
fn ranges_are_described_by_what_is_not_as_usual() {
    assert_eq!(describe::range(&RangeRequest::default()), "");
    let range = RangeRequest {
        key: "a".into(),
        range_end: "b".into(),
        limit: 3,
        sort_order: SortOrder::Descend.into(),
        sort_target: SortTarget::Mod.into(),
        keys_only: true,
        ..RangeRequest::default()
    };
    assert_eq!(
        describe::range(&range),
        r#"key:"a" range_end:"b" limit:3 sort_order:DESCEND sort_target:MOD keys_only:true"#
    );
}

#[test]
fn transactions_are_described_with_all_that_is_in_them() {
    let compare = |target: CompareTarget, union| Compare {
        result: CompareResult::NotEqual.into(),
        target: target.into(),
        key: "a".into(),
        target_union: Some(union),
        ..Compare::default()
    };
    let inner = TxnRequest { failure: vec![op(delete("e", ""))], ..TxnRequest::default() };
    let txn = TxnRequest {
        compare: vec![
            compare(CompareTarget::Value, TargetUnion::Value("secret".into())),
            compare(CompareTarget::Mod, TargetUnion::ModRevision(0)),
        ],
        success: vec![op(put("c", "d")), op(inner)],
        failure: vec![],
    };
    assert_eq!(
        describe::txn(&txn),
        "compare:<result:NOT_EQUAL target:VALUE key:\"a\" value_size:6 \
         result:NOT_EQUAL target:MOD key:\"a\" mod_revision:0> \
         success:<request_put:<key:\"c\" value_size:1> \
         request_txn:<compare:<> success:<> failure:<request_delete_range:{key:\"e\"}>>> failure:<>"
    );
}
