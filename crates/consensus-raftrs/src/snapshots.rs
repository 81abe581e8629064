//! Snapshots: for peers whose entries are gone, and one of a leader for this member.

use consensus::kit::{Applying, Log, Unapplied};
use consensus::{Body, Effect, Marker, Message};
use raftrs::{ProgressState, Ready, SnapshotStatus};
use units::{Index, NodeId, Position};

use crate::raftrs::Raftrs;
use crate::translate::{marker_from_library, snapshot_to_library};

/// A snapshot that is being installed. The library goes on as if it was already; what it says to
/// peers on the strength of that is held back.
pub(crate) struct Installing {
    marker: Marker,
    /// What the library calls the writing of it.
    number: u64,
    /// The log as it is on disk until then.
    pub(crate) log: Log,
    pub(crate) held: Vec<Message>,
}

/// A snapshot for a peer.
#[derive(Clone, Copy)]
pub(crate) enum Sending {
    /// It is wanted.
    Wanted,
    /// It was taken here, and may be on its way.
    Taken(Position),
    /// It has arrived, and the peer has not said what became of it.
    Arrived(Position),
}

impl Raftrs {
    /// Whether a snapshot is to become this member's log, and is not yet.
    pub(crate) fn is_installing(&self) -> bool {
        self.installing.is_some() || self.raw.snap().is_some()
    }

    /// The library has taken a leader's snapshot for its log.
    pub(crate) fn install(&mut self, ready: &Ready) {
        let snapshot = ready.snapshot();
        if snapshot.is_empty() {
            return;
        }
        let marker = marker_from_library(snapshot);
        let Marker { position, .. } = marker;
        let store = self.raw.mut_store();
        let log = std::mem::replace(&mut store.log, Log::new(position, Vec::new(), position));
        store.unapplied = Unapplied::new(position.index);
        self.applying.stop();
        let number = ready.number();
        self.outbox.push(Effect::InstallSnapshot { marker: marker.clone() });
        self.installing = Some(Installing { marker, number, log, held: Vec::new() });
    }

    /// The snapshot is durable: the log goes on after it.
    pub(crate) fn go_on_after_snapshot(&mut self, marker: &Marker) {
        let installed = self.installing.take_if(|installing| installing.marker == *marker);
        let Some(Installing { number, held, .. }) = installed else { return };
        let index = marker.position.index;
        assert!(index > self.commit, "a snapshot at {index} over the commit of {}", self.commit);
        self.commit = index;
        self.former = None;
        self.writes.reset(index);
        self.applying = Applying::new(index);
        self.raw.on_persist_ready(number);
        self.raw.advance_apply_to(index.0);
        held.into_iter().for_each(|message| self.outbox.send_after(None, message));
    }

    /// Peers need snapshots, as the library says with each answer to a heartbeat. Each is wanted
    /// once, until that has ended. Who has got one may be busy with it for long, in which it
    /// answers nothing, and then need another one; with an empty message it is asked whether its
    /// log goes on from there, as a further one would be of no use before that.
    pub(crate) fn want_snapshots(&mut self) {
        for to in self.raw.mut_store().wanted() {
            match self.snapshots.get(&to) {
                None => {
                    self.snapshots.insert(to, Sending::Wanted);
                    self.outbox.push(Effect::SnapshotWanted { to });
                }
                Some(Sending::Wanted | Sending::Taken(_)) => {}
                Some(Sending::Arrived(at)) => {
                    let (previous, commit) = (*at, self.commit.min(at.index));
                    let body = Body::Append { previous, entries: Vec::new(), commit };
                    self.outbox.say(to, Some(self.term()), body);
                }
            }
        }
    }

    /// The peer speaks of its log; perhaps of what became of the snapshot that it got.
    pub(crate) fn settle_snapshot(&mut self, from: NodeId, body: &Body) {
        if let Some(Sending::Arrived(at)) = self.snapshots.get(&from) {
            let settled = match body {
                Body::AppendAccepted { matched } => *matched >= at.index,
                Body::AppendRejected { .. } => true,
                _ => false,
            };
            if settled {
                self.snapshots.remove(&from);
            }
        }
    }

    /// A snapshot is ready for a peer; it goes if it is still needed.
    pub(crate) fn send_snapshot(&mut self, to: NodeId, marker: &Marker) {
        if let Some(sending) = self.snapshots.get_mut(&to) {
            *sending = Sending::Taken(marker.position);
        }
        let promised = self.unkept_promise().is_some();
        let head = self.raw.store().log.head().index;
        let leads = self.leads();
        let raft = &mut self.raw.raft;
        let Some(peer) = raft.mut_prs().get_mut(to.0) else { return };
        let needs = peer.state != ProgressState::Snapshot && Index(peer.next_idx) <= head;
        if !leads || !needs || promised {
            return;
        }
        if peer.state == ProgressState::Replicate {
            peer.become_probe();
        }
        peer.resume();
        self.raw.mut_store().offer(Some((to, snapshot_to_library(marker))));
        self.raw.raft.send_append(to.0);
        self.raw.mut_store().offer(None);
    }

    /// The snapshot for a peer has come to its end.
    pub(crate) fn end_snapshot(&mut self, to: NodeId, arrived: bool) {
        if let Some(Sending::Taken(at)) = self.snapshots.remove(&to)
            && arrived
        {
            self.snapshots.insert(to, Sending::Arrived(at));
        }
        let status = if arrived { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.raw.report_snapshot(to.0, status);
    }
}
