//! Leases.

use futures_util::stream;
use proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseRevokeRequest,
    LeaseTimeToLiveRequest, PutRequest,
};
use tonic::Code;

use crate::world::{World, assert_refused, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_lives_and_ends() {
    let world = World::new().await;
    let mut lease = world.lease();
    let granted = lease.lease_grant(LeaseGrantRequest { ttl: 60, id: 0 }).await;
    let granted = granted.expect("it is granted").into_inner();
    assert!(granted.id > 0 && granted.ttl == 60);
    let put = PutRequest { key: "a".into(), lease: granted.id, ..PutRequest::default() };
    world.kv().put(put).await.expect("it is put");
    let asked = LeaseTimeToLiveRequest { id: granted.id, keys: true };
    let left = lease.lease_time_to_live(asked).await.expect("it is known").into_inner();
    assert!(left.ttl > 50 && left.granted_ttl == 60 && left.keys == ["a"]);
    // One that is unknown is answered too.
    let requests = [granted.id, 99].map(|id| LeaseKeepAliveRequest { id });
    let answers = lease.lease_keep_alive(stream::iter(requests)).await.expect("it is opened");
    let mut answers = answers.into_inner();
    for ttl in [60, 0] {
        let answer = within("an answer", answers.message()).await.expect("it goes on");
        assert_eq!(answer.expect("it does not end").ttl, ttl);
    }
    assert_eq!(within("the end", answers.message()).await.expect("it ends well"), None);
    let all = lease.lease_leases(LeaseLeasesRequest {}).await.expect("they are known");
    assert_eq!(all.into_inner().leases.len(), 1);
    let revoked = lease.lease_revoke(LeaseRevokeRequest { id: granted.id }).await;
    let header = revoked.expect("it is revoked").into_inner().header;
    assert_eq!(header.map(|header| header.revision), Some(3), "its key went with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_lease_is_said_in_etcds_words() {
    let world = World::new().await;
    let mut lease = world.lease();
    let mut grant = async |id, ttl| lease.lease_grant(LeaseGrantRequest { ttl, id }).await;
    let granted = grant(-3, 0).await.expect("ids may be negative").into_inner();
    assert_eq!((granted.id, granted.ttl), (-3, 2), "a short TTL is raised");
    let words = "etcdserver: lease already exists";
    assert_refused(grant(-3, 10).await, Code::FailedPrecondition, words);
    let words = "etcdserver: too large lease TTL";
    assert_refused(grant(4, 9_000_000_001).await, Code::OutOfRange, words);
    let words = "etcdserver: requested lease not found";
    let unknown = LeaseRevokeRequest { id: 99 };
    assert_refused(lease.lease_revoke(unknown).await, Code::NotFound, words);
    let asked = LeaseTimeToLiveRequest { id: 99, keys: false };
    let left = lease.lease_time_to_live(asked).await.expect("it is no error").into_inner();
    assert_eq!((left.id, left.ttl, left.granted_ttl), (99, -1, 0));
}
