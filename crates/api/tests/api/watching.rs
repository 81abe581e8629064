//! Streams of watchers.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    PutRequest, WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest,
    WatchResponse,
};
use tokio::sync::mpsc;
use tonic::{Code, Streaming};

use crate::world::{World, assert_refused, within};

/// A client's stream.
struct Stream {
    say: mpsc::UnboundedSender<WatchRequest>,
    hear: Streaming<WatchResponse>,
}

impl Stream {
    async fn open(world: &World) -> Self {
        let (say, said) = mpsc::unbounded_channel();
        let said = stream::unfold(said, |mut said| async {
            said.recv().await.map(|request| (request, said))
        });
        let hear = world.watch().watch(said.boxed()).await.expect("it is opened").into_inner();
        Self { say, hear }
    }

    fn say(&self, request: RequestUnion) {
        let request = WatchRequest { request_union: Some(request) };
        self.say.send(request).expect("the stream is open");
    }

    fn create(&self, create: WatchCreateRequest) {
        self.say(RequestUnion::CreateRequest(create));
    }

    async fn hear(&mut self) -> WatchResponse {
        let heard = within("a response", self.hear.message()).await;
        heard.expect("it goes on").expect("it does not end")
    }
}

async fn write(world: &World, key: &str, value: &str) {
    let (key, value) = (Bytes::from(key.to_owned()), Bytes::from(value.to_owned()));
    let put = PutRequest { key, value, ..PutRequest::default() };
    world.kv().put(put).await.expect("it is put");
}

fn key(key: &str) -> WatchCreateRequest {
    WatchCreateRequest { key: Bytes::from(key.to_owned()), ..WatchCreateRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_hears_of_what_was_and_of_what_comes() {
    let world = World::new().await;
    write(&world, "a", "1").await;
    let mut stream = Stream::open(&world).await;
    stream.create(WatchCreateRequest { start_revision: 2, prev_kv: true, ..key("a") });
    let created = stream.hear().await;
    assert!(created.created && created.watch_id == 0);
    assert_eq!(created.header.as_ref().map(|header| header.revision), Some(2));
    assert_eq!(stream.hear().await.events[0].kv.as_ref().map(|kv| kv.mod_revision), Some(2));
    write(&world, "other", "1").await;
    write(&world, "a", "2").await;
    let heard = stream.hear().await;
    assert_eq!(heard.header.as_ref().map(|header| header.revision), Some(4));
    let event = &heard.events[0];
    assert_eq!(event.prev_kv.as_ref().map(|kv| &kv.value[..]), Some(&b"1"[..]));
    stream.say(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    let progress = stream.hear().await;
    assert_eq!((progress.watch_id, progress.events.len()), (-1, 0));
    // An empty request is nothing; a watcher is cancelled once.
    stream.say.send(WatchRequest::default()).expect("the stream is open");
    for _ in 0..2 {
        stream.say(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 0 }));
    }
    assert!(stream.hear().await.canceled);
    stream.create(key("b"));
    assert!(stream.hear().await.created, "the second cancellation was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_said_on_the_stream() {
    let world = World::new().await;
    let mut stream = Stream::open(&world).await;
    let range_end = Bytes::from_static(b"a");
    for (create, words) in [
        (
            WatchCreateRequest { start_revision: -1, ..key("b") },
            "etcdserver: mvcc: required revision has been compacted",
        ),
        (WatchCreateRequest { range_end, ..key("b") }, "mvcc: watcher range is empty"),
    ] {
        stream.create(create);
        let refused = stream.hear().await;
        assert!(refused.created && refused.canceled && refused.watch_id == -1);
        assert_eq!(refused.cancel_reason, words);
    }
    stream.create(WatchCreateRequest { watch_id: 7, ..key("b") });
    stream.create(WatchCreateRequest { watch_id: 7, ..key("b") });
    assert_eq!(stream.hear().await.watch_id, 7);
    let words = "mvcc: duplicate watch ID provided on the WatchStream";
    assert_eq!(stream.hear().await.cancel_reason, words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_outlives_its_client_s_last_word_and_ends_with_the_member() {
    let world = World::new().await;
    let mut stream = Stream::open(&world).await;
    stream.create(key("a"));
    assert!(stream.hear().await.created);
    let Stream { say, mut hear } = stream;
    drop(say);
    write(&world, "a", "1").await;
    let heard = within("an event", hear.message()).await.expect("it goes on");
    assert_eq!(heard.expect("it does not end").events.len(), 1);
    world.stopping.send_replace(true);
    let end = within("the end", hear.message()).await;
    assert_refused(end, Code::Unavailable, "etcdserver: server stopped");
}
