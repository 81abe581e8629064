//! The log, its reader, and what a start finds.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use units::{ClusterId, ConfState, Entry, HardState, Index, NodeId, Position, Term};

use crate::{Fault, ReadError};

/// A durable log with one owner. Nothing is durable before `sync` returns.
pub trait RaftLog: Send {
    /// Adds the entries and then, if given, the hard state. The first entry's index is at most one
    /// above the last held, and above the marker's and the commit index of the newest hard state;
    /// what is held from that index on is forgotten. A hard state's term is not below the one
    /// before, and its commit index not above the last entry: a log does not vouch for what it does
    /// not hold. A commit index below the newest one leaves that as it is.
    ///
    /// # Errors
    ///
    /// A fault: the member stops.
    fn append(&mut self, entries: &[Entry], hard_state: Option<HardState>) -> Result<(), Fault>;

    /// Makes durable what was appended: one write and one sync for all of it (group commit).
    ///
    /// # Errors
    ///
    /// A fault: nothing may be acknowledged, and the member stops.
    fn sync(&mut self) -> Result<(), Fault>;

    /// Entries up to the marker, which are committed and synced, are no longer needed to start
    /// from: the engine holds what they did, durably. Their space is given back when that is cheap;
    /// until then they may still be read, also after a start. Durable when it returns, and with it
    /// all that was appended before; the hard state's commit index is then at least the marker's. A
    /// marker that is not above the present one changes nothing.
    ///
    /// # Errors
    ///
    /// A fault: the member stops.
    fn trim(&mut self, marker: &Marker) -> Result<(), Fault>;

    /// Forgets every entry: the log goes on after the marker, whose content came as a snapshot and
    /// is durable in the engine. The marker is not below the newest hard state's commit index,
    /// which is raised to it. Durable when it returns; a crash before that leaves the old log.
    ///
    /// # Errors
    ///
    /// A fault: the member stops.
    fn install(&mut self, marker: &Marker) -> Result<(), Fault>;

    /// A reader that sees what was appended, and whose reads never wait behind a sync.
    fn reader(&self) -> Arc<dyn LogReader>;
}

/// Reads beside the owner.
pub trait LogReader: Send + Sync {
    /// The entries from `first` to `last`, both included, as many as fit into `bytes_max` bytes of
    /// data but at least one. A `last` beyond the end means the end.
    ///
    /// # Errors
    ///
    /// [`ReadError::Trimmed`] when `first` is gone, [`ReadError::Missing`] when it was never there
    /// or is truncated, or a fault.
    fn read(&self, first: Index, last: Index, bytes_max: usize) -> Result<Vec<Entry>, ReadError>;

    /// The lowest index that can still be read, and the last one. Of an empty log the first is one
    /// above the last, which is the marker's.
    fn bounds(&self) -> (Index, Index);
}

/// Who the log belongs to; written when it is made and checked at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The member.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
}

/// A place in the log from which a member can start with an engine that holds everything up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// The last entry that is not needed any more.
    pub position: Position,
    /// Who took part at that entry.
    pub conf_state: ConfState,
}

/// What a start finds.
pub struct Opened {
    /// The log, ready to go on.
    pub log: Box<dyn RaftLog>,
    /// Whose it is.
    pub identity: Identity,
    /// The last hard state; the default if none was ever written.
    pub hard_state: HardState,
    /// The newest marker that is not above the hard state's commit; the default in a log that was
    /// never trimmed.
    pub marker: Marker,
    /// The terms of the entries that can be read, from the first readable on. Empty if there are
    /// none. They may begin at or before the marker: what is trimmed stays readable until its space
    /// is given back.
    pub runs: Vec<TermRun>,
    /// The last entry, or the marker's position if there is none after it.
    pub last: Position,
    /// What a torn end cost, in words for the log; `None` if the end was clean.
    pub repaired: Option<String>,
}

/// From here on, up to the next run or the end, entries are of this term. Terms are few and entries
/// many, so a machine can know the term of every entry without holding the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermRun {
    /// The first entry.
    pub first: Index,
    /// Its term.
    pub term: Term,
}
