//! Recent changes, kept for those who are a little behind.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use mvcc::Changes;
use units::Revision;

/// The newest changes, without gaps, as many as fit into a number of bytes.
#[derive(Debug)]
pub(crate) struct Ring {
    changes: VecDeque<Arc<Changes>>,
    bytes: usize,
    bytes_max: usize,
}

impl Ring {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { changes: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(crate) fn push(&mut self, changes: Arc<Changes>) {
        if let Some(newest) = self.changes.back() {
            assert_eq!(newest.revision.next(), changes.revision, "changes come without gaps");
        }
        self.bytes += cost(&changes);
        self.changes.push_back(changes);
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.changes.pop_front() else { break };
            self.bytes -= cost(&oldest);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.changes.clear();
        self.bytes = 0;
    }

    /// Whether it still holds the revision and all that followed.
    pub(crate) fn reaches(&self, revision: Revision) -> bool {
        self.changes.front().is_some_and(|oldest| oldest.revision <= revision)
    }

    /// The changes from the revision on, which it reaches.
    pub(crate) fn from(&self, revision: Revision) -> impl Iterator<Item = &Arc<Changes>> {
        let oldest = self.changes.front().map_or(revision, |oldest| oldest.revision);
        let skip = usize::try_from(revision.0 - oldest.0).unwrap_or(usize::MAX);
        self.changes.iter().skip(skip)
    }
}

/// The memory that a revision's changes take, roughly.
fn cost(changes: &Changes) -> usize {
    /// A revision, and an event, beside the bytes they point to.
    const OVERHEAD: usize = 128;
    let events =
        changes.events.iter().map(|event| OVERHEAD + event.key.len() + event.encoded.len());
    OVERHEAD + events.sum::<usize>()
}
