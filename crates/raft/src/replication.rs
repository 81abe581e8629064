//! How a leader brings its peers' logs to match its own (§3.5).

use alloc::collections::{BTreeSet, btree_map};

use consensus::kit::{Log, fitting};
use consensus::{Body, Effect, Limits};
use units::{Entry, Index, NodeId, Position, Term};

use crate::leading::Part;
use crate::outbox::Outbox;
use crate::progress::{Feeding, Progress};
use crate::raft::Raft;

type Peers<'a> = btree_map::IterMut<'a, NodeId, Progress>;

/// What sending entries to a peer needs to know.
struct Feeder<'a> {
    term: Term,
    commit: Index,
    log: &'a Log,
    limits: &'a Limits,
    outbox: &'a mut Outbox,
    asked: &'a mut Asked,
}

/// What was asked of the node for peers and is not answered, by whoever led: the answers come also
/// when leadership has come and gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The first entry of each read of the log.
    reads: BTreeSet<Index>,
    pub(crate) snapshots: BTreeSet<NodeId>,
}

impl Raft {
    /// Sends every peer what it lacks and may be sent, and begins a round of reads if somebody
    /// waits for one.
    pub(crate) fn feed_peers(&mut self) {
        let Part::Leader(leading) = &self.part else { return };
        if leading.reads.wants_round() {
            self.beat();
        }
        self.with_peers(|peers, feeder| {
            for (id, peer) in peers {
                feeder.feed(*id, peer);
            }
        });
    }

    /// Entries that peers wait for were read from the log; none mean that it holds them no more.
    pub(crate) fn feed_read(&mut self, first: Index, entries: &[Entry]) {
        self.asked.reads.remove(&first);
        self.with_peers(|peers, feeder| {
            let genuine = feeder.log.genuine(first, entries);
            for (id, peer) in peers.filter(|(_, peer)| peer.reading == Some(first)) {
                peer.reading = None;
                if entries.is_empty() {
                    feeder.want_snapshot(*id, peer);
                } else if peer.next == first && feeder.may_send(peer) && !genuine.is_empty() {
                    feeder.send(*id, peer, genuine.iter());
                }
            }
        });
    }

    fn with_peers(&mut self, act: impl FnOnce(Peers<'_>, &mut Feeder<'_>)) {
        let commit = self.settled_commit();
        let Part::Leader(leading) = &mut self.part else { return };
        let mut feeder = Feeder {
            term: self.state.term,
            commit,
            log: &self.log,
            limits: &self.config.limits,
            outbox: &mut self.outbox,
            asked: &mut self.asked,
        };
        act(leading.peers.iter_mut(), &mut feeder);
    }

    /// The peer holds the log up to here, durably.
    pub(crate) fn peer_accepted(&mut self, from: NodeId, matched: Index) {
        let last = self.log.last().index;
        let head = self.log.head().index;
        let Some(peer) = self.peer_mut(from) else { return };
        if matched > last {
            return;
        }
        peer.active = true;
        if peer.accepted(matched, head) {
            self.advance_commit();
        }
        self.complete_transfer(from);
    }

    /// The peer does not hold the entry before those sent.
    pub(crate) fn peer_rejected(&mut self, from: NodeId, refused: Index, hint: Position) {
        let part_after = self.log.not_above(hint);
        let Some(peer) = self.peer_mut(from) else { return };
        peer.active = true;
        peer.rejected(refused, part_after.index.min(hint.index));
    }

    /// The peer is alive and follows; perhaps it confirms reads.
    pub(crate) fn peer_answered_heartbeat(&mut self, from: NodeId, context: &[u8]) {
        let last = self.log.last().index;
        let Part::Leader(leading) = &mut self.part else { return };
        let Some(peer) = leading.peers.get_mut(&from) else { return };
        peer.active = true;
        peer.answered_heartbeat(last);
        if let Some(round) = leading.reads.echoed(context) {
            peer.round = peer.round.max(round);
            self.answer_reads();
        }
    }
}

impl Feeder<'_> {
    fn may_send(&self, peer: &Progress) -> bool {
        match peer.feeding {
            Feeding::Probe { waiting } => !waiting,
            Feeding::Replicate => !peer.inflight.is_full(self.limits),
            Feeding::Snapshot(_) | Feeding::Installing { .. } => false,
        }
    }

    /// Sends as much as the peer may have at once. What it lacks comes from memory, from the log on
    /// disk, or as a snapshot, whatever reaches back far enough.
    fn feed(&mut self, id: NodeId, peer: &mut Progress) {
        while self.may_send(peer) && peer.reading.is_none() && peer.next <= self.log.last().index {
            if peer.next <= self.log.head().index {
                return self.want_snapshot(id, peer);
            }
            if peer.next < self.log.cache_first() {
                return self.read(peer);
            }
            self.send(id, peer, self.log.cached(peer.next, self.log.last().index));
        }
        self.feed_nothing(id, peer);
    }

    /// An empty message tells the commit index, finds out where the peer's log ends, whether it has
    /// installed its snapshot, or that everything that filled the window got lost.
    fn feed_nothing(&mut self, id: NodeId, peer: &mut Progress) {
        let all_sent = peer.next > self.log.last().index;
        let worth_it = match peer.feeding {
            Feeding::Probe { waiting } => !waiting && all_sent,
            Feeding::Replicate => peer.nudged || (all_sent && peer.wants_commit(self.commit)),
            Feeding::Snapshot(_) => false,
            Feeding::Installing { waiting, .. } => !waiting,
        };
        if worth_it && self.previous(peer).is_none() {
            self.want_snapshot(id, peer);
        } else if worth_it {
            self.send(id, peer, [].iter());
        }
    }

    /// The place after which the peer is sent something, if it is known what is there.
    fn previous(&self, peer: &Progress) -> Option<Position> {
        let index = peer.next.previous();
        match peer.feeding {
            Feeding::Installing { at, .. } => Some(at),
            _ => self.log.term(index).map(|term| Position { term, index }),
        }
    }

    fn send<'e>(
        &mut self,
        id: NodeId,
        peer: &mut Progress,
        entries: impl Iterator<Item = &'e Entry>,
    ) {
        let previous = self.previous(peer).expect("what is sent follows an entry that is known");
        let (entries, bytes) = fitting(entries, self.limits.message_bytes_max);
        let commit = self.commit;
        peer.sent(entries.len(), bytes, commit);
        self.outbox.send(id, Some(self.term), Body::Append { previous, entries, commit });
    }

    /// Reads once for all peers that lack the same entries.
    fn read(&mut self, peer: &mut Progress) {
        let first = peer.next;
        peer.reading = Some(first);
        if self.asked.reads.insert(first) {
            let last = self.log.cache_first().previous();
            let bytes_max = self.limits.message_bytes_max;
            self.outbox.push(Effect::ReadLog { first, last, bytes_max });
        }
    }

    /// The log does not reach back far enough. A peer that is not there is not sent a snapshot.
    fn want_snapshot(&mut self, id: NodeId, peer: &mut Progress) {
        if !peer.active {
            return;
        }
        peer.need_snapshot();
        if self.asked.snapshots.insert(id) {
            self.outbox.push(Effect::SnapshotWanted { to: id });
        }
    }
}
