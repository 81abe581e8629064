//! Making the engine durable, now and then, beside everything else.
//!
//! A crash loses what the engine had not made durable, and the log brings it back; so this only
//! decides how much of the log is kept, and replayed at a start.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use node::Event;
use units::Index;

use crate::Ending;
use crate::order::Work;
use crate::shared::Shared;

/// When to make the engine durable, and what of it is.
pub(crate) struct Durable {
    state: Mutex<State>,
    bell: Condvar,
}

struct State {
    index: Index,
    closed: bool,
}

impl Durable {
    /// What is found at a start is durable up to the index.
    pub(crate) fn new(index: Index) -> Self {
        Self { state: Mutex::new(State { index, closed: false }), bell: Condvar::new() }
    }

    /// It is not needed any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.bell.notify_all();
    }

    /// Waits until it is time; `false` when the member stops.
    fn wait(&self, span: Duration) -> bool {
        let waited = self.bell.wait_timeout_while(self.state(), span, |state| !state.closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that does it: until the member stops, and once more then.
///
/// # Errors
///
/// When the engine cannot be trusted any more.
pub(crate) fn run(shared: &Shared) -> Result<(), Ending> {
    // What was found at the start may have been written, and not made durable, by a former process.
    shared.sync_engine()?;
    let found = shared.durable.state().index;
    shared.order.post(Work::Event(Event::Durable { index: found }));
    while shared.durable.wait(shared.config.sync_every) {
        sync(shared)?;
    }
    // An engine of a member that has ended by itself is not touched any more.
    if shared.ending.borrow().is_some() { Ok(()) } else { sync(shared) }
}

fn sync(shared: &Shared) -> Result<(), Ending> {
    // What is published is written.
    let index = shared.published().applied.index;
    if index > shared.durable.state().index {
        shared.sync_engine()?;
        shared.durable.state().index = index;
        shared.order.post(Work::Event(Event::Durable { index }));
    }
    Ok(())
}
