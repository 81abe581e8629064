//! What a start does.

use std::path::{Path, PathBuf};

use home::{Fault, Home, Tally, sync_below};
use raftlog::{Identity, Marker};
use units::{HardState, Index, Position};

use crate::codec::{self, Generation};
use crate::contents::Contents;
use crate::store::{Group, Store};

const FILES: &str = "store";
const SYNCED: &str = "synced";
/// The number of the group that made the log.
const FIRST: u64 = 1;

/// What a start has found.
pub(crate) struct Start<S> {
    pub(crate) identity: Identity,
    pub(crate) hard_state: HardState,
    pub(crate) marker: Marker,
    pub(crate) count: u64,
    pub(crate) contents: Contents,
    pub(crate) tally: Tally,
    pub(crate) store: S,
    /// Where the store's files are.
    pub(crate) files: PathBuf,
    pub(crate) home: Home,
}

/// Makes an empty log.
pub(crate) fn create<S: Store>(
    directory: &Path,
    identity: Identity,
    options: &S::Options,
) -> Result<Start<S>, Fault> {
    let mut home = Home::open(directory, S::KIND)?;
    if home.content().is_some() {
        return Err(foreign(directory, "there is a log already"));
    }
    let place = home.make_next()?;
    let files = place.path().join(FILES);
    let store = S::create(&files, options)?;
    let (generation, marker) = (Generation::default(), Marker::default());
    let puts = vec![
        (codec::IDENTITY.to_vec(), codec::identity(identity)),
        (codec::MARKER.to_vec(), codec::marker(generation, &marker)),
        (codec::COUNT.to_vec(), codec::count(FIRST)),
    ];
    store.write(Group { puts, gone: None })?;
    sync_below(&files)?;
    let tally = Tally::create(&place.path().join(SYNCED), FIRST)?;
    home.advance()?;
    let contents = Contents::empty(generation, Position::default());
    let (hard_state, count) = (HardState::default(), FIRST);
    Ok(Start { identity, hard_state, marker, count, contents, tally, store, files, home })
}

/// Opens and checks what is there.
pub(crate) fn open<S: Store>(directory: &Path, options: &S::Options) -> Result<Start<S>, Fault> {
    if !Home::is_furnished(directory, S::KIND)? {
        return Err(foreign(directory, "there is no log"));
    }
    let home = Home::open(directory, S::KIND)?;
    let Some(place) = home.content() else {
        return Err(foreign(directory, "there is no log"));
    };
    let tally = Tally::open(&place.path().join(SYNCED))?;
    let files = place.path().join(FILES);
    let store = S::open(&files, options)?;
    let facts = Facts::read(&store, &files, &tally)?;
    let contents = entries(&store, &files, &facts)?;
    let Facts { count, identity, marker, hard_state, .. } = facts;
    check(&contents, &marker, hard_state).map_err(|what| Fault::corrupt(&files, what))?;
    // What an install has left.
    let start = Index(0);
    store.remove(codec::key(Generation::default(), start)..codec::key(facts.generation, start))?;
    Ok(Start { identity, hard_state, marker, count, contents, tally, store, files, home })
}

fn foreign(directory: &Path, what: &str) -> Fault {
    Fault::Foreign { directory: directory.display().to_string(), what: what.to_string() }
}

/// What is known of a log but for its entries.
struct Facts {
    count: u64,
    identity: Identity,
    generation: Generation,
    marker: Marker,
    hard_state: HardState,
}

impl Facts {
    fn read(store: &impl Store, files: &Path, tally: &Tally) -> Result<Self, Fault> {
        let count = tally.check(files, store.get(codec::COUNT)?.as_deref())?;
        let gone = |name: &[u8]| {
            let name = String::from_utf8_lossy(name);
            Fault::corrupt(files, format!("its {name} is gone"))
        };
        let identity = fact(store, files, codec::IDENTITY, codec::parse_identity)?;
        let identity = identity.ok_or_else(|| gone(codec::IDENTITY))?;
        let marker = fact(store, files, codec::MARKER, codec::parse_marker)?;
        let (generation, marker) = marker.ok_or_else(|| gone(codec::MARKER))?;
        let hard_state = fact(store, files, codec::HARD_STATE, codec::parse_hard_state)?;
        let hard_state = hard_state.unwrap_or_default();
        Ok(Self { count, identity, generation, marker, hard_state })
    }
}

/// The terms of the entries of the generation that counts. There is none after it.
fn entries(store: &impl Store, files: &Path, facts: &Facts) -> Result<Contents, Fault> {
    let damaged = |what: String| Fault::corrupt(files, what);
    let mut contents = Contents::empty(facts.generation, facts.marker.position);
    let mut is_first = true;
    store.scan(&codec::key(facts.generation, Index(0)), &mut |key, value| {
        let Some((generation, index)) = codec::parse_key(key) else {
            return Err(damaged("a key in it is no entry's".to_string()));
        };
        let Some(term) = codec::parse_term(value) else {
            return Err(damaged(format!("entry {index} cannot be read")));
        };
        if generation != facts.generation {
            return Err(damaged(format!("entry {index} is of an install that never was")));
        }
        if !is_first && index != contents.unwritten() {
            return Err(damaged(format!("entry {} is missing", contents.unwritten())));
        }
        contents.find(Position { term, index });
        is_first = false;
        Ok(())
    })?;
    Ok(contents)
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
    store: &impl Store,
    files: &Path,
    key: &[u8],
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(bytes) = store.get(key)? else { return Ok(None) };
    let name = String::from_utf8_lossy(key);
    let parsed = parse(&bytes);
    parsed.map(Some).ok_or_else(|| Fault::corrupt(files, format!("its {name} is no such")))
}
