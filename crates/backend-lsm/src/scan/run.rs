//! A walk over a run: files whose keys do not overlap.

use std::ops::Range;

use backend::Direction;
use lsm_tree::{Result, SeqNo, Table, TreeId};

use super::Record;
use super::block::Unpacked;
use super::file::Blocks;
use crate::bounds::Within;

/// Opens a file when it gets there.
pub(super) struct Run<'a> {
    tree: TreeId,
    /// Those to come, in ascending order.
    files: &'a [Table],
    /// The one it is in.
    file: Option<(&'a Table, Blocks<'a>)>,
    block: Unpacked,
    /// Records of the block that are yet to come; none if there are none at all.
    records: Range<usize>,
}

impl<'a> Run<'a> {
    /// `None` if none of the files can hold anything within the bounds.
    pub(super) fn open(files: &'a [Table], tree: TreeId, within: &Within) -> Result<Option<Self>> {
        let files = overlapping(files, within);
        if files.is_empty() {
            return Ok(None);
        }
        let (block, records) = (Unpacked::default(), 0..0);
        let mut this = Self { tree, files, file: None, block, records };
        this.load(within)?;
        Ok(Some(this))
    }

    pub(super) fn record(&self, direction: Direction) -> Option<Record<'_>> {
        Some(self.block.record(self.at(direction)?))
    }

    pub(super) fn place(&self, direction: Direction) -> Option<(&[u8], SeqNo)> {
        Some(self.block.place(self.at(direction)?))
    }

    fn at(&self, direction: Direction) -> Option<usize> {
        match direction {
            _ if self.records.is_empty() => None,
            Direction::Ascending => Some(self.records.start),
            Direction::Descending => Some(self.records.end - 1),
        }
    }

    pub(super) fn advance(&mut self, within: &Within) -> Result<()> {
        match within.direction {
            Direction::Ascending => self.records.start += 1,
            Direction::Descending => self.records.end -= 1,
        }
        if self.records.is_empty() { self.load(within) } else { Ok(()) }
    }

    /// Goes to where the bounds begin now, which is ahead.
    pub(super) fn seek(&mut self, within: &Within) -> Result<()> {
        let ahead = self.block.within(within);
        self.records.start = self.records.start.max(ahead.start);
        self.records.end = self.records.end.min(ahead.end);
        if !self.records.is_empty() {
            return Ok(());
        }
        self.records = 0..0;
        self.files = overlapping(self.files, within);
        if let Some((table, _)) = self.file.take()
            && !overlapping(std::slice::from_ref(table), within).is_empty()
        {
            self.enter(table, within)?;
        }
        self.load(within)
    }

    /// Loads the next block that has records within the bounds.
    fn load(&mut self, within: &Within) -> Result<()> {
        loop {
            if let Some((_, blocks)) = &mut self.file {
                if blocks.next(&mut self.block)? {
                    self.records = self.block.within(within);
                    let is_last = match within.direction {
                        Direction::Ascending => self.records.end < self.block.len(),
                        Direction::Descending => self.records.start > 0,
                    };
                    if is_last {
                        (self.file, self.files) = (None, &[]);
                    }
                    if !self.records.is_empty() {
                        return Ok(());
                    }
                    continue;
                }
                self.file = None;
            }
            let next = match within.direction {
                Direction::Ascending => self.files.split_first(),
                Direction::Descending => self.files.split_last(),
            };
            let Some((table, files)) = next else { return Ok(()) };
            self.files = files;
            self.enter(table, within)?;
        }
    }

    fn enter(&mut self, table: &'a Table, within: &Within) -> Result<()> {
        let keys = &table.metadata.key_range;
        let edge = match within.direction {
            Direction::Ascending => keys.min(),
            Direction::Descending => keys.max(),
        };
        let from = within.start().filter(|_| within.is_before(edge));
        self.file = Some((table, Blocks::open(table, self.tree, within.direction, from)?));
        Ok(())
    }
}

/// The files that may hold something within the bounds.
fn overlapping<'a>(files: &'a [Table], within: &Within) -> &'a [Table] {
    let low = files.partition_point(|table| within.is_below(table.metadata.key_range.max()));
    let files = &files[low..];
    let high = files.partition_point(|table| !within.is_above(table.metadata.key_range.min()));
    &files[..high]
}
