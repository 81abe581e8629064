//! Streams of watchers, as clients hold them, and the reading of old changes for them.

use std::sync::Arc;

use state::{Fault, Published};
use tokio::sync::mpsc;
use units::Revision;
use watch::{Create, Event, ReadOutcome, ReadRequest, Response, StreamId, WatchId};

use crate::Error;
use crate::apply::Work;
use crate::desk::Declined;
use crate::shared::Shared;

/// What clients may bring to the applying desk about their watchers.
const WORK_MAX: usize = 16_384;

/// Bytes of changes that are looked at for one answer, whether they match or not: what a step costs
/// at most.
const LOOKED_AT_MAX: usize = 16 << 20;

/// A client's stream of watchers. What it does not take keeps its watchers behind, and nobody else.
pub struct WatchStream {
    shared: Arc<Shared>,
    id: StreamId,
    responses: mpsc::UnboundedReceiver<Response>,
}

impl WatchStream {
    /// A stream without watchers.
    pub(crate) fn open(shared: &Arc<Shared>) -> Result<Self, Error> {
        let id = StreamId(shared.ids.draw());
        let (sender, responses) = mpsc::unbounded_channel();
        bring(shared, Work::Open { stream: id, responses: sender })?;
        Ok(Self { shared: Arc::clone(shared), id, responses })
    }

    /// Asks for a watcher; the answer is a response.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`], or [`Error::TooManyRequests`].
    pub fn create(&self, create: Create) -> Result<(), Error> {
        self.event(Event::Create { stream: self.id, create })
    }

    /// Ends a watcher; the answer is a response, unless there is no such watcher.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn cancel(&self, id: WatchId) -> Result<(), Error> {
        self.event(Event::Cancel { stream: self.id, id })
    }

    /// Asks how far the stream has come; the answer is a response, or none at all.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn progress(&self) -> Result<(), Error> {
        self.event(Event::Progress { stream: self.id })
    }

    /// The next response; `None` when the member has stopped.
    pub async fn next(&mut self) -> Option<Response> {
        let response = self.responses.recv().await?;
        let taken = Event::Taken { stream: self.id, cost: response.cost() };
        self.shared.apply.post(Work::Watch(taken));
        Some(response)
    }

    fn event(&self, event: Event) -> Result<(), Error> {
        bring(&self.shared, Work::Watch(event))
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        self.shared.apply.post(Work::Watch(Event::Close { stream: self.id }));
    }
}

fn bring(shared: &Shared, work: Work) -> Result<(), Error> {
    shared.apply.offer(work, WORK_MAX).map_err(|declined| match declined {
        Declined::Closed(_) => Error::Stopped,
        Declined::Full(_) => Error::TooManyRequests,
    })
}

impl Shared {
    /// Reads old changes for watchers that are behind, elsewhere; each of them asks once at a time.
    pub(crate) fn read_for_watchers(&self, request: ReadRequest) {
        let shared = self.weak();
        self.runtime.spawn(async move {
            let Some(shared) = shared.upgrade() else { return };
            let token = request.token;
            let read = shared.read(move |published| changes(published, &request)).await;
            if let Ok(outcome) = read {
                shared.apply.post(Work::Watch(Event::ReadDone { token, outcome }));
            }
        });
    }
}

/// The changes that are asked for, as far as one step goes.
fn changes(published: &Published, request: &ReadRequest) -> Result<ReadOutcome, Fault> {
    let snapshot = &published.snapshot;
    if request.from < snapshot.compacted() {
        return Ok(ReadOutcome::Compacted { revision: snapshot.compacted() });
    }
    let to = request.to.min(snapshot.revision());
    let (mut picked, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
    let mut through = Revision(request.from.0 - 1);
    while through < to && looked_at < LOOKED_AT_MAX {
        let some = snapshot.changes(through.next(), to, request.bytes_max)?;
        let Some(last) = some.last() else {
            through = to;
            break;
        };
        let last = last.revision;
        for one in some {
            let size: usize = one.events.iter().map(|event| event.encoded.len()).sum();
            looked_at += size;
            through = one.revision;
            if one.events.iter().any(|event| request.interval.contains(&event.key)) {
                bytes += size;
                picked.push(one);
            }
            if picked.len() >= request.revisions_max || bytes >= request.bytes_max {
                return Ok(ReadOutcome::Changes { changes: picked, through });
            }
        }
        assert_eq!(through, last, "changes come in order");
    }
    Ok(ReadOutcome::Changes { changes: picked, through })
}
