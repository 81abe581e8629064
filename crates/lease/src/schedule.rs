//! When to look at which lease.

use alloc::collections::BTreeSet;

use units::{LeaseId, Time};

/// Leases by the time at which they want to be looked at. A renewal moves a deadline far more often
/// than one is met, so it leaves its entry where it is: whoever finds a lease that is not due yet
/// puts it back. Each lease has at most one entry, not later than it must be looked at.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    wakes: BTreeSet<(Time, LeaseId)>,
}

impl Schedule {
    pub(crate) fn insert(&mut self, at: Time, lease: LeaseId) {
        self.wakes.insert((at, lease));
    }

    pub(crate) fn remove(&mut self, at: Time, lease: LeaseId) {
        self.wakes.remove(&(at, lease));
    }

    pub(crate) fn clear(&mut self) {
        self.wakes.clear();
    }

    pub(crate) fn first(&self) -> Option<Time> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// The next lease that wanted to be looked at by now.
    pub(crate) fn pop(&mut self, now: Time) -> Option<LeaseId> {
        let (at, _) = self.wakes.first()?;
        if *at > now {
            return None;
        }
        self.wakes.pop_first().map(|(_, lease)| lease)
    }
}
