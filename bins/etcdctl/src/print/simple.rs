//! `simple`: lines for people and for simple scripts.

use proto::etcdserverpb::response_op::Response;
use proto::etcdserverpb::{
    AlarmResponse, HashKvResponse, LeaseTimeToLiveResponse, MemberAddResponse, PutResponse,
    RangeResponse, ResponseHeader, ResponseOp, TxnResponse, WatchResponse,
};
use proto::mvccpb::event::EventType;
use proto::mvccpb::{Event, KeyValue};

use crate::go::{format_duration, hex16, quote};
use crate::print::table::{member_row, status_row};
use crate::print::{Answer, Health, Keys, Page, Show, alarm_word};

pub(super) fn page(answer: Answer<'_>, hex: bool) -> Option<Page> {
    let mut lines = Lines { out: Vec::new(), hex };
    match answer {
        Answer::Alarms(response) => lines.alarms(response),
        Answer::Delete(response) => {
            lines.line(&response.deleted.to_string());
            response.prev_kvs.iter().for_each(|kv| lines.pair(kv));
        }
        Answer::Get(response, show) => lines.pairs(response, show),
        Answer::Grant(response) => {
            let id = hex16(response.id);
            lines.line(&format!("lease {id} granted with TTL({}s)", response.ttl));
        }
        Answer::Hashes(hashes) => hashes.iter().for_each(|(endpoint, hash)| {
            let HashKvResponse { hash, hash_revision, .. } = hash;
            lines.line(&format!("{endpoint}, {hash}, {hash_revision}"));
        }),
        Answer::Health(healths) => return Some(health(healths)),
        Answer::KeepAlive(response) => {
            let id = hex16(response.id);
            lines.line(&format!("lease {id} keepalived with TTL({})", response.ttl));
        }
        Answer::Leases(response) => {
            lines.line(&format!("found {} leases", response.leases.len()));
            response.leases.iter().for_each(|lease| lines.line(&hex16(lease.id)));
        }
        Answer::MemberAdd(response, name) => lines.member_add(response, name),
        Answer::MemberPromote(response, id) => {
            lines.member(id, "promoted in", response.header.as_ref());
        }
        Answer::MemberRemove(response, id) => {
            lines.member(id, "removed from", response.header.as_ref());
        }
        Answer::MemberUpdate(response, id) => {
            lines.member(id, "updated in", response.header.as_ref());
        }
        Answer::Members(response) => {
            response.members.iter().for_each(|member| lines.line(&member_row(member).join(", ")));
        }
        Answer::MoveLeader(_, from, to) => {
            lines.line(&format!("Leadership transferred from {from:x} to {to:x}"));
        }
        Answer::Put(response) => lines.put(response),
        Answer::Revoke(_, id) => lines.line(&format!("lease {} revoked", hex16(id))),
        Answer::Statuses(statuses) => statuses.iter().for_each(|(endpoint, status)| {
            lines.line(&status_row(endpoint, status).join(", "));
        }),
        Answer::TimeToLive(response, keys) => lines.time_to_live(response, keys),
        Answer::Txn(response) => lines.txn(response),
        Answer::Watch(response) => lines.watch(response),
    }
    Some(Page::out(lines.out))
}

struct Lines {
    out: Vec<u8>,
    hex: bool,
}

impl Lines {
    fn line(&mut self, text: &str) {
        self.out.extend(text.as_bytes());
        self.out.push(b'\n');
    }

    /// Bytes as they are, or the digits of each.
    fn bytes(&mut self, bytes: &[u8]) {
        if self.hex {
            let digits: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            self.out.extend(digits.as_bytes());
        } else {
            self.out.extend(bytes);
        }
        self.out.push(b'\n');
    }

    fn pair(&mut self, kv: &KeyValue) {
        self.bytes(&kv.key);
        self.bytes(&kv.value);
    }

    fn pairs(&mut self, response: &RangeResponse, show: Show) {
        for kv in &response.kvs {
            match show {
                Show::Pairs => self.pair(kv),
                Show::Values => self.bytes(&kv.value),
            }
        }
    }

    fn put(&mut self, response: &PutResponse) {
        self.line("OK");
        response.prev_kv.iter().for_each(|kv| self.pair(kv));
    }

    fn txn(&mut self, response: &TxnResponse) {
        self.line(if response.succeeded { "SUCCESS" } else { "FAILURE" });
        for ResponseOp { response } in &response.responses {
            self.line("");
            match response {
                Some(Response::ResponseRange(response)) => self.pairs(response, Show::Pairs),
                Some(Response::ResponsePut(response)) => self.put(response),
                Some(Response::ResponseDeleteRange(response)) => {
                    self.line(&response.deleted.to_string());
                    response.prev_kvs.iter().for_each(|kv| self.pair(kv));
                }
                Some(Response::ResponseTxn(response)) => self.txn(response),
                None => {}
            }
        }
    }

    fn watch(&mut self, response: &WatchResponse) {
        for Event { r#type, kv, prev_kv } in &response.events {
            self.line(EventType::try_from(*r#type).map_or("UNKNOWN", |word| word.as_str_name()));
            prev_kv.iter().for_each(|kv| self.pair(kv));
            kv.iter().for_each(|kv| self.pair(kv));
        }
    }

    fn time_to_live(&mut self, response: &LeaseTimeToLiveResponse, keys: Keys) {
        let LeaseTimeToLiveResponse { id, ttl, granted_ttl, keys: attached, .. } = response;
        let id = hex16(*id);
        if (*ttl, *granted_ttl) == (-1, 0) {
            return self.line(&format!("lease {id} already expired"));
        }
        let line = format!("lease {id} granted with TTL({granted_ttl}s), remaining({ttl}s)");
        self.out.extend(line.as_bytes());
        if keys == Keys::Asked {
            self.out.extend(b", attached keys([");
            self.out.extend(attached.join(&b' '));
            self.out.extend(b"])");
        }
        self.line("");
    }

    fn alarms(&mut self, response: &AlarmResponse) {
        for alarm in &response.alarms {
            let mut fields = Vec::new();
            if alarm.member_id != 0 {
                fields.push(format!("memberID:{}", alarm.member_id));
            }
            if alarm.alarm != 0 {
                fields.push(format!("alarm:{}", alarm_word(alarm.alarm)));
            }
            self.line(&fields.join(" "));
        }
    }

    fn member(&mut self, id: u64, what: &str, header: Option<&ResponseHeader>) {
        let cluster = header.map_or(0, |header| header.cluster_id);
        self.line(&format!("Member {id:>16x} {what} cluster {cluster:>16x}"));
    }

    /// With the variables that the new member is to be started with.
    fn member_add(&mut self, response: &MemberAddResponse, name: &str) {
        let Some(added) = &response.member else { return };
        let what = if added.is_learner { "added as learner to" } else { "added to" };
        self.member(added.id, what, response.header.as_ref());
        let listing: Vec<String> = response
            .members
            .iter()
            .flat_map(|member| {
                let name = if member.id == added.id { name } else { &member.name };
                member.peer_urls.iter().map(move |url| format!("{name}={url}"))
            })
            .collect();
        let set = [
            ("ETCD_NAME", name.to_owned()),
            ("ETCD_INITIAL_CLUSTER", listing.join(",")),
            ("ETCD_INITIAL_ADVERTISE_PEER_URLS", added.peer_urls.join(",")),
            ("ETCD_INITIAL_CLUSTER_STATE", "existing".to_owned()),
        ];
        self.line("");
        set.iter().for_each(|(name, value)| {
            self.line(&format!("{name}={}", quote(value.as_bytes())));
        });
    }
}

fn health(healths: &[Health]) -> Page {
    let mut page = Page::default();
    for Health { endpoint, took, error } in healths {
        match error {
            None => {
                let took = format_duration(*took);
                let line = format!(
                    "{endpoint} is healthy: successfully committed proposal: took = {took}\n"
                );
                page.out.extend(line.as_bytes());
            }
            Some(error) => {
                let line = format!("{endpoint} is unhealthy: failed to commit proposal: {error}\n");
                page.err.extend(line.as_bytes());
            }
        }
    }
    page
}
