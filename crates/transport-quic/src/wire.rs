//! What is said on the streams of a connection.
//!
//! The first byte of a stream tells its kind. A stream in one direction is a lane, by its number
//! from one on, and carries frames. Of those in both directions the first is an introduction, or a
//! visit; whoever is welcome then asks questions and sends snapshots.
//!
//! ```text
//!   lane          record (a frame) …
//!   introduction  record: cluster, from, to, life, URLs      ─► record: life
//!   question      record                                     ─► 0, or 1 and a record
//!   snapshot      1 record (header) · 2 record (content) …   ─► 0 and a record (why not), or 1
//!                 · 3, how many bytes, their checksum           and an empty one
//!   visit         whatever HTTP says                         ─► whatever HTTP answers
//!
//!   record        length (4 bytes), bytes
//! ```
//!
//! Numbers are big-endian, ids and sums of eight bytes. Whoever is refused hears why by the code
//! with which the connection is closed.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use links::{Introduction, PIECE_BYTES_MAX, Piece, Refusal};
use quinn::{ReadError, ReadExactError, RecvStream, VarInt, WriteError};
use transport::Lane;
use units::{ClusterId, NodeId};

/// What both sides of a connection speak, as they agree on by ALPN. Another number, and they do not
/// understand each other.
pub const PROTOCOL: &[u8] = b"etcdd-peer/1";

/// Kinds of streams in both directions.
pub(crate) const INTRODUCTION: u8 = 1;
pub(crate) const QUESTION: u8 = 2;
pub(crate) const SNAPSHOT: u8 = 3;
pub(crate) const VISIT: u8 = 4;

/// Why a connection is closed, beside refusals: its side has ended, has begun anew, does not
/// understand the other, or has no room for it.
pub(crate) const GONE: VarInt = VarInt::from_u32(0);
pub(crate) const ANEW: VarInt = VarInt::from_u32(5);
pub(crate) const BROKEN: VarInt = VarInt::from_u32(6);
pub(crate) const BUSY: VarInt = VarInt::from_u32(7);

/// What an introduction may be long: hundreds of URLs.
pub(crate) const INTRODUCTION_BYTES_MAX: usize = 16 << 10;

/// What a reason may be long.
pub(crate) const REASON_BYTES_MAX: usize = 4 << 10;

/// The length of a length.
const LENGTH_BYTES: usize = 4;

/// Frames up to this length are copied, so that a batch of them is one piece to whoever encrypts
/// it; longer ones are not.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// What is made room for before it is there. Who says that much will come must send it first.
const TRUSTED_BYTES: usize = 64 << 10;

/// Pieces of a snapshot.
const HEADER: u8 = 1;
const CONTENT: u8 = 2;
const END: u8 = 3;

/// Why nothing more is understood, or comes.
#[derive(Debug)]
pub(crate) enum Broken {
    /// What came cannot be.
    Nonsense(&'static str),
    /// The stream or its connection is lost.
    Lost(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonsense(what) => f.write_str(what),
            Self::Lost(why) => f.write_str(why),
        }
    }
}

impl From<ReadError> for Broken {
    fn from(error: ReadError) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<WriteError> for Broken {
    fn from(error: WriteError) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<ReadExactError> for Broken {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::FinishedEarly(_) => Self::Nonsense("it breaks off"),
            ReadExactError::ReadError(error) => error.into(),
        }
    }
}

/// The code that says why somebody is refused.
pub(crate) fn code(refusal: Refusal) -> VarInt {
    VarInt::from_u32(match refusal {
        Refusal::AnotherCluster => 1,
        Refusal::AnotherMember => 2,
        Refusal::Removed => 3,
        Refusal::Unknown => 4,
    })
}

/// What such a code says.
pub(crate) fn refusal(said: VarInt) -> Option<Refusal> {
    Refusal::ALL.into_iter().find(|refusal| code(*refusal) == said)
}

/// The byte that a lane's stream begins with.
pub(crate) fn lane_byte(lane: Lane) -> u8 {
    lane as u8 + 1
}

/// The lane whose stream begins with this byte.
pub(crate) fn lane(byte: u8) -> Option<Lane> {
    Lane::ALL.into_iter().find(|lane| lane_byte(*lane) == byte)
}

/// An introduction, of a member in one of its lives.
pub(crate) fn write_introduction(introduction: &Introduction, life: u64) -> Bytes {
    let mut record = BytesMut::new();
    for number in [introduction.cluster.0, introduction.from.0, introduction.to.0, life] {
        record.put_u64(number);
    }
    record.put_slice(introduction.urls.join(",").as_bytes());
    let mut said = BytesMut::from(&[INTRODUCTION][..]);
    put_record(&mut said, &record);
    said.freeze()
}

/// The introduction in a record, and in which of its lives the member is.
pub(crate) fn read_introduction(mut record: Bytes) -> Result<(Introduction, u64), Broken> {
    let cluster = ClusterId(number(&mut record)?);
    let (from, to) = (NodeId(number(&mut record)?), NodeId(number(&mut record)?));
    let life = number(&mut record)?;
    if cluster.0 == 0 || from.0 == 0 || to.0 == 0 {
        return Err(Broken::Nonsense("an id is zero"));
    }
    let urls = std::str::from_utf8(&record).map_err(|_| Broken::Nonsense("URLs are no text"))?;
    let urls = urls.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect();
    Ok((Introduction { cluster, from, to, urls }, life))
}

/// What is answered to an introduction that is welcome.
pub(crate) fn write_welcome(life: u64) -> Bytes {
    let mut said = BytesMut::new();
    put_record(&mut said, &life.to_be_bytes());
    said.freeze()
}

/// In which of its lives a member is that welcomes this one.
pub(crate) fn read_welcome(mut record: Bytes) -> Result<u64, Broken> {
    number(&mut record)
}

/// A batch of frames as records.
pub(crate) fn write_batch(frames: Vec<Bytes>) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    let mut copied = BytesMut::new();
    for frame in frames {
        if frame.len() <= COPIED_BYTES_MAX {
            put_record(&mut copied, &frame);
            continue;
        }
        put_length(&mut copied, frame.len());
        chunks.extend([copied.split().freeze(), frame]);
    }
    if !copied.is_empty() {
        chunks.push(copied.freeze());
    }
    chunks
}

/// One piece of a snapshot.
pub(crate) fn write_piece(piece: Piece) -> Vec<Bytes> {
    let (kind, content) = match piece {
        Piece::Header(header) => (HEADER, header),
        Piece::Content(content) => (CONTENT, content),
        Piece::End { bytes, checksum } => {
            let mut end = BytesMut::from(&[END][..]);
            end.put_u64(bytes);
            end.put_u64(u64::from(checksum));
            return vec![end.freeze()];
        }
    };
    let mut head = BytesMut::from(&[kind][..]);
    put_length(&mut head, content.len());
    vec![head.freeze(), content]
}

/// The next piece of a snapshot; `None` where the stream ends.
pub(crate) async fn read_piece(
    stream: &mut RecvStream,
    header_bytes_max: usize,
) -> Result<Option<Piece>, Broken> {
    let mut kind = [0];
    if stream.read(&mut kind).await?.is_none() {
        return Ok(None);
    }
    match kind {
        [HEADER] => Ok(Some(Piece::Header(read_record(stream, header_bytes_max).await?))),
        [CONTENT] => Ok(Some(Piece::Content(read_record(stream, PIECE_BYTES_MAX).await?))),
        [END] => {
            let mut end = [0; 16];
            stream.read_exact(&mut end).await?;
            let mut end = &end[..];
            let (bytes, checksum) = (end.get_u64(), end.get_u64());
            let checksum = u32::try_from(checksum);
            let checksum = checksum.map_err(|_| Broken::Nonsense("a sum is too large"))?;
            Ok(Some(Piece::End { bytes, checksum }))
        }
        _ => Err(Broken::Nonsense("a piece is of unknown kind")),
    }
}

/// The first byte of a stream, or of an answer.
pub(crate) async fn read_kind(stream: &mut RecvStream) -> Result<u8, Broken> {
    let mut kind = [0];
    stream.read_exact(&mut kind).await?;
    Ok(kind[0])
}

/// How long the next record is.
pub(crate) async fn read_length(stream: &mut RecvStream, max: usize) -> Result<usize, Broken> {
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length).await?;
    checked(length, max)
}

/// As many bytes. Room is made as they come, and not as they are announced.
pub(crate) async fn read_bytes(stream: &mut RecvStream, length: usize) -> Result<Bytes, Broken> {
    let mut bytes = BytesMut::with_capacity(length.min(TRUSTED_BYTES));
    while bytes.len() < length {
        let Some(chunk) = stream.read_chunk(length - bytes.len(), true).await? else {
            return Err(Broken::Nonsense("it breaks off"));
        };
        bytes.extend_from_slice(&chunk.bytes);
    }
    Ok(bytes.freeze())
}

/// A record of at most this length.
pub(crate) async fn read_record(stream: &mut RecvStream, max: usize) -> Result<Bytes, Broken> {
    let length = read_length(stream, max).await?;
    read_bytes(stream, length).await
}

/// Records out of the chunks that they come in.
pub(crate) struct Records {
    bytes_max: usize,
    /// The beginning of one.
    begun: BytesMut,
}

impl Records {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, begun: BytesMut::new() }
    }

    /// Hands out the records that end in this chunk. Those that lie in it whole are not copied.
    pub(crate) fn take(
        &mut self,
        mut chunk: Bytes,
        mut give: impl FnMut(Bytes),
    ) -> Result<(), Broken> {
        while !chunk.is_empty() {
            if self.begun.is_empty()
                && let Some(length) = self.length(&chunk)?
                && chunk.len() >= LENGTH_BYTES + length
            {
                chunk.advance(LENGTH_BYTES);
                give(chunk.split_to(length));
                continue;
            }
            let wanted = match self.length(&self.begun)? {
                None => LENGTH_BYTES - self.begun.len(),
                Some(length) => LENGTH_BYTES + length - self.begun.len(),
            };
            self.begun.extend_from_slice(&chunk.split_to(wanted.min(chunk.len())));
            if self.length(&self.begun)?.is_some_and(|l| self.begun.len() == LENGTH_BYTES + l) {
                let mut record = self.begun.split().freeze();
                record.advance(LENGTH_BYTES);
                give(record);
            }
        }
        Ok(())
    }

    fn length(&self, begun: &[u8]) -> Result<Option<usize>, Broken> {
        let Some(length) = begun.first_chunk() else { return Ok(None) };
        checked(*length, self.bytes_max).map(Some)
    }
}

fn checked(length: [u8; LENGTH_BYTES], max: usize) -> Result<usize, Broken> {
    let length = usize::try_from(u32::from_be_bytes(length)).ok();
    length.filter(|length| *length <= max).ok_or(Broken::Nonsense("a record is too long"))
}

fn number(record: &mut Bytes) -> Result<u64, Broken> {
    record.try_get_u64().map_err(|_| Broken::Nonsense("a record is too short"))
}

/// Puts a record, whose length is known to be small enough.
pub(crate) fn put_record(to: &mut BytesMut, record: &[u8]) {
    put_length(to, record.len());
    to.put_slice(record);
}

fn put_length(to: &mut BytesMut, length: usize) {
    to.put_u32(u32::try_from(length).expect("nothing is larger than the largest frame, 1 GiB"));
}

#[cfg(test)]
mod tests;
