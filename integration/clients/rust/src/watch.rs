//! Watches.

use etcd_client::{
    Client, EventType, Txn, TxnOp, WatchFilterType, WatchOptions, WatchResponse, WatchStream,
};

use crate::{connect, covered, eventually, soon};

async fn next(stream: &mut WatchStream) -> WatchResponse {
    soon("an answer to a watch", stream.message()).await.expect("no error").expect("no end")
}

/// Opens a watch and takes the answer that says so.
async fn open(client: &mut Client, key: &str, options: WatchOptions) -> WatchStream {
    let mut stream = soon("a watch", client.watch(key, Some(options))).await.expect("watch");
    let created = next(&mut stream).await;
    assert!(created.created() && created.events().is_empty(), "{created:?}");
    stream
}

/// Takes events until there are as many as wanted, and tells them in words.
async fn collect(stream: &mut WatchStream, wanted: usize) -> String {
    let mut all = Vec::new();
    while all.len() < wanted {
        for event in next(stream).await.events() {
            let kind = match event.event_type() {
                EventType::Put => "PUT",
                EventType::Delete => "DELETE",
            };
            let text = |kv: &etcd_client::KeyValue| kv.value_str().expect("text").to_owned();
            let value = event.kv().map(text).unwrap_or_default();
            let previous = event.prev_kv().map(|kv| format!("({})", text(kv))).unwrap_or_default();
            all.push(format!("{kind} {value}{previous}"));
        }
    }
    all.join(", ")
}

pub async fn try_watch(client: &mut Client, prefix: &str) {
    let key = format!("{prefix}key");
    let mut live = open(client, &key, WatchOptions::new()).await;
    let first = client.put(key.as_str(), "one", None).await.expect("put");
    let start = first.header().expect("a header").revision();
    client.put(key.as_str(), "two", None).await.expect("put");
    client.delete(key.as_str(), None).await.expect("delete");
    assert_eq!(collect(&mut live, 3).await, "PUT one, PUT two, DELETE ");

    let from = || WatchOptions::new().with_start_revision(start);
    let whole = "PUT one, PUT two, DELETE ";
    for (options, wanted, expected) in [
        (from(), 3, whole),
        (from().with_prev_key(), 3, "PUT one, PUT two(one), DELETE (two)"),
        (from().with_filters([WatchFilterType::NoPut]), 1, "DELETE "),
        (from().with_filters([WatchFilterType::NoDelete]), 2, "PUT one, PUT two"),
        (from().with_prefix(), 3, whole),
        (from().with_range(format!("{key}x")), 3, whole),
        (from().with_from_key(), 3, whole),
        (from().with_all_keys(), 3, whole),
        (from().with_fragment(), 3, whole),
        (from().with_progress_notify(), 3, whole),
    ] {
        let mut past = open(client, &key, options.clone()).await;
        assert_eq!(collect(&mut past, wanted).await, expected, "{options:?}");
    }
    covered(
        "watch; start_revision, prev_key, filters, prefix, range, from_key, all_keys, fragment, \
         progress_notify",
    );

    try_one_stream(client, prefix).await;
    try_compacted(client, &key, start).await;
}

/// Several watches on one stream, with ids of their own.
async fn try_one_stream(client: &mut Client, prefix: &str) {
    let (one, two) = (format!("{prefix}one"), format!("{prefix}two"));
    let mut stream = open(client, &one, WatchOptions::new().with_watch_id(7)).await;
    stream.watch(two.as_str(), Some(WatchOptions::new().with_watch_id(8))).await.expect("watch");
    let created = next(&mut stream).await;
    assert!(created.created() && created.watch_id() == 8, "{created:?}");
    stream.watch(two.as_str(), Some(WatchOptions::new().with_watch_id(8))).await.expect("watch");
    let duplicate = next(&mut stream).await;
    assert!(duplicate.canceled(), "an id twice: {duplicate:?}");

    client.put(two.as_str(), "2", None).await.expect("put");
    assert_eq!(next(&mut stream).await.watch_id(), 8);
    stream.cancel(8).await.expect("cancel");
    let canceled = next(&mut stream).await;
    assert!(canceled.canceled() && canceled.watch_id() == 8, "{canceled:?}");
    let written = client.put(two.as_str(), "not seen", None).await.expect("put");
    let written = written.header().expect("a header").revision();
    let progress = loop {
        stream.request_progress().await.expect("request_progress");
        let answer = next(&mut stream).await;
        assert!(answer.events().is_empty(), "{answer:?}");
        if answer.header().expect("a header").revision() >= written {
            break answer;
        }
    };
    assert_eq!(progress.watch_id(), -1, "progress is of the whole stream");

    // Events of one transaction come together.
    stream.watch(prefix, Some(WatchOptions::new().with_prefix())).await.expect("watch");
    while !next(&mut stream).await.created() {
        // Further notices of progress may be under way.
    }
    let txn = Txn::new().and_then([
        TxnOp::put(format!("{prefix}x"), "x", None),
        TxnOp::put(format!("{prefix}y"), "y", None),
    ]);
    client.txn(txn).await.expect("txn");
    let both = next(&mut stream).await;
    assert_eq!(both.events().len(), 2, "{both:?}");
    covered("several watches on a stream, watch_id, cancel, request_progress");
}

async fn try_compacted(client: &mut Client, key: &str, start: i64) {
    let last = client.put(key, "compacted", None).await.expect("put");
    let last = last.header().expect("a header").revision();
    client.compact(last, None).await.expect("compact");
    let options = WatchOptions::new().with_start_revision(start);
    let mut stream = client.watch(key, Some(options)).await.expect("watch");
    let answer = loop {
        let answer = next(&mut stream).await;
        if answer.canceled() {
            break answer;
        }
    };
    assert_eq!(answer.compact_revision(), last, "{answer:?}");
    covered("a compacted start");
}

/// A watch that is taken up again after a failure, where it had ended: the crate leaves that to its
/// user.
pub struct Follower {
    stream: Option<WatchStream>,
    next_revision: i64,
    written: Vec<String>,
    seen: Vec<String>,
}

impl Follower {
    const KEY: &str = "long/watch";

    pub async fn start() -> Self {
        let now = connect().await.get(Self::KEY, None).await.expect("get");
        let next_revision = now.header().expect("a header").revision() + 1;
        Self { stream: None, next_revision, written: Vec::new(), seen: Vec::new() }
    }

    /// Writes a value, perhaps more than once, and follows until it is seen.
    pub async fn write_and_follow(&mut self, value: &str) {
        self.written.push(value.to_owned());
        eventually("a write", async || connect().await.put(Self::KEY, value, None).await).await;
        while self.seen.last().is_none_or(|last| last != value) {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let options = WatchOptions::new().with_start_revision(self.next_revision);
                    let stream = connect().await.watch(Self::KEY, Some(options)).await;
                    self.stream.insert(stream.expect("watch"))
                }
            };
            match soon("the follower's events", stream.message()).await {
                Ok(Some(response)) if !response.canceled() => {
                    for kv in response.events().iter().filter_map(|event| event.kv()) {
                        assert!(kv.mod_revision() >= self.next_revision, "seen before: {kv:?}");
                        self.next_revision = kv.mod_revision() + 1;
                        self.seen.push(kv.value_str().expect("text").to_owned());
                    }
                }
                Ok(Some(response)) if response.compact_revision() != 0 => panic!("{response:?}"),
                _ => self.stream = None,
            }
        }
    }

    pub fn finish(mut self) {
        self.seen.dedup();
        assert_eq!(self.seen, self.written);
    }
}
