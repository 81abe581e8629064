//! The raft log: its entries in memory, and each change of it in a journal.
//!
//! Good for clusters that write little. What is appended is durable after a sync; a crash leaves a
//! beginning of it. All entries that are kept lie in memory, and a trim or a snapshot writes the
//! journal anew.

use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use raftlog::memory::Disk;
use raftlog::{Fault, Identity, LogReader, Marker, Opened, RaftLog};
use server::{LogPart, LogSite};
use units::{ClusterId, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term};

use crate::journal::Journal;

/// As etcdd chooses it.
pub(crate) struct Part;

/// The log.
pub struct JournalLog {
    memory: Box<dyn RaftLog>,
    journal: Journal,
    identity: Identity,
    hard_state: HardState,
    marker: Marker,
}

/// What the journal holds.
#[derive(Debug)]
enum Record {
    /// The first of all.
    Identity(Identity),
    Entry(Entry),
    HardState(HardState),
    /// The second of all, if there was a trim or a snapshot: the log begins behind it.
    Marker(Marker),
}

impl LogPart for Part {
    fn is_there(&self, site: &LogSite<'_>) -> Result<bool, Fault> {
        Ok(Journal::is_begun(site.directory))
    }

    fn create(&self, site: &LogSite<'_>, identity: Identity) -> Result<Opened, Fault> {
        JournalLog::create(site.directory, identity)
    }

    fn open(&self, site: &LogSite<'_>) -> Result<Opened, Fault> {
        JournalLog::open(site.directory)
    }
}

impl JournalLog {
    /// Makes an empty log in the directory.
    ///
    /// # Errors
    ///
    /// When there is something already.
    pub fn create(directory: &Path, identity: Identity) -> Result<Opened, Fault> {
        if Journal::is_begun(directory) {
            let directory = directory.display().to_string();
            return Err(Fault::Foreign { directory, what: "it holds a log already".to_owned() });
        }
        let (mut journal, records) = Journal::open(directory)?;
        if let Some(first) = records.into_iter().next() {
            // A former attempt, that came as far as this and was not told so.
            let former = Record::decode(first);
            if !matches!(former, Some(Record::Identity(former)) if former == identity) {
                let directory = directory.display().to_string();
                return Err(Fault::Foreign { directory, what: "it holds another log".to_owned() });
            }
            drop(journal);
            return Self::open(directory);
        }
        journal.append(&Record::Identity(identity).encode())?;
        journal.sync()?;
        drop(journal);
        Self::open(directory)
    }

    /// Opens the log in the directory.
    ///
    /// # Errors
    ///
    /// When there is none, or it is in use or damaged.
    pub fn open(directory: &Path) -> Result<Opened, Fault> {
        let damaged = |what: &str| {
            let file = directory.display().to_string();
            Fault::Corrupt { file, offset: 0, what: what.to_owned() }
        };
        let (journal, records) = Journal::open(directory)?;
        let mut records = records.into_iter().map(Record::decode);
        let Some(Some(Record::Identity(identity))) = records.next() else {
            return Err(damaged("it does not begin with whose log it is"));
        };
        let disk = Disk::new();
        let mut memory = disk.create(identity)?.log;
        for record in records {
            match record.ok_or_else(|| damaged("a record cannot be read"))? {
                Record::Identity(_) => return Err(damaged("it says twice whose log it is")),
                Record::Entry(entry) => memory.append(&[entry], None)?,
                Record::HardState(hard_state) => memory.append(&[], Some(hard_state))?,
                Record::Marker(marker) => memory.install(&marker)?,
            }
        }
        drop(memory);
        let opened = disk.open()?;
        let Opened { log: memory, hard_state, marker, .. } = opened;
        let log = Self { memory, journal, identity, hard_state, marker: marker.clone() };
        Ok(Opened { log: Box::new(log), marker, ..opened })
    }

    /// Writes the journal anew: what the log holds now.
    fn rewrite(&mut self) -> Result<(), Fault> {
        let reader = self.memory.reader();
        let (first, last) = reader.bounds();
        let entries = if first <= last {
            reader.read(first, last, usize::MAX).map_err(|error| match error {
                raftlog::ReadError::Fault(fault) => fault,
                gone => panic!("what lies within the bounds can be read: {gone:?}"),
            })?
        } else {
            Vec::new()
        };
        let mut records = [Record::Identity(self.identity), Record::Marker(self.marker.clone())]
            .into_iter()
            .chain(entries.into_iter().map(Record::Entry))
            .chain([Record::HardState(self.hard_state)]);
        self.journal.rewrite(&mut || Ok(records.next().map(|record| record.encode())))
    }

    fn go_on_after(&mut self, marker: &Marker) -> Result<(), Fault> {
        self.marker = marker.clone();
        self.hard_state.commit = self.hard_state.commit.max(marker.position.index);
        self.rewrite()
    }
}

impl RaftLog for JournalLog {
    fn append(&mut self, entries: &[Entry], hard_state: Option<HardState>) -> Result<(), Fault> {
        self.memory.append(entries, hard_state)?;
        for entry in entries {
            self.journal.append(&Record::Entry(entry.clone()).encode())?;
        }
        if let Some(hard_state) = hard_state {
            let commit = hard_state.commit.max(self.hard_state.commit);
            self.hard_state = HardState { commit, ..hard_state };
            self.journal.append(&Record::HardState(self.hard_state).encode())?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        Ok(self.journal.sync()?)
    }

    fn trim(&mut self, marker: &Marker) -> Result<(), Fault> {
        if marker.position.index <= self.marker.position.index {
            return Ok(());
        }
        self.memory.trim(marker)?;
        self.go_on_after(marker)
    }

    fn install(&mut self, marker: &Marker) -> Result<(), Fault> {
        self.memory.install(marker)?;
        self.go_on_after(marker)
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.memory.reader()
    }
}

const IDENTITY: u8 = 0;
const ENTRY: u8 = 1;
const HARD_STATE: u8 = 2;
const MARKER: u8 = 3;

impl Record {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Identity(Identity { node, cluster }) => {
                bytes.put_u8(IDENTITY);
                bytes.put_u64(node.0);
                bytes.put_u64(cluster.0);
            }
            Self::Entry(Entry { kind, term, index, data }) => {
                bytes.put_u8(ENTRY);
                bytes.put_u8(*kind as u8);
                bytes.put_u64(term.0);
                bytes.put_u64(index.0);
                bytes.put_slice(data);
            }
            Self::HardState(HardState { term, vote, commit }) => {
                bytes.put_u8(HARD_STATE);
                bytes.put_u64(term.0);
                bytes.put_u64(commit.0);
                // No member has the id 0.
                bytes.put_u64(vote.map_or(0, |vote| vote.0));
            }
            Self::Marker(Marker { position, conf_state }) => {
                bytes.put_u8(MARKER);
                bytes.put_u64(position.term.0);
                bytes.put_u64(position.index.0);
                put_conf_state(&mut bytes, conf_state);
            }
        }
        bytes
    }

    /// The record, unless it is none.
    fn decode(mut bytes: Bytes) -> Option<Self> {
        let record = match bytes.try_get_u8().ok()? {
            IDENTITY => {
                let node = NodeId(bytes.try_get_u64().ok()?);
                Self::Identity(Identity { node, cluster: ClusterId(bytes.try_get_u64().ok()?) })
            }
            ENTRY => {
                let kind = match bytes.try_get_u8().ok()? {
                    0 => EntryKind::Normal,
                    1 => EntryKind::ConfChange,
                    2 => EntryKind::ConfChangeV2,
                    _ => return None,
                };
                let term = Term(bytes.try_get_u64().ok()?);
                let index = Index(bytes.try_get_u64().ok()?);
                return Some(Self::Entry(Entry { kind, term, index, data: bytes }));
            }
            HARD_STATE => {
                let term = Term(bytes.try_get_u64().ok()?);
                let commit = Index(bytes.try_get_u64().ok()?);
                let vote = Some(bytes.try_get_u64().ok()?).filter(|vote| *vote > 0).map(NodeId);
                Self::HardState(HardState { term, vote, commit })
            }
            MARKER => {
                let term = Term(bytes.try_get_u64().ok()?);
                let index = Index(bytes.try_get_u64().ok()?);
                let conf_state = conf_state(&mut bytes)?;
                Self::Marker(Marker { position: Position { term, index }, conf_state })
            }
            _ => return None,
        };
        bytes.is_empty().then_some(record)
    }
}

fn put_conf_state(bytes: &mut Vec<u8>, conf_state: &ConfState) {
    let ConfState { voters, learners, voters_outgoing, learners_next, auto_leave } = conf_state;
    for members in [voters, learners, voters_outgoing, learners_next] {
        bytes.put_u32(u32::try_from(members.len()).expect("members are few"));
        for member in members {
            bytes.put_u64(member.0);
        }
    }
    bytes.put_u8(u8::from(*auto_leave));
}

fn conf_state(bytes: &mut Bytes) -> Option<ConfState> {
    let mut members = || {
        let count = bytes.try_get_u32().ok()?;
        (0..count).map(|_| bytes.try_get_u64().ok().map(NodeId)).collect::<Option<Vec<_>>>()
    };
    let (voters, learners) = (members()?, members()?);
    let (voters_outgoing, learners_next) = (members()?, members()?);
    let auto_leave = bytes.try_get_u8().ok()? != 0;
    Some(ConfState { voters, learners, voters_outgoing, learners_next, auto_leave })
}
