//! Telling a write that a crash interrupted from damage.
//!
//! A crash leaves some sectors of the last group as they were: zero, since a segment is allocated
//! before it is written, or beyond the end, where the file system lost its length. Damage can
//! happen anywhere and to anything. The last group is torn if its first record that is not whole
//! has such a sector *and* nothing behind it shows that it had been synced: then nobody was told of
//! it, and it may go. What is neither is refused.

use bytes::Bytes;
use units::Position;

use crate::record::{self, Frame, Kind, LENGTH_BYTES, Stop, bounds};

/// What disks write at once, at least.
const SECTOR_BYTES: usize = 512;

/// What the end of the last segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing was written behind it.
    Clean,
    /// What stands behind it was not written wholly, and was not synced.
    Torn,
    /// What stands behind it was written otherwise.
    Damaged(&'static str),
}

/// Looks behind the last whole record of the last segment; `last` is the last entry before it.
pub(crate) fn examine(image: &Bytes, offset: usize, stop: &Stop, last: Position) -> Tail {
    if *stop == Stop::End && is_zero(&image[offset..]) {
        return Tail::Clean;
    }
    if was_synced(image, offset, last) {
        return Tail::Damaged("it is not whole, but was synced: later records are there");
    }
    match stop {
        Stop::Garbled(what) if !has_empty_sector(image, offset) => Tail::Damaged(what),
        // The record's first sector is missing, or its end, or something between.
        Stop::End | Stop::Cut | Stop::Garbled(_) => Tail::Torn,
    }
}

/// Whether a part of the record that lies in one sector was never written. Sectors are counted from
/// the beginning of the file; the length field is not part of the record.
fn has_empty_sector(image: &Bytes, offset: usize) -> bool {
    let Ok((record, end)) = bounds(image, offset) else { return false };
    let mut begin = record.start;
    while begin < end {
        let next = (begin / SECTOR_BYTES + 1) * SECTOR_BYTES;
        if is_zero(&image[begin..next.min(end)]) {
            return true;
        }
        begin = next;
    }
    false
}

fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; SECTOR_BYTES] = [0; SECTOR_BYTES];
    bytes.chunks(SECTOR_BYTES).all(|chunk| *chunk == ZEROS[..chunk.len()])
}

/// Whether records behind the one at the offset show that it was synced. A group ends with a hard
/// state, and is synced before the next begins. So it was if an entry comes after a hard state, or
/// if the next entry of the same term is there: then no entry is missing before that, but the end
/// of a group. (etcd itself does not sync a hard state of which only the commit index changed, but
/// everything else.)
fn was_synced(image: &Bytes, offset: usize, last: Position) -> bool {
    let next_entry = Position { index: last.index.next(), ..last };
    let mut after_state = false;
    let mut at = offset + LENGTH_BYTES;
    while at < image.len() {
        let Some((frame, next)) = linked(image, at) else {
            at += LENGTH_BYTES;
            continue;
        };
        for record in [&frame, &next] {
            let entry = match record.kind {
                Kind::Entry => record::entry(&record.data),
                _ => None,
            };
            if entry.is_some_and(|entry| after_state || record::position(&entry) == next_entry) {
                return true;
            }
            after_state |= record.kind == Kind::State;
        }
        at = frame.end;
    }
    false
}

/// Two records behind each other, of which the second's checksum goes on from the first's: nothing
/// else looks like that.
fn linked(image: &Bytes, at: usize) -> Option<(Frame, Frame)> {
    let frame = Frame::parse(image, at).ok()?;
    let next = Frame::parse(image, frame.end).ok()?;
    next.follows(frame.checksum).then_some((frame, next))
}
