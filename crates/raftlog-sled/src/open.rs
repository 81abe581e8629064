//! What a start does.

use std::path::Path;

use raftlog::{Fault, Identity, Marker, Opened};
use units::{HardState, Position};

use crate::codec::{self, Generation};
use crate::contents::Contents;
use crate::directory::Directory;
use crate::fault::{self, guarded};
use crate::log::{SledLog, Start};
use crate::store::Store;
use crate::tally::Tally;

/// The number of the group that made the log.
const FIRST: u64 = 1;

/// What a log may use, and lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of pages that are kept in memory.
    pub cache_bytes: u64,
    /// What a power failure may do.
    pub power_failure: PowerFailure,
}

/// What a power failure may do to what was synced. There is nothing to choose, but it has to be
/// said: see the crate's known limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerFailure {
    /// Make it unreadable, as a whole: the next start refuses it, and the member has to be
    /// replaced.
    MayCostTheLog,
}

impl Options {
    /// The cache that a member uses: what is appended, and what lags behind is sent.
    pub const CACHE_BYTES: u64 = 32 << 20;
}

/// Makes an empty log.
pub(crate) fn create(
    directory: &Path,
    identity: Identity,
    options: Options,
) -> Result<Opened, Fault> {
    let PowerFailure::MayCostTheLog = options.power_failure;
    let directory = Directory::create(directory)?;
    let store = Store::open(&directory.store(), options.cache_bytes)?;
    let mut batch = sled::Batch::default();
    batch.insert(codec::IDENTITY, codec::identity(identity));
    batch.insert(codec::MARKER, codec::marker(Generation::default(), &Marker::default()));
    batch.insert(codec::COUNT, codec::count(FIRST));
    store.apply(batch)?;
    store.sync()?;
    let tally = Tally::create(&directory.synced())?;
    directory.seal()?;
    let start = Start {
        identity,
        hard_state: HardState::default(),
        marker: Marker::default(),
        count: FIRST,
        contents: Contents::empty(Generation::default(), Position::default()),
    };
    Ok(SledLog::opened(directory, store, tally, start))
}

/// Opens and checks what is there.
pub(crate) fn open(directory: &Path, options: Options) -> Result<Opened, Fault> {
    let PowerFailure::MayCostTheLog = options.power_failure;
    let directory = Directory::open(directory)?;
    let tally = Tally::open(&directory.synced())?;
    let store = Store::open(&directory.store(), options.cache_bytes)?;
    let (start, stale) = guarded(store.path(), || read(&store, tally.number()))?;
    store.remove(&stale)?;
    Ok(SledLog::opened(directory, store, tally, start))
}

/// What the log holds, and the keys of entries that an install has left.
fn read(store: &Store, synced: u64) -> Result<(Start, Vec<sled::IVec>), Fault> {
    let damaged = |what: String| fault::corrupt(store.path(), what);
    let count = fact(store, codec::COUNT, codec::parse_count)?.unwrap_or(0);
    if count < synced {
        return Err(damaged(format!("it ends with group {count}, but {synced} were synced")));
    }
    let gone = |name: &[u8]| damaged(format!("its {} is gone", String::from_utf8_lossy(name)));
    let identity = fact(store, codec::IDENTITY, codec::parse_identity)?;
    let identity = identity.ok_or_else(|| gone(codec::IDENTITY))?;
    let marker = fact(store, codec::MARKER, codec::parse_marker)?;
    let (generation, marker) = marker.ok_or_else(|| gone(codec::MARKER))?;
    let hard_state = fact(store, codec::HARD_STATE, codec::parse_hard_state)?.unwrap_or_default();

    let (mut contents, mut stale) = (Contents::empty(generation, marker.position), Vec::new());
    let mut is_first = true;
    for record in store.tree().range(codec::key(Generation::default(), units::Index(0))..) {
        let (key, value) =
            record.map_err(|error| fault::of_sled("reading", store.path(), &error))?;
        let Some((of, index)) = codec::parse_key(&key) else {
            return Err(damaged("a key in it is no entry's".to_string()));
        };
        if of != generation {
            stale.push(key);
            continue;
        }
        let Some(term) = codec::parse_term(&value) else {
            return Err(damaged(format!("entry {index} cannot be read")));
        };
        if !is_first && index != contents.unwritten() {
            return Err(damaged(format!("entry {} is missing", contents.unwritten())));
        }
        contents.find(Position { term, index });
        is_first = false;
    }
    check(&contents, &marker, hard_state).map_err(damaged)?;
    Ok((Start { identity, hard_state, marker, count, contents }, stale))
}

/// Whether the entries go with the marker and the hard state.
fn check(contents: &Contents, marker: &Marker, hard_state: HardState) -> Result<(), String> {
    let Position { term, index } = marker.position;
    let (first, last) = (contents.first(), contents.last().index);
    if first > index.next() {
        return Err(format!("entries {} to {} are missing", index.next(), first.previous()));
    }
    if last < index {
        return Err(format!("the log ends at {last}, before its marker {index}"));
    }
    if contents.term(index).is_some_and(|held| held != term) {
        return Err(format!("entry {index} is not the one of term {term} that was committed"));
    }
    if hard_state.commit > last {
        let commit = hard_state.commit;
        return Err(format!("the log ends at {last}, but was committed up to {commit}"));
    }
    Ok(())
}

fn fact<T>(
    store: &Store,
    key: &[u8],
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let found = store.tree().get(key);
    let found = found.map_err(|error| fault::of_sled("reading", store.path(), &error))?;
    let Some(bytes) = found else { return Ok(None) };
    let name = String::from_utf8_lossy(key);
    let parsed = parse(&bytes);
    parsed.map(Some).ok_or_else(|| fault::corrupt(store.path(), format!("its {name} is no such")))
}
