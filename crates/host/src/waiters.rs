//! Who waits for what.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use node::Ticket;
use tokio::sync::oneshot;

/// Locks that share the load, so that clients and machines seldom meet at one.
const SHARDS: usize = 16;

/// Requests that may be under way in one member: what a machine can answer in a breath, and a
/// bounded piece of memory. Beyond it clients are told so.
pub(crate) const REQUESTS_MAX: usize = 100_000;

/// Tickets of requests under way, each with where its answer goes.
///
/// Invariant: whoever takes a ticket out is the one who answers it, so nobody is answered twice.
#[derive(Debug)]
pub(crate) struct Waiters<T> {
    shards: [Mutex<Shard<T>>; SHARDS],
    count: AtomicUsize,
}

/// `None` once the member has stopped.
type Shard<T> = Option<HashMap<Ticket, oneshot::Sender<T>, BuildHasherDefault<Scatter>>>;

/// Why nobody can wait any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwaited {
    /// The member has stopped.
    Stopped,
    /// Too many wait already.
    TooMany,
}

impl<T> Waiters<T> {
    /// Nobody waits.
    pub(crate) fn new() -> Self {
        let shards = [(); SHARDS].map(|()| Mutex::new(Some(HashMap::default())));
        Self { shards, count: AtomicUsize::new(0) }
    }

    /// Somebody waits for the ticket, which is nobody else's.
    pub(crate) fn register(&self, ticket: Ticket) -> Result<oneshot::Receiver<T>, Unwaited> {
        if self.len() >= REQUESTS_MAX {
            return Err(Unwaited::TooMany);
        }
        let (answer, answered) = oneshot::channel();
        let mut shard = self.shard(ticket);
        let former = shard.as_mut().ok_or(Unwaited::Stopped)?.insert(ticket, answer);
        assert!(former.is_none(), "a ticket is drawn once");
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(answered)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes the ticket out, if somebody waits for it.
    pub(crate) fn take(&self, ticket: Ticket) -> Option<oneshot::Sender<T>> {
        let answer = self.shard(ticket).as_mut()?.remove(&ticket)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(answer)
    }

    /// Answers whoever waits for the ticket. Nobody may, or not any more.
    pub(crate) fn answer(&self, ticket: Ticket, answer: T) {
        if let Some(waiter) = self.take(ticket) {
            drop(waiter.send(answer));
        }
    }

    /// The member has stopped: everybody is told, and nobody waits any more.
    pub(crate) fn close(&self, answer: impl Fn() -> T) {
        for shard in &self.shards {
            let waiters = lock(shard).take().unwrap_or_default();
            waiters.into_values().for_each(|waiter| drop(waiter.send(answer())));
        }
    }

    fn shard(&self, ticket: Ticket) -> MutexGuard<'_, Shard<T>> {
        lock(&self.shards[usize::try_from(ticket.0).unwrap_or(usize::MAX) % SHARDS])
    }
}

fn lock<T>(shard: &Mutex<Shard<T>>) -> MutexGuard<'_, Shard<T>> {
    // Nothing here panics half-way through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tickets are drawn by this member alone and count up: multiplying scatters them well enough, and
/// nobody outside can choose them to collide.
#[derive(Debug, Default)]
struct Scatter(u64);

impl Hasher for Scatter {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio (Knuth, §6.4).
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests;
