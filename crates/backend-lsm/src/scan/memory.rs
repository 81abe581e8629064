//! A walk over a memtable.

use lsm_tree::{InternalValue, SeqNo};

use super::Record;
use crate::bounds::Within;
use crate::memtable::Memtable;

/// Records that a seek walks over before it looks the key up, which costs as much as some ten
/// steps.
const SEEK_STEPS: u32 = 10;

/// Holds the record that it is at, as a memtable lends none for long.
pub(super) struct Memory<'a> {
    memtable: &'a Memtable,
    ahead: Box<dyn Iterator<Item = InternalValue> + 'a>,
    record: Option<InternalValue>,
}

impl<'a> Memory<'a> {
    pub(super) fn open(memtable: &'a Memtable, within: &Within) -> Self {
        let mut ahead = memtable.range(within);
        let record = ahead.next();
        Self { memtable, ahead, record }
    }

    pub(super) fn record(&self) -> Option<Record<'_>> {
        let record = self.record.as_ref()?;
        let value = (!record.is_tombstone()).then_some(&*record.value);
        Some(Record { key: &record.key.user_key, seqno: record.key.seqno, value })
    }

    pub(super) fn place(&self) -> Option<(&[u8], SeqNo)> {
        self.record.as_ref().map(|record| (&*record.key.user_key, record.key.seqno))
    }

    pub(super) fn advance(&mut self) {
        self.record = self.ahead.next();
    }

    /// Goes to where the bounds begin now, which is ahead.
    pub(super) fn seek(&mut self, within: &Within) {
        for _ in 0..SEEK_STEPS {
            let Some(record) = &self.record else { return };
            if !within.is_before(&record.key.user_key) {
                return;
            }
            self.advance();
        }
        *self = Self::open(self.memtable, within);
    }
}
