//! When the log does not reach back far enough (§5).

use consensus::kit::{Applying, Unapplied};
use consensus::{Body, Effect, Marker};
use units::{Index, NodeId, planted};

use crate::progress::Feeding;
use crate::raft::Raft;

impl Raft {
    /// A snapshot is ready for a peer; it goes if it is still needed.
    pub(crate) fn send_snapshot(&mut self, to: NodeId, marker: &Marker) {
        let term = self.state.term;
        let Some(peer) = self.peer_mut(to) else { return };
        if peer.feeding == Feeding::Snapshot(None) {
            peer.feeding = Feeding::Snapshot(Some(marker.position));
            self.outbox.send(to, Some(term), Body::Snapshot { marker: marker.clone() });
        }
    }

    /// The leader sends a snapshot. It is ignored if this log is as far already, and if it does not
    /// know this member; if the log holds its last entry, that entry is committed and no more is
    /// needed.
    pub(crate) fn receive_snapshot(&mut self, from: NodeId, marker: Marker) {
        if !self.follow(from) || self.installing.is_some() {
            return;
        }
        let position = marker.position;
        let is_newer = position.index > self.state.commit || planted!(SnapshotOverNewerLog);
        if is_newer && self.log.matches(position) && !planted!(SnapshotOverNewerLog) {
            self.commit_to(position.index);
        } else if is_newer && marker.conf_state.contains(self.config.id) {
            // What was to be written comes before the log is replaced.
            self.give_to_log();
            self.applying.stop();
            self.installing = Some(marker.clone());
            return self.outbox.push(Effect::InstallSnapshot { marker });
        }
        self.accept(from, self.state.commit);
    }

    /// The snapshot is durable: the log goes on after it.
    pub(crate) fn go_on_after_snapshot(&mut self, marker: &Marker) {
        if self.installing.take_if(|installing| installing == marker).is_none() {
            return;
        }
        let index = marker.position.index;
        let (me, commit) = (self.config.id, self.state.commit);
        assert!(index > commit, "a snapshot at {index} was installed over the commit of {commit}");
        self.state.commit = index;
        self.log.reset(marker.position);
        self.writes.reset(index);
        self.outbox.truncated(Index(0));
        self.applying = Applying::new(index);
        self.unapplied = Unapplied::new(index);
        self.reconfigure(marker.conf_state.clone());
        if let Some(leader) = self.leader.filter(|leader| *leader != me) {
            self.accept(leader, index);
        }
    }
}
