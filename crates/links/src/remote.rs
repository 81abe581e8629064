//! A peer, and what belongs to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;
use transport::{CallError, Lane, Peer};

use crate::question::Asked;
use crate::{Dialer, Local, Queue};

/// Questions on their way to one peer.
const CALLS_MAX: usize = 1024;

/// A peer and the tasks that serve it, which end when it is dropped.
pub struct Remote<D: Dialer> {
    /// The way to it.
    pub line: Arc<Line<D>>,
    tasks: Mutex<JoinSet<()>>,
}

/// The way to a peer. Tasks hold this and never the [`Remote`] that holds them.
pub struct Line<D: Dialer> {
    /// This member.
    pub local: Arc<Local<D>>,
    /// Whom it leads to.
    pub peer: Peer,
    /// By `Lane as usize`.
    pub queues: [Arc<Queue>; Lane::ALL.len()],
    /// Since when each lane is open, by `Lane as usize`.
    open: Mutex<[Option<Instant>; Lane::ALL.len()]>,
    /// Which of the peer's URLs is tried next.
    next_url: AtomicUsize,
    kept: watch::Sender<D::Kept>,
    calls: Arc<Semaphore>,
    sends_snapshot: AtomicBool,
}

impl<D: Dialer> Remote<D> {
    pub(crate) fn new(local: Arc<Local<D>>, peer: Peer) -> Self {
        let line = Arc::new(Line {
            local,
            peer,
            queues: Lane::ALL.map(|_| Arc::new(Queue::default())),
            open: Mutex::default(),
            next_url: AtomicUsize::new(0),
            kept: watch::Sender::default(),
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
            sends_snapshot: AtomicBool::new(false),
        });
        Self { line, tasks: Mutex::default() }
    }

    /// Runs something on behalf of the peer, until it is done or the peer is none any more.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.line.local.runtime);
    }

    pub(crate) fn ask<F>(
        &self,
        mut asked: Asked,
        ask: impl FnOnce(Arc<Line<D>>) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<Bytes, CallError>> + Send,
    {
        let Ok(permit) = Arc::clone(&self.line.calls).try_acquire_owned() else { return };
        let line = Arc::clone(&self.line);
        self.spawn(async move {
            let timeout = line.local.options.call_timeout;
            asked.result =
                time::timeout(timeout, ask(line)).await.unwrap_or(Err(CallError::TimedOut));
            drop((asked, permit));
        });
    }
}

impl<D: Dialer> Line<D> {
    /// For how long frames have been able to reach the peer.
    pub fn connected(&self) -> Option<Duration> {
        let open = self.lanes();
        let heartbeat = open[Lane::Heartbeat as usize]?;
        let append = open[Lane::Append as usize]?;
        Some(heartbeat.max(append).elapsed())
    }

    /// Whether frames of this lane can reach the peer.
    pub fn is_open(&self, lane: Lane) -> bool {
        self.lanes()[lane as usize].is_some()
    }

    /// Since when they can.
    pub fn set_open(&self, lane: Lane, since: Option<Instant>) {
        self.lanes()[lane as usize] = since;
    }

    /// The URL whose turn it is to be tried.
    pub fn url(&self) -> Option<&str> {
        let urls = &self.peer.urls;
        let turn = self.next_url.load(Ordering::Relaxed);
        urls.get(turn % urls.len().max(1)).map(String::as_str)
    }

    /// It was tried in vain.
    pub fn try_next_url(&self) {
        self.next_url.fetch_add(1, Ordering::Relaxed);
    }

    /// What the part keeps of its connection.
    pub fn kept(&self) -> D::Kept {
        self.kept.borrow().clone()
    }

    /// The same, for who waits until it changes.
    pub fn changes(&self) -> watch::Receiver<D::Kept> {
        self.kept.subscribe()
    }

    /// From now on it keeps this.
    pub fn keep(&self, kept: D::Kept) {
        self.kept.send_replace(kept);
    }

    /// Whether it was this one's turn to send a snapshot: one at a time.
    pub(crate) fn begin_snapshot(&self) -> bool {
        !self.sends_snapshot.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_snapshot(&self) {
        self.sends_snapshot.store(false, Ordering::Release);
    }

    fn lanes(&self) -> MutexGuard<'_, [Option<Instant>; Lane::ALL.len()]> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
