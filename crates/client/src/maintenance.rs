//! What is asked of one member. A client of several asks whichever is next: see [`Client::at`].

use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::downgrade_request::DowngradeAction;
use proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, DefragmentRequest, DefragmentResponse,
    DowngradeRequest, DowngradeResponse, HashKvRequest, HashKvResponse, MoveLeaderRequest,
    MoveLeaderResponse, SnapshotRequest, SnapshotResponse, StatusRequest, StatusResponse,
};
use tonic::Streaming;

use crate::call::Repeat;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// What a member says of itself.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn status(&self) -> Result<StatusResponse, Error> {
        self.call(Repeat::Always, StatusRequest {}, |link, request| async move {
            link.maintenance().status(request).await
        })
        .await
    }

    /// The alarms that are raised.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn alarms(&self) -> Result<AlarmResponse, Error> {
        self.alarm(Repeat::Always, AlarmAction::Get, AlarmMember::default()).await
    }

    /// Raises an alarm.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn alarm_raise(&self, alarm: AlarmMember) -> Result<AlarmResponse, Error> {
        self.alarm(Repeat::IfUndone, AlarmAction::Activate, alarm).await
    }

    /// Ends an alarm.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn alarm_disarm(&self, alarm: AlarmMember) -> Result<AlarmResponse, Error> {
        self.alarm(Repeat::IfUndone, AlarmAction::Deactivate, alarm).await
    }

    async fn alarm(
        &self,
        repeat: Repeat,
        action: AlarmAction,
        AlarmMember { member_id, alarm }: AlarmMember,
    ) -> Result<AlarmResponse, Error> {
        let request = AlarmRequest { action: action.into(), member_id, alarm };
        self.call(repeat, request, |link, request| async move {
            link.maintenance().alarm(request).await
        })
        .await
    }

    /// Defragments a member's database. Members of etcd do nothing else meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn defragment(&self) -> Result<DefragmentResponse, Error> {
        self.call(Repeat::IfUndone, DefragmentRequest {}, |link, request| async move {
            link.maintenance().defragment(request).await
        })
        .await
    }

    /// A hash of all keys with their history up to a revision; 0 for the newest.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn hash_kv(&self, revision: i64) -> Result<HashKvResponse, Error> {
        self.call(Repeat::Always, HashKvRequest { revision }, |link, request| async move {
            link.maintenance().hash_kv(request).await
        })
        .await
    }

    /// Has the leader, which must be the member asked, hand over to another.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn move_leader(&self, target_id: u64) -> Result<MoveLeaderResponse, Error> {
        self.call(Repeat::IfUndone, MoveLeaderRequest { target_id }, |link, request| async move {
            link.maintenance().move_leader(request).await
        })
        .await
    }

    /// Prepares the cluster for an older release, or takes that back.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn downgrade(
        &self,
        action: DowngradeAction,
        version: String,
    ) -> Result<DowngradeResponse, Error> {
        let repeat = match action {
            DowngradeAction::Validate => Repeat::Always,
            DowngradeAction::Enable | DowngradeAction::Cancel => Repeat::IfUndone,
        };
        let request = DowngradeRequest { action: action.into(), version };
        self.call(repeat, request, |link, request| async move {
            link.maintenance().downgrade(request).await
        })
        .await
    }

    /// A copy of a member's database. It takes as long as it takes: the client's timeout does not
    /// count.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] and those of every call.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let chunks = self
            .with_timeout(None)
            .call(Repeat::Always, SnapshotRequest {}, |link, request| async move {
                link.maintenance().snapshot(request).await
            })
            .await?;
        Ok(Snapshot { chunks })
    }
}

/// A copy of a database as it comes.
#[derive(Debug)]
pub struct Snapshot {
    chunks: Streaming<SnapshotResponse>,
}

impl Snapshot {
    /// The next chunk; none after the last.
    ///
    /// # Errors
    ///
    /// When the rest does not come.
    pub async fn next(&mut self) -> Result<Option<SnapshotResponse>, Error> {
        self.chunks.message().await.map_err(|status| Error::of_status(&status))
    }
}
