//! The tree of the default engine, as its library has it: nobody writes its files behind its back.

use std::path::Path;
use std::sync::Arc;

use lsm_tree::compaction::Leveled;
use lsm_tree::{AbstractTree, AnyTree, Cache, Guard, SeqNo, SequenceNumberCounter};

use super::engines::{CACHE_BYTES, MEMTABLE_BYTES, Put, Raw, SOUND};

/// Tables, by the first byte of a key.
const HISTORY: u8 = b'r';
const HEADS: u8 = b'h';

/// What sees everything.
const NEWEST: SeqNo = SeqNo::MAX >> 1;

pub(super) struct Lsm {
    tree: AnyTree,
    seqno: SeqNo,
}

fn in_table(table: u8, key: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(1 + key.len());
    whole.push(table);
    whole.extend_from_slice(key);
    whole
}

impl Lsm {
    pub(super) fn open(directory: &Path) -> Self {
        let counters = [(); 2].map(|()| SequenceNumberCounter::default());
        let [seqno, visible] = counters;
        let cache = Arc::new(Cache::with_capacity_bytes(CACHE_BYTES));
        let config = lsm_tree::Config::new(directory, seqno, visible).use_cache(cache);
        Self { tree: config.open().expect(SOUND), seqno: 0 }
    }
}

impl Raw for Lsm {
    fn write(&mut self, puts: &[Put]) {
        self.seqno += 1;
        for (revision, key, value) in puts {
            self.tree.insert(in_table(HISTORY, revision), &value[..], self.seqno);
            self.tree.insert(in_table(HEADS, key), &value[..], self.seqno);
        }
        if self.tree.active_memtable().size() > MEMTABLE_BYTES {
            self.sync();
        }
    }

    fn sync(&mut self) {
        self.tree.flush_active_memtable(0).expect(SOUND);
        self.tree.compact(Arc::new(Leveled::default()), 0).expect(SOUND);
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        let found = self.tree.get(in_table(HEADS, key), NEWEST).expect(SOUND);
        found.map(|value| value.len())
    }

    fn page(&self, from: &[u8], len: usize) -> usize {
        let found = self.tree.range(in_table(HEADS, from)..vec![HEADS + 1], NEWEST, None);
        found.take(len).map(|item| item.into_inner().expect(SOUND).1.len()).sum()
    }
}
