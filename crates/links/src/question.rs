//! Questions: each has one result, however it ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time;
use transport::{Answer, CallError, CallTicket, Sink};
use units::NodeId;

use crate::Local;

/// Questions may be answered a little after the asker has given up, and not much later.
const ANSWER_GRACE: Duration = Duration::from_secs(1);

/// A question asked here; its result is told when it is dropped, so exactly once.
pub(crate) struct Asked {
    sink: Arc<dyn Sink>,
    ticket: CallTicket,
    pub(crate) result: Result<Bytes, CallError>,
}

impl Asked {
    pub(crate) fn new(sink: Arc<dyn Sink>, ticket: CallTicket) -> Self {
        Self { sink, ticket, result: Err(CallError::Unreachable) }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Err(CallError::Unreachable));
        self.sink.called(self.ticket, result);
    }
}

/// Why a peer gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is none.
    None,
    /// There is none yet, and the peer waits no longer.
    Yet,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "there is no answer",
            Self::Yet => "there is no answer yet",
        })
    }
}

impl std::error::Error for NoAnswer {}

/// What this member answers to a peer's question.
///
/// # Errors
///
/// When it has no answer, or none in time.
pub async fn answer<D>(local: &Local<D>, from: NodeId, request: Bytes) -> Result<Bytes, NoAnswer> {
    let (give, given) = oneshot::channel();
    local.sink.call(from, request, Box::new(Giving(give)));
    match time::timeout(local.options.call_timeout + ANSWER_GRACE, given).await {
        Ok(answer) => answer.map_err(|_| NoAnswer::None),
        Err(_) => Err(NoAnswer::Yet),
    }
}

struct Giving(oneshot::Sender<Bytes>);

impl Answer for Giving {
    fn give(self: Box<Self>, answer: Bytes) {
        // The asker may have given up.
        drop(self.0.send(answer));
    }
}
