//! What a stream is told.

use alloc::sync::Arc;
use alloc::vec::Vec;

use mvcc::Changes;
use units::Revision;

use crate::WatchId;

/// One response for a stream.
#[derive(Clone, Debug)]
pub struct Response {
    /// Of which watcher; [`WatchId`] −1 for none, or for all of the stream.
    pub id: WatchId,
    /// The store's revision, as the header tells it. For the events of one live revision that
    /// revision; 0 in the notice that a watcher's next revision is compacted.
    pub revision: Revision,
    /// What is told.
    pub body: Body,
}

/// What is told.
#[derive(Clone, Debug)]
pub enum Body {
    /// The watcher has ended, as its client asked.
    Canceled,
    /// The watcher has ended: what it would hear next is compacted.
    Compacted {
        /// The lowest revision that can be watched.
        revision: Revision,
    },
    /// There is a watcher now.
    Created,
    /// Something has changed.
    Events(Delivery),
    /// Nothing happened up to the response's revision that was not told.
    Progress,
    /// There is no watcher: the request was turned down.
    Refused(Refusal),
}

/// Events for one watcher. The changes are shared by all watchers that they concern.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// In order of revisions.
    pub picked: Vec<Picked>,
    /// Whether the value before each change is told with it.
    pub previous: bool,
    /// Whether it may be sent in parts.
    pub fragment: bool,
}

/// Events of one revision.
#[derive(Clone, Debug)]
pub struct Picked {
    /// The revision, and all that happened in it.
    pub changes: Arc<Changes>,
    /// The places of those that concern the watcher, ascending; `None` for all of them.
    pub places: Option<Vec<u32>>,
}

/// Why there is no watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The id is in use on the stream.
    DuplicateId,
    /// No key can lie in the range.
    EmptyRange,
    /// Negative revisions are long compacted.
    NegativeStart,
}

impl Response {
    /// The bytes it counts for while it waits to be taken: what it keeps in memory, roughly. Never
    /// 0, so that small ones are bounded too.
    #[must_use]
    pub fn cost(&self) -> usize {
        /// A response and its place in a queue.
        const OVERHEAD: usize = 256;
        match &self.body {
            Body::Events(delivery) => OVERHEAD + delivery.bytes(),
            _ => OVERHEAD,
        }
    }
}

impl Delivery {
    /// Bytes of the encoded events in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.picked.iter().flat_map(Picked::events).map(|event| event.encoded.len()).sum()
    }
}

impl Picked {
    /// The events that concern the watcher.
    pub fn events(&self) -> impl Iterator<Item = &mvcc::Event> {
        let all = &self.changes.events;
        let count = self.places.as_ref().map_or(all.len(), Vec::len);
        (0..count).map(move |at| match &self.places {
            Some(places) => &all[places[at] as usize],
            None => &all[at],
        })
    }
}
