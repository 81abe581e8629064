//! What a raft log holds, moved to another one.

use raftlog::{Identity, LogReader, Marker, Opened, RaftLog, ReadError};
use units::{Entry, HardState, Index, Position};
use xxhash_rust::xxh3::Xxh3;

use super::{Progress, Step, Tell};
use crate::Error;

/// Bytes of entries that are held in memory at once.
const CHUNK_BYTES: usize = 8 << 20;

/// What a log holds, for comparison: what a member starts from. What is trimmed and can still be
/// read is only there for peers that lag, who can have a snapshot as well.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Log {
    identity: Identity,
    hard_state: HardState,
    marker: Marker,
    last: Position,
    pub(super) entries: u64,
    digest: u128,
}

impl Log {
    pub(super) fn read(opened: &Opened) -> Result<Self, Error> {
        let mut digest = Xxh3::new();
        let mut entries = 0;
        each_chunk(opened, &mut |chunk| {
            for entry in &chunk {
                digest_entry(&mut digest, entry);
                entries += 1;
            }
            Ok(())
        })?;
        Ok(Self {
            identity: opened.identity,
            hard_state: opened.hard_state,
            marker: opened.marker.clone(),
            last: opened.last,
            entries,
            digest: digest.digest128(),
        })
    }

    /// Writes what one log holds into another one, an empty one of the same member, where it is
    /// durable then.
    pub(super) fn pour(&self, from: &Opened, into: Opened, tell: Tell<'_>) -> Result<(), Error> {
        let mut log = into.log;
        // What it promised comes first; what is committed can only be said of what is there.
        append(&mut *log, &[], Some(HardState { commit: Index(0), ..self.hard_state }))?;
        if self.marker != Marker::default() {
            log.install(&self.marker).map_err(Error::Raftlog)?;
        }
        let mut done = 0;
        each_chunk(from, &mut |chunk| {
            append(&mut *log, &chunk, None)?;
            done += chunk.len() as u64;
            tell(Progress { step: Step::MoveLog, done, total: Some(self.entries) });
            Ok(())
        })?;
        append(&mut *log, &[], Some(self.hard_state))
    }
}

fn append(
    log: &mut dyn RaftLog,
    entries: &[Entry],
    hard_state: Option<HardState>,
) -> Result<(), Error> {
    log.append(entries, hard_state).and_then(|()| log.sync()).map_err(Error::Raftlog)
}

/// Shows all entries behind the marker, some at a time.
fn each_chunk(
    opened: &Opened,
    visit: &mut dyn FnMut(Vec<Entry>) -> Result<(), Error>,
) -> Result<(), Error> {
    let reader = opened.log.reader();
    let last = opened.last.index;
    let mut next = opened.marker.position.index.next();
    while next <= last {
        let chunk = read(&*reader, next, last)?;
        next = chunk.last().map_or(last, |entry| entry.index).next();
        visit(chunk)?;
    }
    Ok(())
}

fn read(reader: &dyn LogReader, first: Index, last: Index) -> Result<Vec<Entry>, Error> {
    reader.read(first, last, CHUNK_BYTES).map_err(|error| match error {
        ReadError::Fault(fault) => Error::Raftlog(fault),
        gone @ (ReadError::Missing { .. } | ReadError::Trimmed { .. }) => {
            Error::DataDir(format!("entry {first} of the raft log cannot be read: {gone}"))
        }
    })
}

fn digest_entry(digest: &mut Xxh3, entry: &Entry) {
    digest.update(&[entry.kind as u8]);
    for number in [entry.term.0, entry.index.0, entry.data.len() as u64] {
        digest.update(&number.to_be_bytes());
    }
    digest.update(&entry.data);
}
