//! The log, as the library sees it.

use std::cell::RefCell;

use consensus::kit::{Log, Unapplied, fitting};
use raftrs::eraftpb::{self, EntryType, Snapshot};
use raftrs::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};
use units::{Entry, Index, NodeId};

use crate::translate::entry_to_library;

/// Reads of the log for peers that are under way at once. There is one for each place where a peer
/// is behind; whoever finds no room is served by the next heartbeat's answer.
const ASKED_MAX: usize = 64;

/// Entries that are described to the library at once, where it only counts them.
const DESCRIBED_MAX: u64 = 4_096;

/// What the library asks of its storage, answered from memory: it never waits.
///
/// Entries that are not in memory any more are read by whoever owns the machine. For peers the
/// library lets itself be told to ask again later; where it does not, it wants to know of committed
/// entries that they are there, and which of them are configuration changes, never what is in them
/// (the machine hands them out by itself). Those are described, without data.
pub(crate) struct Store {
    pub(crate) log: Log,
    pub(crate) unapplied: Unapplied,
    /// What the library starts from.
    start: RaftState,
    /// The snapshot that may be sent just now.
    offered: Option<(NodeId, Snapshot)>,
    /// What was last read from the log for a peer.
    fetched: Vec<Entry>,
    asked: RefCell<Vec<Asked>>,
    wanted: RefCell<Vec<NodeId>>,
}

/// Entries that are to be read for a peer.
struct Asked {
    read: Read,
    /// Whether whoever reads was told.
    told: bool,
    /// What the library wants to hear when they were read.
    context: GetEntriesContext,
}

/// Which entries are to be read.
#[derive(Clone, Copy)]
pub(crate) struct Read {
    pub(crate) first: Index,
    pub(crate) last: Index,
    pub(crate) bytes_max: usize,
}

impl Store {
    /// A log of which nothing is in memory.
    pub(crate) fn new(log: Log, start: RaftState) -> Self {
        Self {
            unapplied: Unapplied::new(log.last().index),
            log,
            start,
            offered: None,
            fetched: Vec::new(),
            asked: RefCell::default(),
            wanted: RefCell::default(),
        }
    }

    /// A snapshot for the peer may be sent, until it may not.
    pub(crate) fn offer(&mut self, offered: Option<(NodeId, Snapshot)>) {
        self.offered = offered;
    }

    /// Entries were read. Returns what the library wants to hear, if they are for a peer.
    pub(crate) fn fetched(
        &mut self,
        first: Index,
        entries: Vec<Entry>,
    ) -> Option<GetEntriesContext> {
        let asked = self.asked.get_mut();
        let place = asked.iter().position(|asked| asked.told && asked.read.first == first)?;
        let context = asked.swap_remove(place).context;
        // They are trimmed away by now, as will be told; the next heartbeat's answer comes to that.
        if entries.is_empty() {
            return None;
        }
        self.fetched = entries;
        Some(context)
    }

    /// What is to be read for peers, that was not told yet.
    pub(crate) fn reads(&mut self) -> Vec<Read> {
        let untold = self.asked.get_mut().iter_mut().filter(|asked| !asked.told);
        untold
            .map(|asked| {
                asked.told = true;
                asked.read
            })
            .collect()
    }

    /// The peers that need a snapshot.
    pub(crate) fn wanted(&mut self) -> Vec<NodeId> {
        std::mem::take(self.wanted.get_mut())
    }

    /// Entries for a peer, from `first` up to `last`: as many as fit, if they are in memory.
    fn held(&self, first: Index, last: Index, bytes_max: usize) -> Option<Vec<eraftpb::Entry>> {
        let (entries, _) = if first >= self.log.cache_first() {
            fitting(self.log.cached(first, last), bytes_max)
        } else {
            let skipped = self.fetched.iter().position(|entry| entry.index == first)?;
            let genuine = self.log.genuine(first, &self.fetched[skipped..]);
            fitting(genuine.iter().take_while(|entry| entry.index <= last), bytes_max)
        };
        let entries: Vec<_> = entries.into_iter().map(entry_to_library).collect();
        (!entries.is_empty()).then_some(entries)
    }

    fn describe(&self, first: Index, last: Index) -> Vec<eraftpb::Entry> {
        let last = last.min(Index(first.0 + DESCRIBED_MAX - 1));
        let describe = |index| eraftpb::Entry {
            entry_type: match self.unapplied.holds(Index(index)) {
                true => EntryType::EntryConfChange,
                false => EntryType::EntryNormal,
            },
            term: self.log.term(Index(index)).map_or(0, |term| term.0),
            index,
            ..eraftpb::Entry::default()
        };
        (first.0..=last.0).map(describe).collect()
    }

    fn ask(&self, read: Read, context: GetEntriesContext) {
        let mut asked = self.asked.borrow_mut();
        let known = asked.iter().any(|asked| asked.read.first == read.first);
        if !known && asked.len() < ASKED_MAX {
            asked.push(Asked { read, told: false, context });
        }
    }
}

impl Storage for Store {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(self.start.clone())
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> Result<Vec<eraftpb::Entry>> {
        let (first, last) = (Index(low), Index(high).previous());
        if first <= self.log.head().index {
            return Err(Error::Store(StorageError::Compacted));
        }
        if !context.can_async() {
            return Ok(self.describe(first, last));
        }
        let bytes_max = max_size.into().map_or(usize::MAX, |size| size as usize);
        self.held(first, last, bytes_max).ok_or_else(|| {
            let last = last.min(self.log.cache_first().previous());
            self.ask(Read { first, last, bytes_max }, context);
            Error::Store(StorageError::LogTemporarilyUnavailable)
        })
    }

    fn term(&self, index: u64) -> Result<u64> {
        let gone = index < self.log.head().index.0;
        let why = if gone { StorageError::Compacted } else { StorageError::Unavailable };
        self.log.term(Index(index)).map(|term| term.0).ok_or(Error::Store(why))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.log.head().index.next().0)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.log.last().index.0)
    }

    fn snapshot(&self, _: u64, to: u64) -> Result<Snapshot> {
        match &self.offered {
            Some((peer, snapshot)) if peer.0 == to => Ok(snapshot.clone()),
            _ => {
                self.wanted.borrow_mut().push(NodeId(to));
                Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
            }
        }
    }
}
