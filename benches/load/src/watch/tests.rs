use std::time::{Duration, Instant};

use prost::Message;
use proto::etcdserverpb::WatchResponse;
use proto::mvccpb::{Event, KeyValue};

use super::{Put, Watch, Watching, behind, prefix};
use crate::message::key;

fn watch(watchers: usize) -> Watch {
    let second = Duration::from_secs(1);
    let mut watch = Watch::new(Watching {
        watchers,
        streams: 1,
        per_second: None,
        value_bytes: 10,
        warmup: second,
        measured: second,
    });
    watch.end = watch.begin + second * 3_600;
    watch
}

fn heard(numbers: &[usize]) -> Vec<u8> {
    let kv = |n| KeyValue { key: key("watched/1/", n).into(), ..KeyValue::default() };
    let event = |&n: &usize| Event { kv: Some(kv(n)), ..Event::default() };
    let events = numbers.iter().map(event).collect();
    WatchResponse { events, ..WatchResponse::default() }.encode_to_vec()
}

fn put(watch: &mut Watch) {
    let unheard = watch.watching.watchers as u32;
    watch.puts.push(Put { due: Instant::now(), unheard, failed: false });
    watch.unheard_all += watch.watching.watchers;
}

#[test]
fn everybody_hears_of_everything_once() {
    let mut watch = watch(2);
    put(&mut watch);
    put(&mut watch);
    watch.hear(&heard(&[0, 1]));
    watch.hear(&heard(&[0]));
    assert_eq!((watch.unheard_all, watch.outcome.answered), (1, 3));
    watch.hear(&heard(&[0]));
    assert_eq!(watch.outcome.failed, 1);
    watch.hear(&heard(&[2]));
    assert_eq!(watch.outcome.failed, 2);
    watch.hear(&heard(&[1]));
    assert_eq!((watch.unheard_all, watch.outcome.latencies.len()), (0, 4));
}

#[test]
fn a_put_that_fails_is_not_waited_for_and_may_yet_be_heard_of() {
    let mut watch = watch(3);
    put(&mut watch);
    let failure = super::Failure { code: Some(14), message: "gone".to_owned() };
    watch.end_put(0, Err(failure));
    assert_eq!((watch.unheard_all, watch.outcome.failed), (0, 1));
    watch.hear(&heard(&[0]));
    assert_eq!((watch.unheard_all, watch.outcome.failed), (0, 1));
    assert_eq!(watch.outcome.answered, 1);
}

#[test]
fn watches_are_counted_as_they_come_to_be() {
    let mut watch = watch(2);
    let created = WatchResponse { created: true, ..WatchResponse::default() };
    watch.hear(&created.encode_to_vec());
    assert_eq!((watch.created, watch.broken.is_none()), (1, true));
    let cancelled = WatchResponse { canceled: true, ..WatchResponse::default() };
    watch.hear(&cancelled.encode_to_vec());
    assert!(watch.broken.is_some());
}

#[test]
fn runs_do_not_hear_of_each_other() {
    let (first, second) = (prefix(), prefix());
    assert_ne!(first, second);
    let end = behind(&first);
    assert!(
        key(&first, 9_999_999_999) < end
            && end[..end.len() - 1] == first.as_bytes()[..end.len() - 1]
    );
}
