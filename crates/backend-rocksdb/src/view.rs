//! What views read.

use std::sync::Arc;

use backend::flat::is_beyond;
use backend::{Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use rocksdb::{DBRawIterator, ReadOptions, Snapshot};
use self_cell::self_cell;
use store_rocksdb::fault;

use crate::content::{Content, ends};
use crate::keys::FLAT;

self_cell! {
    /// A snapshot, and the database that it is of.
    struct Pinned {
        owner: Arc<Content>,
        #[covariant]
        dependent: Snapshot,
    }
}

/// The database up to a sequence number.
pub(crate) struct RocksdbView {
    pinned: Pinned,
}

impl RocksdbView {
    /// Everything written so far.
    pub(crate) fn of(content: Arc<Content>) -> Self {
        Self { pinned: Pinned::new(content, |content| content.database().snapshot()) }
    }

    fn fault(&self, error: &rocksdb::Error) -> Fault {
        fault("reading", &self.pinned.borrow_owner().files, error).into()
    }
}

impl View for RocksdbView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let found = self.pinned.borrow_dependent().get_pinned(FLAT.target(table, key));
        let found = found.map_err(|error| self.fault(&error))?;
        Ok(found.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let Some(within) = FLAT.within(table, bounds) else { return Ok(()) };
        let (low, high) = ends(within);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(low);
        options.set_iterate_upper_bound(high);
        let mut records = self.pinned.borrow_dependent().raw_iterator_opt(options);
        match direction {
            Direction::Ascending => records.seek_to_first(),
            Direction::Descending => records.seek_to_last(),
        }
        while let Some((key, value)) = records.item() {
            let key = &key[FLAT.prefix_bytes()..];
            let step = match part {
                Part::Keys => visit(key, &[]),
                Part::Records => visit(key, value),
            };
            match step {
                Step::Seek(sought) if is_beyond(&sought, key, direction) => {
                    seek(&mut records, &FLAT.target(table, &sought), direction);
                }
                Step::Next | Step::Seek(_) => advance(&mut records, direction),
                Step::Stop => return Ok(()),
            }
        }
        records.status().map_err(|error| self.fault(&error))
    }
}

fn advance(records: &mut DBRawIterator<'_>, direction: Direction) {
    match direction {
        Direction::Ascending => records.next(),
        Direction::Descending => records.prev(),
    }
}

fn seek(records: &mut DBRawIterator<'_>, sought: &[u8], direction: Direction) {
    match direction {
        Direction::Ascending => records.seek(sought),
        Direction::Descending => records.seek_for_prev(sought),
    }
}
