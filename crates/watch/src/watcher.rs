//! One watcher, and how far it has come.

use alloc::sync::Arc;
use alloc::vec::Vec;

use mvcc::{Changes, EventKind, Interval};
use units::{Revision, planted};

use crate::{Delivery, Filters, Picked, StreamId, WatchId};

/// Names a watcher among all.
pub(crate) type WatcherKey = (StreamId, WatchId);

#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) interval: Interval,
    pub(crate) filters: Filters,
    pub(crate) previous: bool,
    pub(crate) progress: bool,
    pub(crate) fragment: bool,
    /// The revision it was to start from; progress is not told before it is reached.
    pub(crate) start: Revision,
    pub(crate) phase: Phase,
    /// Whether it heard nothing since progress was told last.
    pub(crate) quiet: bool,
}

/// How far a watcher has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has heard of everything before this revision, but not yet of all that is there.
    Behind {
        /// The first that it has not heard of.
        next: Revision,
    },
    /// It ended on its own; only its name is still taken.
    Ended,
    /// It has heard of everything there is, and does not want to hear of what is before `from`.
    Live {
        /// The first revision that it wants.
        from: Revision,
    },
    /// As behind; the engine is being read for it.
    Reading {
        /// The first that it has not heard of.
        next: Revision,
        /// The question's number.
        token: u64,
    },
}

impl Watcher {
    /// Which events of the revision concern it; `None` if none does.
    pub(crate) fn pick(&self, changes: &Arc<Changes>) -> Option<Picked> {
        let concerns =
            |event: &mvcc::Event| self.interval.contains(&event.key) && self.wants(event);
        let all = changes.events.len();
        let count = changes.events.iter().filter(|event| concerns(event)).count();
        if count == 0 {
            return None;
        }
        let places = (count < all).then(|| {
            let places = (0..).zip(&changes.events).filter(|(_, event)| concerns(event));
            places.map(|(place, _)| place).collect::<Vec<u32>>()
        });
        Some(Picked { changes: changes.clone(), places })
    }

    /// Whether it has heard of everything up to the revision, and was to start before its end.
    pub(crate) fn is_synced(&self, revision: Revision) -> bool {
        let is_live = matches!(self.phase, Phase::Live { .. }) || planted!(ProgressTooEarly);
        is_live && self.start <= revision
    }

    pub(crate) fn delivery(&self, picked: Vec<Picked>) -> Delivery {
        Delivery { picked, previous: self.previous, fragment: self.fragment }
    }

    fn wants(&self, event: &mvcc::Event) -> bool {
        match event.kind {
            EventKind::Put => !self.filters.puts,
            EventKind::Delete => !self.filters.deletes,
        }
    }
}
