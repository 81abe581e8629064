//! The blocks of a file, one after the other.

use std::fs::File;

use backend::Direction;
use lsm_tree::table::block::BlockType;
use lsm_tree::table::{Block, BlockHandle, IndexBlock};
use lsm_tree::{Error, GlobalTableId, Result, SeqNo, Table, TreeId};

use super::block::Unpacked;

/// Entries of an index that are read at once, at most. They are read by a search for the last one,
/// which costs as much as reading some ten; a short scan needs few.
const AHEAD_MAX: usize = 32;
/// The same when a walk begins.
const AHEAD_MIN: usize = 2;

/// A walk over the blocks of a file that hold records.
pub(super) struct Blocks<'a> {
    source: Source<'a>,
    direction: Direction,
    top: Walk,
    /// The part of the index that the walk is in, if it has parts; then `top` leads to these.
    part: Option<Walk>,
    is_parted: bool,
}

impl<'a> Blocks<'a> {
    /// A walk from the first block on that may hold the key, or anything beyond it.
    pub(super) fn open(
        table: &'a Table,
        tree: TreeId,
        direction: Direction,
        from: Option<&[u8]>,
    ) -> Result<Self> {
        let mut source = Source { table, id: (tree, table.id()).into(), file: None };
        let index = IndexBlock::new(source.load(table.regions.tli, BlockType::Index)?);
        let is_parted = table.regions.index.is_some();
        let top = Walk::new(index, direction, from);
        let mut this = Self { source, direction, top, part: None, is_parted };
        if is_parted {
            this.enter_part(from)?;
        }
        Ok(this)
    }

    /// Unpacks the next block; `false` if there is none.
    pub(super) fn next(&mut self, into: &mut Unpacked) -> Result<bool> {
        let handle = loop {
            let walk = if self.is_parted { self.part.as_mut() } else { Some(&mut self.top) };
            let Some(walk) = walk else { return Ok(false) };
            if let Some(handle) = walk.next(self.direction) {
                break handle;
            }
            if !self.is_parted {
                return Ok(false);
            }
            self.enter_part(None)?;
        };
        let block = self.source.load(handle, BlockType::Data)?;
        into.fill(block, self.source.table.global_seqno());
        Ok(true)
    }

    fn enter_part(&mut self, from: Option<&[u8]>) -> Result<()> {
        self.part = match self.top.next(self.direction) {
            Some(handle) => {
                let index = IndexBlock::new(self.source.load(handle, BlockType::Index)?);
                Some(Walk::new(index, self.direction, from))
            }
            None => None,
        };
        Ok(())
    }
}

/// A file, and the blocks of it that are in memory.
struct Source<'a> {
    table: &'a Table,
    id: GlobalTableId,
    /// Open once a block was not in memory.
    file: Option<File>,
}

impl Source<'_> {
    fn load(&mut self, handle: BlockHandle, kind: BlockType) -> Result<Block> {
        let cache = &self.table.cache;
        if let Some(block) = cache.get_block(self.id, handle.offset()) {
            return Ok(block);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&*self.table.path)?),
        };
        let metadata = &self.table.metadata;
        let compression = match kind {
            BlockType::Data => metadata.data_block_compression,
            _ => metadata.index_block_compression,
        };
        let block = Block::from_file(file, handle, compression)?;
        let found = block.header.block_type;
        if found != kind {
            return Err(Error::InvalidTag(("BlockType", found.into())));
        }
        cache.insert_block(self.id, handle.offset(), block.clone());
        Ok(block)
    }
}

/// A walk over the entries of an index.
struct Walk {
    index: IndexBlock,
    /// Entries that have been read, the next one last.
    ahead: Vec<BlockHandle>,
    /// How many are read next.
    reach: usize,
    /// The last key behind the last entry that was read, and the offset there. Several blocks may
    /// end with the same key.
    reached: Option<(Vec<u8>, u64)>,
}

impl Walk {
    fn new(index: IndexBlock, direction: Direction, from: Option<&[u8]>) -> Self {
        let mut this = Self { index, ahead: Vec::new(), reach: AHEAD_MIN, reached: None };
        this.read(direction, from, None);
        this
    }

    fn next(&mut self, direction: Direction) -> Option<BlockHandle> {
        if self.ahead.is_empty()
            && let Some((key, offset)) = self.reached.take()
        {
            self.read(direction, Some(&key), Some(offset));
        }
        self.ahead.pop()
    }

    /// Reads on from the first entry that may hold the key, and that is past the offset.
    fn read(&mut self, direction: Direction, from: Option<&[u8]>, past: Option<u64>) {
        let data = self.index.as_slice();
        let mut entries = self.index.iter();
        let is_there = from.is_none_or(|key| match direction {
            Direction::Ascending => entries.seek(key, SeqNo::MAX),
            Direction::Descending => entries.seek_upper(key, 0),
        });
        while is_there && self.ahead.len() < self.reach {
            let entry = match direction {
                Direction::Ascending => entries.next(),
                Direction::Descending => entries.next_back(),
            };
            let Some(entry) = entry else { break };
            let is_past = past.is_none_or(|past| match direction {
                Direction::Ascending => *entry.offset > past,
                Direction::Descending => *entry.offset < past,
            });
            if is_past {
                self.ahead.push(BlockHandle::new(entry.offset, entry.size));
                if self.ahead.len() == self.reach {
                    let end = &data[entry.end_key.0..entry.end_key.1];
                    self.reached = Some((end.to_vec(), *entry.offset));
                }
            }
        }
        self.ahead.reverse();
        self.reach = (2 * self.reach).min(AHEAD_MAX);
    }
}
