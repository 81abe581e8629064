//! A member's threads, and its end.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::desk::{Desk, Owner};
use crate::order::Work;
use crate::shared::Shared;
use crate::{Ending, Inline, Space, durable, keep, leading, space, versions};

/// How often one who hands over looks whether its successor is still there.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A member with its threads. When it is dropped without having been stopped, it ends as if its
/// process was killed.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    order: JoinHandle<()>,
    keep: JoinHandle<()>,
    apply: JoinHandle<()>,
    durable: JoinHandle<()>,
    space: JoinHandle<()>,
}

impl Running {
    /// Sets everything in motion.
    pub(crate) fn start(shared: &Arc<Shared>, space: Space) -> Self {
        let threads = Threads {
            keep: serve(
                shared,
                "keep",
                |shared| &shared.keep,
                |shared, keeper, work| {
                    let events = keeper.keep(work.drain(..))?;
                    let inline = Inline { keep: false, ..shared.config.inline };
                    shared.report(&mut events.into_iter().map(Work::Event).collect(), inline)
                },
            ),
            apply: serve(
                shared,
                "apply",
                |shared| &shared.apply,
                |shared, applier, work| {
                    let mut reports = applier.work(shared, work.drain(..))?;
                    shared.report(&mut reports, Inline::NOTHING)?;
                    applier.rest(shared)
                },
            ),
            order: serve(
                shared,
                "order",
                |shared| &shared.order,
                |shared, orderer, work| orderer.pump(shared, work.drain(..), shared.config.inline),
            ),
            durable: thread(shared, "durable", durable::run),
            space: thread(shared, "space", |shared| space::run(shared, space)),
        };
        shared.runtime.spawn(versions::publish(Arc::clone(shared)));
        shared.runtime.spawn(versions::watch_over(Arc::clone(shared)));
        if shared.config.hasten_first_election {
            shared.runtime.spawn(leading::hasten_election(Arc::clone(shared)));
        }
        Self { shared: Arc::clone(shared), threads: Mutex::new(Some(threads)) }
    }

    /// Stops in order: who leads hands over; then no more is ordered, what was ordered is kept,
    /// what was handed out is applied, and all of it made durable. At last, when nobody reads any
    /// more, engine and log are let go.
    pub(crate) async fn stop(&self) {
        // Whoever stops it as well comes back when it has stopped.
        let mut threads = self.threads.lock().await;
        self.hand_over().await;
        let Some(threads) = threads.take() else { return };
        let stopped = self.shared.runtime.spawn(end(Arc::clone(&self.shared), threads));
        drop(stopped.await);
    }
}

/// Ends all that goes on, one after the other.
async fn end(shared: Arc<Shared>, threads: Threads) {
    let still = Arc::clone(&shared);
    let ended = shared.runtime.spawn_blocking(move || {
        still.order.close();
        drop(threads.order.join());
        still.keep.post(keep::Work::Finish);
        still.keep.close();
        drop(threads.keep.join());
        still.apply.close();
        drop(threads.apply.join());
        still.durable.close();
        drop(threads.durable.join());
        still.looking.close();
        drop(threads.space.join());
    });
    drop(ended.await);
    shared.end(Ending::Asked);
    shared.end_reads().await;
    let still = Arc::clone(&shared);
    // Files may have to be written yet.
    drop(shared.runtime.spawn_blocking(move || still.let_go()).await);
}

impl Running {
    /// Who leads names a successor. One who does not lead within an election timeout, or is not
    /// there any more, stops as well; without one the others elect somebody by themselves.
    async fn hand_over(&self) {
        let shared = &self.shared;
        let Some(to) = shared.successors().first().copied() else { return };
        let parted = async {
            while shared.connected(&[to], Duration::ZERO) > 0 {
                sleep(LOOK_AGAIN).await;
            }
        };
        tokio::select! {
            _ = timeout(shared.config.consensus.election_timeout, shared.transfer(to)) => {}
            () = parted => {}
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.end(Ending::Asked);
    }
}

/// Does the work that lay on a desk.
type Pump<O> = fn(&Shared, &mut O, &mut VecDeque<<O as Owner>::Work>) -> Result<(), Ending>;

/// A thread for a desk.
fn serve<O: Owner + 'static>(
    shared: &Arc<Shared>,
    name: &str,
    desk: fn(&Shared) -> &Desk<O>,
    pump: Pump<O>,
) -> JoinHandle<()> {
    thread(shared, name, move |shared| {
        let desk = desk(shared);
        let mut work = VecDeque::new();
        while let Some(mut owner) = desk.begin(&mut work) {
            pump(shared, &mut owner, &mut work)?;
            desk.end(owner);
        }
        Ok(())
    })
}

/// A thread whose failure is the member's end.
fn thread(
    shared: &Arc<Shared>,
    name: &str,
    run: impl FnOnce(&Shared) -> Result<(), Ending> + Send + 'static,
) -> JoinHandle<()> {
    let name = format!("{name}-{}", shared.identity.node);
    let shared = Arc::clone(shared);
    let run = move || {
        // What a panic leaves behind is not used again: the member ends.
        let ended = catch_unwind(AssertUnwindSafe(|| run(&shared)));
        match ended.unwrap_or_else(|panic| Err(Ending::Bug(words(&*panic)))) {
            Ok(()) => {}
            Err(ending) => shared.end(ending),
        }
    };
    Builder::new().name(name).spawn(run).expect("a process can have five more threads")
}

/// What an assertion said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it panicked without a word".into())
}
