//! Frames of one lane that wait for its connection.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;

/// Frames that wait in one lane: what etcd's streams hold.
const FRAMES_MAX: usize = 4096;

/// Bytes that wait in one lane. A leader keeps some hundred messages of up to 1 MiB on their way to
/// a peer; a connection that has not taken a few dozen of them is not going to.
const BYTES_MAX: usize = 64 << 20;

/// Frames that go together into one batch, as long as they are small: enough to make one write of
/// many, few enough that the receiver can begin.
const BATCH_FRAMES_MAX: usize = 128;

/// Bytes of frames that go together into one batch; a single frame may exceed it.
pub const BATCH_BYTES_MAX: usize = 256 << 10;

/// A bounded queue, emptied by one connection at a time.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Which [`Outgoing`] may take frames; those before it are left over from lost connections.
    session: u64,
    /// Whether the present one has taken any.
    taken: bool,
    waker: Option<Waker>,
}

impl Queue {
    /// Whether there was room for the frame.
    pub fn push(&self, frame: Bytes) -> bool {
        let mut state = self.lock();
        let full = state.frames.len() == FRAMES_MAX || state.bytes + frame.len() > BYTES_MAX;
        if full && !state.frames.is_empty() {
            return false;
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
        true
    }

    /// The connection is lost: drops what waits for it, and says whether that or anything taken by
    /// it is lost now.
    pub fn clear(&self) -> bool {
        let mut state = self.lock();
        let lost = state.taken || !state.frames.is_empty();
        state.frames.clear();
        state.bytes = 0;
        state.taken = false;
        lost
    }

    /// What a new connection sends. Earlier ones get nothing any more.
    pub fn outgoing(self: &Arc<Self>) -> Outgoing {
        let mut state = self.lock();
        state.session += 1;
        state.taken = false;
        let session = state.session;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        drop(state);
        Outgoing { queue: Arc::clone(self), session }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The frames of a queue as the batches of one connection.
pub struct Outgoing {
    queue: Arc<Queue>,
    session: u64,
}

impl Stream for Outgoing {
    type Item = Vec<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Vec<Bytes>>> {
        let mut state = self.queue.lock();
        if state.session != self.session {
            return Poll::Ready(None);
        }
        if state.frames.is_empty() {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.taken = true;
        Poll::Ready(Some(state.take_batch()))
    }
}

impl State {
    fn take_batch(&mut self) -> Vec<Bytes> {
        let mut bytes = 0;
        let fitting = self.frames.iter().take(BATCH_FRAMES_MAX).take_while(|frame| {
            bytes += frame.len();
            bytes <= BATCH_BYTES_MAX
        });
        let count = fitting.count().max(1);
        let batch: Vec<Bytes> = self.frames.drain(..count).collect();
        self.bytes -= batch.iter().map(Bytes::len).sum::<usize>();
        batch
    }
}

#[cfg(test)]
mod tests;
