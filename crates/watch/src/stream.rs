//! A client's stream: its watchers' names and the room it has left.

use alloc::collections::BTreeSet;

use units::Time;

use crate::WatchId;

/// Responses that may wait for a stream, as in etcd.
const RESPONSES_MAX: usize = 128;

/// Bytes of responses that may wait for a stream, but for a single larger one: what a stuck stream
/// may cost. Some catch-up responses of [`CATCH_UP_BYTES_MAX`](crate::hub::CATCH_UP_BYTES_MAX).
const BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Every watcher, also one that ended on its own and whose name is still taken.
    pub(crate) watchers: BTreeSet<WatchId>,
    /// Watchers that are behind and wait for room.
    pub(crate) waiting: BTreeSet<WatchId>,
    /// When to tell progress next; `None` while nobody wants to hear of it.
    pub(crate) progress_at: Option<Time>,
    /// What is not taken yet.
    responses: usize,
    bytes: usize,
    /// The next name to give out.
    next: i64,
}

impl Stream {
    pub(crate) fn has_room(&self) -> bool {
        self.responses < RESPONSES_MAX && (self.bytes < BYTES_MAX || self.responses == 0)
    }

    pub(crate) fn delivered(&mut self, cost: usize) {
        self.responses += 1;
        self.bytes += cost;
    }

    pub(crate) fn taken(&mut self, cost: usize) {
        assert!(self.responses > 0 && self.bytes >= cost, "a stream takes what it was given");
        self.responses -= 1;
        self.bytes -= cost;
    }

    /// The name asked for, or the next free one; `None` if it is in use.
    pub(crate) fn name(&mut self, wanted: WatchId) -> Option<WatchId> {
        if wanted != WatchId(0) {
            return (!self.watchers.contains(&wanted)).then_some(wanted);
        }
        while self.watchers.contains(&WatchId(self.next)) {
            self.next += 1;
        }
        let name = WatchId(self.next);
        self.next += 1;
        Some(name)
    }
}
