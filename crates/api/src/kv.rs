//! `etcdserverpb.KV`: keys and values.

use futures_util::{StreamExt, stream};
use proto::etcdserverpb::kv_server::Kv;
use proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest,
};
use proto::spliced::{
    DeleteRangeResponse, PutResponse, RangeResponse, RangeStreamResponse, TxnResponse,
};
use state::{Command, RangeStream, StreamRefusal, check, read};
use tonic::{Request, Response, Status};
use units::Revision;

use crate::error;
use crate::service::{Answers, Service, expect_outcome};
use crate::slow::Reading;

#[tonic::async_trait]
impl Kv for Service {
    type RangeStreamStream = Answers<RangeStreamResponse>;

    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let request = request.into_inner();
        if !request.serializable {
            self.refuse_learner()?;
        }
        check::range(&request).map_err(error::of_invalid)?;
        let reading = Reading::begin(self.options.slow_read);
        let answer = self.read_range(&request).await;
        reading.end_range(&request, &answer);
        let mut response = answer?;
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let request = request.into_inner();
        check::range(&request).map_err(error::of_invalid)?;
        let serializable = request.serializable;
        let range =
            RangeStream::new(request, self.options.request_bytes_max).map_err(|refusal| {
                match refusal {
                    StreamRefusal::Filters => error::range_stream_filters(),
                    StreamRefusal::Order => error::range_stream_sort(),
                }
            })?;
        if !serializable {
            self.linearize().await?;
        }
        let service = self.clone();
        let chunks = stream::try_unfold(Some(range), move |range| {
            let service = service.clone();
            async move { service.chunk(range).await }
        });
        Ok(Response::new(chunks.boxed()))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let request = request.into_inner();
        check::put(&request).map_err(error::of_invalid)?;
        let proposed = self.propose(Command { put: Some(request), ..Command::default() });
        let mut response = expect_outcome!(proposed.await?, Put);
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let request = request.into_inner();
        check::delete_range(&request).map_err(error::of_invalid)?;
        let proposed = self.propose(Command { delete_range: Some(request), ..Command::default() });
        let mut response = expect_outcome!(proposed.await?, DeleteRange);
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let request = request.into_inner();
        check::txn(&request, self.options.txn_ops_max).map_err(error::of_invalid)?;
        let mut response = if state::is_read_only(&request) {
            let reading = Reading::begin(self.options.slow_read);
            let answer = self.read_txn(&request).await;
            reading.end_txn(&request, &answer);
            answer?
        } else {
            let proposed = self.propose(Command { txn: Some(request), ..Command::default() });
            expect_outcome!(proposed.await?, Txn)
        };
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let request = request.into_inner();
        let (revision, physical) = (Revision(request.revision), request.physical);
        let proposed = self.propose(Command { compaction: Some(request), ..Command::default() });
        let mut response = expect_outcome!(proposed.await?, Compact);
        if physical {
            self.wait_for_compaction(revision).await?;
        }
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }
}

impl Service {
    /// Reads one key here and now, and more of them on a thread for that.
    async fn read_range(&self, request: &RangeRequest) -> Result<RangeResponse, Status> {
        if !request.serializable {
            self.linearize().await?;
        }
        if request.range_end.is_empty() {
            return self.glance(|state| read::range(state, request));
        }
        let request = request.clone();
        self.read(move |state| read::range(state, &request)).await
    }

    async fn read_txn(&self, request: &TxnRequest) -> Result<TxnResponse, Status> {
        if !state::is_serializable(request) {
            self.linearize().await?;
        }
        let request = request.clone();
        self.read(move |state| read::txn(state, &request)).await
    }

    /// Waits until what was compacted is really gone here.
    async fn wait_for_compaction(&self, revision: Revision) -> Result<(), Status> {
        let mut published = self.handle.watch_published();
        let done = published.wait_for(|state| state.snapshot.store().finished >= revision);
        tokio::select! {
            done = done => done.map(|_| ()).map_err(|_| error::stopped()),
            _ = self.handle.ended() => Err(error::stopped()),
        }
    }

    /// The next part of a range, and what is left of it. Only the last part has a header.
    async fn chunk(
        &self,
        range: Option<RangeStream>,
    ) -> Result<Option<(RangeStreamResponse, Option<RangeStream>)>, Status> {
        let Some(mut range) = range else { return Ok(None) };
        let (chunk, range) =
            self.read(move |state| Ok(range.next(state)?.map(|chunk| (chunk, range)))).await?;
        let Some(mut chunk) = chunk else { return Ok(None) };
        let is_last = chunk.header.is_some();
        if is_last {
            self.complete(&mut chunk.header);
        }
        let answer = RangeStreamResponse { range_response: Some(chunk) };
        Ok(Some((answer, (!is_last).then_some(range))))
    }
}
