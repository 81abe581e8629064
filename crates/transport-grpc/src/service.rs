//! The way in: what peers ask of this member.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use links::{Arrivals, NoAnswer, Refusal};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use transport::Lane;
use units::NodeId;

use crate::link::{Dialer, Peers};
use crate::snapshot;
use crate::wire;
use crate::wire::generated::peer_server::Peer;
use crate::wire::generated::{Answer, Batch, Nothing, Piece, Question, Verdict};

/// Serves `etcdd.peer.v1.Peer`.
pub(crate) struct Service {
    peers: Arc<Peers>,
    arrivals: Arrivals<Dialer>,
}

impl Service {
    pub(crate) fn new(peers: Arc<Peers>) -> Self {
        Self { arrivals: Arrivals::new(Arc::clone(peers.local())), peers }
    }

    fn admit(&self, metadata: &MetadataMap) -> Result<NodeId, Status> {
        let caller = wire::read_introduction(metadata)?;
        self.peers.admit(&caller).map_err(wire::refused)?;
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
        match links::answer(self.peers.local(), from, request.into_inner().request).await {
            Ok(answer) => Ok(Response::new(Answer { answer: Some(answer) })),
            Err(NoAnswer::None) => Ok(Response::new(Answer { answer: None })),
            Err(error @ NoAnswer::Yet) => Err(Status::deadline_exceeded(error.to_string())),
        }
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<Piece>>,
    ) -> Result<Response<Verdict>, Status> {
        let from = self.admit(request.metadata())?;
        let mut pieces = request.into_inner();
        let next = async move || snapshot::next(&mut pieces).await;
        let verdict = match self.arrivals.receive(from, next).await {
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
                return Err(wire::refused(Refusal::Removed));
            }
            for frame in batch.frames {
                self.peers.local().sink.frame(self.from, self.lane, frame);
            }
        }
        Ok(())
    }
}
