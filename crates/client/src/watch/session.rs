//! The task behind all watchers of a stream: it opens the stream, opens it again when it breaks,
//! and begins each watch anew from the revision after the last one its watcher has.
//!
//! Members answer requests in order, so what they say of a beginning is about the oldest watch that
//! waits for it; a refused one has no id to know it by.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream;
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{self, Instant};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::call::Pauses;
use crate::client::require_leader;
use crate::error::Error;
use crate::pool::Pool;
use crate::reason::Reason;

use super::UNREAD_MAX;

/// The id that members give to what is about no watch, or about all.
const NO_WATCH: i64 = -1;

/// What is wanted of a session.
#[derive(Debug)]
pub(super) enum Command {
    /// A new watch.
    Begin(Registration),
    /// A watcher has read half of what it had unread.
    CaughtUp(u64),
    /// A watcher is gone.
    End(u64),
    /// Ask for progress.
    Progress,
}

/// A new watch.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) id: u64,
    pub(super) request: WatchCreateRequest,
    pub(super) responses: mpsc::Sender<Result<WatchResponse, Error>>,
    /// Is told the revision at which the watch begins.
    pub(super) created: oneshot::Sender<Result<i64, Error>>,
}

/// An id for a watcher; members know it by another.
pub(super) fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Starts a session, which ends when nobody can send it commands any more.
pub(super) fn spawn(pool: Arc<Pool>, leader_required: bool) -> mpsc::UnboundedSender<Command> {
    let (sender, receiver) = mpsc::unbounded_channel();
    // A session that lives on its own senders would never end.
    let commands = sender.downgrade();
    tokio::spawn(Session::new(pool, leader_required, commands).run(receiver));
    sender
}

struct Session {
    pool: Arc<Pool>,
    leader_required: bool,
    /// For those who report to this session.
    commands: mpsc::WeakUnboundedSender<Command>,
    watches: BTreeMap<u64, Watched>,
    stream: Option<Stream>,
    /// Whether progress is to be asked for, once there is a stream and all watches on it have
    /// begun: a watch that has not would not hear the answer.
    progress_wanted: bool,
    pauses: Pauses,
    /// When the next stream may be opened.
    open_from: Instant,
}

struct Watched {
    /// How to begin it anew: its start is the first revision that its watcher has not seen. 0 until
    /// it has begun, if it is to begin at whatever is the present then.
    request: WatchCreateRequest,
    responses: mpsc::Sender<Result<WatchResponse, Error>>,
    /// Until it has begun for the first time.
    created: Option<oneshot::Sender<Result<i64, Error>>>,
    place: Place,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Not on the stream.
    Away,
    /// Asked for.
    Beginning,
    /// Running, by this name.
    Running(i64),
    /// Not on the stream until its watcher has caught up.
    Slow,
}

/// An open stream, or one being opened.
struct Stream {
    member: usize,
    /// Bounded by the watches, each of which has at most a beginning and an end in it.
    requests: mpsc::UnboundedSender<WatchRequest>,
    answers: Answers,
    /// The watches asked for, the oldest first; some may have been given up since.
    beginning: VecDeque<u64>,
    running: BTreeMap<i64, u64>,
}

type Opened = Result<Response<Streaming<WatchResponse>>, Status>;
type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;

enum Answers {
    /// Members open the stream with their first answer, so requests go before.
    Opening(Opening),
    Open(Box<Streaming<WatchResponse>>),
}

impl Session {
    fn new(
        pool: Arc<Pool>,
        leader_required: bool,
        commands: mpsc::WeakUnboundedSender<Command>,
    ) -> Self {
        Self {
            pauses: Pauses::new(pool.members()),
            pool,
            leader_required,
            commands,
            watches: BTreeMap::new(),
            stream: None,
            progress_wanted: false,
            open_from: Instant::now(),
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            let wanted = self.watches.values().any(|watch| watch.place != Place::Slow);
            if !wanted {
                self.stream = None;
            }
            tokio::select! {
                // A watch's end is heard before what is still said to it.
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.handle(command),
                    None => return,
                },
                answer = answer(&mut self.stream), if self.stream.is_some() => match answer {
                    Ok(answer) => self.take(answer),
                    Err(error) => self.lose_stream(error),
                },
                () = time::sleep_until(self.open_from), if wanted && self.stream.is_none() => {
                    self.open_stream();
                }
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Begin(Registration { id, request, responses, created }) => {
                let created = Some(created);
                let watch = Watched { request, responses, created, place: Place::Away };
                self.watches.insert(id, watch);
                self.begin(id);
            }
            Command::CaughtUp(id) => {
                if let Some(watch) = self.watches.get_mut(&id) {
                    assert_eq!(watch.place, Place::Slow, "only who was slow catches up");
                    watch.place = Place::Away;
                    self.begin(id);
                }
            }
            Command::End(id) => {
                if let Some(Watched { place: Place::Running(name), .. }) = self.watches.remove(&id)
                {
                    self.end_at_member(name);
                }
            }
            Command::Progress => {
                self.progress_wanted = true;
                self.ask_for_progress();
            }
        }
    }

    fn open_stream(&mut self) {
        assert!(self.stream.is_none(), "one stream at a time");
        let link = self.pool.pick();
        let (requests, mut receiver) = mpsc::unbounded_channel();
        let mut request = Request::new(stream::poll_fn(move |cx| receiver.poll_recv(cx)));
        if self.leader_required {
            require_leader(&mut request);
        }
        let mut service = link.watch();
        let opening = Box::pin(async move { service.watch(request).await });
        self.stream = Some(Stream {
            member: link.member,
            requests,
            answers: Answers::Opening(opening),
            beginning: VecDeque::new(),
            running: BTreeMap::new(),
        });
        let ids: Vec<u64> = self.watches.keys().copied().collect();
        for id in ids {
            self.begin(id);
        }
        self.ask_for_progress();
    }

    fn ask_for_progress(&mut self) {
        let Some(stream) = &self.stream else { return };
        if self.progress_wanted && stream.beginning.is_empty() {
            stream.ask(RequestUnion::ProgressRequest(WatchProgressRequest {}));
            self.progress_wanted = false;
        }
    }

    /// Asks for a watch, if it is not on the stream and could be.
    fn begin(&mut self, id: u64) {
        let Some(stream) = &mut self.stream else { return };
        let Some(watch) = self.watches.get_mut(&id) else { return };
        if watch.place == Place::Away {
            watch.place = Place::Beginning;
            stream.beginning.push_back(id);
            stream.ask(RequestUnion::CreateRequest(watch.request.clone()));
        }
    }

    /// A member's own end of a watch, as far as it knows of it.
    fn end_at_member(&mut self, name: i64) {
        if let Some(stream) = &mut self.stream {
            stream.running.remove(&name);
            stream.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: name }));
        }
    }

    /// All watches wait for the next stream, unless no member would have them.
    fn lose_stream(&mut self, error: Error) {
        let stream = self.stream.take().expect("only an open stream is lost");
        self.pool.blame(stream.member);
        for watch in self.watches.values_mut().filter(|watch| watch.place != Place::Slow) {
            watch.place = Place::Away;
        }
        self.open_from = Instant::now() + self.pauses.next();
        let leaderless = self.leader_required && error.reason() == Reason::NoLeader;
        let passing = !matches!(
            &error,
            Error::Refused { code, .. } if !matches!(code, Code::Unavailable | Code::Internal)
        );
        if leaderless || !passing {
            let ids: Vec<u64> = self.watches.keys().copied().collect();
            for id in ids {
                self.fail(id, error.clone());
            }
        }
    }

    fn take(&mut self, answer: WatchResponse) {
        let stream = self.stream.as_mut().expect("an answer comes from a stream");
        self.pool.praise(stream.member);
        self.pauses = Pauses::new(self.pool.members());
        if answer.created {
            match stream.beginning.pop_front() {
                Some(id) => {
                    self.take_beginning(id, &answer);
                    self.ask_for_progress();
                }
                None => self.lose_stream(Error::Transport {
                    message: "a watch began that was not asked for".to_owned(),
                }),
            }
        } else if answer.canceled {
            if let Some(id) = stream.running.remove(&answer.watch_id) {
                // Else the name stays taken after a compaction.
                self.end_at_member(answer.watch_id);
                self.fail(id, ending(&answer));
            }
        } else if answer.watch_id == NO_WATCH {
            let ids: Vec<u64> = stream.running.values().copied().collect();
            for id in ids {
                self.deliver(id, answer.clone());
            }
        } else if let Some(&id) = stream.running.get(&answer.watch_id) {
            self.deliver(id, answer);
        }
    }

    fn take_beginning(&mut self, id: u64, answer: &WatchResponse) {
        let name = answer.watch_id;
        let Some(watch) = self.watches.get_mut(&id) else {
            // Given up meanwhile.
            if !answer.canceled {
                self.end_at_member(name);
            }
            return;
        };
        if answer.canceled {
            self.fail(id, ending(answer));
            return;
        }
        let revision = answer.header.map_or(0, |header| header.revision);
        watch.place = Place::Running(name);
        if watch.request.start_revision == 0 {
            watch.request.start_revision = revision + 1;
        }
        if let Some(created) = watch.created.take() {
            // If nobody listens any more, the watch's end is on its way.
            drop(created.send(Ok(revision)));
        }
        let stream = self.stream.as_mut().expect("an answer comes from a stream");
        stream.running.insert(name, id);
    }

    fn deliver(&mut self, id: u64, answer: WatchResponse) {
        let watch = self.watches.get_mut(&id).expect("what runs is known");
        let Place::Running(name) = watch.place else { panic!("{id} does not run") };
        let seen = match answer.events.last() {
            Some(event) => event.kv.as_ref().map_or(0, |kv| kv.mod_revision),
            None => answer.header.map_or(0, |header| header.revision),
        };
        match watch.responses.try_send(Ok(answer)) {
            Ok(()) => {
                let start = &mut watch.request.start_revision;
                *start = (*start).max(seen + 1);
            }
            Err(TrySendError::Full(_)) => {
                watch.place = Place::Slow;
                tokio::spawn(report(id, watch.responses.clone(), self.commands.clone()));
                self.end_at_member(name);
            }
            // Its end is on its way.
            Err(TrySendError::Closed(_)) => {}
        }
    }

    /// Ends a watch with an error.
    fn fail(&mut self, id: u64, error: Error) {
        let Some(mut watch) = self.watches.remove(&id) else { return };
        if let Some(created) = watch.created.take() {
            drop(created.send(Err(error)));
            return;
        }
        // Whoever has much unread hears of the end behind it.
        if let Err(TrySendError::Full(last)) = watch.responses.try_send(Err(error)) {
            tokio::spawn(async move { drop(watch.responses.send(last).await) });
        }
    }
}

/// Says so when a slow watcher has caught up.
async fn report(
    id: u64,
    responses: mpsc::Sender<Result<WatchResponse, Error>>,
    commands: mpsc::WeakUnboundedSender<Command>,
) {
    let room = responses.reserve_many(UNREAD_MAX / 2).await;
    if let (Ok(_), Some(commands)) = (room, commands.upgrade()) {
        drop(commands.send(Command::CaughtUp(id)));
    }
}

/// The next answer. Can be given up at any time and asked for again.
async fn answer(stream: &mut Option<Stream>) -> Result<WatchResponse, Error> {
    let stream = stream.as_mut().expect("asked only if there is a stream");
    let of_status = |status| Error::of_status(&status);
    if let Answers::Opening(opening) = &mut stream.answers {
        let answers = opening.await.map_err(of_status)?.into_inner();
        stream.answers = Answers::Open(Box::new(answers));
    }
    let Answers::Open(answers) = &mut stream.answers else { unreachable!("it has been opened") };
    let ended = || Error::Transport { message: "the watch stream has ended".to_owned() };
    answers.message().await.map_err(of_status)?.ok_or_else(ended)
}

/// Why a member ended a watch.
fn ending(answer: &WatchResponse) -> Error {
    match answer.compact_revision {
        0 => Error::WatchCanceled { reason: answer.cancel_reason.clone() },
        revision => Error::Compacted { revision },
    }
}

impl Stream {
    fn ask(&self, request: RequestUnion) {
        // A stream that takes no more requests has broken, which the answers tell.
        drop(self.requests.send(WatchRequest { request_union: Some(request) }));
    }
}
