//! The whole library, as most gRPC servers in Rust are built.

use std::io;
use std::net::ToSocketAddrs;

use proto::etcdserverpb::kv_server::{Kv, KvServer};
use proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest,
};
use proto::spliced::{
    DeleteRangeResponse, PutResponse, RangeResponse, RangeStreamResponse, TxnResponse,
};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::{answer, runtime};

struct Nothing;

#[tonic::async_trait]
impl Kv for Nothing {
    type RangeStreamStream = futures_util::stream::Empty<Result<RangeStreamResponse, Status>>;

    async fn put(&self, _: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        Ok(Response::new(answer::put()))
    }

    async fn range(&self, _: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        Ok(Response::new(answer::range()))
    }

    async fn range_stream(
        &self,
        _: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        Err(refused())
    }

    async fn delete_range(
        &self,
        _: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        Err(refused())
    }

    async fn txn(&self, _: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        Err(refused())
    }

    async fn compact(
        &self,
        _: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        Err(refused())
    }
}

fn refused() -> Status {
    Status::unimplemented("puts and gets are answered here")
}

pub(crate) fn serve(at: impl ToSocketAddrs) -> io::Result<()> {
    let at = at.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let server = Server::builder().add_service(KvServer::new(Nothing));
    runtime()?.block_on(server.serve(at)).map_err(io::Error::other)
}
