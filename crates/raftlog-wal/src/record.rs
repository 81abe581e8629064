//! The format: frames, and the records in them.
//!
//! ```text
//!   frame    length, 8 bytes little-endian │ record │ padding to a multiple of 8
//!            (if there is padding, the length's top byte is 0x80 | its size)
//!   record   protobuf { kind = 1, checksum = 2, data = 3 }
//!   data     by kind: metadata, an entry, a hard state, nothing, a marker; protobuf as well
//! ```
//!
//! The checksum is the CRC-32C of the data of all records up to this one since the log was made.
//! etcd 3.7 leaves fields out that have their default, older ones write them; both read both, and
//! we write them.

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};
use proto::{etcdserverpb, raftpb, walpb};
use raftlog::{Identity, Marker};
use units::{ClusterId, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term};

/// Bytes before a record.
pub(crate) const LENGTH_BYTES: usize = 8;

/// The bits of the length field that hold the length.
const LENGTH_MASK: u64 = (1 << 56) - 1;

/// What a record is; the numbers are etcd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Whose log it is.
    Metadata = 1,
    /// An entry.
    Entry = 2,
    /// A hard state.
    State = 3,
    /// The checksum that the segment goes on with.
    Checksum = 4,
    /// A marker; etcd calls it a snapshot.
    Marker = 5,
}

/// Writes records behind each other into memory, and knows the checksum so far.
pub(crate) struct Encoder {
    checksum: u32,
    bytes: Vec<u8>,
    /// The data of the record being written; here to be used again.
    data: Vec<u8>,
}

impl Encoder {
    /// Goes on after the record with this checksum.
    pub(crate) fn new(checksum: u32) -> Self {
        Self { checksum, bytes: Vec::new(), data: Vec::new() }
    }

    pub(crate) fn checksum(&self) -> u32 {
        self.checksum
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the bytes and keeps their room, up to a limit.
    pub(crate) fn clear(&mut self) {
        /// Kept from one group to the next; a group is rarely above it.
        const ROOM_MAX: usize = 4 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(ROOM_MAX);
        self.data.clear();
        self.data.shrink_to(ROOM_MAX);
    }

    /// Ends what is written by zeros, which are no record.
    pub(crate) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// What every segment begins with.
    pub(crate) fn head(&mut self, identity: Identity) {
        self.data.clear();
        self.frame(Kind::Checksum);
        let (node, cluster) = (identity.node.0, identity.cluster.0);
        self.record(
            Kind::Metadata,
            &etcdserverpb::Metadata { node_id: Some(node), cluster_id: Some(cluster) },
        );
    }

    pub(crate) fn entry(&mut self, entry: &Entry) {
        let data = (!entry.data.is_empty()).then(|| entry.data.clone());
        let message = raftpb::Entry {
            r#type: Some(entry.kind as i32),
            term: Some(entry.term.0),
            index: Some(entry.index.0),
            data,
        };
        self.record(Kind::Entry, &message);
    }

    pub(crate) fn hard_state(&mut self, hard_state: HardState) {
        let message = raftpb::HardState {
            term: Some(hard_state.term.0),
            vote: Some(hard_state.vote.map_or(0, |node| node.0)),
            commit: Some(hard_state.commit.0),
        };
        self.record(Kind::State, &message);
    }

    pub(crate) fn marker(&mut self, marker: &Marker) {
        let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
        let conf_state = &marker.conf_state;
        let conf_state = (*marker != Marker::default()).then(|| raftpb::ConfState {
            voters: numbers(&conf_state.voters),
            learners: numbers(&conf_state.learners),
            voters_outgoing: numbers(&conf_state.voters_outgoing),
            learners_next: numbers(&conf_state.learners_next),
            auto_leave: Some(conf_state.auto_leave),
        });
        let message = walpb::Snapshot {
            index: Some(marker.position.index.0),
            term: Some(marker.position.term.0),
            conf_state,
        };
        self.record(Kind::Marker, &message);
    }

    fn record(&mut self, kind: Kind, message: &impl Message) {
        self.data.clear();
        message.encode(&mut self.data).expect("a Vec grows as it must");
        self.checksum = crc32c::crc32c_append(self.checksum, &self.data);
        self.frame(kind);
    }

    /// A record of `self.data` and the present checksum, framed.
    fn frame(&mut self, kind: Kind) {
        const KIND_KEY: u8 = 1 << 3;
        const CHECKSUM_KEY: u8 = 2 << 3;
        const DATA_KEY: u8 = 3 << 3 | 2;
        let checksum = u64::from(self.checksum);
        let mut length = 2 + 1 + encoded_len_varint(checksum);
        if kind != Kind::Checksum {
            length += 1 + encoded_len_varint(self.data.len() as u64) + self.data.len();
        }
        self.bytes.extend_from_slice(&length_field(length).to_le_bytes());
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&[KIND_KEY, kind as u8, CHECKSUM_KEY]);
        encode_varint(checksum, &mut self.bytes);
        if kind != Kind::Checksum {
            self.bytes.push(DATA_KEY);
            encode_varint(self.data.len() as u64, &mut self.bytes);
            self.bytes.extend_from_slice(&self.data);
        }
        assert_eq!(self.bytes.len() - begin, length, "the length field tells the length");
        self.bytes.resize(begin + length + padding(length), 0);
    }
}

/// A record as it stands in a segment. Its checksum has not been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) checksum: u32,
    pub(crate) data: Bytes,
    /// Where the next frame begins.
    pub(crate) end: usize,
}

/// Why there is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing was written here.
    End,
    /// It goes beyond the end of the file.
    Cut,
    /// It is not what was written.
    Garbled(&'static str),
}

impl Frame {
    /// The frame at an offset of a segment, or of a part of one.
    pub(crate) fn parse(image: &Bytes, offset: usize) -> Result<Self, Stop> {
        let (record, end) = bounds(image, offset)?;
        if image[offset..record.start] != length_field(record.len()).to_le_bytes() {
            return Err(Stop::Garbled("a length field that nobody writes"));
        }
        let Ok(message) = walpb::Record::decode(image.slice(record)) else {
            return Err(Stop::Garbled("not a record"));
        };
        let kind = match message.r#type {
            Some(1) => Kind::Metadata,
            Some(2) => Kind::Entry,
            Some(3) => Kind::State,
            Some(4) => Kind::Checksum,
            Some(5) => Kind::Marker,
            _ => return Err(Stop::Garbled("a record of an unknown kind")),
        };
        let Some(checksum) = message.crc else {
            return Err(Stop::Garbled("a record without a checksum"));
        };
        Ok(Self { kind, checksum, data: message.data.unwrap_or_default(), end })
    }

    /// Whether the data is what was written after a record with the checksum given.
    pub(crate) fn follows(&self, checksum: u32) -> bool {
        crc32c::crc32c_append(checksum, &self.data) == self.checksum
    }
}

/// Where the record of the frame at an offset lies, and where the frame ends.
pub(crate) fn bounds(
    image: &Bytes,
    offset: usize,
) -> Result<(std::ops::Range<usize>, usize), Stop> {
    let mut rest = image.get(offset..).unwrap_or_default();
    if rest.is_empty() {
        return Err(Stop::End);
    }
    if rest.len() < LENGTH_BYTES {
        return Err(Stop::Cut);
    }
    let field = rest.get_u64_le();
    if field == 0 {
        return Err(Stop::End);
    }
    let padding = if field >> 63 == 1 { field >> 56 & 7 } else { 0 };
    let length = field & LENGTH_MASK;
    if length + padding > rest.len() as u64 {
        return Err(Stop::Cut);
    }
    let begin = offset + LENGTH_BYTES;
    let end = begin + usize::try_from(length).map_err(|_| Stop::Cut)?;
    Ok((begin..end, end + usize::try_from(padding).map_err(|_| Stop::Cut)?))
}

/// What stands before a record of a length.
fn length_field(length: usize) -> u64 {
    let padding = padding(length) as u64;
    let top = if padding == 0 { 0 } else { 0x80 | padding };
    top << 56 | length as u64
}

fn padding(length: usize) -> usize {
    length.wrapping_neg() % 8
}

/// Whose log it is.
pub(crate) fn identity(data: &Bytes) -> Option<Identity> {
    let message = etcdserverpb::Metadata::decode(data.clone()).ok()?;
    Some(Identity {
        node: NodeId(message.node_id.unwrap_or(0)),
        cluster: ClusterId(message.cluster_id.unwrap_or(0)),
    })
}

pub(crate) fn entry(data: &Bytes) -> Option<Entry> {
    let message = raftpb::Entry::decode(data.clone()).ok()?;
    let kind = match message.r#type.unwrap_or(0) {
        0 => EntryKind::Normal,
        1 => EntryKind::ConfChange,
        2 => EntryKind::ConfChangeV2,
        _ => return None,
    };
    Some(Entry {
        kind,
        term: Term(message.term.unwrap_or(0)),
        index: Index(message.index.unwrap_or(0)),
        data: message.data.unwrap_or_default(),
    })
}

/// Which entry it is.
pub(crate) fn position(entry: &Entry) -> Position {
    Position { term: entry.term, index: entry.index }
}

pub(crate) fn hard_state(data: &Bytes) -> Option<HardState> {
    let message = raftpb::HardState::decode(data.clone()).ok()?;
    let vote = message.vote.unwrap_or(0);
    Some(HardState {
        term: Term(message.term.unwrap_or(0)),
        vote: (vote != 0).then_some(NodeId(vote)),
        commit: Index(message.commit.unwrap_or(0)),
    })
}

pub(crate) fn marker(data: &Bytes) -> Option<Marker> {
    let message = walpb::Snapshot::decode(data.clone()).ok()?;
    let nodes = |numbers: Vec<u64>| {
        let mut nodes: Vec<NodeId> = numbers.into_iter().map(NodeId).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    };
    // Before 3.5 there was none.
    let conf_state = message.conf_state.unwrap_or_default();
    Some(Marker {
        position: Position {
            term: Term(message.term.unwrap_or(0)),
            index: Index(message.index.unwrap_or(0)),
        },
        conf_state: ConfState {
            voters: nodes(conf_state.voters),
            learners: nodes(conf_state.learners),
            voters_outgoing: nodes(conf_state.voters_outgoing),
            learners_next: nodes(conf_state.learners_next),
            auto_leave: conf_state.auto_leave.unwrap_or(false),
        },
    })
}
