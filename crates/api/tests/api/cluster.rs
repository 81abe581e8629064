//! Members, and looking after one.

use std::time::Duration;

use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmType, DefragmentRequest, HashKvRequest, MemberAddRequest,
    MemberListRequest, MemberPromoteRequest, MemberRemoveRequest, MemberUpdateRequest,
    MoveLeaderRequest, PutRequest, StatusRequest,
};
use proto::health::HealthCheckRequest;
use proto::health::health_client::HealthClient;
use tokio::time::timeout;
use tonic::Code;

use crate::world::{MEMBER, Plain, QUOTA_BYTES, World, assert_refused};

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go() {
    let world = World::new().await;
    let mut cluster = world.cluster();
    let listed = cluster.member_list(MemberListRequest { linearizable: true }).await;
    let listed = listed.expect("it is known").into_inner();
    let member = &listed.members[0];
    assert_eq!((member.id, member.name.as_str()), (MEMBER.0, "one"));
    assert_eq!(member.client_urls, ["http://127.0.0.1:2379"]);
    let header = listed.header.expect("every answer has one");
    assert_eq!((header.member_id, header.revision), (MEMBER.0, 0));

    let add = |url: &str| MemberAddRequest { peer_urls: vec![url.to_owned()], is_learner: true };
    let words = "etcdserver: given member URLs are invalid";
    assert_refused(cluster.member_add(add("nonsense")).await, Code::InvalidArgument, words);
    let words = "etcdserver: given member URLs are invalid (quic://127.0.0.1:9: members reach each \
                 other here by http:// or https://)";
    let apart = "quic://127.0.0.1:9";
    assert_refused(cluster.member_add(add(apart)).await, Code::InvalidArgument, words);
    for other in ["http://127.0.0.1:9", "nonsense"] {
        let peer_urls = vec![other.to_owned(), apart.to_owned()];
        let update = MemberUpdateRequest { id: MEMBER.0, peer_urls };
        assert_refused(cluster.member_update(update).await, Code::InvalidArgument, words);
    }
    let words = "etcdserver: Peer URLs already exists";
    let taken = add("http://127.0.0.1:2380");
    assert_refused(cluster.member_add(taken).await, Code::FailedPrecondition, words);
    let added = cluster.member_add(add("http://127.0.0.1:9")).await.expect("it is added");
    let added = added.into_inner();
    let learner = added.member.expect("it is told");
    assert!(learner.is_learner && added.members.len() == 2);
    let words = "etcdserver: too many learner members in cluster";
    let second = add("http://127.0.0.1:8");
    assert_refused(cluster.member_add(second).await, Code::FailedPrecondition, words);
    assert_refused(
        cluster.member_promote(MemberPromoteRequest { id: learner.id }).await,
        Code::FailedPrecondition,
        "etcdserver: can only promote a learner member which is in sync with leader",
    );
    let removed = cluster.member_remove(MemberRemoveRequest { id: learner.id }).await;
    assert_eq!(removed.expect("it is removed").into_inner().members.len(), 1);
    assert_refused(
        cluster.member_remove(MemberRemoveRequest { id: learner.id }).await,
        Code::NotFound,
        "etcdserver: member not found",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_tells_how_it_is() {
    let world = World::new().await;
    let mut maintenance = world.maintenance();
    let status = maintenance.status(StatusRequest {}).await.expect("it is known").into_inner();
    assert_eq!((status.version.as_str(), status.leader), ("3.7.1", MEMBER.0));
    assert!(status.raft_index >= status.raft_applied_index && status.raft_applied_index > 0);
    assert_eq!((status.errors.len(), status.is_learner), (0, false));
    assert_eq!(status.db_size_quota, QUOTA_BYTES.cast_signed());
    assert!(status.downgrade_info.is_some());
    let hashed = maintenance.hash_kv(HashKvRequest { revision: 0 }).await.expect("it is hashed");
    // etcd's, of a store in which nothing was ever written.
    let hashed = hashed.into_inner();
    assert_eq!((hashed.hash, hashed.compact_revision), (1_084_519_789, -1));
    let defragmented = maintenance.defragment(DefragmentRequest {}).await.expect("it is done");
    assert_eq!(defragmented.into_inner().header, None);
    assert_refused(
        maintenance.move_leader(MoveLeaderRequest { target_id: 5 }).await,
        Code::FailedPrecondition,
        "etcdserver: bad leader transferee",
    );
    let mut health = HealthClient::new(world.plain());
    let mut check = async |service: &str| {
        health.check(HealthCheckRequest { service: service.to_owned() }).await
    };
    assert_eq!(check("").await.expect("it is known").into_inner().status, 1);
    assert_refused(check("x").await, Code::NotFound, "unknown service");
}

/// How long an alarm may take to be agreed on.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for it: a member that finds itself full as it applies a command refuses that, and raises
/// the alarm then.
async fn first_alarm(maintenance: &mut MaintenanceClient<Plain>) -> AlarmMember {
    loop {
        let alarms = maintenance.alarm(AlarmRequest::default()).await.expect("they are known");
        if let Some(alarm) = alarms.into_inner().alarms.first() {
            return *alarm;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_member_raises_an_alarm_and_takes_no_more() {
    let world = World::new().await;
    let (mut kv, mut refused) = (world.kv(), None);
    for number in 0..100 {
        let (key, value) = (format!("k{number}").into(), vec![b'x'; 50_000].into());
        let put = PutRequest { key, value, ..PutRequest::default() };
        if let Err(status) = kv.put(put).await {
            refused = Some(status);
            break;
        }
    }
    let words = "etcdserver: mvcc: database space exceeded";
    assert_refused(refused.map_or(Ok(()), Err), Code::ResourceExhausted, words);
    let mut maintenance = world.maintenance();
    let raised = timeout(PATIENCE, first_alarm(&mut maintenance));
    let alarm = raised.await.expect("an alarm is raised");
    assert_eq!((alarm.member_id, alarm.alarm), (MEMBER.0, AlarmType::Nospace.into()));
    let status = maintenance.status(StatusRequest {}).await.expect("it is known").into_inner();
    assert_eq!(status.errors, [format!("memberID:{} alarm:NOSPACE", MEMBER.0)]);
    let nobodys = AlarmRequest { action: AlarmAction::Activate.into(), member_id: 0, alarm: 9 };
    maintenance.alarm(nobodys).await.expect("a kind without a name is one");
    let status = maintenance.status(StatusRequest {}).await.expect("it is known").into_inner();
    assert_eq!(status.errors[0], "alarm:9", "text leaves out what is 0");
}
