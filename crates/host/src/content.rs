//! A snapshot's content on its way from member to member, and in the file where it waits.
//!
//! ```text
//! content   magic "etcddsn1", then blocks, then the end
//! block     length: u32   checksum: u32   records …                (length bytes of records)
//! end       0: u32        checksum: u32   records in all: u64
//! record    table: u8   bytes of key: u32   bytes of value: u32   key   value
//! ```
//!
//! Numbers are little-endian. A checksum is the CRC-32C of the block's records, or of the end's
//! count, begun with the checksum before it: a block that is missing, doubled or misplaced does not
//! fit, and neither does a content that stops early.

use std::collections::VecDeque;
use std::io::{self, Read};

use backend::{Fault, Records, Table};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use transport::{Source, UnreadableSnapshot};

const MAGIC: [u8; 8] = *b"etcddsn1";

/// How large a block is, but for one with a single larger record: worth a checksum and a packet.
const BLOCK_BYTES: usize = 256 << 10;

/// The largest block that is believed: far above what a request may bring into a record.
const BLOCK_BYTES_MAX: u32 = 1 << 30;

/// A record's numbers.
const RECORD_HEAD: usize = 9;

/// Turns records into content, chunk by chunk.
pub(crate) struct Export {
    records: Box<dyn Records + Send>,
    checksum: u32,
    count: u64,
    state: Progress,
}

enum Progress {
    Begin,
    Blocks,
    Done,
}

impl Export {
    /// The content of these records.
    pub(crate) fn new(records: Box<dyn Records + Send>) -> Self {
        Self { records, checksum: 0, count: 0, state: Progress::Begin }
    }

    fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        let mut chunk = BytesMut::with_capacity(MAGIC.len() + 8 + BLOCK_BYTES);
        match self.state {
            Progress::Begin => chunk.put_slice(&MAGIC),
            Progress::Blocks => {}
            Progress::Done => return Ok(None),
        }
        let records = self.block()?;
        self.state = if records.is_empty() { Progress::Done } else { Progress::Blocks };
        let count = self.count.to_le_bytes();
        let body = if records.is_empty() { &count[..] } else { &records };
        self.checksum = crc32c::crc32c_append(self.checksum, body);
        let length = u32::try_from(records.len()).expect("a record is below a gigabyte");
        assert!(length <= BLOCK_BYTES_MAX, "a block of {length} bytes would not be believed");
        chunk.put_u32_le(length);
        chunk.put_u32_le(self.checksum);
        chunk.put_slice(body);
        Ok(Some(chunk.freeze()))
    }

    fn block(&mut self) -> Result<BytesMut, Fault> {
        let mut block = BytesMut::with_capacity(BLOCK_BYTES);
        while block.len() < BLOCK_BYTES {
            let Some((table, key, value)) = self.records.next()? else { break };
            let number = |length: usize| u32::try_from(length).expect("records are small");
            block.reserve(RECORD_HEAD + key.len() + value.len());
            block.put_u8(table.id);
            block.put_u32_le(number(key.len()));
            block.put_u32_le(number(value.len()));
            block.put(key);
            block.put(value);
            self.count += 1;
        }
        Ok(block)
    }
}

impl Source for Export {
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
        self.chunk().map_err(|fault| UnreadableSnapshot(fault.to_string()))
    }
}

/// Reads content back, block by block, and believes only what its checksums confirm.
pub(crate) struct Blocks<R> {
    reader: R,
    checksum: u32,
    count: u64,
    began: bool,
}

impl<R: Read> Blocks<R> {
    /// Content that begins here.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, checksum: 0, count: 0, began: false }
    }

    /// The records of the next block; `None` after the end, which was found to be right.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what was written.
    pub(crate) fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.began {
            let mut magic = [0; MAGIC.len()];
            self.reader.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(damaged("it does not begin as a snapshot does"));
            }
            self.began = true;
        }
        let mut head = [0; 8];
        self.reader.read_exact(&mut head)?;
        let mut head = &head[..];
        let (length, checksum) = (head.get_u32_le(), head.get_u32_le());
        if length > BLOCK_BYTES_MAX {
            return Err(damaged("a block is larger than any can be"));
        }
        let is_end = length == 0;
        let body = self.read(if is_end { 8 } else { u64::from(length) })?;
        self.checksum = crc32c::crc32c_append(self.checksum, &body);
        if self.checksum != checksum {
            return Err(damaged("a checksum does not fit"));
        }
        if !is_end {
            self.count += count(&body)?;
            return Ok(Some(body.into()));
        }
        if (&body[..]).get_u64_le() == self.count {
            Ok(None)
        } else {
            Err(damaged("records are missing"))
        }
    }

    /// Where it was read from.
    pub(crate) fn into_inner(self) -> R {
        self.reader
    }

    /// Memory grows with what is there, not with what a number promises.
    fn read(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut body)?;
        if body.len() as u64 == length {
            Ok(body)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// How many records a block holds.
fn count(mut block: &[u8]) -> io::Result<u64> {
    let mut count = 0;
    while !block.is_empty() {
        split_record(&mut block).ok_or_else(|| damaged("a record is cut off"))?;
        count += 1;
    }
    Ok(count)
}

fn split_record<'a>(block: &mut &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
    let table = block.try_get_u8().ok()?;
    let key = usize::try_from(block.try_get_u32_le().ok()?).ok()?;
    let value = usize::try_from(block.try_get_u32_le().ok()?).ok()?;
    let (key, rest) = block.split_at_checked(key)?;
    let (value, rest) = rest.split_at_checked(value)?;
    *block = rest;
    Some((table, key, value))
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The records of content, for an engine.
pub(crate) struct Import<R> {
    blocks: Blocks<R>,
    /// Of the present block.
    records: VecDeque<(Table, Bytes, Bytes)>,
    /// All tables there are.
    tables: &'static [Table],
    /// What people read about where it comes from.
    name: String,
}

impl<R: Read> Import<R> {
    /// The records of content that begins here.
    pub(crate) fn new(name: String, reader: R, tables: &'static [Table]) -> Self {
        Self { blocks: Blocks::new(reader), records: VecDeque::new(), tables, name }
    }

    fn read_block(&mut self, block: &Bytes) -> io::Result<()> {
        let mut rest = &block[..];
        while let Some((id, key, value)) = split_record(&mut rest) {
            let table = self.tables.iter().find(|table| table.id == id);
            let table = *table.ok_or_else(|| damaged("a record is of an unknown table"))?;
            self.records.push_back((table, block.slice_ref(key), block.slice_ref(value)));
        }
        Ok(())
    }
}

impl<R: Read> Records for Import<R> {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        while self.records.is_empty() {
            let block = self.blocks.next();
            let read = match block {
                Ok(Some(block)) => self.read_block(&block),
                Ok(None) => return Ok(None),
                Err(error) => Err(error),
            };
            let what = |error: io::Error| error.to_string();
            read.map_err(|error| Fault::Corrupt { file: self.name.clone(), what: what(error) })?;
        }
        Ok(self.records.pop_front())
    }
}

#[cfg(test)]
mod tests;
