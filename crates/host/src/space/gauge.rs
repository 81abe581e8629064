//! How a disk is judged: numbers in, a level out.

use super::Room;

/// Below this, requests that take space are refused. What goes on without them must find room: the
/// log's next file, prepared ahead (64 MB), memtables under load (some 128 MiB), a merge of files
/// that makes room in the end, and whatever makes room by deleting.
const LOW_BYTES_MAX: u64 = 512 << 20;
/// Or below this part of a disk that is small.
const LOW_PART: u64 = 8;

/// Below this the reserve is given back, and below this without a reserve nothing enters the log
/// any more: what has entered must still be flushed, and a log that ends in a bad moment begin its
/// next file (64 MB).
const FULL_BYTES_MAX: u64 = 64 << 20;
/// The same of a disk that is small.
const FULL_PART: u64 = 32;

/// What the reserve takes: as much as must be left when the disk is called full, if somebody else
/// has filled it up before anybody looked.
const RESERVE_BYTES_MAX: u64 = FULL_BYTES_MAX;
/// The same of a disk that is small.
const RESERVE_PART: u64 = 8;

/// How bad it is; the worse the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    /// There is room, and the reserve is kept.
    Ample,
    /// There is not enough for requests that take space.
    #[default]
    Low,
    /// There is no more than what was agreed on may need.
    Full,
}

/// What is to be done about the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    GiveBack,
    Make,
    Nothing,
}

/// A disk's level. It gets worse at a mark and better only somewhat above it, so that what was just
/// refused is not let in to be refused again.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    level: Level,
}

impl Gauge {
    /// What is to be done about the reserve, before the disk is judged.
    pub(crate) fn wish(room: Room, kept: bool) -> Wish {
        let ample = ample_again(room).saturating_add(reserve(room));
        if kept && room.free < full(room) {
            Wish::GiveBack
        } else if !kept && room.free >= ample {
            Wish::Make
        } else {
            Wish::Nothing
        }
    }

    /// How bad it is now.
    pub(crate) fn judge(&mut self, room: Room, kept: bool) -> Level {
        let full = if self.level == Level::Full { 2 * full(room) } else { full(room) };
        let low = if self.level == Level::Ample { low(room) } else { ample_again(room) };
        self.level = if room.free < full {
            Level::Full
        } else if room.free < low || !kept {
            Level::Low
        } else {
            Level::Ample
        };
        self.level
    }
}

/// Bytes that may be taken before it is low.
pub(crate) fn spare(room: Room) -> u64 {
    room.free.saturating_sub(low(room))
}

/// The size of the reserve.
pub(crate) fn reserve(room: Room) -> u64 {
    RESERVE_BYTES_MAX.min(room.total / RESERVE_PART)
}

fn low(room: Room) -> u64 {
    LOW_BYTES_MAX.min(room.total / LOW_PART)
}

fn full(room: Room) -> u64 {
    FULL_BYTES_MAX.min(room.total / FULL_PART)
}

/// What makes a disk ample that was low.
fn ample_again(room: Room) -> u64 {
    low(room) + low(room) / 4
}

#[cfg(test)]
mod tests;
