//! Keeping a lease alive in the background.

use std::time::Duration;

use futures_util::stream;
use proto::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{self, Instant};
use tonic::{Code, Status};

use crate::call::{Pauses, before};
use crate::client::Client;
use crate::error::Error;

/// Why a lease is no longer kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Lost {
    /// It has expired or was revoked.
    Ended,
    /// A member refuses to renew it, and others would too.
    Refused(Error),
    /// No member renewed it for as long as it lives: whether it has expired is unknown.
    Unanswered,
}

/// Keeps a lease alive for as long as it is held. Dropped, it lets the lease expire.
#[derive(Debug)]
pub struct Keeper {
    state: watch::Receiver<Result<LeaseKeepAliveResponse, Lost>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Keeps the lease that was first renewed like this, having been asked to at that time.
    pub(crate) fn spawn(client: Client, asked: Instant, first: LeaseKeepAliveResponse) -> Self {
        let (id, life) = (first.id, Life::new(asked, &first));
        let (sender, state) = watch::channel(Ok(first));
        let task = tokio::spawn(async move {
            let lost = keep(&client, id, life, &sender).await;
            drop(sender.send_replace(Err(lost)));
        });
        Self { state, task }
    }

    /// The last renewal, or why there will be none any more.
    ///
    /// # Errors
    ///
    /// When the lease is lost.
    pub fn last(&self) -> Result<LeaseKeepAliveResponse, Lost> {
        self.state.borrow().clone()
    }

    /// Waits for the next renewal after the one last seen here.
    ///
    /// # Errors
    ///
    /// When the lease is lost.
    pub async fn renewed(&mut self) -> Result<LeaseKeepAliveResponse, Lost> {
        // The sender goes only after it has said why.
        if self.state.changed().await.is_err() {
            return self.last();
        }
        self.state.borrow_and_update().clone()
    }

    /// Waits until the lease is lost.
    pub async fn lost(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.renewed().await {
                return lost;
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type State = watch::Sender<Result<LeaseKeepAliveResponse, Lost>>;

/// How long the lease lives for certain: counted from when its renewal was asked for.
#[derive(Clone, Copy)]
struct Life {
    ttl: Duration,
    until: Instant,
}

impl Life {
    fn new(asked: Instant, renewal: &LeaseKeepAliveResponse) -> Self {
        let ttl = Duration::from_secs(renewal.ttl.unsigned_abs());
        Self { ttl, until: asked + ttl }
    }

    /// Two more renewals may fail before it ends, as in etcd's own clients.
    fn pause(&self) -> Duration {
        self.ttl / 3
    }
}

/// Renews until the lease is lost.
async fn keep(client: &Client, id: i64, mut life: Life, state: &State) -> Lost {
    let mut pauses = Pauses::new(client.pool.members());
    time::sleep_until(life.until - life.pause() * 2).await;
    loop {
        let before = life.until;
        let end = renew_at_one_member(client, id, &mut life, state).await;
        if let End::Lost(lost) = end {
            return lost;
        }
        if life.until > before {
            pauses = Pauses::new(client.pool.members());
        }
        let again = Instant::now() + pauses.next();
        if again >= life.until {
            time::sleep_until(life.until).await;
            return Lost::Unanswered;
        }
        time::sleep_until(again).await;
    }
}

/// Why a member no longer renews.
enum End {
    /// Another may.
    Failed,
    Lost(Lost),
}

/// Opens a stream and renews on it for as long as the member answers.
async fn renew_at_one_member(client: &Client, id: i64, life: &mut Life, state: &State) -> End {
    let link = client.pool.pick();
    let failed = |status: Option<Status>| {
        client.pool.blame(link.member);
        status.map_or(End::Failed, |status| end(&status))
    };
    // One request is on its way at a time.
    let (requests, mut receiver) = mpsc::channel(1);
    let outgoing = stream::poll_fn(move |context| receiver.poll_recv(context));
    let mut service = link.lease();
    let mut asked = Instant::now();
    // Members open the stream with their first answer, so the first request goes before.
    if requests.send(LeaseKeepAliveRequest { id }).await.is_err() {
        return failed(None);
    }
    let opening = service.lease_keep_alive(client.request(outgoing));
    let mut answers = match before(patience(life), opening).await {
        Some(Ok(response)) => response.into_inner(),
        Some(Err(status)) => return failed(Some(status)),
        None => return failed(None),
    };
    loop {
        let renewal = match before(patience(life), answers.message()).await {
            Some(Ok(Some(renewal))) => renewal,
            Some(Err(status)) => return failed(Some(status)),
            Some(Ok(None)) | None => return failed(None),
        };
        if renewal.ttl <= 0 {
            return End::Lost(Lost::Ended);
        }
        client.pool.praise(link.member);
        *life = Life::new(asked, &renewal);
        drop(state.send_replace(Ok(renewal)));
        time::sleep(life.pause()).await;
        asked = Instant::now();
        if requests.send(LeaseKeepAliveRequest { id }).await.is_err() {
            return failed(None);
        }
    }
}

/// How long to wait for a member: there must be time to ask another.
fn patience(life: &Life) -> Option<Instant> {
    Some((Instant::now() + life.pause()).min(life.until))
}

fn end(status: &Status) -> End {
    match Error::of_status(status) {
        error @ Error::Refused {
            code: Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated,
            ..
        } => End::Lost(Lost::Refused(error)),
        _ => End::Failed,
    }
}
