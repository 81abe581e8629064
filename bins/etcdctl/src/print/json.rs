//! `json`: as Go's `encoding/json` writes etcd's messages: numbers of all sizes as numbers, words
//! as numbers, bytes in base64, and nothing for what is zero or empty.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::etcdserverpb::response_op::Response;
use proto::etcdserverpb::{
    AlarmResponse, DeleteRangeResponse, HashKvResponse, LeaseLeasesResponse,
    LeaseTimeToLiveResponse, Member, PutResponse, RangeResponse, ResponseHeader, ResponseOp,
    StatusResponse, TxnResponse, WatchResponse,
};
use proto::mvccpb::{Event, KeyValue};

use crate::go::format_duration;
use crate::print::{Answer, Health, Page};

pub(super) fn page(answer: Answer<'_>, hex: bool) -> Option<Page> {
    let text = match answer {
        Answer::Alarms(response) => alarms(response),
        Answer::Delete(response) => delete(response),
        Answer::Get(response, _) => range(response),
        Answer::Grant(response) => header_fields(response.header.as_ref())
            .field("ID", response.id.to_string())
            .field("TTL", response.ttl.to_string())
            .field("Error", string(&response.error))
            .end(),
        Answer::Hashes(hashes) => list(hashes.iter().map(|(endpoint, hash)| {
            let object = Object::new().field("Endpoint", string(endpoint));
            object.field("HashKV", hash_kv(hash)).end()
        })),
        Answer::Health(healths) => list(healths.iter().map(health)),
        Answer::KeepAlive(response) => header_fields(response.header.as_ref())
            .field("ID", response.id.to_string())
            .field("TTL", response.ttl.to_string())
            .end(),
        Answer::Leases(response) => leases(response),
        Answer::MemberAdd(response, _) => {
            membership(response.header.as_ref(), response.member.as_ref(), &response.members, hex)
        }
        Answer::MemberPromote(response, _) => {
            membership(response.header.as_ref(), None, &response.members, hex)
        }
        Answer::MemberRemove(response, _) => {
            membership(response.header.as_ref(), None, &response.members, hex)
        }
        Answer::MemberUpdate(response, _) => {
            membership(response.header.as_ref(), None, &response.members, hex)
        }
        Answer::Members(response) => {
            membership(response.header.as_ref(), None, &response.members, hex)
        }
        Answer::MoveLeader(response, ..) => headed(response.header.as_ref()).end(),
        Answer::Put(response) => put(response),
        Answer::Revoke(response, _) => headed(response.header.as_ref()).end(),
        Answer::Statuses(statuses) => list(statuses.iter().map(|(endpoint, response)| {
            let object = Object::new().field("Endpoint", string(endpoint));
            object.field("Status", status(response)).end()
        })),
        Answer::TimeToLive(response, _) => time_to_live(response),
        Answer::Txn(response) => txn(response),
        Answer::Watch(response) => watch(response),
    };
    Some(Page::out(text + "\n"))
}

/// An object, field by field in the order of the message's.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".to_owned())
    }

    /// A field that is always there.
    fn field(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&format!("\"{name}\":{}", value.as_ref()));
        self
    }

    /// A field that is there if there is a value.
    fn some(self, name: &str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// A number that is there if it is not zero.
    fn number(self, name: &str, value: impl Into<i128>) -> Self {
        let value: i128 = value.into();
        self.some(name, (value != 0).then(|| value.to_string()))
    }

    /// An id, which may be written in hexadecimal digits, then as a string.
    fn id(self, name: &str, value: u64, hex: bool) -> Self {
        match hex {
            true => self.some(name, (value != 0).then(|| format!("\"{value:x}\""))),
            false => self.number(name, value),
        }
    }

    fn truth(self, name: &str, value: bool) -> Self {
        self.some(name, value.then(|| "true".to_owned()))
    }

    fn bytes(self, name: &str, value: &[u8]) -> Self {
        self.some(name, (!value.is_empty()).then(|| base64(value)))
    }

    fn string(self, name: &str, value: &str) -> Self {
        self.some(name, (!value.is_empty()).then(|| string(value)))
    }

    fn list(self, name: &str, values: impl ExactSizeIterator<Item = String>) -> Self {
        let some = values.len() > 0;
        self.some(name, some.then(|| list(values)))
    }

    fn end(self) -> String {
        self.0 + "}"
    }
}

fn list(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    format!("[{}]", values.join(","))
}

fn base64(bytes: &[u8]) -> String {
    format!("\"{}\"", STANDARD.encode(bytes))
}

/// Go escapes what HTML would take for its own, and what JavaScript would take for a line's end.
fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn header_fields(header: Option<&ResponseHeader>) -> Object {
    header_fields_with(header, false)
}

fn header_fields_with(header: Option<&ResponseHeader>, hex: bool) -> Object {
    let header = header.copied().unwrap_or_default();
    Object::new()
        .id("cluster_id", header.cluster_id, hex)
        .id("member_id", header.member_id, hex)
        .number("revision", header.revision)
        .number("raft_term", header.raft_term)
}

/// A message that begins with a header, if it has one.
fn headed(header: Option<&ResponseHeader>) -> Object {
    Object::new().some("header", header.map(|header| header_fields(Some(header)).end()))
}

fn pair(kv: &KeyValue) -> String {
    Object::new()
        .bytes("key", &kv.key)
        .number("create_revision", kv.create_revision)
        .number("mod_revision", kv.mod_revision)
        .number("version", kv.version)
        .bytes("value", &kv.value)
        .number("lease", kv.lease)
        .end()
}

fn range(response: &RangeResponse) -> String {
    headed(response.header.as_ref())
        .list("kvs", response.kvs.iter().map(pair))
        .truth("more", response.more)
        .number("count", response.count)
        .end()
}

fn put(response: &PutResponse) -> String {
    headed(response.header.as_ref()).some("prev_kv", response.prev_kv.as_ref().map(pair)).end()
}

fn delete(response: &DeleteRangeResponse) -> String {
    headed(response.header.as_ref())
        .number("deleted", response.deleted)
        .list("prev_kvs", response.prev_kvs.iter().map(pair))
        .end()
}

fn txn(response: &TxnResponse) -> String {
    let operation = |ResponseOp { response }: &ResponseOp| {
        let response = match response {
            Some(Response::ResponseRange(r)) => Object::new().field("response_range", range(r)),
            Some(Response::ResponsePut(r)) => Object::new().field("response_put", put(r)),
            Some(Response::ResponseDeleteRange(r)) => {
                Object::new().field("response_delete_range", delete(r))
            }
            Some(Response::ResponseTxn(r)) => Object::new().field("response_txn", txn(r)),
            None => return Object::new().field("Response", "null").end(),
        };
        Object::new().field("Response", response.end()).end()
    };
    headed(response.header.as_ref())
        .truth("succeeded", response.succeeded)
        .list("responses", response.responses.iter().map(operation))
        .end()
}

/// The Go client has a type of its own for these, whose fields have no other names and are always
/// there.
fn watch(response: &WatchResponse) -> String {
    let event = |event: &Event| {
        Object::new()
            .number("type", event.r#type)
            .some("kv", event.kv.as_ref().map(pair))
            .some("prev_kv", event.prev_kv.as_ref().map(pair))
            .end()
    };
    let events = match &response.events[..] {
        [] => "null".to_owned(),
        events => list(events.iter().map(event)),
    };
    Object::new()
        .field("Header", header_fields(response.header.as_ref()).end())
        .field("Events", events)
        .field("CompactRevision", response.compact_revision.to_string())
        .field("Canceled", response.canceled.to_string())
        .field("Created", response.created.to_string())
        .field("CancelReason", string(&response.cancel_reason))
        .end()
}

/// Another of Go's own types.
fn time_to_live(response: &LeaseTimeToLiveResponse) -> String {
    let keys = match &response.keys[..] {
        [] => "null".to_owned(),
        keys => list(keys.iter().map(|key| base64(key))),
    };
    header_fields(response.header.as_ref())
        .field("id", response.id.to_string())
        .field("ttl", response.ttl.to_string())
        .field("granted-ttl", response.granted_ttl.to_string())
        .field("keys", keys)
        .end()
}

/// Another of Go's own types.
fn leases(response: &LeaseLeasesResponse) -> String {
    let leases = response.leases.iter();
    let leases = leases.map(|lease| Object::new().field("id", lease.id.to_string()).end());
    header_fields(response.header.as_ref()).field("leases", list(leases)).end()
}

fn membership(
    header: Option<&ResponseHeader>,
    added: Option<&Member>,
    members: &[Member],
    hex: bool,
) -> String {
    let member = |member: &Member| {
        Object::new()
            .id("ID", member.id, hex)
            .string("name", &member.name)
            .list("peerURLs", member.peer_urls.iter().map(|url| string(url)))
            .list("clientURLs", member.client_urls.iter().map(|url| string(url)))
            .truth("isLearner", member.is_learner)
            .end()
    };
    Object::new()
        .some("header", header.map(|header| header_fields_with(Some(header), hex).end()))
        .some("member", added.map(member))
        .list("members", members.iter().map(member))
        .end()
}

fn alarms(response: &AlarmResponse) -> String {
    let alarms = response.alarms.iter().map(|alarm| {
        Object::new().number("memberID", alarm.member_id).number("alarm", alarm.alarm).end()
    });
    headed(response.header.as_ref()).list("alarms", alarms).end()
}

fn hash_kv(hash: &HashKvResponse) -> String {
    headed(hash.header.as_ref())
        .number("hash", hash.hash)
        .number("compact_revision", hash.compact_revision)
        .number("hash_revision", hash.hash_revision)
        .end()
}

fn health(health: &Health) -> String {
    let object = Object::new()
        .field("endpoint", string(&health.endpoint))
        .field("health", health.error.is_none().to_string())
        .field("took", string(&format_duration(health.took)));
    object.string("error", health.error.as_deref().unwrap_or_default()).end()
}

fn status(status: &StatusResponse) -> String {
    let downgrade = status.downgrade_info.as_ref().map(|downgrade| {
        Object::new()
            .truth("enabled", downgrade.enabled)
            .string("targetVersion", &downgrade.target_version)
            .end()
    });
    headed(status.header.as_ref())
        .string("version", &status.version)
        .number("dbSize", status.db_size)
        .number("leader", status.leader)
        .number("raftIndex", status.raft_index)
        .number("raftTerm", status.raft_term)
        .number("raftAppliedIndex", status.raft_applied_index)
        .list("errors", status.errors.iter().map(|error| string(error)))
        .number("dbSizeInUse", status.db_size_in_use)
        .truth("isLearner", status.is_learner)
        .string("storageVersion", &status.storage_version)
        .number("dbSizeQuota", status.db_size_quota)
        .some("downgradeInfo", downgrade)
        .end()
}
