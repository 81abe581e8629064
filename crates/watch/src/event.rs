//! What goes into the hub and what comes out of it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use mvcc::{Changes, Interval};
use units::Revision;

use crate::Response;

/// Names a stream of a client. Whoever opens it chooses; never the same one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// Names a watcher within its stream, as etcd's clients see it. Negative ones are legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub i64);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The client wants a watcher to end. One that does not exist is passed over in silence.
    Cancel {
        /// On which stream.
        stream: StreamId,
        /// Which.
        id: WatchId,
    },
    /// The state machine has applied these, in order; none is left out. Comes before the new
    /// revision can be read, so that nobody reads what a watcher could still miss.
    Changed {
        /// One for each revision.
        changes: Vec<Arc<Changes>>,
    },
    /// The stream is gone, with all its watchers.
    Close {
        /// Which.
        stream: StreamId,
    },
    /// Revisions below this one can no longer be read.
    Compacted {
        /// The lowest that can.
        revision: Revision,
    },
    /// The client wants a watcher.
    Create {
        /// On which stream.
        stream: StreamId,
        /// What it is to be like.
        create: Create,
    },
    /// A client has a stream now.
    Open {
        /// Its name.
        stream: StreamId,
    },
    /// The client asks how far the stream has come. Answered at once or not at all.
    Progress {
        /// Which.
        stream: StreamId,
    },
    /// The answer to [`Effect::Read`].
    ReadDone {
        /// The question's number.
        token: u64,
        /// The answer.
        outcome: ReadOutcome,
    },
    /// The store was replaced by a snapshot: what lies between is in the engine, if anywhere.
    Restored {
        /// Its revision.
        revision: Revision,
        /// Its lowest readable revision.
        compacted: Revision,
    },
    /// The stream has taken a response, so that there is room for another.
    Taken {
        /// Which stream.
        stream: StreamId,
        /// What [`Response::cost`] said.
        cost: usize,
    },
}

/// What a watcher is to be like.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its name; 0 lets the hub choose.
    pub id: WatchId,
    /// The key, or the first key of a range. Empty stands for the first key there can be.
    pub key: Bytes,
    /// As in a range request: empty for the key alone, one zero byte for everything from the key
    /// on, else the first key that is not watched.
    pub range_end: Bytes,
    /// From which revision on; 0 for what comes next.
    pub start: Revision,
    /// What not to tell.
    pub filters: Filters,
    /// Whether the value before a change is told with it.
    pub previous: bool,
    /// Whether the stream is told now and then how far it has come, when nothing else tells it.
    pub progress: bool,
    /// Whether large responses may be sent in parts.
    pub fragment: bool,
}

/// What not to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// No puts.
    pub puts: bool,
    /// No deletes.
    pub deletes: bool,
}

/// Something to do, in the order given.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send this on the stream, after everything delivered to it before. Once it is taken, say so
    /// by [`Event::Taken`].
    Deliver {
        /// To whom.
        stream: StreamId,
        /// What.
        response: Response,
    },
    /// Read old changes from the engine, off the write path; answered by [`Event::ReadDone`].
    Read(ReadRequest),
}

/// Old changes that somebody needs.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The question's number.
    pub token: u64,
    /// Only keys in here matter.
    pub interval: Interval,
    /// The first revision.
    pub from: Revision,
    /// The last revision, which the engine holds by the time it is asked or soon after: a view that
    /// does not reach it answers for as far as it does.
    pub to: Revision,
    /// At most so many revisions that match.
    pub revisions_max: usize,
    /// Stop after this many bytes of events, at the end of a revision.
    pub bytes_max: usize,
}

/// What the engine answered.
#[derive(Clone, Debug)]
pub enum ReadOutcome {
    /// The changes that match, with all their events or the matching ones alone.
    Changes {
        /// In order.
        changes: Vec<Arc<Changes>>,
        /// Up to here nothing is missing in between; at least `from`.
        through: Revision,
    },
    /// The first revision asked for is compacted.
    Compacted {
        /// The lowest that can be read.
        revision: Revision,
    },
}
