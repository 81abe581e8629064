//! Telling a write that a crash interrupted from damage.
//!
//! A crash leaves some sectors of the last group of writes as they were: zero, since a segment is
//! allocated before it is written, or beyond the end, where the file system lost its length. Damage
//! can happen anywhere and to anything. The last group is torn if its first record that is not whole
//! has such a sector *and* nothing behind it shows that it had been synced: then nobody was told of
//! it, and it may go. What is neither is refused.

use bytes::Bytes;

use crate::record::{Frame, Kind, LENGTH_BYTES, Stop, bounds};

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

/// Looks behind the last whole record of the last segment.
pub(crate) fn examine(image: &Bytes, offset: usize, stop: &Stop) -> Tail {
    let torn = match stop {
        Stop::End if is_zero(&image[offset..]) => return Tail::Clean,
        // The record's first sector is missing, or its end.
        Stop::End | Stop::Cut => true,
        Stop::Garbled(_) => has_empty_sector(image, offset),
    };
    match stop {
        _ if was_synced(image, offset) => {
            Tail::Damaged("it is not whole, but was synced: later records are there")
        }
        Stop::Garbled(what) if !torn => Tail::Damaged(what),
        _ => Tail::Torn,
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

/// Whether records behind the one at the offset show that it was synced: a group ends with a hard
/// state and is synced before the next begins, so it was if an entry follows a hard state. (etcd
/// itself writes a hard state alone without a sync, but not an entry.)
fn was_synced(image: &Bytes, offset: usize) -> bool {
    let mut after_state = false;
    let mut at = offset + LENGTH_BYTES;
    while at + LENGTH_BYTES <= image.len() {
        // A frame counts if the next one's checksum goes on from it.
        let linked = Frame::parse(image, at).ok().filter(|frame| {
            Frame::parse(image, frame.end)
                .is_ok_and(|next| next.kind != Kind::Checksum && next.follows(frame.checksum))
        });
        let Some(mut frame) = linked else {
            at += LENGTH_BYTES;
            continue;
        };
        loop {
            if after_state && frame.kind == Kind::Entry {
                return true;
            }
            after_state |= frame.kind == Kind::State;
            at = frame.end;
            match Frame::parse(image, at) {
                Ok(next) if next.follows(frame.checksum) => frame = next,
                _ => break,
            }
        }
    }
    false
}
