//! What clients were told, and when: linearizability, by replay and real time.
//!
//! Every answer is compared with the model's for its place in the log, so one order explains all of
//! them. What is left is that this order agrees with real time: whatever is answered shows all that
//! anybody had been told before it was asked.

use units::{Index, Revision};

use super::{Violation, ensure};

/// A place in that order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) index: Index,
    pub(crate) revision: Revision,
}

/// What anybody has been told so far.
#[derive(Debug, Default)]
pub(crate) struct History {
    newest: Told,
}

impl History {
    /// What anybody has been told by now: what is asked from now on must show it.
    pub(crate) fn floor(&self) -> Told {
        self.newest
    }

    /// A write is answered that was asked when this was the floor: it comes after all that was told
    /// then.
    pub(crate) fn wrote(&mut self, floor: Told, at: Told) -> Result<(), Violation> {
        ensure!(at.index > floor.index, "a write is at {at:?}, after {floor:?} was told of");
        ensure!(at.revision >= floor.revision, "a write is at {at:?}, after {floor:?}");
        self.tell(at);
        Ok(())
    }

    /// A read is answered from this place.
    pub(crate) fn read(&mut self, floor: Told, at: Told) -> Result<(), Violation> {
        ensure!(at.index >= floor.index, "a read is at {at:?}, after {floor:?} was told of");
        ensure!(at.revision >= floor.revision, "a read is at {at:?}, after {floor:?}");
        self.tell(at);
        Ok(())
    }

    fn tell(&mut self, at: Told) {
        self.newest.index = self.newest.index.max(at.index);
        self.newest.revision = self.newest.revision.max(at.revision);
    }
}
