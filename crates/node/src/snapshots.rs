//! Snapshots on their way to peers, and one that is being installed here.

use alloc::collections::{BTreeMap, VecDeque};

use units::{Index, NodeId};

use crate::SpoolTicket;

/// How many snapshots are sent at once. Each reads the whole engine and fills a link, so that more
/// would only make all of them slower; etcd allows 16.
pub const SNAPSHOTS_SENDING_MAX: usize = 4;

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// Peers that want one and have to wait; at most one place for each peer.
    wanted: VecDeque<NodeId>,
    /// Peers that one is being taken for, or sent to, with where it was taken.
    sending: BTreeMap<NodeId, Option<Index>>,
    installing: Option<SpoolTicket>,
}

impl Snapshots {
    /// The peer needs one.
    pub(crate) fn want(&mut self, to: NodeId) {
        if !self.wanted.contains(&to) && !self.sending.contains_key(&to) {
            self.wanted.push_back(to);
        }
    }

    /// The next peer to take one for, if there is room.
    pub(crate) fn start(&mut self) -> Option<NodeId> {
        if self.sending.len() >= SNAPSHOTS_SENDING_MAX {
            return None;
        }
        let to = self.wanted.pop_front()?;
        self.sending.insert(to, None);
        Some(to)
    }

    /// One was taken for the peer.
    ///
    /// # Panics
    ///
    /// If nobody asked for it.
    pub(crate) fn taken(&mut self, to: NodeId, at: Index) {
        let place = self.sending.get_mut(&to);
        *place.expect("a snapshot is taken only when it was wanted") = Some(at);
    }

    /// It came to an end, one way or the other; whether it was ours.
    pub(crate) fn ended(&mut self, to: NodeId) -> bool {
        self.sending.remove(&to).is_some()
    }

    /// Who does not lead sends no more of them.
    pub(crate) fn leadership_lost(&mut self) {
        self.wanted.clear();
    }

    /// The lowest index that a snapshot under way was taken at: the log from there on must stay, or
    /// its receiver would need the next one at once.
    pub(crate) fn lowest(&self) -> Option<Index> {
        self.sending.values().flatten().min().copied()
    }

    /// A received one is being installed.
    pub(crate) fn install(&mut self, spool: SpoolTicket) {
        assert!(self.installing.is_none(), "two snapshots cannot be installed at once");
        self.installing = Some(spool);
    }

    /// Whether one is being installed.
    pub(crate) fn is_installing(&self) -> bool {
        self.installing.is_some()
    }

    /// It is installed.
    pub(crate) fn installed(&mut self) {
        assert!(self.installing.is_some(), "a snapshot was installed that nobody asked for");
        self.installing = None;
    }

    /// How many are sent or wait.
    pub(crate) fn len(&self) -> usize {
        self.sending.len() + self.wanted.len()
    }
}
