//! What a follower does with its leader's messages (§3.5).

use alloc::vec::Vec;

use bytes::Bytes;
use consensus::Body;
use units::{Entry, Index, NodeId, Position, planted};

use crate::raft::Raft;

impl Raft {
    /// Entries of the leader. They were found to follow each other before.
    pub(crate) fn receive_entries(
        &mut self,
        from: NodeId,
        previous: Position,
        mut entries: Vec<Entry>,
        commit: Index,
    ) {
        if !self.follow(from) || self.installing.is_some() {
            return;
        }
        if previous.index < self.state.commit {
            return self.accept(from, self.state.commit);
        }
        if !self.log.matches(previous) {
            let hint = self.log.not_above(previous);
            let body = Body::AppendRejected { refused: previous.index, hint };
            return self.outbox.send(from, Some(self.state.term), body);
        }
        let last_new = Index(previous.index.0 + entries.len() as u64);
        let held = entries.iter().position(|entry| self.log.term(entry.index) != Some(entry.term));
        if let Some(held) = held {
            let parts_after = Index(previous.index.0 + held as u64);
            if parts_after < self.log.last().index {
                self.truncate(parts_after);
            }
            for entry in entries.drain(held..) {
                self.push_entry(entry);
            }
        }
        let commit = commit.min(last_new);
        let said = Position { term: self.state.term, index: last_new };
        let tells_commit_alone = previous.index == last_new && self.state.commit < commit;
        self.commit_to(commit);
        // The leader knows what an answer would say. Should it have missed it, it asks again, and
        // then the commit index is no news.
        if !tells_commit_alone || self.accepted < said {
            self.accept(from, last_new);
        }
    }

    /// The leader is alive. A commit index that this log does not reach is not a leader's word.
    pub(crate) fn receive_heartbeat(&mut self, from: NodeId, commit: Index, context: Bytes) {
        if !self.follow(from) {
            return;
        }
        if self.installing.is_none() && commit <= self.log.last().index {
            self.commit_to(commit);
        }
        self.outbox.send(from, Some(self.state.term), Body::HeartbeatAnswer { context });
    }

    /// Tells the leader that the logs match up to here, once that is durable.
    pub(crate) fn accept(&mut self, leader: NodeId, matched: Index) {
        self.accepted = self.accepted.max(Position { term: self.state.term, index: matched });
        let body = Body::AppendAccepted { matched };
        let durable = if planted!(AckBeforeSync) { None } else { self.barrier() };
        self.outbox.send_after(durable, leader, self.state.term, body);
    }
}
