//! Commands and changes on their way into the log.

use std::collections::VecDeque;

use bytes::Bytes;
use consensus::{Body, Refused};
use raftrs::eraftpb;
use units::{Entry, EntryKind, Index, NodeId, Term};

use crate::raftrs::Raftrs;
use crate::translate::kind_to_library;

/// What a leader took and a quorum does not hold yet.
#[derive(Default)]
pub(crate) struct Backlog {
    term: Term,
    /// The last entry of each group, and what the group weighs.
    waiting: VecDeque<(Index, usize)>,
    bytes: usize,
}

impl Backlog {
    /// In this term everything up to here is committed.
    fn settle(&mut self, term: Term, commit: Index) {
        if self.term != term {
            *self = Self { term, ..Self::default() };
        }
        while let Some((_, bytes)) = self.waiting.pop_front_if(|(last, _)| *last <= commit) {
            self.bytes -= bytes;
        }
    }

    fn add(&mut self, last: Index, bytes: usize) {
        self.waiting.push_back((last, bytes));
        self.bytes += bytes;
    }
}

impl Raftrs {
    /// Taken if this member leads, else passed on.
    ///
    /// The library is not given proposals as such: it would read changes as messages of its own
    /// form, drop without a reason what it does not take, and send what it takes at once, in a
    /// message of its own. Its log is.
    pub(crate) fn propose_entries(
        &mut self,
        entries: Vec<(EntryKind, Bytes)>,
    ) -> Result<(), Refused> {
        if !self.leads() {
            let leader = self.leader().ok_or(Refused::NoLeader)?;
            self.outbox.say(leader, None, Body::Propose { entries });
            return Ok(());
        }
        if self.is_removed_leader() {
            return Err(Refused::Removed);
        }
        if self.raw.raft.lead_transferee.is_some() {
            return Err(Refused::Transferring);
        }
        let (term, commit) = (self.term(), Index(self.raw.raft.raft_log.committed));
        self.backlog.settle(term, commit);
        let bytes: usize = entries.iter().map(|(_, data)| size_of::<Entry>() + data.len()).sum();
        let waiting = self.backlog.bytes;
        if waiting > 0 && waiting + bytes > self.config.limits.uncommitted_bytes_max {
            return Err(Refused::TooMuchUncommitted);
        }
        if !entries.is_empty() {
            self.append(entries);
            self.backlog.add(Index(self.raw.raft.raft_log.last_index()), bytes);
        }
        Ok(())
    }

    /// Proposals that a peer passed on. Whatever cannot be taken is lost without a word, as in
    /// etcd.
    pub(crate) fn receive_proposals(&mut self, from: NodeId, entries: Vec<(EntryKind, Bytes)>) {
        if !entries.is_empty() && self.leader().is_some_and(|leader| leader != from) {
            self.propose_entries(entries).ok();
        }
    }

    fn append(&mut self, entries: Vec<(EntryKind, Bytes)>) {
        let first = self.raw.raft.raft_log.last_index() + 1;
        let mut batch = Vec::with_capacity(entries.len());
        for (index, (kind, data)) in (first..).zip(entries) {
            let mut entry = eraftpb::Entry::default();
            if kind == EntryKind::Normal {
                entry.data = data;
            } else if self.may_change(kind, &data) {
                (entry.entry_type, entry.data) = (kind_to_library(kind), data);
                self.raw.raft.pending_conf_index = index;
            }
            batch.push(entry);
        }
        let taken = self.raw.raft.append_entry(&mut batch);
        assert!(taken, "the library was told of no limit to what is uncommitted");
        self.unsent = true;
    }

    /// Whether a configuration change can take effect where it would come to stand: one at a time,
    /// and while joint only one that leaves. What the data says is not known here; that a change is
    /// empty and so leaves shows in the second form only.
    fn may_change(&self, kind: EntryKind, data: &Bytes) -> bool {
        let leaves = kind == EntryKind::ConfChangeV2 && data.is_empty();
        let is_joint = self.conf_state().is_joint();
        let fits = if is_joint { kind != EntryKind::ConfChange } else { !leaves };
        fits && !self.raw.raft.has_pending_conf()
    }
}
