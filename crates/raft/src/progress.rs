//! What a leader knows of a peer, and how much it sends ahead.

use alloc::collections::VecDeque;

use consensus::{Limits, PeerState};
use units::{Index, Position};

/// A peer's log, as far as the leader knows it (nextIndex and matchIndex of §3.5).
///
/// # Invariants
///
/// - `matched < next`.
/// - In [`Feeding::Replicate`] `next` runs ahead of what was acknowledged, by what is in
///   `inflight`; else nothing is in it.
/// - In [`Feeding::Installing`] `next` follows where the snapshot was taken.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Up to where its log is known to match, durably.
    pub(crate) matched: Index,
    /// What is sent next.
    pub(crate) next: Index,
    /// How it is fed.
    pub(crate) feeding: Feeding,
    /// Sent and not acknowledged.
    pub(crate) inflight: Inflight,
    /// Whether it was heard of since the last check of the quorum.
    pub(crate) active: bool,
    /// The commit index that it knows, if nothing sent got lost.
    pub(crate) commit_told: Index,
    /// It may have missed something: send a message even if there is nothing new.
    pub(crate) nudged: bool,
    /// The entries from here on are being read from the log for it.
    pub(crate) reading: Option<Index>,
    /// The newest round of reads that it confirmed.
    pub(crate) round: u64,
}

/// How a peer is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feeding {
    /// Where its log ends is not known: one message, then none until something is heard of it.
    Probe {
        /// Whether that message is out.
        waiting: bool,
    },
    /// Entries are sent without waiting for answers (§10.2.2).
    Replicate,
    /// It needs a snapshot: none was started yet, or the one taken here is on its way.
    Snapshot(Option<Position>),
    /// It has got the snapshot taken here and may be busy with it for long, in which it answers
    /// nothing. With empty messages it is asked whether its log goes on from there, until it
    /// answers, yes or no: before that another snapshot would be of no use.
    Installing {
        /// Where the snapshot was taken.
        at: Position,
        /// Whether such a message is out.
        waiting: bool,
    },
}

impl Progress {
    /// A peer of which nothing is known.
    pub(crate) fn new(next: Index, active: bool) -> Self {
        Self {
            matched: Index(0),
            next: next.max(Index(1)),
            feeding: Feeding::Probe { waiting: false },
            inflight: Inflight::default(),
            active,
            commit_told: Index(0),
            nudged: false,
            reading: None,
            round: 0,
        }
    }

    /// The peer's log matches up to here. Returns whether that is news.
    pub(crate) fn accepted(&mut self, matched: Index, log_head: Index) -> bool {
        let news = matched > self.matched;
        self.matched = self.matched.max(matched);
        self.next = self.next.max(matched.next());
        match self.feeding {
            Feeding::Probe { .. } if matched >= self.matched => self.replicate(),
            // It reached the log by itself, or by the snapshot: either way entries do from here on.
            Feeding::Snapshot(_) if news && self.matched >= log_head => self.replicate(),
            Feeding::Installing { at, .. } if matched >= log_head.min(at.index) => self.replicate(),
            Feeding::Replicate => self.inflight.free(matched),
            _ => {}
        }
        news
    }

    /// The peer does not hold the entry at `refused`; the leader's log and its own may part after
    /// `hint`. Answers to messages sent long ago change nothing.
    pub(crate) fn rejected(&mut self, refused: Index, hint: Index) {
        match self.feeding {
            Feeding::Replicate if self.matched < refused && refused < self.next => {
                self.probe(self.matched.next());
            }
            // Of a snapshot: it has started anew, without it.
            Feeding::Probe { .. } | Feeding::Installing { .. }
                if refused == self.next.previous() =>
            {
                let next = refused.min(hint.next()).max(self.matched.next());
                self.probe(next);
            }
            _ => {}
        }
    }

    /// Something was heard of a peer that was waited for, so it may be asked again.
    pub(crate) fn answered_heartbeat(&mut self, last: Index) {
        if let Feeding::Probe { waiting } | Feeding::Installing { waiting, .. } = &mut self.feeding
        {
            *waiting = false;
        }
        self.nudged = self.matched < last || matches!(self.feeding, Feeding::Probe { .. });
    }

    /// A message was lost: where the peer's log ends must be found out again.
    pub(crate) fn lost_message(&mut self) {
        if self.feeding == Feeding::Replicate {
            self.probe(self.matched.next());
        }
    }

    /// The snapshot on its way arrived, or did not; either way the peer must be heard of before it
    /// is sent anything.
    pub(crate) fn snapshot_ended(&mut self, arrived: bool) {
        let Feeding::Snapshot(taken_at) = self.feeding else { return };
        let arrived_at = taken_at.filter(|at| arrived && at.index > self.matched);
        self.probe(arrived_at.map_or(self.matched, |at| at.index).next());
        self.feeding = match arrived_at {
            Some(at) => Feeding::Installing { at, waiting: true },
            None => Feeding::Probe { waiting: true },
        };
    }

    /// Only a snapshot helps.
    pub(crate) fn need_snapshot(&mut self) {
        self.stop();
        self.feeding = Feeding::Snapshot(None);
    }

    /// A message with these many entries and bytes was sent, which tells the commit index.
    pub(crate) fn sent(&mut self, entries: usize, bytes: usize, commit: Index) {
        let last = Index(self.next.0 + entries as u64 - 1);
        match &mut self.feeding {
            Feeding::Probe { waiting } | Feeding::Installing { waiting, .. } => *waiting = true,
            Feeding::Replicate if entries > 0 => {
                self.next = last.next();
                self.inflight.add(last, bytes);
            }
            Feeding::Replicate => {}
            Feeding::Snapshot(_) => unreachable!("nothing is sent beside a snapshot"),
        }
        self.commit_told = self.commit_told.max(commit.min(last));
        self.nudged = false;
    }

    /// Whether the peer would learn of a newer commit index from an empty message.
    pub(crate) fn wants_commit(&self, commit: Index) -> bool {
        self.commit_told < commit.min(self.next.previous())
    }

    /// The state as others see it.
    pub(crate) fn state(&self) -> PeerState {
        match self.feeding {
            Feeding::Probe { .. } => PeerState::Probe,
            Feeding::Replicate => PeerState::Replicate,
            Feeding::Snapshot(_) | Feeding::Installing { .. } => PeerState::Snapshot,
        }
    }

    fn replicate(&mut self) {
        self.stop();
        self.next = self.matched.next();
        self.feeding = Feeding::Replicate;
    }

    fn probe(&mut self, next: Index) {
        self.stop();
        self.next = next;
        self.commit_told = self.commit_told.min(next.previous());
        self.feeding = Feeding::Probe { waiting: false };
    }

    fn stop(&mut self) {
        self.inflight = Inflight::default();
        self.reading = None;
    }
}

/// The messages with entries that a peer has not acknowledged yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inflight {
    /// The last entry of each and its bytes.
    messages: VecDeque<(Index, usize)>,
    bytes: usize,
}

impl Inflight {
    /// Whether no more should be sent ahead. One message always may.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        !self.messages.is_empty()
            && (self.messages.len() >= limits.inflight_messages_max
                || self.bytes >= limits.inflight_bytes_max)
    }

    fn add(&mut self, last: Index, bytes: usize) {
        self.messages.push_back((last, bytes));
        self.bytes += bytes;
    }

    fn free(&mut self, matched: Index) {
        while self.messages.front().is_some_and(|(last, _)| *last <= matched) {
            let (_, bytes) = self.messages.pop_front().expect("the front was just looked at");
            self.bytes -= bytes;
        }
    }
}
