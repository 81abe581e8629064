//! Memtables that know between which keys their records lie.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend::Direction;
use lsm_tree::{InternalValue, MemtableId, SeqNo, UserKey, ValueType};

use crate::bounds::Within;

/// One for each number that a table may have.
const TABLES: usize = 1 << u8::BITS;

/// Changes that are gathered before they are written to a file. A look-up in a tree's memtable is a
/// search in a long list, so it is left out where nothing can come of it: of tables that keys are
/// added to at one end, each memtable has a stretch of its own.
pub(crate) struct Memtable {
    of_tree: Arc<lsm_tree::Memtable>,
    /// By the table's number.
    spans: Box<[Span]>,
}

/// Between which beginnings of keys a table's records lie.
struct Span {
    first: AtomicU64,
    last: AtomicU64,
}

impl Memtable {
    /// Is to be the only way to an empty memtable.
    pub(crate) fn of(of_tree: Arc<lsm_tree::Memtable>) -> Self {
        assert!(of_tree.is_empty(), "what is written past us is not within the spans");
        let none = || Span { first: AtomicU64::new(u64::MAX), last: AtomicU64::new(0) };
        Self { of_tree, spans: std::iter::repeat_with(none).take(TABLES).collect() }
    }

    /// One caller at a time.
    pub(crate) fn insert(&self, record: InternalValue) {
        let key = &record.key.user_key;
        let (span, beginning) = (&self.spans[usize::from(key[0])], beginning(key));
        // Whoever may look for the record sees the numbers that are published after this.
        span.first.fetch_min(beginning, Ordering::Relaxed);
        span.last.fetch_max(beginning, Ordering::Relaxed);
        self.of_tree.insert(record);
    }

    /// The newest version below the number.
    pub(crate) fn get(&self, key: &[u8], seqno: SeqNo) -> Option<InternalValue> {
        let beginning = beginning(key);
        if !self.spans[usize::from(key[0])].meets(beginning, beginning) {
            return None;
        }
        self.of_tree.get(key, seqno)
    }

    /// Whether there may be something within the bounds.
    pub(crate) fn meets(&self, within: &Within) -> bool {
        let (Bound::Included(low) | Bound::Excluded(low)) = within.low() else { return true };
        // The upper bound may be the beginning of the next table.
        let high = match within.high() {
            Bound::Included(high) | Bound::Excluded(high) if high[0] == low[0] => beginning(high),
            _ => u64::MAX,
        };
        self.spans[usize::from(low[0])].meets(beginning(low), high)
    }

    /// What lies within the bounds, in their direction; of a key's versions the newest is lowest.
    pub(crate) fn range<'a>(
        &'a self,
        within: &Within,
    ) -> Box<dyn Iterator<Item = InternalValue> + 'a> {
        let edge = |key: &[u8], seqno| {
            InternalValue::from_components(key, &b""[..], seqno, ValueType::Value).key
        };
        let (newest, oldest) = (SeqNo::MAX, 0);
        let low = match within.low() {
            Bound::Included(key) => Bound::Included(edge(key, newest)),
            Bound::Excluded(key) => Bound::Excluded(edge(key, oldest)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let high = match within.high() {
            Bound::Included(key) => Bound::Included(edge(key, oldest)),
            Bound::Excluded(key) => Bound::Excluded(edge(key, newest)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let records = self
            .of_tree
            .items
            .range((low, high))
            .map(|entry| InternalValue { key: entry.key().clone(), value: entry.value().clone() });
        match within.direction {
            Direction::Ascending => Box::new(records),
            Direction::Descending => Box::new(records.rev()),
        }
    }

    /// What a file is to hold of it once nothing is written to it any more: of each key the newest
    /// version, as whoever sees less has the memtable itself.
    pub(crate) fn newest(&self) -> impl Iterator<Item = InternalValue> + '_ {
        let mut last: Option<UserKey> = None;
        self.of_tree.iter().filter(move |record| {
            let key = &record.key.user_key;
            let is_newest = last.as_ref() != Some(key);
            if is_newest {
                last = Some(key.clone());
            }
            is_newest
        })
    }

    /// What the tree calls it.
    pub(crate) fn id(&self) -> MemtableId {
        self.of_tree.id()
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> u64 {
        self.of_tree.size()
    }
}

impl Span {
    fn meets(&self, low: u64, high: u64) -> bool {
        self.first.load(Ordering::Relaxed) <= high && low <= self.last.load(Ordering::Relaxed)
    }
}

/// The bytes that a key begins with, behind its table's number. Their order is that of keys, though
/// several keys may begin alike.
fn beginning(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let rest = &key[1..];
    let length = rest.len().min(bytes.len());
    bytes[..length].copy_from_slice(&rest[..length]);
    u64::from_be_bytes(bytes)
}
