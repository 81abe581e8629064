//! Records of an answer, laid out as they are sent.

use alloc::{boxed::Box, vec::Vec};
use core::hash::{Hash, Hasher};
use core::{fmt, iter};

use bytes::{Bytes, BytesMut};
use prost::encoding::{decode_varint, encode_varint};

/// What stands before each record and its length: field 2, a message or `bytes`.
const TAG: u8 = 0x12;

/// A tag and a length.
const PREFIX_BYTES_MAX: usize = 11;

/// A piece is at least so large, but for the first, which has the size of its record: a lone one is
/// what is asked for most.
const PIECE_BYTES_MIN: usize = 4 << 10;

/// And at most so large, but for a larger record: some frames full, and little beside a long answer
/// that is freed piece by piece while it is sent.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// From here on a record is a piece of its own if that saves the copying.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// Encoded `KeyValue`s in the encoding of the field `kvs`, so that an answer is encoded as it is
/// gathered, and sent as it lies.
///
/// In a box, if there are any: transactions lie in each other, and with them these on a stack.
#[derive(Clone, Default)]
pub struct Records(Option<Box<Laid>>);

/// Invariants:
///
/// - Pieces and what is open, one behind the other, are the field's encoding; no piece is empty.
/// - A record lies in one piece, whole; so does what is before it, there or at the end of the last.
#[derive(Clone, Default)]
struct Laid {
    pieces: Vec<Bytes>,
    /// The last piece, which grows within its capacity.
    open: BytesMut,
    len: usize,
    bytes: usize,
    /// How long the last record is.
    last: usize,
}

impl Records {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |laid| laid.len)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds a copy of a record.
    pub fn push(&mut self, record: &[u8]) {
        let mut prefix = [0; PREFIX_BYTES_MAX];
        let prefix = prefix_of(record, &mut prefix);
        let laid = self.0.get_or_insert_default();
        laid.make_room(prefix.len() + record.len());
        laid.open.extend_from_slice(prefix);
        laid.open.extend_from_slice(record);
        laid.note(prefix.len(), record.len());
    }

    /// Adds a record, which is not copied if it is large.
    pub fn push_shared(&mut self, record: Bytes) {
        if record.len() < SHARED_BYTES_MIN {
            return self.push(&record);
        }
        let mut prefix = [0; PREFIX_BYTES_MAX];
        let prefix = prefix_of(&record, &mut prefix);
        let laid = self.0.get_or_insert_default();
        laid.make_room(prefix.len());
        laid.open.extend_from_slice(prefix);
        laid.note(prefix.len(), record.len());
        laid.close();
        laid.pieces.push(record);
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut pieces = self.pieces();
        let mut rest: &[u8] = &[];
        iter::from_fn(move || {
            if rest.is_empty() {
                rest = pieces.next()?;
            }
            rest = &rest[1..];
            let length = decode_varint(&mut rest).expect("a prefix is whole");
            let length = usize::try_from(length).expect("it was the length of a slice");
            if rest.is_empty() && length > 0 {
                rest = pieces.next().expect("a record is whole");
            }
            let (record, behind) = rest.split_at(length);
            rest = behind;
            Some(record)
        })
    }

    /// The last record.
    #[must_use]
    pub fn last(&self) -> Option<&[u8]> {
        let last = self.0.as_ref()?.last;
        let piece = self.pieces().last().unwrap_or_default();
        Some(&piece[piece.len() - last..])
    }

    /// The bytes of the encoding.
    pub(crate) fn encoded_len(&self) -> usize {
        self.0.as_ref().map_or(0, |laid| laid.bytes)
    }

    /// The encoding, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().flat_map(|laid| {
            let open = Some(&laid.open[..]).filter(|open| !open.is_empty());
            laid.pieces.iter().map(|piece| &piece[..]).chain(open)
        })
    }

    /// The encoding, piece by piece.
    pub(crate) fn into_pieces(self) -> Vec<Bytes> {
        let mut laid = self.0.unwrap_or_default();
        laid.close();
        laid.pieces
    }
}

impl Laid {
    fn note(&mut self, prefix: usize, record: usize) {
        self.len += 1;
        self.bytes += prefix + record;
        self.last = record;
    }

    /// Opens another piece if so much does not fit into that which is open.
    fn make_room(&mut self, bytes: usize) {
        if self.open.capacity() - self.open.len() >= bytes {
            return;
        }
        self.close();
        // Twice what there is, as a vector grows.
        let piece = match self.bytes {
            0 => 0,
            gathered => gathered.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX),
        };
        self.open = BytesMut::with_capacity(piece.max(bytes));
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.pieces.push(self.open.split().freeze());
        }
    }
}

/// What stands before a record.
fn prefix_of<'a>(record: &[u8], into: &'a mut [u8; PREFIX_BYTES_MAX]) -> &'a [u8] {
    into[0] = TAG;
    let mut behind = &mut into[1..];
    encode_varint(record.len() as u64, &mut behind);
    let free = behind.len();
    &into[..PREFIX_BYTES_MAX - free]
}

impl<R: AsRef<[u8]>> FromIterator<R> for Records {
    fn from_iter<I: IntoIterator<Item = R>>(records: I) -> Self {
        let mut this = Self::default();
        records.into_iter().for_each(|record| this.push(record.as_ref()));
        this
    }
}

/// How they are cut into pieces makes no difference.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.encoded_len() == other.encoded_len() && self.iter().eq(other.iter())
    }
}

impl Eq for Records {}

impl Hash for Records {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|record| record.hash(state));
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Bytes::copy_from_slice)).finish()
    }
}

#[cfg(test)]
mod tests;
