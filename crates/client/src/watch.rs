//! Watches: what happens to keys, as it happens.

mod session;

use std::sync::{Arc, OnceLock};

use proto::etcdserverpb::watch_create_request::FilterType;
use proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use tokio::sync::{mpsc, oneshot};

use crate::client::Client;
use crate::error::Error;
use crate::keys::Keys;
use crate::pool::Pool;

use session::{Command, Registration};

/// Responses a watcher may have unread. One that has more is ended at the member and begun anew
/// from where it stopped when it has caught up by half, so that it neither holds up others nor
/// fills the memory.
const UNREAD_MAX: usize = 128;

/// What to watch, and how.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Watch(WatchCreateRequest);

impl Watch {
    /// Changes of these keys from now on.
    pub fn new(keys: impl Into<Keys>) -> Self {
        let Keys { key, range_end } = keys.into();
        Self(WatchCreateRequest { key, range_end, ..WatchCreateRequest::default() })
    }

    /// From this revision on, be it past or future; 0 for from now on.
    pub fn start_revision(mut self, revision: i64) -> Self {
        self.0.start_revision = revision;
        self
    }

    /// With what was there before each change.
    pub fn with_previous(mut self) -> Self {
        self.0.prev_kv = true;
        self
    }

    /// With a response without events now and then, when there is nothing else: all up to its
    /// revision has been seen.
    pub fn progress_notify(mut self) -> Self {
        self.0.progress_notify = true;
        self
    }

    /// Without puts.
    pub fn without_puts(mut self) -> Self {
        self.0.filters.push(FilterType::Noput.into());
        self
    }

    /// Without deletions.
    pub fn without_deletes(mut self) -> Self {
        self.0.filters.push(FilterType::Nodelete.into());
        self
    }
}

/// A running watch. Dropped, it ends.
#[derive(Debug)]
pub struct Watcher {
    id: u64,
    created_revision: i64,
    responses: mpsc::Receiver<Result<WatchResponse, Error>>,
    commands: mpsc::UnboundedSender<Command>,
}

impl Watcher {
    /// The revision of the member at which the watch began; changes after it are seen.
    pub fn created_revision(&self) -> i64 {
        self.created_revision
    }

    /// The next response: the events of one or more whole revisions; or none, which says that all
    /// up to the header's revision has been seen. After an error, or when the runtime ends, nothing
    /// more comes.
    pub async fn next(&mut self) -> Option<Result<WatchResponse, Error>> {
        self.responses.recv().await
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Without a session there is nothing to end.
        drop(self.commands.send(Command::End(self.id)));
    }
}

/// The watch streams of a client: one for watches that require a leader, one for the others, since
/// a stream is marked as a whole. Each begins with its first watch.
#[derive(Debug)]
pub(crate) struct Sessions {
    pool: Arc<Pool>,
    /// Bounded by the watchers: each sends its registration, its end, and a word when it has caught
    /// up.
    commands: [OnceLock<mpsc::UnboundedSender<Command>>; 2],
}

impl Sessions {
    pub(crate) fn new(pool: &Arc<Pool>) -> Self {
        Self { pool: Arc::clone(pool), commands: [OnceLock::new(), OnceLock::new()] }
    }

    fn get(&self, require_leader: bool) -> &mpsc::UnboundedSender<Command> {
        self.commands[usize::from(require_leader)]
            .get_or_init(|| session::spawn(Arc::clone(&self.pool), require_leader))
    }
}

impl Client {
    /// Begins a watch, which goes on over broken connections until it is dropped. Waits until a
    /// member has begun it, for ever if there is none to be reached.
    ///
    /// # Errors
    ///
    /// When a member refuses it.
    pub async fn watch(&self, watch: Watch) -> Result<Watcher, Error> {
        let commands = self.sessions.get(self.require_leader).clone();
        let (sender, responses) = mpsc::channel(UNREAD_MAX);
        let (created, creation) = oneshot::channel();
        let id = session::fresh_id();
        let registration = Registration { id, request: watch.0, responses: sender, created };
        let mut watcher = Watcher { id, created_revision: 0, responses, commands };
        let gone = || Error::Transport { message: "the runtime has ended".to_owned() };
        watcher.commands.send(Command::Begin(registration)).map_err(|_| gone())?;
        watcher.created_revision = creation.await.map_err(|_| gone())??;
        Ok(watcher)
    }

    /// Asks for a response that says up to which revision all has been seen. It goes to all
    /// watchers of this client alike; none comes if one of them has still to catch up.
    pub fn request_progress(&self) {
        // Without a session there is nobody to tell.
        drop(self.sessions.get(self.require_leader).send(Command::Progress));
    }
}
