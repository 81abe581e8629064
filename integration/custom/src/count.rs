//! The service: it counts keys without reading them out.

use axum::Router;
use mvcc::Interval;
use server::Handle;
use tonic::{Request, Response, Status};

use crate::wire::count_server::{Count, CountServer};
use crate::wire::{Keys, Prefix};

struct Counting(Handle);

/// What is served beside etcd's API.
pub(crate) fn routes(member: &Handle) -> Router {
    let service = CountServer::new(Counting(member.clone()));
    Router::new().route_service("/custom.v1.Count/{method}", service)
}

#[tonic::async_trait]
impl Count for Counting {
    async fn below(&self, request: Request<Prefix>) -> Result<Response<Keys>, Status> {
        let prefix = request.into_inner().prefix;
        let Self(member) = self;
        let unavailable = |error: &dyn std::error::Error| Status::unavailable(error.to_string());
        member.linearize().await.map_err(|error| unavailable(&error))?;
        let keys = member.read(move |state| {
            let interval = Interval::new(prefix.clone().into(), end_of(prefix).into());
            let revision = state.snapshot.revision();
            let count = state.snapshot.reader().count(&interval, revision)?;
            Ok(Keys { count, revision: revision.0 })
        });
        keys.await.map(Response::new).map_err(|error| unavailable(&error))
    }
}

/// The first key behind all that begin with the prefix, as etcd's requests say it; a zero byte
/// stands for the end of everything.
fn end_of(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if let Some(next) = last.checked_add(1) {
            prefix.push(next);
            return prefix;
        }
    }
    vec![0]
}
