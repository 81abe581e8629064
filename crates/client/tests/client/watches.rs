//! Watches: one stream for many, and going on where it broke.

use client::{Client, Error, Keys, Reason, Watch, Watcher};
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{WatchCancelRequest, WatchRequest, WatchResponse};
use proto::mvccpb::{Event, KeyValue};
use tonic::Status;

use crate::member::{Member, Peer, client_of, response, soon};

type Watches = Peer<WatchRequest, WatchResponse>;

/// A response with one event at each of these revisions.
fn events(name: i64, revisions: impl IntoIterator<Item = i64>) -> WatchResponse {
    let event = |mod_revision| Event {
        kv: Some(KeyValue { mod_revision, ..KeyValue::default() }),
        ..Event::default()
    };
    let events: Vec<Event> = revisions.into_iter().map(event).collect();
    let revision = events.last().map_or(0, mod_revision);
    WatchResponse { events, ..response(name, revision) }
}

fn revisions(response: &WatchResponse) -> Vec<i64> {
    response.events.iter().map(mod_revision).collect()
}

fn mod_revision(event: &Event) -> i64 {
    event.kv.as_ref().expect("an event is about a key").mod_revision
}

async fn next(watcher: &mut Watcher) -> Result<WatchResponse, Error> {
    soon(watcher.next()).await.expect("the watch goes on")
}

/// Begins a watch at a member that is at revision 10.
async fn begin(client: &Client, member: &mut Member, watch: Watch) -> (Watcher, Watches) {
    let (watcher, peer) = tokio::join!(client.watch(watch), async {
        let mut peer = member.watch_stream().await;
        peer.begin(0, 10).await;
        peer
    });
    (watcher.expect("the member begins it"), peer)
}

#[tokio::test]
async fn events_and_progress_arrive() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (mut watcher, mut peer) = begin(&client, &mut member, Watch::new("a")).await;
    assert_eq!(watcher.created_revision(), 10);
    assert!(!peer.leader_required);
    peer.answer(events(0, [11, 11, 12]));
    assert_eq!(revisions(&next(&mut watcher).await.unwrap()), [11, 11, 12]);
    client.request_progress();
    assert!(matches!(peer.union().await, RequestUnion::ProgressRequest(_)));
    peer.answer(response(-1, 15));
    let progress = next(&mut watcher).await.unwrap();
    assert_eq!((revisions(&progress), progress.header.unwrap().revision), (vec![], 15));
}

#[tokio::test]
async fn progress_can_be_asked_for_before_the_stream_is_there() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (watcher, request) = tokio::join!(client.watch(Watch::new("a")), async {
        client.request_progress();
        let mut peer = member.watch_stream().await;
        peer.begin(0, 10).await;
        peer.union().await
    });
    assert_eq!(watcher.expect("the member begins it").created_revision(), 10);
    assert!(matches!(request, RequestUnion::ProgressRequest(_)), "{request:?}");
}

/// A member answers for the watches that it has, so those that are on their way are waited for;
/// also one that is refused.
#[tokio::test]
async fn progress_is_asked_for_when_all_watches_have_begun() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (mut a, mut peer) = begin(&client, &mut member, Watch::new("a")).await;
    let (b, c, ()) = tokio::join!(client.watch(Watch::new("b")), client.watch(Watch::new("c")), {
        let (client, peer) = (&client, &mut peer);
        async move {
            client.request_progress();
            for _ in 0..2 {
                assert!(matches!(peer.union().await, RequestUnion::CreateRequest(_)));
            }
            peer.answer(WatchResponse { created: true, ..response(1, 10) });
            // What comes of it would come behind a request for progress.
            peer.answer(WatchResponse { canceled: true, ..response(0, 10) });
            let end = peer.union().await;
            assert!(matches!(end, RequestUnion::CancelRequest(_)), "{end:?}");
            peer.answer(WatchResponse { created: true, canceled: true, ..response(-1, 10) });
            let request = peer.union().await;
            assert!(matches!(request, RequestUnion::ProgressRequest(_)), "{request:?}");
            peer.answer(response(-1, 15));
        }
    });
    assert!(matches!(next(&mut a).await, Err(Error::WatchCanceled { .. })));
    assert!(matches!(c, Err(Error::WatchCanceled { .. })));
    let progress = next(&mut b.expect("it has begun")).await.expect("it is progress");
    assert_eq!(progress.header.map(|header| header.revision), Some(15));
}

#[tokio::test]
async fn what_is_asked_for_is_sent() {
    let mut member = Member::start();
    let client = client_of(&[&member]).requiring_leader();
    let watch = Watch::new(Keys::prefix("a"))
        .start_revision(5)
        .with_previous()
        .progress_notify()
        .without_puts()
        .without_deletes();
    let (watcher, (request, leader_required)) = tokio::join!(client.watch(watch), async {
        let mut peer = member.watch_stream().await;
        (peer.begin(0, 10).await, peer.leader_required)
    });
    watcher.unwrap();
    assert!(leader_required);
    assert_eq!((&request.key[..], &request.range_end[..]), (&b"a"[..], &b"b"[..]));
    assert_eq!((request.start_revision, request.filters), (5, vec![0, 1]));
    assert!(request.prev_kv && request.progress_notify);
}

/// Each time the stream breaks, the watch begins anew behind what was seen: the beginning, events,
/// progress.
#[tokio::test]
async fn a_watch_goes_on_where_the_stream_broke() {
    let mut members = [Member::start(), Member::start()];
    let client = client_of(&[&members[0], &members[1]]);
    let (mut watcher, peer) = begin(&client, &mut members[0], Watch::new("a")).await;
    peer.fail(Status::unavailable("etcdserver: server stopped"));

    let mut peer = members[1].watch_stream().await;
    assert_eq!(peer.begin(3, 20).await.start_revision, 11);
    peer.answer(events(3, [12, 14]));
    assert_eq!(revisions(&next(&mut watcher).await.unwrap()), [12, 14]);
    members[1].vanish();

    let mut peer = members[0].watch_stream().await;
    assert_eq!(peer.begin(0, 20).await.start_revision, 15);
    peer.answer(response(0, 20));
    assert_eq!(next(&mut watcher).await.unwrap().header.unwrap().revision, 20);
    drop(peer);

    let mut peer = members[0].watch_stream().await;
    assert_eq!(peer.begin(0, 20).await.start_revision, 21);
}

#[tokio::test]
async fn a_watch_that_had_not_begun_begins_at_the_present() {
    let mut members = [Member::start(), Member::start()];
    let client = client_of(&[&members[0], &members[1]]);
    let (watcher, starts) = tokio::join!(client.watch(Watch::new("a")), async {
        let mut peer = members[0].watch_stream().await;
        let RequestUnion::CreateRequest(first) = peer.union().await else { panic!("no beginning") };
        peer.fail(Status::unavailable("etcdserver: server stopped"));
        let mut peer = members[1].watch_stream().await;
        (first.start_revision, peer.begin(0, 30).await.start_revision)
    });
    assert_eq!((watcher.unwrap().created_revision(), starts), (30, (0, 0)));
}

#[tokio::test]
async fn watches_share_a_stream_and_a_refused_one_leaves_the_others_alone() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (a, b, c, mut peer) = tokio::join!(
        client.watch(Watch::new("a")),
        client.watch(Watch::new(Keys::range("b", "a"))),
        client.watch(Watch::new("c")),
        async {
            let mut peer = member.watch_stream().await;
            for _ in 0..3 {
                assert!(matches!(peer.union().await, RequestUnion::CreateRequest(_)));
            }
            peer.answer(WatchResponse { created: true, ..response(0, 10) });
            peer.answer(WatchResponse {
                created: true,
                canceled: true,
                cancel_reason: "mvcc: watcher range is empty".to_owned(),
                ..response(-1, 10)
            });
            peer.answer(WatchResponse { created: true, ..response(1, 10) });
            peer
        }
    );
    let reason = "mvcc: watcher range is empty".to_owned();
    assert_eq!(b.unwrap_err(), Error::WatchCanceled { reason });
    let (mut a, mut c) = (a.unwrap(), c.unwrap());
    peer.answer(events(1, [11]));
    peer.answer(events(0, [12]));
    assert_eq!(revisions(&next(&mut a).await.unwrap()), [12]);
    assert_eq!(revisions(&next(&mut c).await.unwrap()), [11]);

    drop(a);
    let end = peer.union().await;
    assert_eq!(end, RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 0 }));
    // What was on its way is nobody's.
    peer.answer(events(0, [13]));
    peer.answer(WatchResponse { canceled: true, ..response(0, 13) });
    peer.answer(events(1, [14]));
    assert_eq!(revisions(&next(&mut c).await.unwrap()), [14]);
}

#[tokio::test]
async fn a_compacted_watch_ends_with_where_it_could_begin() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let watch = Watch::new("a").start_revision(3);
    let (mut watcher, mut peer) = begin(&client, &mut member, watch).await;
    let (other, _) = tokio::join!(client.watch(Watch::new("b")), peer.begin(1, 10));
    peer.answer(WatchResponse { canceled: true, compact_revision: 8, ..response(0, 0) });
    let error = next(&mut watcher).await.unwrap_err();
    assert_eq!(error, Error::Compacted { revision: 8 });
    assert_eq!(error.reason(), Reason::Compacted);
    assert!(soon(watcher.next()).await.is_none());
    // Its name is given back.
    let end = peer.union().await;
    assert_eq!(end, RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 0 }));
    drop(other);
}

#[tokio::test]
async fn a_watch_that_requires_a_leader_ends_without_one() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (mut patient, other) = begin(&client, &mut member, Watch::new("a")).await;
    let (mut watcher, peer) = begin(&client.requiring_leader(), &mut member, Watch::new("a")).await;
    peer.fail(Status::unavailable("etcdserver: no leader"));
    assert_eq!(next(&mut watcher).await.unwrap_err().reason(), Reason::NoLeader);
    assert!(soon(watcher.next()).await.is_none());
    other.answer(events(0, [11]));
    assert_eq!(revisions(&next(&mut patient).await.unwrap()), [11]);
}

#[tokio::test]
async fn a_watch_ends_when_no_member_would_have_it() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (watcher, ()) = tokio::join!(client.watch(Watch::new("a")), async {
        let peer = member.watch_stream().await;
        peer.fail(Status::unimplemented("no watches here"));
    });
    assert!(matches!(watcher.unwrap_err(), Error::Refused { .. }));
}

/// A watcher that does not read is ended at the member, and begun anew when it has caught up by
/// half; it misses nothing and holds up nobody.
#[tokio::test]
async fn a_slow_watcher_is_parked_and_misses_nothing() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (mut slow, mut peer) = begin(&client, &mut member, Watch::new("a")).await;
    let (quick, ()) = tokio::join!(client.watch(Watch::new("b")), async {
        peer.begin(1, 10).await;
    });
    let mut quick = quick.unwrap();
    // One more than fits.
    for revision in 11..=139 {
        peer.answer(events(0, [revision]));
    }
    let end = peer.union().await;
    assert_eq!(end, RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 0 }));
    peer.answer(events(1, [140]));
    assert_eq!(revisions(&next(&mut quick).await.unwrap()), [140]);

    for revision in 11..11 + 64 {
        assert_eq!(revisions(&next(&mut slow).await.unwrap()), [revision]);
    }
    assert_eq!(peer.begin(2, 140).await.start_revision, 139);
    peer.answer(events(2, [139, 141]));
    for revision in 11 + 64..139 {
        assert_eq!(revisions(&next(&mut slow).await.unwrap()), [revision]);
    }
    assert_eq!(revisions(&next(&mut slow).await.unwrap()), [139, 141]);
}

#[tokio::test]
async fn the_stream_ends_with_its_last_watch() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    let (watcher, mut peer) = begin(&client, &mut member, Watch::new("a")).await;
    drop(watcher);
    // The end of the watch may be told before the end of the stream.
    let end = loop {
        match soon(peer.requests.message()).await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
    let (_watcher, _peer) = begin(&client, &mut member, Watch::new("a")).await;
}
