//! The way in: what peers ask of this member.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::oneshot;
use tokio::time;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use transport::Lane;
use units::NodeId;

use crate::peers::Peers;
use crate::snapshot::Arrivals;
use crate::wire::generated::peer_server::Peer;
use crate::wire::generated::{Answer, Batch, Nothing, Piece, Question, Verdict};
use crate::wire::{self, Introduction, Refusal};

/// Questions may be answered a little after the asker has given up, and not much later.
const ANSWER_GRACE: Duration = Duration::from_secs(1);

/// Serves `etcdd.peer.v1.Peer`.
pub(crate) struct Service {
    peers: Arc<Peers>,
    arrivals: Arrivals,
}

impl Service {
    pub(crate) fn new(peers: Arc<Peers>) -> Self {
        Self { arrivals: Arrivals::new(Arc::clone(&peers.local)), peers }
    }

    fn admit(&self, metadata: &MetadataMap) -> Result<NodeId, Status> {
        let caller = Introduction::read(metadata)?;
        self.peers.admit(&caller)?;
        Ok(caller.from)
    }
}

#[tonic::async_trait]
impl Peer for Service {
    type FramesStream = Pin<Box<dyn Stream<Item = Result<Nothing, Status>> + Send>>;

    async fn frames(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::FramesStream>, Status> {
        let from = self.admit(request.metadata())?;
        let lane = wire::read_lane(request.metadata())?;
        let reading =
            Reading { peers: Arc::clone(&self.peers), from, lane, batches: request.into_inner() };
        // The lane is read by whoever drives the answer, which yields nothing but its end.
        let answer = stream::try_unfold(reading, |mut reading| async move {
            reading.drain().await?;
            Ok(None)
        });
        Ok(Response::new(Box::pin(answer)))
    }

    async fn call(&self, request: Request<Question>) -> Result<Response<Answer>, Status> {
        let from = self.admit(request.metadata())?;
        let local = &self.peers.local;
        let (give, given) = oneshot::channel();
        local.sink.call(from, request.into_inner().request, Box::new(Giving(give)));
        match time::timeout(local.options.call_timeout + ANSWER_GRACE, given).await {
            Ok(answer) => Ok(Response::new(Answer { answer: answer.ok() })),
            Err(_) => Err(Status::deadline_exceeded("there is no answer yet")),
        }
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<Piece>>,
    ) -> Result<Response<Verdict>, Status> {
        let from = self.admit(request.metadata())?;
        let verdict = match self.arrivals.receive(from, request.into_inner()).await {
            Ok(()) => Verdict { taken: true, reason: String::new() },
            Err(error) => Verdict { taken: false, reason: error.0 },
        };
        Ok(Response::new(verdict))
    }
}

/// One lane of one peer.
struct Reading {
    peers: Arc<Peers>,
    from: NodeId,
    lane: Lane,
    batches: Streaming<Batch>,
}

impl Reading {
    async fn drain(&mut self) -> Result<(), Status> {
        while let Some(batch) = self.batches.message().await? {
            if self.peers.is_removed(self.from) {
                return Err(Refusal::Removed.into());
            }
            for frame in batch.frames {
                self.peers.local.sink.frame(self.from, self.lane, frame);
            }
        }
        Ok(())
    }
}

struct Giving(oneshot::Sender<Bytes>);

impl transport::Answer for Giving {
    fn give(self: Box<Self>, answer: Bytes) {
        // The asker may have given up.
        drop(self.0.send(answer));
    }
}
