//! What one member can be asked about the cluster without changing it.

use proto::etcdserverpb::{
    AlarmRequest, DefragmentRequest, MemberAddRequest, MemberListRequest, MemberPromoteRequest,
    MemberRemoveRequest, MemberUpdateRequest, MoveLeaderRequest, StatusRequest,
};

use super::{Audience, Generator};

/// Nobody's id.
const STRANGER: u64 = 12_345;

/// URLs that no member can have.
const BAD_URLS: [&[&str]; 5] = [
    &[],
    &["localhost:1"],
    &["ftp://127.0.0.1:1"],
    &["http://127.0.0.1"],
    &["http://127.0.0.1:1/path"],
];

impl Generator {
    pub(super) fn ask_of_members(&mut self) {
        let id = STRANGER;
        match self.rng.u8(0..10) {
            0 => {
                let linearizable = self.rng.bool();
                self.plan("Cluster.MemberList", &MemberListRequest { linearizable });
            }
            1 => {
                let (peer_urls, is_learner) = (self.bad_urls(), self.rng.bool());
                self.plan("Cluster.MemberAdd", &MemberAddRequest { peer_urls, is_learner });
            }
            2 => self.plan("Cluster.MemberRemove", &MemberRemoveRequest { id }),
            3 => {
                let mut peer_urls = self.bad_urls();
                if self.rng.bool() {
                    peer_urls = vec!["http://127.0.0.1:1".to_owned()];
                }
                self.plan("Cluster.MemberUpdate", &MemberUpdateRequest { id, peer_urls });
            }
            4 => self.plan("Cluster.MemberPromote", &MemberPromoteRequest { id }),
            5 => self.plan("Maintenance.MoveLeader", &MoveLeaderRequest { target_id: id }),
            6 => self.plan("Maintenance.Defragment", &DefragmentRequest::default()),
            7 => {
                // Those that have a name are switched on and off elsewhere.
                let nameless = if self.audience == Audience::Newest { 3 } else { 0 };
                let (action, alarm) = (self.rng.i32(0..3), self.pick(&[0, nameless]));
                self.plan("Maintenance.Alarm", &AlarmRequest { action, alarm, member_id: 0 });
            }
            _ => self.plan("Maintenance.Status", &StatusRequest::default()),
        }
    }

    fn bad_urls(&mut self) -> Vec<String> {
        self.pick(&BAD_URLS).iter().map(|&url| url.to_owned()).collect()
    }
}
