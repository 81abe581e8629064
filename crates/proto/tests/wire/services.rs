//! A generated client understands a generated server that answers with spliced messages.

use std::pin::Pin;

use bytes::Bytes;
use prost::Message;
use proto::{
    etcdserverpb::{
        CompactionRequest, CompactionResponse, DeleteRangeRequest, PutRequest, RangeRequest,
        TxnRequest, kv_client::KvClient, kv_server::Kv, kv_server::KvServer,
    },
    mvccpb::KeyValue,
    spliced,
};
use tonic::{Request, Response, Status, codegen::tokio_stream};

/// Answers a range with one stored record, and nothing else.
struct OneKey(Bytes);

#[tonic::async_trait]
impl Kv for OneKey {
    type RangeStreamStream = Pin<
        Box<dyn tokio_stream::Stream<Item = Result<spliced::RangeStreamResponse, Status>> + Send>,
    >;

    async fn range(
        &self,
        _: Request<RangeRequest>,
    ) -> Result<Response<spliced::RangeResponse>, Status> {
        let kvs = [&self.0].into_iter().collect();
        Ok(Response::new(spliced::RangeResponse { header: None, kvs, more: false, count: 1 }))
    }

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let range_response = Some(self.range(request).await?.into_inner());
        let part = Ok(spliced::RangeStreamResponse { range_response });
        Ok(Response::new(Box::pin(tokio_stream::once(part))))
    }

    async fn put(&self, _: Request<PutRequest>) -> Result<Response<spliced::PutResponse>, Status> {
        Err(Status::unimplemented("put"))
    }

    async fn delete_range(
        &self,
        _: Request<DeleteRangeRequest>,
    ) -> Result<Response<spliced::DeleteRangeResponse>, Status> {
        Err(Status::unimplemented("delete_range"))
    }

    async fn txn(&self, _: Request<TxnRequest>) -> Result<Response<spliced::TxnResponse>, Status> {
        Err(Status::unimplemented("txn"))
    }

    async fn compact(
        &self,
        _: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        Err(Status::unimplemented("compact"))
    }
}

#[test]
fn client_reads_what_server_splices() -> Result<(), Box<dyn std::error::Error>> {
    let kv = KeyValue { key: "a".into(), value: "1".into(), mod_revision: 2, ..Default::default() };
    let server = KvServer::new(OneKey(kv.encode_to_vec().into()));
    let mut client = KvClient::new(server);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let whole = client.range(RangeRequest::default()).await?.into_inner();
        assert_eq!(whole.kvs, vec![kv]);
        let mut parts = client.range_stream(RangeRequest::default()).await?.into_inner();
        let part = parts.message().await?.and_then(|part| part.range_response);
        assert_eq!(part, Some(whole));
        assert_eq!(parts.message().await?, None);
        Ok(())
    })
}
