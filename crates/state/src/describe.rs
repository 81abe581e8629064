//! Requests in words, for people who look for a slow one: everything but the values, of which there
//! is the size.
//!
//! The words are those in which etcd logs them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Display, Write as _};

use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};

use crate::Command;

/// A command.
#[must_use]
pub fn command(command: &Command) -> String {
    let id = command.header.as_ref().map_or(command.id, |header| header.id);
    let what = if let Some(request) = &command.put {
        format!("put:<{}>", put(request))
    } else if let Some(request) = &command.txn {
        format!("txn:<{}>", txn(request))
    } else if let Some(request) = &command.delete_range {
        format!("delete_range:{{{}}}", delete_range(request))
    } else if let Some(request) = &command.range {
        format!("range:{{{}}}", range(request))
    } else if let Some(request) = &command.lease_grant {
        format!("lease_grant:<ttl:{}-second id:{:016x}>", request.ttl, request.id)
    } else if let Some(request) = &command.lease_revoke {
        format!("lease_revoke:<id:{:016x}>", request.id)
    } else if let Some(request) = &command.lease_checkpoint {
        format!("lease_checkpoint:{{checkpoints:{}}}", request.checkpoints.len())
    } else if let Some(request) = &command.compaction {
        format!("compaction:{{revision:{}}}", request.revision)
    } else if let Some(request) = &command.cluster_member_attr_set {
        format!("cluster_member_attr_set:{{member_ID:{}}}", request.member_id)
    } else if let Some(request) = &command.cluster_version_set {
        format!("cluster_version_set:{{ver:{:?}}}", request.ver)
    } else if let Some(request) = &command.alarm {
        format!("alarm:{{memberID:{}}}", request.member_id)
    } else {
        String::from("of another kind")
    };
    format!("header:<ID:{id}> {what}")
}

/// A range.
#[must_use]
pub fn range(request: &RangeRequest) -> String {
    let mut words = Words::default();
    words.bytes("key", &request.key);
    words.bytes("range_end", &request.range_end);
    words.number("limit", request.limit);
    words.number("revision", request.revision);
    let order = SortOrder::try_from(request.sort_order).ok();
    words.choice("sort_order", request.sort_order, order.map(|order| order.as_str_name()));
    let target = SortTarget::try_from(request.sort_target).ok();
    words.choice("sort_target", request.sort_target, target.map(|target| target.as_str_name()));
    words.flag("serializable", request.serializable);
    words.flag("keys_only", request.keys_only);
    words.flag("count_only", request.count_only);
    words.number("min_mod_revision", request.min_mod_revision);
    words.number("max_mod_revision", request.max_mod_revision);
    words.number("min_create_revision", request.min_create_revision);
    words.number("max_create_revision", request.max_create_revision);
    words.0
}

/// A transaction, with those in it.
#[must_use]
pub fn txn(request: &TxnRequest) -> String {
    let compares: Vec<String> = request.compare.iter().map(compare).collect();
    let ops = |ops: &[RequestOp]| ops.iter().map(op).collect::<Vec<String>>().join(" ");
    format!(
        "compare:<{}> success:<{}> failure:<{}>",
        compares.join(" "),
        ops(&request.success),
        ops(&request.failure)
    )
}

fn put(request: &PutRequest) -> String {
    let mut words = Words::default();
    words.bytes("key", &request.key);
    words.size("value_size", &request.value);
    words.number("lease", request.lease);
    words.flag("prev_kv", request.prev_kv);
    words.flag("ignore_value", request.ignore_value);
    words.flag("ignore_lease", request.ignore_lease);
    words.0
}

fn delete_range(request: &DeleteRangeRequest) -> String {
    let mut words = Words::default();
    words.bytes("key", &request.key);
    words.bytes("range_end", &request.range_end);
    words.flag("prev_kv", request.prev_kv);
    words.0
}

fn op(op: &RequestOp) -> String {
    match &op.request {
        Some(Request::RequestDeleteRange(request)) => {
            format!("request_delete_range:{{{}}}", delete_range(request))
        }
        Some(Request::RequestPut(request)) => format!("request_put:<{}>", put(request)),
        Some(Request::RequestRange(request)) => format!("request_range:{{{}}}", range(request)),
        Some(Request::RequestTxn(request)) => format!("request_txn:<{}>", txn(request)),
        None => String::new(),
    }
}

fn compare(compare: &Compare) -> String {
    let mut words = Words::default();
    let result = CompareResult::try_from(compare.result).ok();
    words.choice("result", compare.result, result.map(|result| result.as_str_name()));
    let target = CompareTarget::try_from(compare.target).ok();
    words.choice("target", compare.target, target.map(|target| target.as_str_name()));
    words.bytes("key", &compare.key);
    match &compare.target_union {
        Some(TargetUnion::CreateRevision(create)) => words.say("create_revision", create),
        Some(TargetUnion::Lease(lease)) => words.say("lease", lease),
        Some(TargetUnion::ModRevision(modified)) => words.say("mod_revision", modified),
        Some(TargetUnion::Value(value)) => words.size("value_size", value),
        Some(TargetUnion::Version(version)) => words.say("version", version),
        None => {}
    }
    words.bytes("range_end", &compare.range_end);
    words.0
}

/// `name:value` one after the other; what is as by default is left out.
#[derive(Default)]
struct Words(String);

impl Words {
    fn say(&mut self, name: &str, value: impl Display) {
        let space = if self.0.is_empty() { "" } else { " " };
        write!(self.0, "{space}{name}:{value}").expect("a string takes everything");
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.say(name, format_args!("\"{}\"", value.escape_ascii()));
        }
    }

    /// How many bytes there are, instead of which.
    fn size(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.say(name, value.len());
        }
    }

    fn number(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.say(name, value);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.say(name, true);
        }
    }

    /// One of several, by its name if it has one.
    fn choice(&mut self, name: &str, number: i32, known: Option<&str>) {
        match known {
            Some(known) if number != 0 => self.say(name, known),
            _ => self.number(name, number.into()),
        }
    }
}
