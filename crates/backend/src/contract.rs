//! The engine and its views.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;

use crate::{Batch, Fault, Table};

/// The longest key that every engine takes: what fits into 16 bits, less what a part may add to
/// tell tables apart. A longer one in a batch is a bug.
pub const KEY_BYTES_MAX: usize = 65_000;

/// An ordered engine. One thread writes; any thread may take views or sync meanwhile.
pub trait Backend: Send + Sync {
    /// Everything written so far, for as long as the view is held. Cheap.
    fn view(&self) -> Arc<dyn View>;

    /// Makes the batch visible to later views, atomically. Durable only after a later `sync`, or
    /// when the engine finds the time. Batches do not overtake each other.
    ///
    /// # Errors
    ///
    /// A fault; whether the batch was written is then unknown.
    fn write(&self, batch: Batch) -> Result<(), Fault>;

    /// Everything whose `write` returned before this call is durable when it returns. Runs beside
    /// writes and does not hold them up.
    ///
    /// # Errors
    ///
    /// A fault; what is durable is then unknown, and trying again proves nothing. But for
    /// [`Fault::Full`]: try again when there is room.
    fn sync(&self) -> Result<(), Fault>;

    /// Replaces everything in all tables by the records given, atomically and durably: a crash at
    /// any point leaves the old content or the new. Views taken before still show the old.
    ///
    /// # Errors
    ///
    /// A fault of the engine, or of the source; the old content stands if the source failed, or
    /// with
    /// [`Fault::Full`].
    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault>;

    /// Sizes, for people and for quotas. It may take a look at all files, so nobody asks at each
    /// write.
    fn stats(&self) -> Stats;
}

/// A source of records for [`Backend::replace`]: table by table in the order of their ids, and in
/// ascending order of keys.
pub trait Records {
    /// The next record, or `None` after the last.
    ///
    /// # Errors
    ///
    /// When the source cannot go on; nothing is replaced then.
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault>;
}

/// A consistent state of all tables. What is looked for may be longer than [`KEY_BYTES_MAX`]: no
/// such key is there, and as a bound, or as what a scan seeks, it is compared as any other bytes.
pub trait View: Send + Sync {
    /// The key's value.
    ///
    /// # Errors
    ///
    /// A fault, when the record cannot be read or is damaged.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault>;

    /// Shows the visitor the records within the bounds, in the direction's order, until it stops.
    /// With [`Part::Keys`] values are empty, which an engine may use to read less.
    ///
    /// # Errors
    ///
    /// A fault, when a record cannot be read or is damaged.
    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault>;
}

/// From where to where. An interval whose end is not behind its start holds nothing.
pub type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the lower bound on.
    Ascending,
    /// From the upper bound on.
    Descending,
}

/// What of each record a scan shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Keys; values are empty.
    Keys,
    /// Keys and values.
    Records,
}

/// How a scan goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// With the next record.
    Next,
    /// With the first record at or beyond this key, in the direction of the scan. A key that is not
    /// beyond the present one means the next record.
    Seek(Vec<u8>),
    /// Not at all.
    Stop,
}

/// Sizes of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes on disk, everything counted.
    pub disk_bytes: u64,
    /// Bytes of those that live records need, as far as the engine knows; never above `disk_bytes`.
    pub live_bytes: u64,
    /// Bytes of memory in caches and unwritten tables.
    pub memory_bytes: u64,
    /// Whether it lacks room on the disk for what it has to do. Until it finds some, it keeps in
    /// memory what is written; so no more should be that takes space.
    pub cramped: bool,
}
