//! What a server answered, without what no two servers have in common.

use std::fmt;

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use proto::etcdserverpb::{
    LeaseTimeToLiveResponse, RangeRequest, RangeResponse, RangeStreamResponse, ResponseOp,
    StatusResponse, TxnRequest, TxnResponse, request_op, response_op,
};
use proto::mvccpb::KeyValue;

use crate::script::{Step, describe};

/// Ids from here on are chosen by the server; scripts use smaller ones.
const CHOSEN_ID_MIN: i64 = 1 << 40;

/// How much of a lease's time may pass while a script runs, in seconds.
const ELAPSED_MAX: i64 = 300;

/// Everything that came back for a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The messages.
    pub(crate) messages: Vec<DynamicMessage>,
    /// The error after them.
    pub(crate) refusal: Option<Refusal>,
}

/// gRPC's status, if it is not OK.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// Its code.
    pub(crate) code: i32,
    /// Its text.
    pub(crate) message: String,
}

/// How a server calls itself: its client and its peer URL.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// Where clients find it.
    pub(crate) client_url: String,
    /// Where members would.
    pub(crate) peer_url: String,
}

impl Answer {
    /// The answer to a call, comparable with that of another server.
    pub(crate) fn of(step: &Step, bodies: &[Bytes], addresses: &Addresses) -> Self {
        let Step::Call { method, .. } = step else {
            panic!("{step} is no call");
        };
        let bodies = level(step, bodies);
        let mut messages: Vec<DynamicMessage> =
            bodies.iter().map(|body| describe(method.output(), body)).collect();
        messages.iter_mut().for_each(|message| level_names(message, addresses));
        Self { messages, refusal: None }
    }

    /// What a watch stream has brought, comparable with that of another server. Watches of one
    /// stream are told in any order; each of them is told in its own.
    pub(crate) fn of_watches(mut messages: Vec<DynamicMessage>, addresses: &Addresses) -> Self {
        messages.iter_mut().for_each(|message| level_names(message, addresses));
        messages.sort_by_key(|message| {
            message.get_field_by_name("watch_id").and_then(|id| id.as_i64())
        });
        Self { messages, refusal: None }
    }

    /// The newest revision in its headers; 0 if there is none.
    pub(crate) fn revision(&self) -> i64 {
        let revision = |message: &DynamicMessage| {
            let header = message.get_field_by_name("header")?;
            header.as_message()?.get_field_by_name("revision")?.as_i64()
        };
        self.messages.iter().filter_map(revision).max().unwrap_or(0)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for message in &self.messages {
            let text = message.to_text_format();
            match text.char_indices().nth(2_000) {
                Some((end, _)) => writeln!(f, "    {}… {} bytes", &text[..end], text.len())?,
                None => writeln!(f, "    {text}")?,
            }
        }
        match &self.refusal {
            Some(Refusal { code, message }) => writeln!(f, "    refused, {code}: {message}"),
            None if self.messages.is_empty() => writeln!(f, "    nothing"),
            None => Ok(()),
        }
    }
}

/// Levels what depends on the request: which keys come first among equals, how a stream is cut.
fn level(step: &Step, bodies: &[Bytes]) -> Vec<Bytes> {
    if step.calls("KV.RangeStream") {
        return join(bodies);
    }
    let one = |body: &Bytes| {
        if step.calls("KV.Range") {
            change(body, |response| level_range(&step.request(), response))
        } else if step.calls("KV.Txn") {
            change(body, |response| level_txn(&step.request(), response))
        } else if step.calls("Lease.LeaseTimeToLive") {
            change(body, level_time_to_live)
        } else if step.calls("Maintenance.Status") {
            change(body, level_status)
        } else {
            body.clone()
        }
    };
    bodies.iter().map(one).collect()
}

/// Changes a message; but if that would lose fields, it stays as it is, to be seen.
fn change<T: Message + Default>(body: &Bytes, change: impl FnOnce(&mut T)) -> Bytes {
    let mut message = T::decode(body.clone()).expect("servers send messages");
    if message.encoded_len() != body.len() {
        return body.clone();
    }
    change(&mut message);
    message.encode_to_vec().into()
}

/// The chunks of a stream merged into one, if only the last has a header as it must.
fn join(bodies: &[Bytes]) -> Vec<Bytes> {
    let has_header = |body: &Bytes| {
        let chunk = RangeStreamResponse::decode(body.clone()).expect("servers send messages");
        chunk.range_response.is_some_and(|response| response.header.is_some())
    };
    match bodies.split_last() {
        Some((last, others)) if has_header(last) && !others.iter().any(has_header) => {
            vec![bodies.concat().into()]
        }
        _ => bodies.to_vec(),
    }
}

/// Which of several keys with the same version, revision or value comes first is nowhere defined,
/// nor which of them the limit cuts off.
fn level_range(request: &RangeRequest, response: &mut RangeResponse) {
    let sorted_by = |kv: &KeyValue| match request.sort_target {
        1 => kv.version.to_be_bytes().to_vec(),
        2 => kv.create_revision.to_be_bytes().to_vec(),
        3 => kv.mod_revision.to_be_bytes().to_vec(),
        // Values that were left out cannot be compared.
        4 if request.keys_only => Vec::new(),
        4 => kv.value.to_vec(),
        _ => kv.key.to_vec(),
    };
    for equals in response.kvs.chunk_by_mut(|a, b| sorted_by(a) == sorted_by(b)) {
        equals.sort_by(|a, b| a.key.cmp(&b.key));
    }
    if response.more && matches!(request.sort_target, 1..=4) {
        let last = response.kvs.last().map(sorted_by);
        for kv in response.kvs.iter_mut().filter(|kv| Some(sorted_by(kv)) == last) {
            *kv = KeyValue::default();
        }
    }
}

fn level_txn(request: &TxnRequest, response: &mut TxnResponse) {
    let taken = if response.succeeded { &request.success } else { &request.failure };
    for (op, answer) in taken.iter().zip(&mut response.responses) {
        match (&op.request, answer) {
            (
                Some(request_op::Request::RequestRange(request)),
                ResponseOp { response: Some(response_op::Response::ResponseRange(response)) },
            ) => level_range(request, response),
            (
                Some(request_op::Request::RequestTxn(request)),
                ResponseOp { response: Some(response_op::Response::ResponseTxn(response)) },
            ) => level_txn(request, response),
            _ => {}
        }
    }
}

/// Time passes, and keys are listed in any order.
fn level_time_to_live(response: &mut LeaseTimeToLiveResponse) {
    let granted = response.granted_ttl;
    if response.ttl > 0 && (granted - ELAPSED_MAX..=granted).contains(&response.ttl) {
        response.ttl = granted;
    }
    response.keys.sort();
}

/// Sizes and indexes are there or not, and the release counts up to its minor number.
fn level_status(response: &mut StatusResponse) {
    let member_id = response.header.as_ref().map_or(0, |header| header.member_id);
    response.leader = u64::from(response.leader == member_id);
    response.db_size = response.db_size.signum();
    response.db_size_in_use = response.db_size_in_use.signum();
    response.raft_index = response.raft_index.min(1);
    response.raft_term = response.raft_term.min(1);
    response.raft_applied_index = response.raft_applied_index.min(1);
    if let Some((minor, _)) = response.version.rsplit_once('.') {
        response.version = minor.to_owned();
    }
    // Alarms, in any order.
    response.errors.sort();
    // etcd has none at the start, and brings it up to its own release a while later.
    response.storage_version.clear();
}

/// Ids and the term count as being there or not, but for leases that the script has named.
/// Addresses are called what they are for.
fn level_names(message: &mut DynamicMessage, addresses: &Addresses) {
    let kind = message.descriptor();
    for (field, value) in message.fields_mut() {
        match (kind.name(), field.name(), value) {
            ("LeaseGrantResponse" | "LeaseStatus" | "LeaseTimeToLiveResponse", "ID", value) => {
                if let Some(id) = value.as_i64_mut() {
                    *id = (*id).min(CHOSEN_ID_MIN);
                }
            }
            (_, "members" | "alarms", Value::List(list)) => {
                // By member, but their ids are not the same; etcd's alarms are in any order.
                list.iter_mut()
                    .filter_map(Value::as_message_mut)
                    .for_each(|inner| level_names(inner, addresses));
                list.sort_by_key(|value| value.as_message().map(DynamicMessage::to_text_format));
            }
            ("Member", "ID", id) => *id = Value::U64(1),
            ("ResponseHeader", "cluster_id" | "member_id" | "raft_term", value) => {
                *value = Value::U64(1);
            }
            ("Member", _, Value::List(urls)) => {
                for url in urls.iter_mut().filter_map(Value::as_string_mut) {
                    *url = url.replace(&addresses.client_url, "the client URL");
                    *url = url.replace(&addresses.peer_url, "the peer URL");
                }
            }
            (_, _, Value::Message(inner)) => level_names(inner, addresses),
            (_, _, Value::List(list)) => {
                for inner in list.iter_mut().filter_map(Value::as_message_mut) {
                    level_names(inner, addresses);
                }
            }
            _ => {}
        }
    }
}
