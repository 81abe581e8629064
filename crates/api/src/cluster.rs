//! `etcdserverpb.Cluster`: members.

use std::slice;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use proto::etcdserverpb::cluster_server::Cluster;
use proto::etcdserverpb::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse,
};
use state::{MemberChange, Members};
use tonic::{Request, Response, Status};
use units::NodeId;

use crate::service::Service;
use crate::urls::Urls;
use crate::{error, ids};

#[tonic::async_trait]
impl Cluster for Service {
    async fn member_add(
        &self,
        request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        let MemberAddRequest { peer_urls, is_learner } = request.into_inner();
        let urls = Urls::parse(&peer_urls).map_err(|_| error::member_bad_urls())?;
        self.check_reach(&urls)?;
        let peer_urls = urls.to_strings();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let added = state::Member {
            id: ids::added_member(&peer_urls, now.as_secs()).0,
            peer_urls,
            is_learner,
            name: String::new(),
            client_urls: Vec::new(),
        };
        let members = self.change(MemberChange::Add(added.clone())).await?;
        Ok(Response::new(MemberAddResponse {
            header: Some(self.header_without_revision()),
            member: Some(message(&added)),
            members: listed(&members),
        }))
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        let id = NodeId(request.into_inner().id);
        let members = self.change(MemberChange::Remove { id }).await?;
        let header = Some(self.header_without_revision());
        Ok(Response::new(MemberRemoveResponse { header, members: listed(&members) }))
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        let MemberUpdateRequest { id, peer_urls } = request.into_inner();
        for url in &peer_urls {
            // What is no URL at all is taken, as by etcd.
            if let Ok(url) = Urls::parse(slice::from_ref(url)) {
                self.check_reach(&url)?;
            }
        }
        let id = NodeId(id);
        let members = self.change(MemberChange::Update { id, peer_urls }).await?;
        let header = Some(self.header_without_revision());
        Ok(Response::new(MemberUpdateResponse { header, members: listed(&members) }))
    }

    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        if request.into_inner().linearizable {
            self.linearize().await?;
        }
        let members = listed(&self.handle.published().members);
        let header = Some(self.header_without_revision());
        Ok(Response::new(MemberListResponse { header, members }))
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        let id = NodeId(request.into_inner().id);
        let members = self.change(MemberChange::Promote { id }).await?;
        let header = Some(self.header_without_revision());
        Ok(Response::new(MemberPromoteResponse { header, members: listed(&members) }))
    }
}

impl Service {
    /// A member that the others have no way to would count towards their quorum, and never be heard
    /// of. (An etcd has a way to whatever it takes for a URL.)
    fn check_reach(&self, urls: &Urls) -> Result<(), Status> {
        let schemes = self.options.peer_schemes;
        match urls.iter().find(|url| !schemes.contains(&url.scheme())) {
            None => Ok(()),
            Some(url) => Err(error::member_out_of_reach(url, schemes)),
        }
    }

    async fn change(&self, change: MemberChange) -> Result<Arc<Members>, Status> {
        self.handle.change(change).await.map_err(error::of_host)
    }
}

/// All members, by id.
fn listed(members: &Members) -> Vec<Member> {
    members.current.values().map(message).collect()
}

fn message(member: &state::Member) -> Member {
    Member {
        id: member.id,
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        client_urls: member.client_urls.clone(),
        is_learner: member.is_learner,
    }
}
