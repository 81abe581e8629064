//! Reading segments from beginning to end, as a start does.

use std::mem;

use bytes::Bytes;
use raftlog::{Fault, Identity, Marker};
use units::{Entry, EntryKind, HardState, Position, planted};

use crate::contents::Place;
use crate::record::{self, Frame, Kind, Stop};
use crate::segment::Segment;

/// What the segments read so far say.
#[derive(Default)]
pub(crate) struct Replay {
    /// The first segment's; all others must agree.
    pub(crate) identity: Option<Identity>,
    /// The last hard state.
    pub(crate) hard_state: HardState,
    /// Entries and markers in the order they were written.
    pub(crate) items: Vec<Item>,
    /// That of the last record.
    pub(crate) checksum: u32,
}

/// Something written.
#[derive(Clone)]
pub(crate) enum Item {
    /// An entry, and where to find it.
    Entry(Position, Place),
    /// Where the log could have started from then on.
    Marker(Box<Marker>),
}

/// The end of the records of a segment.
pub(crate) struct End {
    /// Bytes before it.
    pub(crate) offset: usize,
    /// Why it is the end.
    pub(crate) stop: Stop,
    /// Bytes before the last group at least: as it was begun, they had been synced.
    pub(crate) synced: usize,
}

impl Replay {
    /// Reads all records of the next segment. A record that is not whole ends it; one that is whole
    /// and makes no sense is a fault at once.
    pub(crate) fn segment(&mut self, segment: &Segment, image: &Bytes) -> Result<End, Fault> {
        let mut offset = 0;
        let mut identity = None;
        // A group ends with a hard state.
        let (mut synced, mut last_group) = (0, 0);
        let stop = loop {
            let frame = match Frame::parse(image, offset) {
                Ok(frame) => frame,
                Err(stop) => break stop,
            };
            if (offset == 0) != (frame.kind == Kind::Checksum) {
                return Err(segment.corrupt(offset, "a segment begins with a checksum record"));
            }
            if frame.kind == Kind::Checksum {
                if self.checksum != 0 && self.checksum != frame.checksum {
                    let what = "it does not go on from the segment before: that one lost records, \
                                or this one belongs elsewhere";
                    return Err(segment.corrupt(offset, what));
                }
                self.checksum = frame.checksum;
            } else if !frame.follows(self.checksum) && !planted!(UncheckedRead) {
                break Stop::Garbled("the checksum does not match");
            } else {
                if frame.kind == Kind::Metadata {
                    identity = record::identity(&frame.data);
                } else if identity.is_none() {
                    return Err(segment.corrupt(offset, "a record before the metadata"));
                }
                self.record(segment.name.sequence, offset, &frame)
                    .map_err(|what| segment.corrupt(offset, what))?;
                self.checksum = frame.checksum;
            }
            if frame.kind == Kind::State {
                (synced, last_group) = (last_group, frame.end);
            }
            offset = frame.end;
        };
        // A head is synced before its segment gets its name: it is never torn.
        if identity.is_none() {
            return Err(segment.corrupt(offset, "a segment without a head"));
        }
        Ok(End { offset, stop, synced })
    }

    /// The last entry.
    pub(crate) fn last(&self) -> Position {
        let position = |item: &Item| match item {
            Item::Entry(position, _) => Some(*position),
            Item::Marker(_) => None,
        };
        self.items.iter().rev().find_map(position).unwrap_or_default()
    }

    /// Takes a record whose checksum is right. That does not cover the kind, so a record of another
    /// kind is recognized by what it would say.
    fn record(&mut self, sequence: u64, offset: usize, frame: &Frame) -> Result<(), &'static str> {
        const NONSENSE: &str =
            "a record that was written wholly and makes no sense: perhaps by a newer version";
        let data = &frame.data;
        match frame.kind {
            Kind::Checksum => unreachable!("a checksum record is taken by the caller"),
            Kind::Metadata => {
                let identity = record::identity(data).ok_or(NONSENSE)?;
                if *self.identity.get_or_insert(identity) != identity {
                    return Err("it belongs to another log than the segment before");
                }
            }
            Kind::State => {
                let hard_state = record::hard_state(data).ok_or(NONSENSE)?;
                let before = mem::replace(&mut self.hard_state, hard_state);
                if hard_state.term < before.term || hard_state.commit < before.commit {
                    return Err("a hard state that is older than the one before");
                }
            }
            Kind::Marker => {
                self.items.push(Item::Marker(Box::new(record::marker(data).ok_or(NONSENSE)?)));
            }
            Kind::Entry => {
                let entry = record::entry(data).ok_or(NONSENSE)?;
                let position = record::position(&entry);
                let Entry { kind, index, data, .. } = entry;
                // An entry that replaces another is a leader's first, which is normal and empty; a
                // hard state of term 1 or 2 would look like this.
                if index <= self.last().index && kind != EntryKind::Normal && data.is_empty() {
                    return Err(NONSENSE);
                }
                if index <= self.hard_state.commit {
                    return Err("an entry in the place of one that was committed");
                }
                let place = Place::new(sequence, offset as u64, self.checksum);
                self.items.push(Item::Entry(position, place.ok_or(NONSENSE)?));
            }
        }
        Ok(())
    }
}
