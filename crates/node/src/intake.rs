//! What may enter the log of a member whose disk is nearly full.

use consensus::Body;
use units::{Entry, EntryKind};

/// Whether commands may enter the log of this member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intake {
    /// They may not: proposals are refused, those of peers dropped, and so is what a leader sends,
    /// as if it was lost on the wire. All else goes on: votes, heartbeats, reads, and changes of
    /// the configuration, which may be the way out.
    Closed,
    /// They may.
    #[default]
    Open,
}

impl Intake {
    /// Whether a peer's message may go to consensus.
    pub(crate) fn admits(self, body: &Body) -> bool {
        self == Self::Open
            || match body {
                Body::Append { entries, .. } => entries.iter().all(is_no_command),
                Body::Propose { entries } => {
                    entries.iter().all(|(kind, _)| *kind != EntryKind::Normal)
                }
                // Whoever leads takes in what the others propose.
                Body::TimeoutNow => false,
                _ => true,
            }
    }
}

/// An empty entry is what a leader opens its term with; without it nobody could read.
fn is_no_command(entry: &Entry) -> bool {
    entry.kind != EntryKind::Normal || entry.data.is_empty()
}
