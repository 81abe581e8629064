//! Every format of every answer, as etcd's own program showed the same.

use std::time::Duration;

use proto::etcdserverpb::response_op::Response;
use proto::etcdserverpb::{
    AlarmMember, AlarmResponse, DeleteRangeResponse, DowngradeInfo, HashKvResponse,
    LeaseGrantResponse, LeaseKeepAliveResponse, LeaseLeasesResponse, LeaseRevokeResponse,
    LeaseStatus, LeaseTimeToLiveResponse, Member, MemberAddResponse, MemberListResponse,
    MemberPromoteResponse, MemberRemoveResponse, MemberUpdateResponse, MoveLeaderResponse,
    PutResponse, RangeResponse, ResponseHeader, ResponseOp, StatusResponse, TxnResponse,
    WatchResponse,
};
use proto::mvccpb::{Event, KeyValue};

use super::{Answer, Format, Health, Keys, Page, Printer, Show};
use crate::failure::Exit;

const HEADER: Option<ResponseHeader> =
    Some(ResponseHeader { cluster_id: 1111, member_id: 2222, revision: 7, raft_term: 2 });
/// Of answers about membership.
const MEMBERSHIP: Option<ResponseHeader> =
    Some(ResponseHeader { cluster_id: 1111, member_id: 2222, revision: 0, raft_term: 2 });

fn pair(key: &'static str, value: &'static str) -> KeyValue {
    KeyValue {
        key: key.into(),
        create_revision: 5,
        mod_revision: 7,
        version: 3,
        value: value.into(),
        lease: 0,
    }
}

fn page(format: Format, hex: bool, answer: Answer<'_>) -> Page {
    Printer { format, hex }.page(answer).expect("the format knows this")
}

fn text(format: Format, answer: Answer<'_>) -> String {
    String::from_utf8(page(format, false, answer).out).expect("this is text")
}

fn hex(format: Format, answer: Answer<'_>) -> String {
    String::from_utf8(page(format, true, answer).out).expect("this is text")
}

fn simple(answer: Answer<'_>) -> String {
    text(Format::Simple, answer)
}

fn json(answer: Answer<'_>) -> String {
    text(Format::Json, answer)
}

fn fields(answer: Answer<'_>) -> String {
    text(Format::Fields, answer)
}

/// The header's lines in format fields.
const FIELDS: &str =
    "\"ClusterID\" : 1111\n\"MemberID\" : 2222\n\"Revision\" : 7\n\"RaftTerm\" : 2\n";

#[test]
fn get() {
    let response =
        RangeResponse { header: HEADER, kvs: vec![pair("k1", "v1")], more: false, count: 1 };
    let get = Answer::Get(&response, Show::Pairs);
    assert_eq!(simple(get), "k1\nv1\n");
    assert_eq!(simple(Answer::Get(&response, Show::Values)), "v1\n");
    assert_eq!(hex(Format::Simple, get), "\\x6b\\x31\n\\x76\\x31\n");
    assert_eq!(
        json(get),
        concat!(
            r#"{"header":{"cluster_id":1111,"member_id":2222,"revision":7,"raft_term":2},"#,
            r#""kvs":[{"key":"azE=","create_revision":5,"mod_revision":7,"version":3,"#,
            r#""value":"djE="}],"count":1}"#,
            "\n"
        )
    );
    assert_eq!(hex(Format::Json, get), json(get));
    assert_eq!(
        fields(get),
        FIELDS.to_owned()
            + "\"Key\" : \"k1\"\n\"CreateRevision\" : 5\n\"ModRevision\" : 7\n\"Version\" : 3\n\
               \"Value\" : \"v1\"\n\"Lease\" : 0\n\"More\" : false\n\"Count\" : 1\n"
    );
    let leased = RangeResponse {
        header: HEADER,
        kvs: vec![KeyValue { lease: 0xabcd, value: "a\nb\"é".into(), ..pair("k", "") }],
        more: true,
        count: 3,
    };
    assert_eq!(
        hex(Format::Fields, Answer::Get(&leased, Show::Pairs)),
        "\"ClusterID\" : 457\n\"MemberID\" : 8ae\n\"Revision\" : 7\n\"RaftTerm\" : 2\n\
         \"Key\" : \"k\"\n\"CreateRevision\" : 5\n\"ModRevision\" : 7\n\"Version\" : 3\n\
         \"Value\" : \"a\\nb\\\"é\"\n\"Lease\" : 000000000000abcd\n\"More\" : true\n\"Count\" : 3\n"
    );
    let json = json(Answer::Get(&leased, Show::Pairs));
    assert!(json.ends_with(",\"lease\":43981}],\"more\":true,\"count\":3}\n"), "{json}");
}

#[test]
fn put_and_delete() {
    let response = PutResponse { header: HEADER, prev_kv: Some(pair("k1", "v0")) };
    let put = Answer::Put(&response);
    assert_eq!(simple(put), "OK\nk1\nv0\n");
    assert_eq!(simple(Answer::Put(&PutResponse::default())), "OK\n");
    assert_eq!(
        json(put),
        concat!(
            r#"{"header":{"cluster_id":1111,"member_id":2222,"revision":7,"raft_term":2},"#,
            r#""prev_kv":{"key":"azE=","create_revision":5,"mod_revision":7,"version":3,"#,
            r#""value":"djA="}}"#,
            "\n"
        )
    );
    let previous = "\"PrevKey\" : \"k1\"\n\"PrevCreateRevision\" : 5\n\"PrevModRevision\" : 7\n\
                    \"PrevVersion\" : 3\n\"PrevValue\" : \"v0\"\n\"PrevLease\" : 0\n";
    assert_eq!(fields(put), FIELDS.to_owned() + previous);

    let response =
        DeleteRangeResponse { header: HEADER, deleted: 1, prev_kvs: vec![pair("k1", "v0")] };
    let delete = Answer::Delete(&response);
    assert_eq!(simple(delete), "1\nk1\nv0\n");
    assert_eq!(fields(delete), FIELDS.to_owned() + "\"Deleted\" : 1\n" + previous);
    let response = DeleteRangeResponse { header: HEADER, deleted: 0, prev_kvs: vec![] };
    assert_eq!(
        json(Answer::Delete(&response)),
        "{\"header\":{\"cluster_id\":1111,\"member_id\":2222,\"revision\":7,\"raft_term\":2}}\n"
    );
}

#[test]
fn txn() {
    let header = Some(ResponseHeader { revision: 7, ..ResponseHeader::default() });
    let put = PutResponse { header, prev_kv: None };
    let range = RangeResponse { header, kvs: vec![pair("k1", "v1")], more: false, count: 1 };
    let delete = DeleteRangeResponse { header, deleted: 0, prev_kvs: vec![] };
    let operation = |response| ResponseOp { response: Some(response) };
    let response = TxnResponse {
        header: HEADER,
        succeeded: true,
        responses: vec![
            operation(Response::ResponsePut(put)),
            operation(Response::ResponseRange(range)),
            operation(Response::ResponseDeleteRange(delete)),
        ],
    };
    let txn = Answer::Txn(&response);
    assert_eq!(simple(txn), "SUCCESS\n\nOK\n\nk1\nv1\n\n0\n");
    assert_eq!(
        json(txn),
        concat!(
            r#"{"header":{"cluster_id":1111,"member_id":2222,"revision":7,"raft_term":2},"#,
            r#""succeeded":true,"#,
            r#""responses":[{"Response":{"response_put":{"header":{"revision":7}}}},"#,
            r#"{"Response":{"response_range":{"header":{"revision":7},"kvs":[{"key":"azE=","#,
            r#""create_revision":5,"mod_revision":7,"version":3,"value":"djE="}],"#,
            r#""count":1}}},"#,
            r#"{"Response":{"response_delete_range":{"header":{"revision":7}}}}]}"#,
            "\n"
        )
    );
    let inner = "\"ClusterID\" : 0\n\"MemberID\" : 0\n\"Revision\" : 7\n\"RaftTerm\" : 0\n";
    assert_eq!(
        fields(txn),
        format!(
            "{FIELDS}\"Succeeded\" : true\n{inner}{inner}\"Key\" : \"k1\"\n\
             \"CreateRevision\" : 5\n\"ModRevision\" : 7\n\"Version\" : 3\n\
             \"Value\" : \"v1\"\n\"Lease\" : 0\n\"More\" : false\n\"Count\" : 1\n\
             {inner}\"Deleted\" : 0\n"
        )
    );
    let failed = TxnResponse { header: HEADER, ..TxnResponse::default() };
    assert_eq!(simple(Answer::Txn(&failed)), "FAILURE\n");
}

#[test]
fn watch() {
    let response = WatchResponse {
        header: HEADER,
        watch_id: 3,
        events: vec![
            Event { r#type: 0, kv: Some(pair("k1", "v1")), prev_kv: Some(pair("k1", "v0")) },
            Event {
                r#type: 1,
                kv: Some(KeyValue { key: "k1".into(), mod_revision: 8, ..KeyValue::default() }),
                prev_kv: None,
            },
        ],
        ..WatchResponse::default()
    };
    let watch = Answer::Watch(&response);
    assert_eq!(simple(watch), "PUT\nk1\nv0\nk1\nv1\nDELETE\nk1\n\n");
    assert_eq!(
        json(watch),
        concat!(
            r#"{"Header":{"cluster_id":1111,"member_id":2222,"revision":7,"raft_term":2},"#,
            r#""Events":[{"kv":{"key":"azE=","create_revision":5,"mod_revision":7,"#,
            r#""version":3,"value":"djE="},"prev_kv":{"key":"azE=","create_revision":5,"#,
            r#""mod_revision":7,"version":3,"value":"djA="}},{"type":1,"kv":{"key":"azE=","#,
            r#""mod_revision":8}}],"CompactRevision":0,"Canceled":false,"Created":false,"#,
            r#""CancelReason":""}"#,
            "\n"
        )
    );
    assert_eq!(
        fields(watch),
        FIELDS.to_owned()
            + "\"Type\" : PUT\n\"PrevKey\" : \"k1\"\n\"PrevCreateRevision\" : 5\n\
               \"PrevModRevision\" : 7\n\"PrevVersion\" : 3\n\"PrevValue\" : \"v0\"\n\
               \"PrevLease\" : 0\n\"Key\" : \"k1\"\n\"CreateRevision\" : 5\n\"ModRevision\" : 7\n\
               \"Version\" : 3\n\"Value\" : \"v1\"\n\"Lease\" : 0\n\"Type\" : DELETE\n\
               \"Key\" : \"k1\"\n\"CreateRevision\" : 0\n\"ModRevision\" : 8\n\"Version\" : 0\n\
               \"Value\" : \"\"\n\"Lease\" : 0\n"
    );
    let progress = WatchResponse { header: HEADER, watch_id: -1, ..WatchResponse::default() };
    assert_eq!(simple(Answer::Watch(&progress)), "");
    let json = json(Answer::Watch(&progress));
    assert!(json.contains("\"Events\":null,\"CompactRevision\":0"), "{json}");
}

#[test]
fn leases() {
    let response = LeaseGrantResponse { header: HEADER, id: 43981, ttl: 60, error: String::new() };
    let grant = Answer::Grant(&response);
    assert_eq!(simple(grant), "lease 000000000000abcd granted with TTL(60s)\n");
    assert_eq!(
        json(grant),
        "{\"cluster_id\":1111,\"member_id\":2222,\"revision\":7,\"raft_term\":2,\"ID\":43981,\
         \"TTL\":60,\"Error\":\"\"}\n"
    );
    assert_eq!(fields(grant), FIELDS.to_owned() + "\"ID\" : 43981\n\"TTL\" : 60\n");

    let response = LeaseKeepAliveResponse { header: HEADER, id: 43981, ttl: 60 };
    let renewal = Answer::KeepAlive(&response);
    assert_eq!(simple(renewal), "lease 000000000000abcd keepalived with TTL(60)\n");
    assert_eq!(
        json(renewal),
        "{\"cluster_id\":1111,\"member_id\":2222,\"revision\":7,\"raft_term\":2,\"ID\":43981,\
         \"TTL\":60}\n"
    );

    let leases = vec![LeaseStatus { id: 43981 }, LeaseStatus { id: -1 }];
    let response = LeaseLeasesResponse { header: HEADER, leases };
    let list = Answer::Leases(&response);
    assert_eq!(simple(list), "found 2 leases\n000000000000abcd\n-000000000000001\n");
    assert!(json(list).ends_with(",\"leases\":[{\"id\":43981},{\"id\":-1}]}\n"));
    assert_eq!(fields(list), FIELDS.to_owned() + "\"ID\" : 43981\n\"ID\" : -1\n");
    let none = LeaseLeasesResponse { header: HEADER, leases: vec![] };
    assert!(json(Answer::Leases(&none)).ends_with("\"raft_term\":2,\"leases\":[]}\n"));

    let response = LeaseRevokeResponse { header: HEADER };
    let revoke = Answer::Revoke(&response, 43981);
    assert_eq!(simple(revoke), "lease 000000000000abcd revoked\n");
    assert_eq!(fields(revoke), FIELDS);
}

#[test]
fn time_to_live() {
    let mut response = LeaseTimeToLiveResponse {
        header: HEADER,
        id: 43981,
        ttl: 42,
        granted_ttl: 60,
        keys: vec!["k1".into(), "k2".into()],
    };
    let asked = Answer::TimeToLive(&response, Keys::Asked);
    let line = "lease 000000000000abcd granted with TTL(60s), remaining(42s)";
    assert_eq!(simple(asked), format!("{line}, attached keys([k1 k2])\n"));
    assert!(
        json(asked).ends_with(
            "\"id\":43981,\"ttl\":42,\"granted-ttl\":60,\"keys\":[\"azE=\",\"azI=\"]}\n"
        )
    );
    assert_eq!(
        hex(Format::Fields, asked),
        "\"ClusterID\" : 457\n\"MemberID\" : 8ae\n\"Revision\" : 7\n\"RaftTerm\" : 2\n\
         \"ID\" : 000000000000abcd\n\"TTL\" : 42\n\"GrantedTTL\" : 60\n\"Key\" : \"k1\"\n\
         \"Key\" : \"k2\"\n"
    );
    response.keys.clear();
    let not_asked = Answer::TimeToLive(&response, Keys::NotAsked);
    assert_eq!(simple(not_asked), format!("{line}\n"));
    assert!(json(not_asked).ends_with("\"keys\":null}\n"));
    (response.ttl, response.granted_ttl) = (-1, 0);
    let ended = Answer::TimeToLive(&response, Keys::Asked);
    assert_eq!(simple(ended), "lease 000000000000abcd already expired\n");
}

fn member(name: &str) -> Member {
    Member {
        id: 2222,
        name: name.to_owned(),
        peer_urls: vec!["http://10.0.0.1:2380".to_owned()],
        client_urls: vec!["http://10.0.0.1:2379".to_owned()],
        is_learner: false,
    }
}

fn learner() -> Member {
    Member {
        id: 2223,
        name: String::new(),
        peer_urls: vec!["http://10.0.0.2:2380".to_owned(), "http://10.0.0.3:2380".to_owned()],
        client_urls: vec![],
        is_learner: true,
    }
}

#[test]
fn members() {
    let response =
        MemberListResponse { header: MEMBERSHIP, members: vec![member("a1"), learner()] };
    let list = Answer::Members(&response);
    assert_eq!(
        simple(list),
        "8ae, started, a1, http://10.0.0.1:2380, http://10.0.0.1:2379, false\n\
         8af, unstarted, , http://10.0.0.2:2380,http://10.0.0.3:2380, , true\n"
    );
    let members = concat!(
        r#""members":[{"ID":2222,"name":"a1","peerURLs":["http://10.0.0.1:2380"],"#,
        r#""clientURLs":["http://10.0.0.1:2379"]},{"ID":2223,"#,
        r#""peerURLs":["http://10.0.0.2:2380","http://10.0.0.3:2380"],"isLearner":true}]}"#,
    );
    let header = "{\"header\":{\"cluster_id\":1111,\"member_id\":2222,\"raft_term\":2},";
    assert_eq!(json(list), format!("{header}{members}\n"));
    let in_hex = hex(Format::Json, list);
    let header = "{\"header\":{\"cluster_id\":\"457\",\"member_id\":\"8ae\",\"raft_term\":2},";
    assert!(in_hex.starts_with(&format!("{header}\"members\":[{{\"ID\":\"8ae\",")), "{in_hex}");
    assert_eq!(
        fields(list),
        "\"ClusterID\" : 1111\n\"MemberID\" : 2222\n\"RaftTerm\" : 2\n\"ID\" : 2222\n\
         \"Name\" : \"a1\"\n\"PeerURL\" : \"http://10.0.0.1:2380\"\n\
         \"ClientURL\" : \"http://10.0.0.1:2379\"\n\"IsLearner\" : false\n\n\"ID\" : 2223\n\
         \"Name\" : \"\"\n\"PeerURL\" : \"http://10.0.0.2:2380\"\n\
         \"PeerURL\" : \"http://10.0.0.3:2380\"\n\"IsLearner\" : true\n\n"
    );
    let response = MemberListResponse { header: MEMBERSHIP, members: vec![member("a1")] };
    assert_eq!(
        text(Format::Table, Answer::Members(&response)),
        "\
┌─────┬─────────┬──────┬──────────────────────┬──────────────────────┬────────────┐
│ ID  │ STATUS  │ NAME │      PEER ADDRS      │     CLIENT ADDRS     │ IS LEARNER │
├─────┼─────────┼──────┼──────────────────────┼──────────────────────┼────────────┤
│ 8ae │ started │   a1 │ http://10.0.0.1:2380 │ http://10.0.0.1:2379 │      false │
└─────┴─────────┴──────┴──────────────────────┴──────────────────────┴────────────┘
"
    );
}

#[test]
fn changes_of_membership() {
    let response = MemberAddResponse {
        header: MEMBERSHIP,
        member: Some(learner()),
        members: vec![member("a1"), learner()],
    };
    let add = Answer::MemberAdd(&response, "b1");
    assert_eq!(
        simple(add),
        "Member              8af added as learner to cluster              457\n\n\
         ETCD_NAME=\"b1\"\n\
         ETCD_INITIAL_CLUSTER=\"a1=http://10.0.0.1:2380,b1=http://10.0.0.2:2380,\
         b1=http://10.0.0.3:2380\"\n\
         ETCD_INITIAL_ADVERTISE_PEER_URLS=\"http://10.0.0.2:2380,http://10.0.0.3:2380\"\n\
         ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n"
    );
    let json_text = json(add);
    assert!(json_text.contains("\"raft_term\":2},\"member\":{\"ID\":2223,"), "{json_text}");
    assert!(json_text.contains("\"isLearner\":true},\"members\":[{\"ID\":2222,"), "{json_text}");

    let members = vec![member("a1")];
    let response = MemberRemoveResponse { header: MEMBERSHIP, members: members.clone() };
    let id = 0x5e5a_3cd1_5d81_0041;
    let line = "Member 5e5a3cd15d810041 WHAT cluster              457\n";
    assert_eq!(simple(Answer::MemberRemove(&response, id)), line.replace("WHAT", "removed from"));
    let response = MemberUpdateResponse { header: MEMBERSHIP, members: members.clone() };
    assert_eq!(simple(Answer::MemberUpdate(&response, id)), line.replace("WHAT", "updated in"));
    let response = MemberPromoteResponse { header: MEMBERSHIP, members };
    assert_eq!(simple(Answer::MemberPromote(&response, id)), line.replace("WHAT", "promoted in"));
    assert_eq!(
        json(Answer::MoveLeader(&MoveLeaderResponse { header: None }, 0x8ae, 0x8af)),
        "{}\n"
    );
    assert_eq!(
        simple(Answer::MoveLeader(&MoveLeaderResponse { header: None }, 0x8ae, 0x8af)),
        "Leadership transferred from 8ae to 8af\n"
    );
}

#[test]
fn alarms() {
    let alarms =
        vec![AlarmMember { member_id: 2222, alarm: 1 }, AlarmMember { member_id: 4660, alarm: 2 }];
    let response = AlarmResponse { header: HEADER, alarms };
    let list = Answer::Alarms(&response);
    assert_eq!(simple(list), "memberID:2222 alarm:NOSPACE\nmemberID:4660 alarm:CORRUPT\n");
    assert!(json(list).ends_with(
        ",\"alarms\":[{\"memberID\":2222,\"alarm\":1},{\"memberID\":4660,\"alarm\":2}]}\n"
    ));
    assert_eq!(
        fields(list),
        FIELDS.to_owned()
            + "\"MemberID\" : 2222\n\"AlarmType\" : NOSPACE\n\n\"MemberID\" : 4660\n\
               \"AlarmType\" : CORRUPT\n\n"
    );
    let none = AlarmResponse::default();
    assert_eq!(json(Answer::Alarms(&none)), "{}\n");
    let zeros = "\"ClusterID\" : 0\n\"MemberID\" : 0\n\"RaftTerm\" : 0\n";
    assert_eq!(fields(Answer::Alarms(&none)), zeros);
}

#[test]
fn hashes() {
    let hash = HashKvResponse { header: HEADER, hash: 99, compact_revision: -1, hash_revision: 7 };
    let hashes = [("10.0.0.1:2379".to_owned(), hash)];
    let answer = Answer::Hashes(&hashes);
    assert_eq!(simple(answer), "10.0.0.1:2379, 99, 7\n");
    assert_eq!(
        json(answer),
        concat!(
            r#"[{"Endpoint":"10.0.0.1:2379","HashKV":{"header":{"cluster_id":1111,"#,
            r#""member_id":2222,"revision":7,"raft_term":2},"hash":99,"compact_revision":-1,"#,
            r#""hash_revision":7}}]"#,
            "\n"
        )
    );
    assert_eq!(
        fields(answer),
        FIELDS.to_owned()
            + "\"Endpoint\" : \"10.0.0.1:2379\"\n\"Hash\" : 99\n\"HashRevision\" : 7\n\n"
    );
    assert_eq!(
        text(Format::Table, answer),
        "\
┌───────────────┬──────┬───────────────┐
│   ENDPOINT    │ HASH │ HASH REVISION │
├───────────────┼──────┼───────────────┤
│ 10.0.0.1:2379 │   99 │             7 │
└───────────────┴──────┴───────────────┘
"
    );
}

#[test]
fn health() {
    let well = |error: Option<&str>| {
        [Health {
            endpoint: "10.0.0.1:2379".to_owned(),
            took: Duration::from_micros(2_100),
            error: error.map(str::to_owned),
        }]
    };
    let good = well(None);
    let bad = well(Some("Active Alarm(s): NOSPACE "));
    assert_eq!(
        simple(Answer::Health(&good)),
        "10.0.0.1:2379 is healthy: successfully committed proposal: took = 2.1ms\n"
    );
    assert_eq!(
        page(Format::Simple, false, Answer::Health(&bad)),
        Page {
            out: vec![],
            err:
                "10.0.0.1:2379 is unhealthy: failed to commit proposal: Active Alarm(s): NOSPACE \n"
                    .into(),
        }
    );
    assert_eq!(
        json(Answer::Health(&good)),
        "[{\"endpoint\":\"10.0.0.1:2379\",\"health\":true,\"took\":\"2.1ms\"}]\n"
    );
    assert_eq!(
        json(Answer::Health(&bad)),
        "[{\"endpoint\":\"10.0.0.1:2379\",\"health\":false,\"took\":\"2.1ms\",\
         \"error\":\"Active Alarm(s): NOSPACE \"}]\n"
    );
    assert_eq!(
        fields(Answer::Health(&good)),
        "\"Endpoint\" : \"10.0.0.1:2379\"\n\"Health\" : true\n\"Took\" : 2.1ms\n\"Error\" : \n\n"
    );
    assert_eq!(
        text(Format::Table, Answer::Health(&bad)),
        "\
┌───────────────┬────────┬───────┬──────────────────────────┐
│   ENDPOINT    │ HEALTH │ TOOK  │          ERROR           │
├───────────────┼────────┼───────┼──────────────────────────┤
│ 10.0.0.1:2379 │  false │ 2.1ms │ Active Alarm(s): NOSPACE │
└───────────────┴────────┴───────┴──────────────────────────┘
"
    );
}

#[test]
fn statuses() {
    let status = StatusResponse {
        header: HEADER,
        version: "3.7.1".to_owned(),
        db_size: 40_960,
        leader: 2222,
        raft_index: 9,
        raft_term: 2,
        raft_applied_index: 9,
        errors: vec![],
        db_size_in_use: 20_480,
        is_learner: false,
        storage_version: "3.7.0".to_owned(),
        db_size_quota: 2_147_483_648,
        downgrade_info: Some(DowngradeInfo::default()),
    };
    let statuses = [("10.0.0.1:2379".to_owned(), status.clone())];
    let answer = Answer::Statuses(&statuses);
    assert_eq!(
        simple(answer),
        "10.0.0.1:2379, 8ae, 3.7.1, 3.7.0, 41 kB, 20 kB, 50%, 2.1 GB, true, false, 2, 9, 9, , , \
         false\n"
    );
    assert_eq!(
        json(answer),
        concat!(
            r#"[{"Endpoint":"10.0.0.1:2379","Status":{"header":{"cluster_id":1111,"#,
            r#""member_id":2222,"revision":7,"raft_term":2},"version":"3.7.1","dbSize":40960,"#,
            r#""leader":2222,"raftIndex":9,"raftTerm":2,"raftAppliedIndex":9,"#,
            r#""dbSizeInUse":20480,"storageVersion":"3.7.0","dbSizeQuota":2147483648,"#,
            r#""downgradeInfo":{}}}]"#,
            "\n"
        )
    );
    assert_eq!(
        fields(answer),
        FIELDS.to_owned()
            + "\"Version\" : \"3.7.1\"\n\"StorageVersion\" : \"3.7.0\"\n\"DBSize\" : 40960\n\
               \"DBSizeInUse\" : 20480\n\"DBSizeQuota\" : 2147483648\n\"Leader\" : 2222\n\
               \"IsLearner\" : false\n\"RaftIndex\" : 9\n\"RaftAppliedIndex\" : 9\n\
               \"Errors\" : []\n\"Endpoint\" : \"10.0.0.1:2379\"\n\
               \"DowngradeTargetVersion\" : \"\"\n\"DowngradeEnabled\" : false\n\n"
    );
    let troubled =
        StatusResponse { db_size: 0, errors: vec!["a".to_owned(), "b".to_owned()], ..status };
    let statuses = [("e".to_owned(), troubled)];
    assert!(simple(Answer::Statuses(&statuses)).contains(", 0 B, 20 kB, 0%, 2.1 GB, true, "));
    assert!(simple(Answer::Statuses(&statuses)).contains(", 9, 9, a, b, , false\n"));
    assert!(fields(Answer::Statuses(&statuses)).contains("\"Errors\" : [a b]\n"));
    let table = text(Format::Table, answer);
    let widths: Vec<usize> = table.lines().map(|line| line.chars().count()).collect();
    assert_eq!(widths, [widths[0]; 5], "{table}");
    assert!(table.contains("│ PERCENTAGE NOT IN USE │ QUOTA  │ IS LEADER │"), "{table}");
    assert!(table.contains("│                   50% │ 2.1 GB │      true │"), "{table}");
}

#[test]
fn protobuf_is_the_message() {
    let put = PutResponse { header: HEADER, prev_kv: None };
    let bytes = |answer| page(Format::Protobuf, false, answer).out;
    assert_eq!(bytes(Answer::Put(&put)), [10, 10, 8, 215, 8, 16, 174, 17, 24, 7, 32, 2]);
    let grant = LeaseGrantResponse { header: HEADER, id: 1, ttl: 2, error: String::new() };
    assert_eq!(bytes(Answer::Grant(&grant)), [8, 215, 8, 16, 174, 17, 24, 7, 32, 2]);
}

#[test]
fn what_a_format_does_not_know_is_refused() {
    let refused = |format, answer| {
        let failure = Printer { format, hex: false }.page(answer).unwrap_err();
        assert_eq!(failure.exit, Exit::BadFeature);
        failure.message.expect("something is said")
    };
    let put = PutResponse::default();
    assert_eq!(refused(Format::Table, Answer::Put(&put)), "table not supported as output format");
    assert_eq!(
        refused(Format::Protobuf, Answer::Statuses(&[])),
        "protobuf not supported as output format"
    );
    let moved = MoveLeaderResponse::default();
    assert_eq!(
        refused(Format::Fields, Answer::MoveLeader(&moved, 1, 2)),
        "fields not supported as output format"
    );
    assert_eq!(
        Format::parse("xml").unwrap_err().message.as_deref(),
        Some("unsupported output format")
    );
}

#[test]
fn json_escapes_what_go_escapes() {
    let names = MemberListResponse {
        header: None,
        members: vec![Member {
            name: "a\"\\<&>\n\t\x01\u{2028}é\x7f".to_owned(),
            ..Member::default()
        }],
    };
    assert_eq!(
        json(Answer::Members(&names)),
        "{\"members\":[{\"name\":\"a\\\"\\\\\\u003c\\u0026\\u003e\\n\\t\\u0001\\u2028é\x7f\"}]}\n"
    );
}
