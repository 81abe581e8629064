//! `etcdserverpb.Maintenance`: looking after a member.

use futures_util::stream;
use proto::etcdserverpb::maintenance_server::Maintenance;
use proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, DefragmentResponse,
    DowngradeInfo, DowngradeRequest, DowngradeResponse, HashKvRequest, HashKvResponse, HashRequest,
    HashResponse, MoveLeaderRequest, MoveLeaderResponse, SnapshotRequest, SnapshotResponse,
    StatusRequest, StatusResponse,
};
use state::{Command, Published, read};
use tonic::{Request, Response, Status};
use units::{NodeId, Revision};

use crate::service::{Answers, Service, expect_outcome};
use crate::{VERSION, error};

#[tonic::async_trait]
impl Maintenance for Service {
    async fn alarm(
        &self,
        request: Request<AlarmRequest>,
    ) -> Result<Response<AlarmResponse>, Status> {
        let command = Command { alarm: Some(request.into_inner()), ..Command::default() };
        let mut response = expect_outcome!(self.propose(command).await?, Alarm);
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        // In this order, so that nothing is applied that is not committed.
        let published = self.handle.published();
        let status = self.handle.status().await.map_err(error::of_host)?.consensus;
        let stats = self.handle.engine_stats();
        // An engine whose records are all in memory yet cannot tell how much of its files they
        // need.
        let live_bytes = if stats.live_bytes == 0 { stats.disk_bytes } else { stats.live_bytes };
        Ok(Response::new(StatusResponse {
            header: Some(self.header()),
            version: VERSION.to_owned(),
            db_size: bytes(stats.disk_bytes),
            leader: status.leader.map_or(0, |leader| leader.0),
            raft_index: status.commit.0,
            raft_term: status.term.0,
            raft_applied_index: published.applied.index.0,
            errors: errors(status.leader, &published),
            db_size_in_use: bytes(live_bytes),
            is_learner: self.standing().is_learner,
            storage_version: published
                .cluster_version
                .map_or_else(String::new, |version| version.to_string()),
            db_size_quota: self.options.quota.bytes_max.map_or(0, bytes),
            downgrade_info: Some(DowngradeInfo::default()),
        }))
    }

    /// There is nothing to defragment: the engine merges its files by itself, while it is used.
    async fn defragment(
        &self,
        _: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        Ok(Response::new(DefragmentResponse::default()))
    }

    async fn hash(&self, _: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let hashed = self.read(|state| read::hash_kv(state, Revision(0))).await?;
        Ok(Response::new(HashResponse { header: Some(self.header()), hash: hashed.hash }))
    }

    async fn hash_kv(
        &self,
        request: Request<HashKvRequest>,
    ) -> Result<Response<HashKvResponse>, Status> {
        let revision = Revision(request.into_inner().revision);
        let mut response = self.read(move |state| read::hash_kv(state, revision)).await?;
        self.complete(&mut response.header);
        Ok(Response::new(response))
    }

    type SnapshotStream = Answers<SnapshotResponse>;

    async fn snapshot(
        &self,
        _: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        // An error at the end of a stream, as a server has that began to send.
        let refused = Err(Status::unimplemented("etcdd does not make snapshots for clients yet"));
        Ok(Response::new(Box::pin(stream::iter([refused]))))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        if self.leader() != Some(self.handle.identity().node) {
            return Err(error::not_leader());
        }
        let target = Some(request.into_inner().target_id).filter(|id| *id != 0).map(NodeId);
        let target = target.ok_or_else(error::bad_leader_transferee)?;
        self.handle.transfer(target).await.map_err(error::of_transfer)?;
        Ok(Response::new(MoveLeaderResponse::default()))
    }

    async fn downgrade(
        &self,
        _: Request<DowngradeRequest>,
    ) -> Result<Response<DowngradeResponse>, Status> {
        Err(Status::unimplemented("etcdd does not downgrade clusters yet"))
    }
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What is wrong, in words.
fn errors(leader: Option<NodeId>, published: &Published) -> Vec<String> {
    let alarms = published.alarms.of(AlarmType::None);
    let no_leader = leader.is_none().then(|| error::no_leader().message().to_owned());
    no_leader.into_iter().chain(alarms.iter().map(in_words)).collect()
}

/// An alarm in protobuf's text form, which leaves out a member that is 0.
fn in_words(alarm: &AlarmMember) -> String {
    let kind = AlarmType::try_from(alarm.alarm);
    let kind = kind.map_or_else(|_| alarm.alarm.to_string(), |kind| kind.as_str_name().to_owned());
    match alarm.member_id {
        0 => format!("alarm:{kind}"),
        id => format!("memberID:{id} alarm:{kind}"),
    }
}
