//! What is written, all at once or not at all.

use alloc::vec::Vec;

use bytes::Bytes;

/// An ordered table. Whoever owns the data names its tables as constants; an engine keeps the
/// number, so a number is never used for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// What an engine keeps.
    pub id: u8,
    /// What people read.
    pub name: &'static str,
}

/// Changes that become visible and durable together. They take effect in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    operations: Vec<(Table, Operation)>,
    bytes: usize,
}

/// One change of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The key is gone; it need not have been there.
    Delete {
        /// Which.
        key: Bytes,
    },
    /// All keys `start <= key < end` are gone.
    DeleteRange {
        /// The first that may go.
        start: Bytes,
        /// The first that stays; `None` means to the end of the table.
        end: Option<Bytes>,
    },
    /// The key has this value from now on.
    Put {
        /// Which.
        key: Bytes,
        /// What.
        value: Bytes,
    },
}

impl Batch {
    /// A batch without changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key has this value from now on.
    pub fn put(&mut self, table: Table, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        let (key, value) = (key.into(), value.into());
        self.push(table, Operation::Put { key, value });
    }

    /// The key is gone.
    pub fn delete(&mut self, table: Table, key: impl Into<Bytes>) {
        self.push(table, Operation::Delete { key: key.into() });
    }

    /// All keys `start <= key < end` are gone; without an end, all from `start` on.
    pub fn delete_range(&mut self, table: Table, start: impl Into<Bytes>, end: Option<Bytes>) {
        self.push(table, Operation::DeleteRange { start: start.into(), end });
    }

    /// The changes, in order.
    #[must_use]
    pub fn operations(&self) -> &[(Table, Operation)] {
        &self.operations
    }

    /// The changes, in order, given away.
    #[must_use]
    pub fn into_operations(self) -> Vec<(Table, Operation)> {
        self.operations
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Bytes of all keys and values in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn push(&mut self, table: Table, operation: Operation) {
        self.bytes += match &operation {
            Operation::Delete { key } => key.len(),
            Operation::DeleteRange { start, end } => {
                start.len() + end.as_ref().map_or(0, Bytes::len)
            }
            Operation::Put { key, value } => key.len() + value.len(),
        };
        self.operations.push((table, operation));
    }
}
