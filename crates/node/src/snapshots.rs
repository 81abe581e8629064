//! Snapshots on their way to peers, and one that is being installed here.

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use consensus::PeerStatus;
use units::{Index, NodeId, Time};

use crate::SpoolTicket;

/// How many snapshots are sent at once. Each reads the whole engine and fills a link, so that more
/// would only make all of them slower; etcd allows 16.
pub const SNAPSHOTS_SENDING_MAX: usize = 4;

/// How long the log is kept at least for a peer that a snapshot has reached and that does not say
/// that it has installed it (etcd's number).
const INSTALLING_MIN: Duration = Duration::from_secs(30);

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// Peers that want one and have to wait; at most one place for each peer.
    wanted: VecDeque<NodeId>,
    /// Peers that one is being taken for, or sent to.
    sending: BTreeMap<NodeId, Option<Taken>>,
    /// Peers that one has reached, which they now have to install.
    arrived: BTreeMap<NodeId, Arrived>,
    installing: Option<SpoolTicket>,
}

/// A snapshot on its way.
#[derive(Clone, Copy, Debug)]
struct Taken {
    at: Index,
    when: Time,
}

/// A snapshot that a peer has.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    at: Index,
    /// When the log is kept for it no longer. To install takes about as long as to send, so that
    /// much time is given, or a large state could never be handed over under load.
    until: Time,
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
        // Whatever it has got before was not enough.
        self.arrived.remove(&to);
        self.sending.insert(to, None);
        Some(to)
    }

    /// One was taken for the peer.
    ///
    /// # Panics
    ///
    /// If nobody asked for it.
    pub(crate) fn taken(&mut self, now: Time, to: NodeId, at: Index) {
        let place = self.sending.get_mut(&to);
        *place.expect("a snapshot is taken only when it was wanted") =
            Some(Taken { at, when: now });
    }

    /// It came to an end, one way or the other; whether it was ours.
    pub(crate) fn ended(&mut self, now: Time, to: NodeId, arrived: bool) -> bool {
        let Some(place) = self.sending.remove(&to) else { return false };
        if let Some(Taken { at, when }) = place.filter(|_| arrived) {
            let until = now + INSTALLING_MIN.max(now.0.saturating_sub(when.0));
            self.arrived.insert(to, Arrived { at, until });
        }
        true
    }

    /// Who does not lead sends no more of them, and has no log to offer.
    pub(crate) fn leadership_lost(&mut self) {
        self.wanted.clear();
        self.arrived.clear();
    }

    /// Whether the log is kept for peers that have got theirs, until [`settle`](Self::settle) knows
    /// better.
    pub(crate) fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// The log is kept no longer for peers that have installed theirs, had the time for it, or are
    /// none any more.
    pub(crate) fn settle(&mut self, now: Time, peers: &[PeerStatus]) {
        self.arrived.retain(|to, arrived| {
            let peer = peers.iter().find(|peer| peer.id == *to);
            now < arrived.until && peer.is_some_and(|peer| peer.matched < arrived.at)
        });
    }

    /// The lowest index that a snapshot was taken at which is on its way or being installed: the
    /// log from there on must stay, or its receiver would need the next one at once.
    pub(crate) fn lowest(&self) -> Option<Index> {
        let sending = self.sending.values().flatten().map(|taken| taken.at);
        sending.chain(self.arrived.values().map(|arrived| arrived.at)).min()
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
