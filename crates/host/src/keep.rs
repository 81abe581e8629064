//! The one who keeps: the owner of the raft log.

use std::time::Instant;

use node::{Event, Marker, WriteTicket};
use raftlog::{Fault, RaftLog};
use units::{Entry, HardState};

use crate::desk::Owner;

/// Owns the log. Whatever lies on its desk goes into one write and one sync (group commit): while
/// one group is being synced, the next one gathers.
pub(crate) struct Keeper {
    log: Box<dyn RaftLog>,
    /// The newest write that is not synced, as nobody waits for it.
    unsynced: Option<WriteTicket>,
}

/// What is brought to the log.
#[derive(Debug)]
pub(crate) enum Work {
    /// As [`node::Effect::Append`].
    Append { ticket: WriteTicket, entries: Vec<Entry>, hard_state: Option<HardState>, sync: bool },
    /// The member stops: what nobody waits for is kept, too, as far as it was brought here.
    Finish,
    /// The engine holds the snapshot at the marker, durably: the log goes on after it.
    Install { marker: Marker },
    /// As [`node::Effect::Trim`].
    Trim { marker: Marker },
}

impl Work {
    /// Whether it may as well be written together with what comes later.
    pub(crate) fn is_unhurried(&self) -> bool {
        matches!(self, Self::Append { entries, sync: false, .. } if entries.is_empty())
    }
}

impl Keeper {
    /// The keeper of a log that was just opened.
    pub(crate) fn new(log: Box<dyn RaftLog>) -> Self {
        Self { log, unsynced: None }
    }

    /// Does all of the work; what the node is to be told of it, in order.
    ///
    /// # Errors
    ///
    /// A fault: nothing may be acknowledged, and the member stops.
    pub(crate) fn keep(&mut self, work: impl Iterator<Item = Work>) -> Result<Vec<Event>, Fault> {
        let mut events = Vec::new();
        let mut sync = false;
        for one in work {
            match one {
                Work::Append { ticket, entries, hard_state, sync: awaited } => {
                    assert!(Some(ticket) > self.unsynced, "write tickets ascend");
                    self.log.append(&entries, hard_state)?;
                    self.unsynced = Some(ticket);
                    sync |= awaited;
                }
                Work::Finish => self.finish()?,
                Work::Install { marker } => {
                    self.finish()?;
                    events.extend(self.synced());
                    self.log.install(&marker)?;
                    events.push(Event::SnapshotInstalled { marker });
                    sync = false;
                }
                // Makes durable what was appended before, too.
                Work::Trim { marker } => {
                    self.log.trim(&marker)?;
                    events.extend(self.synced());
                    events.push(Event::Trimmed { marker });
                    sync = false;
                }
            }
        }
        if sync {
            self.log.sync()?;
            events.extend(self.synced());
        }
        Ok(events)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        if self.unsynced.is_some() { self.log.sync() } else { Ok(()) }
    }

    fn synced(&mut self) -> Option<Event> {
        self.unsynced.take().map(|ticket| Event::Persisted { ticket })
    }
}

impl Owner for Keeper {
    type Work = Work;

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

#[cfg(test)]
mod tests;
