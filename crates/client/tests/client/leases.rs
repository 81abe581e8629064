//! Leases: renewing once, keeping alive, and hearing of a loss.

use client::{Code, Error, Lost, Reason};
use proto::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use tonic::Status;

use crate::member::{Member, Peer, client_of, soon};

type KeepAlives = Peer<LeaseKeepAliveRequest, LeaseKeepAliveResponse>;

async fn renew(peer: &mut KeepAlives, ttl: i64) {
    let LeaseKeepAliveRequest { id } = peer.request().await;
    peer.answer(LeaseKeepAliveResponse { header: None, id, ttl });
}

#[tokio::test]
async fn a_lease_that_has_ended_is_not_found() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (renewal, ()) = tokio::join!(client.keep_alive_once(7), async {
        renew(&mut member.keep_alive_stream().await, 0).await;
    });
    let error = renewal.unwrap_err();
    assert_eq!(error.reason(), Reason::LeaseNotFound);
    assert_eq!(error.to_string(), "etcdserver: requested lease not found");
}

#[tokio::test]
async fn a_renewal_goes_to_another_member_when_the_first_fails() {
    let mut members = [Member::start(), Member::start()];
    let client = client_of(&[&members[0], &members[1]]);
    let (renewal, ()) = tokio::join!(client.keep_alive_once(7), async {
        let mut peer = members[0].keep_alive_stream().await;
        peer.request().await;
        peer.fail(Status::unavailable("etcdserver: no leader"));
        renew(&mut members[1].keep_alive_stream().await, 30).await;
    });
    assert_eq!(renewal.unwrap().ttl, 30);
}

/// Renewals go on when a member vanishes in between, and the end is heard of.
#[tokio::test]
async fn a_keeper_renews_over_members_until_the_lease_ends() {
    let mut members = [Member::start(), Member::start()];
    let client = client_of(&[&members[0], &members[1]]);
    let (keeper, ()) = tokio::join!(client.keep_alive(7), async {
        renew(&mut members[0].keep_alive_stream().await, 1).await;
    });
    let mut keeper = keeper.unwrap();
    assert_eq!(keeper.last().unwrap().ttl, 1);

    let mut peer = members[1].keep_alive_stream().await;
    renew(&mut peer, 2).await;
    assert_eq!(soon(keeper.renewed()).await.unwrap().ttl, 2);
    members[1].vanish();
    let mut peer = members[0].keep_alive_stream().await;
    renew(&mut peer, 1).await;
    assert_eq!(soon(keeper.renewed()).await.unwrap().ttl, 1);
    renew(&mut peer, 1).await;
    assert_eq!(soon(keeper.renewed()).await.unwrap().ttl, 1);
    renew(&mut peer, 0).await;
    assert_eq!(soon(keeper.lost()).await, Lost::Ended);
    assert_eq!(keeper.last(), Err(Lost::Ended));
    assert_eq!(soon(keeper.renewed()).await, Err(Lost::Ended));
}

#[tokio::test]
async fn a_keeper_whom_nobody_answers_says_so_when_the_lease_may_be_over() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (keeper, ()) = tokio::join!(client.keep_alive(7), async {
        renew(&mut member.keep_alive_stream().await, 1).await;
    });
    let mut keeper = keeper.unwrap();
    let _silent = member.keep_alive_stream().await;
    assert_eq!(soon(keeper.lost()).await, Lost::Unanswered);
}

#[tokio::test]
async fn a_keeper_stops_at_a_refusal() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (keeper, ()) = tokio::join!(client.keep_alive(7), async {
        renew(&mut member.keep_alive_stream().await, 1).await;
    });
    let mut keeper = keeper.unwrap();
    member
        .keep_alive_stream()
        .await
        .fail(Status::permission_denied("etcdserver: permission denied"));
    let lost = soon(keeper.lost()).await;
    let Lost::Refused(Error::Refused { code, reason, .. }) = lost else { panic!("{lost:?}") };
    assert_eq!((code, reason), (Code::PermissionDenied, Reason::PermissionDenied));
}

#[tokio::test]
async fn a_dropped_keeper_renews_no_more() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (keeper, ()) = tokio::join!(client.keep_alive(7), async {
        renew(&mut member.keep_alive_stream().await, 1).await;
    });
    let mut peer = member.keep_alive_stream().await;
    renew(&mut peer, 1).await;
    drop(keeper.unwrap());
    // The stream ends, in order or by a reset.
    let end = soon(peer.requests.message()).await;
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
}
