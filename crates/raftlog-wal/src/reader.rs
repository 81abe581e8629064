//! Reading entries beside the owner.

use bytes::Bytes;
use raftlog::{LogReader, ReadError};
use units::{Entry, Index, Position, planted};

use crate::contents::{Place, Shared, Span};
use crate::record::{self, Frame, Kind};

/// Read at once at least, so that small entries do not cost a system call each.
const READ_BYTES_MIN: usize = 64 << 10;

/// Holds the lock for the places only, not while it reads files; a segment that is removed in
/// between stays readable until then.
pub(crate) struct Reader {
    contents: Shared,
}

impl Reader {
    pub(crate) fn new(contents: Shared) -> Self {
        Self { contents }
    }
}

impl LogReader for Reader {
    fn read(&self, first: Index, last: Index, bytes_max: usize) -> Result<Vec<Entry>, ReadError> {
        assert!(first <= last, "{first} to {last} is no range");
        let (spans, in_memory) = self.contents.lock().plan(first, last, bytes_max)?;
        let mut found = Found { entries: Vec::new(), bytes: 0, bytes_max };
        for span in spans {
            if !found.read(&span)? {
                return Ok(found.entries);
            }
        }
        for entry in in_memory {
            if !found.take(entry) {
                break;
            }
        }
        Ok(found.entries)
    }

    fn bounds(&self) -> (Index, Index) {
        let contents = self.contents.lock();
        (contents.first(), contents.last().index)
    }
}

struct Found {
    entries: Vec<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Found {
    /// Whether there was room for all of the span.
    fn read(&mut self, span: &Span) -> Result<bool, ReadError> {
        let mut rest = &span.entries[..];
        while let Some((first, _)) = rest.first() {
            // Whole entries, as many as are likely to be wanted, and at least one.
            let begin = first.offset();
            let room = self.bytes_max.saturating_sub(self.bytes).max(READ_BYTES_MIN) as u64;
            let ends = rest[1..].iter().map(|(place, _)| place.offset()).chain([span.end]);
            let count = ends.take_while(|end| end - begin <= room).count().max(1);
            let (now, later) = rest.split_at(count);
            let end = later.first().map_or(span.end, |(place, _)| place.offset());
            let length = usize::try_from(end - begin).expect("a segment fits into memory");
            let image = span.segment.read(begin, length)?;
            for (place, position) in now {
                let at = usize::try_from(place.offset() - begin).expect("within what was read");
                let Some(entry) = entry(&image, at, *place, *position) else {
                    let offset = usize::try_from(place.offset()).expect("a segment fits");
                    let Position { term, index } = position;
                    let what = format!("entry {index} of term {term} is not there any more");
                    return Err(span.segment.corrupt(offset, what).into());
                };
                if !self.take(entry) {
                    return Ok(false);
                }
            }
            rest = later;
        }
        Ok(true)
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

/// The entry at an offset, if it is still the one that was written.
fn entry(image: &Bytes, at: usize, place: Place, position: Position) -> Option<Entry> {
    let frame = Frame::parse(image, at).ok()?;
    let follows = frame.follows(place.checksum()) || planted!(UncheckedRead);
    if frame.kind != Kind::Entry || !follows {
        return None;
    }
    let entry = record::entry(&frame.data)?;
    (record::position(&entry) == position).then_some(entry)
}
