//! `etcdserverpb.Lease`: leases.

use futures_util::{StreamExt, TryStreamExt, stream};
use host::Keys;
use proto::etcdserverpb::lease_server::Lease;
use proto::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
    LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use state::Command;
use tonic::{Request, Response, Status, Streaming};
use units::LeaseId;

use crate::ends::End;
use crate::service::{Answers, Service, expect_outcome};
use crate::{error, words};

/// What is left of a lease that is not there.
const NO_TTL: i64 = -1;

/// Keep-alives of a stream that are under way at once: they are answered in order, and a client
/// with many leases asks for them one after the other without waiting.
const RENEWALS_MAX: usize = 128;

#[tonic::async_trait]
impl Lease for Service {
    type LeaseKeepAliveStream = Answers<LeaseKeepAliveResponse>;

    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let mut request = request.into_inner();
        if request.id == 0 {
            request.id = self.fresh_lease_id();
        }
        let command = Command { lease_grant: Some(request), ..Command::default() };
        let mut response = expect_outcome!(self.propose(command).await?, LeaseGrant);
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let command = Command { lease_revoke: Some(request.into_inner()), ..Command::default() };
        let mut response = expect_outcome!(self.propose(command).await?, LeaseRevoke);
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let asked = Asked { end: self.ends.of(request.metadata()), requests: request.into_inner() };
        let asked = stream::try_unfold(asked, |mut asked| async move {
            Ok(asked.next().await?.map(|id| (id, asked)))
        });
        let service = self.clone();
        let answers = asked
            .map_ok(move |id| {
                let service = service.clone();
                async move { service.kept_alive(id).await }
            })
            .try_buffered(RENEWALS_MAX);
        Ok(Response::new(answers.boxed()))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let LeaseTimeToLiveRequest { id, keys } = request.into_inner();
        let keys = if keys { Keys::Named } else { Keys::Omitted };
        let found = self.handle.time_to_live(LeaseId(id), keys).await.map_err(error::of_host)?;
        let mut response = LeaseTimeToLiveResponse { id, ttl: NO_TTL, ..Default::default() };
        if let Some(found) = found {
            response.ttl = found.remaining_s;
            response.granted_ttl = found.ttl_s;
            response.keys = found.keys;
        }
        response.header = Some(self.header());
        Ok(Response::new(response))
    }

    async fn lease_leases(
        &self,
        _: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        let ids = self.handle.leases().await.map_err(error::of_host)?;
        let leases = ids.into_iter().map(|LeaseId(id)| LeaseStatus { id }).collect();
        Ok(Response::new(LeaseLeasesResponse { header: Some(self.header()), leases }))
    }
}

impl Service {
    /// An id that no lease has: a request's, which nobody else draws, without its sign.
    fn fresh_lease_id(&self) -> i64 {
        loop {
            let id = (self.handle.draw_id() & i64::MAX.unsigned_abs()).cast_signed();
            if id != 0 {
                return id;
            }
        }
    }
}

/// The requests of a stream of keep-alives.
struct Asked {
    requests: Streaming<LeaseKeepAliveRequest>,
    end: End,
}

impl Asked {
    /// The lease of the next request; `None` when the client asks no more.
    async fn next(&mut self) -> Result<Option<LeaseId>, Status> {
        const PATH: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
        let request = tokio::select! {
            request = self.requests.message() => request,
            status = self.end.comes() => return Err(status),
        };
        let request = request.map_err(|status| words::of_etcd(PATH, status))?;
        Ok(request.map(|request| LeaseId(request.id)))
    }
}

impl Service {
    async fn kept_alive(&self, id: LeaseId) -> Result<LeaseKeepAliveResponse, Status> {
        // Before the renewal, so that its revision is not later than a deletion that the client
        // may have missed.
        let header = Some(self.header());
        let renewed = self.handle.keep_alive(id).await;
        // A lease that is not there has nothing left.
        let ttl = renewed.map_err(error::of_host)?.unwrap_or(0);
        Ok(LeaseKeepAliveResponse { header, id: id.0, ttl })
    }
}
