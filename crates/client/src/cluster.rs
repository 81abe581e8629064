//! Who belongs to the cluster.

use proto::etcdserverpb::{
    MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse,
};

use crate::call::Repeat;
use crate::client::Client;
use crate::error::Error;

/// How true an answer must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Consistency {
    /// As it is now, for certain.
    Linearizable,
    /// As the member asked knows it, which may be old.
    Serializable,
}

/// What a new member is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It hears of everything and has no vote, until it is promoted.
    Learner,
    /// It votes at once.
    Voter,
}

impl Client {
    /// The members.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn members(&self, consistency: Consistency) -> Result<MemberListResponse, Error> {
        let linearizable = consistency == Consistency::Linearizable;
        let request = MemberListRequest { linearizable };
        self.call(Repeat::Always, request, |link, request| async move {
            link.cluster().member_list(request).await
        })
        .await
    }

    /// Announces a new member, which is then started.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn member_add(
        &self,
        peer_urls: Vec<String>,
        role: Role,
    ) -> Result<MemberAddResponse, Error> {
        let request = MemberAddRequest { peer_urls, is_learner: role == Role::Learner };
        self.call(Repeat::IfUndone, request, |link, request| async move {
            link.cluster().member_add(request).await
        })
        .await
    }

    /// Removes a member.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn member_remove(&self, id: u64) -> Result<MemberRemoveResponse, Error> {
        self.call(Repeat::IfUndone, MemberRemoveRequest { id }, |link, request| async move {
            link.cluster().member_remove(request).await
        })
        .await
    }

    /// Changes where its peers find a member.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn member_update(
        &self,
        id: u64,
        peer_urls: Vec<String>,
    ) -> Result<MemberUpdateResponse, Error> {
        let request = MemberUpdateRequest { id, peer_urls };
        self.call(Repeat::IfUndone, request, |link, request| async move {
            link.cluster().member_update(request).await
        })
        .await
    }

    /// Gives a learner its vote.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn member_promote(&self, id: u64) -> Result<MemberPromoteResponse, Error> {
        self.call(Repeat::IfUndone, MemberPromoteRequest { id }, |link, request| async move {
            link.cluster().member_promote(request).await
        })
        .await
    }
}
