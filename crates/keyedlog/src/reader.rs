//! Reading entries beside the owner.

use std::sync::Arc;

use raftlog::{LogReader, ReadError};
use units::{Entry, Index, Position};

use crate::codec::{self, Generation};
use crate::fault::in_words;
use crate::log::Shared;
use crate::store::Store;

/// Entries and bytes that are read while the owner waits.
const CHUNK_ENTRIES: usize = 64;
/// See [`CHUNK_ENTRIES`].
const CHUNK_BYTES: usize = 1 << 20;

/// Holds the contents for a chunk at a time, so that the owner can go on in between, and begins
/// anew if it has replaced entries meanwhile.
pub(crate) struct Reader<S> {
    shared: Arc<Shared<S>>,
}

/// Entries that are found, from the first on, as many as fit.
struct Found {
    first: Index,
    entries: Vec<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl<S: Store> Reader<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>) -> Self {
        Self { shared }
    }

    /// Reads on; answers with the changes that the contents had seen, and whether there is more.
    fn read_chunk(&self, found: &mut Found, last: Index) -> Result<(u64, bool), ReadError> {
        let contents = self.shared.contents();
        let last = last.min(contents.last().index);
        let bytes_before = found.bytes;
        for _ in 0..CHUNK_ENTRIES {
            let index = found.next();
            if index > last || found.bytes - bytes_before > CHUNK_BYTES {
                break;
            }
            contents.check(index)?;
            let entry = match index.0.checked_sub(contents.unwritten().0) {
                Some(nth) => {
                    contents.group()[usize::try_from(nth).expect("counted in memory")].clone()
                }
                None => {
                    let term = contents.term(index).expect("it is held");
                    self.entry(contents.generation, Position { term, index })?
                }
            };
            if !found.take(entry) {
                return Ok((contents.changes(), false));
            }
        }
        Ok((contents.changes(), found.next() <= last))
    }

    /// An entry in the store, which must be the one that was written.
    fn entry(&self, generation: Generation, position: Position) -> Result<Entry, ReadError> {
        let found = self.shared.store.get(&codec::key(generation, position.index));
        let found = found.map_err(in_words)?;
        let entry = found.and_then(|bytes| codec::parse_entry(position.index, &bytes));
        entry.filter(|entry| entry.term == position.term).ok_or_else(|| {
            let Position { term, index } = position;
            let what = format!("entry {index} of term {term} is not there any more");
            in_words(home::Fault::corrupt(&self.shared.files, what)).into()
        })
    }
}

impl<S: Store> LogReader for Reader<S> {
    fn read(&self, first: Index, last: Index, bytes_max: usize) -> Result<Vec<Entry>, ReadError> {
        assert!(first <= last, "{first} to {last} is no range");
        loop {
            let mut found = Found { first, entries: Vec::new(), bytes: 0, bytes_max };
            let changes = {
                let contents = self.shared.contents();
                contents.check(first)?;
                contents.changes()
            };
            loop {
                let (now, more) = self.read_chunk(&mut found, last)?;
                if now != changes {
                    break;
                }
                if !more {
                    return Ok(found.entries);
                }
            }
        }
    }

    fn bounds(&self) -> (Index, Index) {
        let contents = self.shared.contents();
        (contents.first(), contents.last().index)
    }
}

impl Found {
    fn next(&self) -> Index {
        Index(self.first.0 + self.entries.len() as u64)
    }

    /// Whether there was room for it; there is for the first.
    fn take(&mut self, entry: Entry) -> bool {
        let bytes = self.bytes.saturating_add(entry.data.len());
        let fits = self.entries.is_empty() || bytes <= self.bytes_max;
        if fits {
            self.bytes = bytes;
            self.entries.push(entry);
        }
        fits
    }
}
