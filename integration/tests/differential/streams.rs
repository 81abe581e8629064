//! Watch streams: what belongs to which request, and when everything has been told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::poll_fn;
use prost::Message;
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::answer::{Addresses, Answer, Refusal};
use crate::script::{describe, watch_method};
use crate::session::{Plain, path, refusal};

/// How long what must come may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// After which time a progress request that found watchers behind is repeated.
const ASK_AGAIN: Duration = Duration::from_millis(15);

/// How long nothing must come for nothing to be there. Genuine etcd looks after watchers that are
/// behind every 100 ms.
const SILENCE: Duration = Duration::from_millis(250);

/// The ids of watchers that are there only for others to be waited for.
const LATECOMERS: [i64; 2] = [1 << 50, (1 << 50) + 1];

/// A response that tells progress is about this watcher: the whole stream.
const WHOLE_STREAM: i64 = -1;

/// A watch stream, open until the server restarts.
pub(crate) struct WatchStream {
    requests: UnboundedSender<Bytes>,
    responses: UnboundedReceiver<Result<Bytes, Status>>,
    /// Its watchers by id, with the revision they start at.
    watchers: BTreeMap<i64, i64>,
    /// Whether one of them may still be behind.
    behind: bool,
    /// Watchers that the server has ended, and that were cancelled because of it.
    leaving: BTreeSet<i64>,
    /// What came and no step has taken.
    heard: Vec<Bytes>,
    /// How much that is.
    heard_len: usize,
    /// The revision of the newest progress that nobody has asked for yet.
    progress: Option<i64>,
    /// The error that ended the stream.
    end: Option<Refusal>,
    addresses: Addresses,
}

impl WatchStream {
    /// Opens a stream. The server knows of it when the first request is sent.
    pub(crate) fn open(runtime: &Runtime, mut grpc: Grpc<Channel>, addresses: &Addresses) -> Self {
        let (requests, mut outgoing) = unbounded_channel();
        let (incoming, responses) = unbounded_channel();
        runtime.spawn(async move {
            let ready = grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()));
            let outgoing = poll_fn(move |context| outgoing.poll_recv(context));
            let opened = match ready {
                Ok(()) => {
                    grpc.streaming(Request::new(outgoing), path(&watch_method()), Plain).await
                }
                Err(error) => Err(error),
            };
            let mut stream = match opened {
                Ok(response) => response.into_inner(),
                Err(error) => {
                    // Whoever has dropped the stream does not want to know.
                    drop(incoming.send(Err(error)));
                    return;
                }
            };
            while let Some(response) = stream.message().await.transpose() {
                let ended = response.is_err();
                if incoming.send(response).is_err() || ended {
                    return;
                }
            }
        });
        Self {
            requests,
            responses,
            watchers: BTreeMap::new(),
            behind: false,
            leaving: BTreeSet::new(),
            heard: Vec::new(),
            heard_len: 0,
            progress: None,
            end: None,
            addresses: addresses.clone(),
        }
    }

    /// Sends a request, and waits for the response to it if there must be one.
    pub(crate) async fn ask(&mut self, request: WatchRequest) -> Answer {
        self.send(&request);
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => {
                let answer = self.take(|response| response.created, PATIENCE).await;
                if let Some(created) = answer.as_ref().filter(|created| !created.0.canceled) {
                    self.watchers.insert(created.0.watch_id, create.start_revision);
                    self.behind |= create.start_revision != 0;
                }
                self.answered(answer)
            }
            Some(RequestUnion::CancelRequest(cancel)) => {
                let id = cancel.watch_id;
                if self.watchers.remove(&id).is_none() {
                    return Answer::default();
                }
                let answer = self.take(|response| is_end_of(response, id), PATIENCE).await;
                self.answered(answer)
            }
            Some(RequestUnion::ProgressRequest(_)) => {
                let answer = self.take(is_progress, SILENCE).await;
                self.answered(answer)
            }
            None => Answer::default(),
        }
    }

    /// Everything that the watchers had to be told up to a revision: as much as another server has
    /// told, or else all that comes before the answer to a progress request. Watchers that the
    /// server has ended meanwhile are cancelled: with them a stream tells no progress.
    pub(crate) async fn settle(&mut self, revision: i64, other: Option<&Answer>) -> Answer {
        let awaits_future = self.watchers.values().any(|&start| start > revision);
        if self.watchers.is_empty() || awaits_future {
            return Answer::default();
        }
        let was_behind = std::mem::take(&mut self.behind);
        if other.is_some() && was_behind {
            self.let_catch_up(revision).await;
        }
        let deadline = Instant::now() + PATIENCE;
        self.progress = None;
        let mut asked = None;
        loop {
            let settled = match other {
                Some(other) => self.heard_len >= told(other),
                // Where nobody watches, no progress is told.
                None => {
                    self.watchers.is_empty()
                        || self.progress.is_some_and(|progress| progress >= revision)
                }
            };
            if settled && self.leaving.is_empty() || self.end.is_some() {
                break;
            }
            let now = Instant::now();
            if now >= deadline {
                let message = format!("not settled within {PATIENCE:?}");
                self.end.get_or_insert(Refusal { code: -1, message });
                break;
            }
            if other.is_none() && asked.is_none_or(|asked| now >= asked + ASK_AGAIN) {
                let request_union =
                    Some(RequestUnion::ProgressRequest(WatchProgressRequest::default()));
                self.send(&WatchRequest { request_union });
                asked = Some(now);
            }
            if let Some((response, body)) = self.next(now + ASK_AGAIN).await {
                self.keep(&response, body);
            }
        }
        self.drain()
    }

    /// What comes though nobody waits for it.
    pub(crate) async fn rest(&mut self) -> Answer {
        let silent = Instant::now() + SILENCE;
        while let Some((response, body)) = self.next(silent).await {
            self.keep(&response, body);
        }
        self.drain()
    }

    /// Waits until watchers that were behind no longer are, without asking for progress. A server
    /// looks after all that are behind in turns: when a watcher that came later has caught up, and
    /// then another one, the turn that did it had the first ones in it.
    async fn let_catch_up(&mut self, revision: i64) {
        for watch_id in LATECOMERS {
            let create = WatchCreateRequest {
                key: Bytes::from_static(b"\0"),
                range_end: Bytes::from_static(b"\0"),
                start_revision: revision,
                watch_id,
                ..WatchCreateRequest::default()
            };
            let request_union = Some(RequestUnion::CreateRequest(create));
            self.send(&WatchRequest { request_union });
            let caught_up = |response: &WatchResponse| {
                response.watch_id == watch_id && !response.events.is_empty()
            };
            // There may be nothing left at this revision; then the time must do.
            self.take(caught_up, SILENCE).await;
            let cancel = WatchCancelRequest { watch_id };
            self.send(&WatchRequest { request_union: Some(RequestUnion::CancelRequest(cancel)) });
            self.take(|response| is_end_of(response, watch_id), PATIENCE).await;
        }
        // The responses that created them.
        let mut len = 0;
        self.heard.retain(|body| {
            let response = WatchResponse::decode(body.clone()).expect("servers send messages");
            let stays = !LATECOMERS.contains(&response.watch_id);
            len += if stays { told_by(&response) } else { 0 };
            stays
        });
        self.heard_len = len;
    }

    fn send(&self, request: &WatchRequest) {
        // A stream that has ended says so in its next answer.
        drop(self.requests.send(request.encode_to_vec().into()));
    }

    /// The next response, if one comes in time.
    async fn next(&mut self, deadline: Instant) -> Option<(WatchResponse, Bytes)> {
        let received = timeout_at(deadline, self.responses.recv()).await.ok()?;
        match received {
            Some(Ok(body)) => {
                let response = WatchResponse::decode(body.clone());
                Some((response.expect("servers send messages"), body))
            }
            Some(Err(status)) => {
                self.end = Some(refusal(&status));
                None
            }
            None => {
                let message = "the stream has ended".to_owned();
                self.end.get_or_insert(Refusal { code: 0, message });
                None
            }
        }
    }

    /// The first response that is the one looked for; those before it are kept.
    async fn take(
        &mut self,
        wanted: impl Fn(&WatchResponse) -> bool,
        within: Duration,
    ) -> Option<(WatchResponse, Bytes)> {
        let deadline = Instant::now() + within;
        while self.end.is_none() && Instant::now() < deadline {
            match self.next(deadline).await {
                Some((response, body)) if wanted(&response) => return Some((response, body)),
                Some((response, body)) => self.keep(&response, body),
                None => {}
            }
        }
        None
    }

    fn keep(&mut self, response: &WatchResponse, body: Bytes) {
        if is_progress(response) {
            self.progress = response.header.as_ref().map(|header| header.revision);
            return;
        }
        let id = response.watch_id;
        if response.canceled && self.leaving.remove(&id) {
            self.watchers.remove(&id);
        } else if response.canceled && self.watchers.contains_key(&id) {
            let cancel = WatchCancelRequest { watch_id: id };
            self.send(&WatchRequest { request_union: Some(RequestUnion::CancelRequest(cancel)) });
            self.leaving.insert(id);
        }
        self.heard_len += told_by(response);
        self.heard.push(body);
    }

    fn drain(&mut self) -> Answer {
        let kind = watch_method().output();
        self.heard_len = 0;
        let heard = self.heard.drain(..).map(|body| describe(kind.clone(), &body)).collect();
        Answer { refusal: self.end.clone(), ..Answer::of_watches(heard, &self.addresses) }
    }

    fn answered(&self, response: Option<(WatchResponse, Bytes)>) -> Answer {
        let kind = watch_method().output();
        let messages = response.map(|(_, body)| describe(kind, &body)).into_iter().collect();
        Answer { refusal: self.end.clone(), ..Answer::of_watches(messages, &self.addresses) }
    }
}

/// How much an answer tells, however it is cut.
fn told(answer: &Answer) -> usize {
    let responses = answer.messages.iter().map(|message| message.transcode_to());
    responses.map(|response| told_by(&response.expect("it is of a watch"))).sum()
}

/// How much a response tells: its events, or that there is a watcher or none.
fn told_by(response: &WatchResponse) -> usize {
    response.events.len().max(1)
}

fn is_progress(response: &WatchResponse) -> bool {
    response.watch_id == WHOLE_STREAM && !response.created && !response.canceled
}

fn is_end_of(response: &WatchResponse, id: i64) -> bool {
    response.canceled && response.watch_id == id
}
