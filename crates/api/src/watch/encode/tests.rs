use std::sync::Arc;
use std::time::Duration;

use backend::{MemBackend, MemDisk};
use bytes::Bytes;
use mvcc::{Changes, Event, EventKind, Previous};
use prost::Message;
use proto::etcdserverpb::{ResponseHeader, WatchResponse};
use proto::mvccpb;
use state::{Machine, Published};
use units::{NodeId, Revision};
use watch::{Body, Delivery, Picked, Refusal, Response, WatchId};

use super::encode;

/// A store in which nothing was ever written.
fn nothing() -> Arc<Published> {
    let second = Duration::from_secs(1);
    let lease = state::LeaseConfig {
        ttl_min_s: 1,
        election_timeout: second,
        retry: second,
        checkpoint_every: None,
    };
    let config = state::Config {
        node: NodeId(1),
        lease,
        quota_bytes: None,
        learners_max: 1,
        store_checkpoints: false,
    };
    let backend = MemBackend::open(&MemDisk::new()).expect("memory has no faults");
    let machine = Machine::open(Arc::new(backend), config).expect("memory has no faults");
    machine.published().clone()
}

/// What a client reads of a response.
fn read(body: Body, part_bytes_max: usize) -> Vec<WatchResponse> {
    let response = Response { id: WatchId(7), revision: Revision(9), body };
    let header = ResponseHeader { cluster_id: 1, member_id: 2, revision: 0, raft_term: 3 };
    let messages = encode(response, header, part_bytes_max, &nothing());
    let read = |message: &proto::spliced::WatchResponse| {
        WatchResponse::decode(&message.encode_to_vec()[..]).expect("it is its own twin")
    };
    messages.expect("memory has no faults").iter().map(read).collect()
}

fn event(kind: EventKind, value: &[u8]) -> Event {
    let (key, value) = (Bytes::from_static(b"k"), Bytes::copy_from_slice(value));
    let number = i32::from(kind == EventKind::Delete);
    let kv = Some(mvccpb::KeyValue { key: key.clone(), value, ..Default::default() });
    let encoded = mvccpb::Event { r#type: number, kv, prev_kv: None }.encode_to_vec().into();
    let former = mvccpb::KeyValue { value: Bytes::from_static(b"old"), ..Default::default() };
    let previous = match kind {
        EventKind::Delete => Previous::Record(former.encode_to_vec().into()),
        EventKind::Put => Previous::None,
    };
    Event { key, kind, create: false, encoded, previous }
}

fn events(events: Vec<Event>, previous: bool, fragment: bool) -> Body {
    let changes = Arc::new(Changes { revision: Revision(9), events });
    let picked = vec![Picked { changes, places: None }];
    Body::Events(Delivery { picked, previous, fragment })
}

#[test]
fn a_watcher_is_told_of_its_life() {
    let one = |body| read(body, usize::MAX).remove(0);
    let created = one(Body::Created);
    let header = created.header.expect("every response has one");
    assert_eq!((header.cluster_id, header.member_id, header.revision), (1, 2, 9));
    assert_eq!((header.raft_term, created.watch_id), (3, 7));
    assert!(created.created && !created.canceled);
    let canceled = one(Body::Canceled);
    assert!(canceled.canceled && !canceled.created && canceled.cancel_reason.is_empty());
    let compacted = one(Body::Compacted { revision: Revision(4) });
    assert!(compacted.canceled && compacted.compact_revision == 4);
    assert!(compacted.cancel_reason.is_empty());
    let progress = one(Body::Progress);
    assert!(!progress.created && !progress.canceled && progress.events.is_empty());
}

#[test]
fn refusals_have_etcds_words() {
    for (refusal, words) in [
        (Refusal::DuplicateId, "mvcc: duplicate watch ID provided on the WatchStream"),
        (Refusal::EmptyRange, "mvcc: watcher range is empty"),
        (Refusal::NegativeStart, "etcdserver: mvcc: required revision has been compacted"),
    ] {
        let refused = read(Body::Refused(refusal), usize::MAX).remove(0);
        assert!(refused.created && refused.canceled && refused.compact_revision == 0);
        assert_eq!((refused.watch_id, refused.cancel_reason.as_str()), (-1, words));
    }
}

#[test]
fn what_was_before_is_told_if_asked_for() {
    let changed = || vec![event(EventKind::Put, b"new"), event(EventKind::Delete, b"")];
    let plain = read(events(changed(), false, false), usize::MAX).remove(0);
    assert!(plain.events.iter().all(|event| event.prev_kv.is_none()));
    let told = read(events(changed(), true, false), usize::MAX).remove(0);
    assert_eq!(told.events.len(), 2);
    assert_eq!(told.events[0].prev_kv, None);
    let former = told.events[1].prev_kv.as_ref().map(|former| former.value.clone());
    assert_eq!(former, Some(Bytes::from_static(b"old")));
    assert_eq!(told.events[1].r#type, 1);
}

#[test]
fn large_responses_are_sent_in_parts_if_they_may_be() {
    let large = || (0..10).map(|_| event(EventKind::Put, &[7; 100])).collect::<Vec<_>>();
    assert_eq!(read(events(large(), false, false), 300).len(), 1);
    let parts = read(events(large(), false, true), 300);
    assert!(parts.len() > 1);
    assert_eq!(parts.iter().map(|part| part.events.len()).sum::<usize>(), 10);
    let (last, others) = parts.split_last().expect("there are several");
    assert!(!last.fragment && others.iter().all(|part| part.fragment));
    assert!(parts.iter().all(|part| part.watch_id == 7 && part.encoded_len() < 300));
    // An event that is too large goes alone; one alone is not split.
    let parts = read(events(large(), false, true), 50);
    assert!(parts.len() == 10 && parts.iter().all(|part| part.events.len() == 1));
    let one = read(events(vec![event(EventKind::Put, &[7; 100])], false, true), 50);
    assert!(one.len() == 1 && !one[0].fragment);
}
