//! A pause between two rounds of a thread, that ends early when the member stops.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A pause. Once it is closed, there are no more rounds.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    closed: Mutex<bool>,
    bell: Condvar,
}

impl Pause {
    /// Waits until it is time; `false` when the member stops.
    pub(crate) fn wait(&self, span: Duration) -> bool {
        let waited = self.bell.wait_timeout_while(self.closed(), span, |closed| !*closed);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// It is not needed any more.
    pub(crate) fn close(&self) {
        *self.closed() = true;
        self.bell.notify_all();
    }

    fn closed(&self) -> MutexGuard<'_, bool> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
