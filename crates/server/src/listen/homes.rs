//! Where connections live: threads that hand each other nothing.
//!
//! A connection stays on its thread for life, with all that is done for it. A runtime whose threads
//! take work from each other would pass a lone client's request through two or three of them: one
//! hears of it, wakes another to listen in its place, and is woken again for the answer. Here who
//! has an answer wakes the one thread that will send it.
//!
//! So a thread's connections wait while it computes for one of them: what takes longer than about
//! a millisecond is done elsewhere by whoever answers. Reads of single keys are done here, although
//! one that no cache knows waits for a block from the disk: to ask another thread for each would
//! cost more than all of them do.
//!
//! Peers have one thread of this kind, for what is said to them as well: what comes of a message is
//! mostly something to be said to a peer, and whoever heard it is awake.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time;

/// How often a thread looks at the clock. With this always before it, the deadline of a request,
/// which is some seconds away and seldom comes, never is the next thing to wake up for: then the
/// thread would have to be told of it, once for each request.
const TICK: Duration = Duration::from_secs(1);

/// What a runtime holds of the system, to wait for events and signals and to be woken.
const DESCRIPTORS_EACH: u64 = 4;

/// Homes of connections: threads of their own.
#[derive(Debug)]
pub(crate) struct Homes {
    homes: Mutex<Vec<Home>>,
    homes_max: NonZeroUsize,
}

#[derive(Debug)]
struct Home {
    runtime: Handle,
    /// Who lives there holds this, too.
    key: Arc<()>,
    /// Nothing if it is a test's.
    thread: Option<Thread>,
}

/// A thread that is somebody's home.
#[derive(Debug)]
struct Thread {
    /// When this is dropped, it ends with all that is on it.
    open: oneshot::Sender<Infallible>,
    /// Its other end is dropped by the thread, with the last thing that it does.
    ended: oneshot::Receiver<Infallible>,
}

/// Where a connection lives, as long as it holds this.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) runtime: Handle,
    _key: Arc<()>,
}

impl Homes {
    /// A thread for each processor, begun when there are connections for it.
    pub(crate) fn threads() -> Self {
        let homes_max = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { homes: Mutex::default(), homes_max }
    }

    /// One thread of this name, begun now; and its runtime, for what else is to be done there. It
    /// ends with the homes.
    pub(crate) fn thread(name: &str) -> io::Result<(Self, Handle)> {
        let home = Home::open(name.to_owned())?;
        let runtime = home.runtime.clone();
        Ok((Self { homes: Mutex::new(vec![home]), homes_max: NonZeroUsize::MIN }, runtime))
    }

    /// The runtime that this is called from.
    #[cfg(test)]
    pub(crate) fn here() -> Self {
        let home = Home { runtime: Handle::current(), key: Arc::default(), thread: None };
        Self { homes: Mutex::new(vec![home]), homes_max: NonZeroUsize::MIN }
    }

    /// A home where as few live as anywhere.
    pub(super) fn enter(&self) -> io::Result<Key> {
        // Nothing here panics half-way through a change.
        let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        let any_is_empty = homes.iter().any(|home| home.living() == 0);
        if !any_is_empty && homes.len() < self.homes_max.get() {
            match Home::open(format!("clients-{}", homes.len())) {
                Ok(home) => homes.push(home),
                Err(error) if homes.is_empty() => return Err(error),
                Err(error) => tracing::warn!("error" = %error, "failed to start a thread"),
            }
        }
        let emptiest = homes.iter().min_by_key(|home| home.living());
        Ok(emptiest.expect("there may be one, so there is one by now").enter())
    }

    /// Ends them, with all that is still on them, and waits until nothing of it is left.
    pub(super) async fn end(self) {
        let homes = self.homes.into_inner().unwrap_or_else(PoisonError::into_inner);
        for Thread { open, ended } in homes.into_iter().filter_map(|home| home.thread) {
            drop(open);
            // Nothing is ever sent.
            drop(ended.await);
        }
    }

    /// What they take of the descriptors that a process may have.
    pub(super) fn descriptors_max(&self) -> u64 {
        self.homes_max.get() as u64 * DESCRIPTORS_EACH
    }
}

impl Home {
    /// How many live here.
    fn living(&self) -> usize {
        Arc::strong_count(&self.key) - 1
    }

    /// Begins a thread. It makes its runtime itself, as one that is not used after all must not be
    /// dropped by whoever accepts connections.
    fn open(name: String) -> io::Result<Self> {
        let (open, closed) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let (made, is_made) = sync_channel(1);
        let stay = move || {
            match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    // Whoever has begun this waits for it.
                    drop(made.send(Ok(runtime.handle().clone())));
                    runtime.block_on(until(closed));
                }
                Err(error) => drop(made.send(Err(error))),
            }
            drop(ending);
        };
        thread::Builder::new().name(name).spawn(stay)?;
        let runtime = is_made.recv().map_err(io::Error::other)??;
        Ok(Self { runtime, key: Arc::default(), thread: Some(Thread { open, ended }) })
    }

    fn enter(&self) -> Key {
        Key { runtime: self.runtime.clone(), _key: Arc::clone(&self.key) }
    }
}

/// Lets the thread's connections live until it is closed.
async fn until(mut closed: oneshot::Receiver<Infallible>) {
    let mut ticks = time::interval(TICK);
    loop {
        tokio::select! {
            _ = &mut closed => return,
            _ = ticks.tick() => {}
        }
    }
}

#[cfg(test)]
mod tests;
