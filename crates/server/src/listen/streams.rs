//! Who answers the requests of a connection: the task that reads them.
//!
//! A request is mostly waiting: for the log, for a quorum. Spawned as tasks of their own, the
//! requests of a busy connection would be moved between threads that then wait for each other at
//! the connection's lock, and each answer would wake somebody. In one task the answers that came
//! meanwhile are found at one go, and leave in one write. What takes long has threads of its own
//! elsewhere.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::{future, mem};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Streams of a connection that have begun and were not taken up yet.
#[derive(Clone, Default)]
pub(super) struct Streams {
    begun: Arc<Mutex<Vec<Stream>>>,
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        // A bug in one answer is the end of that answer, not of those beside it.
        let stream = AssertUnwindSafe(stream).catch_unwind().map(drop);
        self.begun().push(Box::pin(stream));
    }
}

impl Streams {
    /// Serves a connection with its streams, until the connection ends.
    pub(super) async fn serve<C: Future>(self, connection: C) -> C::Output {
        let mut connection = pin!(connection);
        let mut under_way = FuturesUnordered::new();
        future::poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(ended);
                }
                under_way.extend(mem::take(&mut *self.begun()));
                // What was answered the connection writes out at once.
                if !answered(&mut under_way, context) {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, Vec<Stream>> {
        // Nothing here panics half-way through a change.
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings all streams that can go on as far as they can go; whether any came to its end.
fn answered(under_way: &mut FuturesUnordered<Stream>, context: &mut Context<'_>) -> bool {
    let mut any = false;
    while let Poll::Ready(Some(())) = under_way.poll_next_unpin(context) {
        any = true;
    }
    any
}

#[cfg(test)]
mod tests;
