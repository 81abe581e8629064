//! Leases: keys that vanish together when nobody renews what they hang on.

use futures_util::stream;
use proto::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
    LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};

use crate::call::Repeat;
use crate::client::Client;
use crate::error::Error;
use crate::keeper::Keeper;
use crate::pool::Link;
use crate::reason::Reason;

impl Client {
    /// Grants a lease of this many seconds. The cluster chooses its id, if that is 0.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn grant(&self, ttl_s: i64, id: i64) -> Result<LeaseGrantResponse, Error> {
        let request = LeaseGrantRequest { ttl: ttl_s, id };
        self.call(Repeat::IfUndone, request, |link, request| async move {
            link.lease().lease_grant(request).await
        })
        .await
    }

    /// Ends a lease; the keys on it are deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn revoke(&self, id: i64) -> Result<LeaseRevokeResponse, Error> {
        self.call(Repeat::IfUndone, LeaseRevokeRequest { id }, |link, request| async move {
            link.lease().lease_revoke(request).await
        })
        .await
    }

    /// How long a lease has to live; the TTL is -1 if it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn time_to_live(&self, id: i64) -> Result<LeaseTimeToLiveResponse, Error> {
        self.lease_details(LeaseTimeToLiveRequest { id, keys: false }).await
    }

    /// How long a lease has to live, and which keys are on it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn time_to_live_with_keys(&self, id: i64) -> Result<LeaseTimeToLiveResponse, Error> {
        self.lease_details(LeaseTimeToLiveRequest { id, keys: true }).await
    }

    async fn lease_details(
        &self,
        request: LeaseTimeToLiveRequest,
    ) -> Result<LeaseTimeToLiveResponse, Error> {
        self.call(Repeat::Always, request, |link, request| async move {
            link.lease().lease_time_to_live(request).await
        })
        .await
    }

    /// All leases.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn leases(&self) -> Result<LeaseLeasesResponse, Error> {
        self.call(Repeat::Always, LeaseLeasesRequest {}, |link, request| async move {
            link.lease().lease_leases(request).await
        })
        .await
    }

    /// Renews a lease now.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Reason::LeaseNotFound`] if it has ended, and those of every call.
    pub async fn keep_alive_once(&self, id: i64) -> Result<LeaseKeepAliveResponse, Error> {
        let send = |link: Link, request: Request<LeaseKeepAliveRequest>| async move {
            let request = request.map(|message| stream::iter([message]));
            let mut answers = link.lease().lease_keep_alive(request).await?.into_inner();
            let answer = answers.message().await?;
            let silent = || Status::unavailable("the stream ended without an answer");
            answer.map(Response::new).ok_or_else(silent)
        };
        let response = self.call(Repeat::Always, LeaseKeepAliveRequest { id }, send).await?;
        if response.ttl <= 0 {
            return Err(Error::refused(Code::NotFound, Reason::LeaseNotFound));
        }
        Ok(response)
    }

    /// Renews a lease now, and goes on renewing it until the keeper is dropped.
    ///
    /// # Errors
    ///
    /// As [`Client::keep_alive_once`], when the first renewal fails.
    pub async fn keep_alive(&self, id: i64) -> Result<Keeper, Error> {
        let asked = Instant::now();
        let first = self.keep_alive_once(id).await?;
        Ok(Keeper::spawn(self.clone(), asked, first))
    }
}
