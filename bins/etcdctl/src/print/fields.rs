//! `fields`: a line for each field of a message, with its name.

use std::fmt::Display;

use proto::etcdserverpb::response_op::Response;
use proto::etcdserverpb::{
    DeleteRangeResponse, HashKvResponse, Member, PutResponse, RangeResponse, ResponseHeader,
    ResponseOp, StatusResponse, TxnResponse, WatchResponse,
};
use proto::mvccpb::KeyValue;
use proto::mvccpb::event::EventType;

use crate::go::{format_duration, hex16, quote};
use crate::print::{Answer, Health, Page, alarm_word};

pub(super) fn page(answer: Answer<'_>, hex: bool) -> Option<Page> {
    let mut fields = Fields { out: String::new(), hex };
    match answer {
        Answer::Alarms(response) => {
            fields.header(response.header.as_ref());
            for alarm in &response.alarms {
                fields.id("MemberID", alarm.member_id);
                fields.field("AlarmType", alarm_word(alarm.alarm));
                fields.gap();
            }
        }
        Answer::Delete(response) => fields.delete(response),
        Answer::Get(response, _) => fields.get(response),
        Answer::Grant(response) => {
            fields.header(response.header.as_ref());
            fields.lease("ID", response.id);
            fields.field("TTL", response.ttl);
        }
        Answer::Hashes(hashes) => {
            hashes.iter().for_each(|(endpoint, hash)| fields.hash(endpoint, hash));
        }
        Answer::Health(healths) => healths.iter().for_each(|health| fields.health(health)),
        Answer::KeepAlive(response) => {
            fields.header(response.header.as_ref());
            fields.lease("ID", response.id);
            fields.field("TTL", response.ttl);
        }
        Answer::Leases(response) => {
            fields.header(response.header.as_ref());
            response.leases.iter().for_each(|lease| fields.lease("ID", lease.id));
        }
        Answer::Members(response) => {
            fields.header(response.header.as_ref());
            response.members.iter().for_each(|member| fields.member(member));
        }
        Answer::Put(response) => fields.put(response),
        Answer::Revoke(response, _) => fields.header(response.header.as_ref()),
        Answer::Statuses(statuses) => {
            statuses.iter().for_each(|(endpoint, status)| fields.status(endpoint, status));
        }
        Answer::TimeToLive(response, _) => {
            fields.header(response.header.as_ref());
            fields.lease("ID", response.id);
            fields.field("TTL", response.ttl);
            fields.field("GrantedTTL", response.granted_ttl);
            response.keys.iter().for_each(|key| fields.bytes("Key", key));
        }
        Answer::Txn(response) => fields.txn(response),
        Answer::Watch(response) => fields.watch(response),
        Answer::MemberAdd(..)
        | Answer::MemberPromote(..)
        | Answer::MemberRemove(..)
        | Answer::MemberUpdate(..)
        | Answer::MoveLeader(..) => return None,
    }
    Some(Page::out(fields.out))
}

struct Fields {
    out: String,
    hex: bool,
}

impl Fields {
    fn field(&mut self, name: &str, value: impl Display) {
        self.out.push_str(&format!("\"{name}\" : {value}\n"));
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.field(name, quote(value));
    }

    fn id(&mut self, name: &str, value: u64) {
        match self.hex {
            true => self.field(name, format_args!("{value:x}")),
            false => self.field(name, value),
        }
    }

    fn lease(&mut self, name: &str, value: i64) {
        match self.hex {
            true => self.field(name, hex16(value)),
            false => self.field(name, value),
        }
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn header(&mut self, header: Option<&ResponseHeader>) {
        let header = header.copied().unwrap_or_default();
        self.id("ClusterID", header.cluster_id);
        self.id("MemberID", header.member_id);
        // Answers about membership have no revision.
        if header.revision > 0 {
            self.field("Revision", header.revision);
        }
        self.field("RaftTerm", header.raft_term);
    }

    fn pair(&mut self, prefix: &str, kv: &KeyValue) {
        self.bytes(&format!("{prefix}Key"), &kv.key);
        self.field(&format!("{prefix}CreateRevision"), kv.create_revision);
        self.field(&format!("{prefix}ModRevision"), kv.mod_revision);
        self.field(&format!("{prefix}Version"), kv.version);
        self.bytes(&format!("{prefix}Value"), &kv.value);
        self.lease(&format!("{prefix}Lease"), kv.lease);
    }

    fn get(&mut self, response: &RangeResponse) {
        self.header(response.header.as_ref());
        response.kvs.iter().for_each(|kv| self.pair("", kv));
        self.field("More", response.more);
        self.field("Count", response.count);
    }

    fn put(&mut self, response: &PutResponse) {
        self.header(response.header.as_ref());
        response.prev_kv.iter().for_each(|kv| self.pair("Prev", kv));
    }

    fn delete(&mut self, response: &DeleteRangeResponse) {
        self.header(response.header.as_ref());
        self.field("Deleted", response.deleted);
        response.prev_kvs.iter().for_each(|kv| self.pair("Prev", kv));
    }

    fn txn(&mut self, response: &TxnResponse) {
        self.header(response.header.as_ref());
        self.field("Succeeded", response.succeeded);
        for ResponseOp { response } in &response.responses {
            match response {
                Some(Response::ResponseRange(response)) => self.get(response),
                Some(Response::ResponsePut(response)) => self.put(response),
                Some(Response::ResponseDeleteRange(response)) => self.delete(response),
                Some(Response::ResponseTxn(response)) => self.txn(response),
                None => {}
            }
        }
    }

    fn watch(&mut self, response: &WatchResponse) {
        self.header(response.header.as_ref());
        for event in &response.events {
            let word = EventType::try_from(event.r#type);
            self.field("Type", word.map_or("UNKNOWN", |word| word.as_str_name()));
            event.prev_kv.iter().for_each(|kv| self.pair("Prev", kv));
            event.kv.iter().for_each(|kv| self.pair("", kv));
        }
    }

    fn member(&mut self, member: &Member) {
        self.id("ID", member.id);
        self.bytes("Name", member.name.as_bytes());
        member.peer_urls.iter().for_each(|url| self.bytes("PeerURL", url.as_bytes()));
        member.client_urls.iter().for_each(|url| self.bytes("ClientURL", url.as_bytes()));
        self.field("IsLearner", member.is_learner);
        self.gap();
    }

    fn hash(&mut self, endpoint: &str, hash: &HashKvResponse) {
        self.header(hash.header.as_ref());
        self.bytes("Endpoint", endpoint.as_bytes());
        self.field("Hash", hash.hash);
        self.field("HashRevision", hash.hash_revision);
        self.gap();
    }

    fn health(&mut self, health: &Health) {
        self.bytes("Endpoint", health.endpoint.as_bytes());
        self.field("Health", health.error.is_none());
        self.field("Took", format_duration(health.took));
        self.field("Error", health.error.as_deref().unwrap_or_default());
        self.gap();
    }

    fn status(&mut self, endpoint: &str, status: &StatusResponse) {
        let downgrade = status.downgrade_info.clone().unwrap_or_default();
        self.header(status.header.as_ref());
        self.bytes("Version", status.version.as_bytes());
        self.bytes("StorageVersion", status.storage_version.as_bytes());
        self.field("DBSize", status.db_size);
        self.field("DBSizeInUse", status.db_size_in_use);
        self.field("DBSizeQuota", status.db_size_quota);
        self.field("Leader", status.leader);
        self.field("IsLearner", status.is_learner);
        self.field("RaftIndex", status.raft_index);
        self.field("RaftAppliedIndex", status.raft_applied_index);
        self.field("Errors", format_args!("[{}]", status.errors.join(" ")));
        self.bytes("Endpoint", endpoint.as_bytes());
        self.bytes("DowngradeTargetVersion", downgrade.target_version.as_bytes());
        self.field("DowngradeEnabled", downgrade.enabled);
        self.gap();
    }
}
