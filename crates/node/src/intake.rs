//! What may enter the log of a member whose disk is nearly full.

use bytes::Bytes;
use consensus::{Body, Message};
use units::{Entry, EntryKind, Term};

/// Bytes of commands of former terms that enter a closed log: what others took in before they were
/// closed, too. A part of what is left on a disk that is called full.
const FORMER_BYTES_MAX: usize = 16 << 20;

/// Whether commands may enter the log of this member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intake {
    /// They may not: proposals are refused, those of peers dropped, and so is what a leader sends,
    /// as if it was lost on the wire. A leader tells its followers, so that they refuse proposals,
    /// too. All else goes on: votes, heartbeats, reads, and changes of the configuration, which may
    /// be the way out.
    Closed,
    /// They may.
    #[default]
    Open,
}

/// The way into the log.
#[derive(Debug)]
pub(crate) struct Door {
    intake: Intake,
    /// Bytes of commands of former terms that may still enter while it is closed.
    former_bytes: usize,
}

impl Door {
    pub(crate) fn open() -> Self {
        Self { intake: Intake::Open, former_bytes: FORMER_BYTES_MAX }
    }

    pub(crate) fn intake(&self) -> Intake {
        self.intake
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.intake == Intake::Closed
    }

    pub(crate) fn turn(&mut self, intake: Intake) {
        self.intake = intake;
        if intake == Intake::Open {
            self.former_bytes = FORMER_BYTES_MAX;
        }
    }

    /// What of a peer's message may go to consensus; `None` if it is to be lost.
    pub(crate) fn admit(&mut self, mut message: Message) -> Option<Message> {
        if !self.is_closed() {
            return Some(message);
        }
        let term = message.term;
        match &mut message.body {
            Body::Append { entries, .. } => {
                let sent = entries.len();
                let barred = entries.iter().position(|entry| !self.admits(entry, term));
                // A shorter message is as good as one that was cut off by the leader. But one with
                // nothing left would be answered, and the answer by the same again.
                entries.truncate(barred.unwrap_or(sent));
                if sent > 0 && entries.is_empty() {
                    return None;
                }
            }
            Body::Propose { entries } if entries.iter().any(is_command) => return None,
            // Whoever leads takes in what the others propose.
            Body::TimeoutNow => return None,
            _ => {}
        }
        Some(message)
    }

    /// Whether an entry from the leader of this term may enter. What is left of former terms comes
    /// before its first own entry, which is empty; and until that is agreed on nobody can read.
    fn admits(&mut self, entry: &Entry, term: Option<Term>) -> bool {
        if entry.kind != EntryKind::Normal || entry.data.is_empty() {
            return true;
        }
        let left = self.former_bytes.checked_sub(entry.data.len());
        match left.filter(|_| Some(entry.term) < term) {
            Some(left) => {
                self.former_bytes = left;
                true
            }
            None => false,
        }
    }
}

fn is_command((kind, _): &(EntryKind, Bytes)) -> bool {
    *kind == EntryKind::Normal
}
