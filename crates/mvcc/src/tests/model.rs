//! The keyspace as anybody would write it: a whole map for every revision.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use proto::mvccpb::KeyValue;

use super::world::Op;

pub(super) type State = BTreeMap<Vec<u8>, KeyValue>;

#[derive(Clone)]
pub(super) struct Change {
    pub(super) main: i64,
    pub(super) sub: u32,
    pub(super) tombstone: bool,
    pub(super) kv: KeyValue,
}

#[derive(Clone)]
pub(super) struct Model {
    /// What lives at each revision, from 0 on.
    pub(super) states: Vec<State>,
    /// Everything that ever happened.
    pub(super) log: Vec<Change>,
    pub(super) compacted: i64,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { states: alloc::vec![State::new(); 2], log: Vec::new(), compacted: -1 }
    }

    pub(super) fn revision(&self) -> i64 {
        i64::try_from(self.states.len()).expect("tests are short") - 1
    }

    pub(super) fn at(&self, revision: i64) -> &State {
        &self.states[usize::try_from(revision).expect("revisions are not negative here")]
    }

    pub(super) fn apply(&mut self, ops: &[Op]) {
        let main = self.revision() + 1;
        let mut state = self.at(main - 1).clone();
        let mut sub = 0;
        for op in ops {
            match op {
                Op::Put(key, value, lease) => {
                    let former = state.get(key);
                    let kv = KeyValue {
                        key: Bytes::copy_from_slice(key),
                        create_revision: former.map_or(main, |kv| kv.create_revision),
                        mod_revision: main,
                        version: former.map_or(1, |kv| kv.version + 1),
                        value: Bytes::copy_from_slice(value),
                        lease: *lease,
                    };
                    state.insert(key.clone(), kv.clone());
                    self.log.push(Change { main, sub, tombstone: false, kv });
                    sub += 1;
                }
                Op::Delete(key, end) => {
                    let gone: Vec<_> =
                        state.keys().filter(|one| within(one, key, end)).cloned().collect();
                    for key in gone {
                        state.remove(&key);
                        let kv = KeyValue { key: key.into(), ..KeyValue::default() };
                        self.log.push(Change { main, sub, tombstone: true, kv });
                        sub += 1;
                    }
                }
            }
        }
        if sub > 0 {
            self.states.push(state);
        }
    }

    /// storage.md §8, literally. Where what is physically there matters, it is what a compaction
    /// that has come to its end leaves.
    pub(super) fn hash(&self, revision: i64, compacted: i64, tombstone_kept: bool) -> u32 {
        let upto: Vec<&Change> = self.log.iter().filter(|one| one.main <= revision).collect();
        let kept = |last: i64| {
            let mut newest = BTreeMap::new();
            for one in upto.iter().filter(|one| one.main <= last) {
                newest.insert(&one.kv.key, (one.main, one.sub, one.tombstone));
            }
            let stays = |(main, _, tombstone): &&(i64, u32, bool)| {
                !tombstone || tombstone_kept && *main == revision
            };
            let kept = newest.values().filter(stays).map(|(main, sub, _)| (*main, *sub));
            kept.collect::<BTreeSet<(i64, u32)>>()
        };
        let mut keep = kept(revision);
        if keep.is_empty() {
            keep = kept(compacted);
        }
        let mut bytes = b"key".to_vec();
        for one in &upto {
            if one.main <= compacted && !keep.contains(&(one.main, one.sub)) {
                continue;
            }
            bytes.extend_from_slice(&one.main.to_be_bytes());
            bytes.push(b'_');
            bytes.extend_from_slice(&u64::from(one.sub).to_be_bytes());
            if one.tombstone {
                bytes.push(b't');
            }
            bytes.extend_from_slice(&one.kv.encode_to_vec());
        }
        crc32c(&bytes)
    }
}

pub(super) fn within(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    match end {
        [] => key == start,
        [0] => key >= start,
        _ => start <= key && key < end,
    }
}

/// Bit by bit.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

/// A seeded die.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    /// Keys that are each other's neighbours and prefixes, zero bytes and all.
    pub(super) fn key(&mut self) -> Vec<u8> {
        const LETTERS: [u8; 5] = [0, 1, b'a', b'b', 0xff];
        let length = 1 + self.roll(4);
        (0..length).map(|_| LETTERS[usize::try_from(self.roll(5)).expect("small")]).collect()
    }

    pub(super) fn end(&mut self) -> Vec<u8> {
        match self.roll(4) {
            0 => Vec::new(),
            1 => alloc::vec![0],
            _ => self.key(),
        }
    }

    pub(super) fn ops(&mut self) -> Vec<Op> {
        let count = 1 + self.roll(4);
        (0..count).map(|_| self.op()).collect()
    }

    fn op(&mut self) -> Op {
        if self.roll(10) < 7 {
            let length = [0, 3, 40, 500, 1100][usize::try_from(self.roll(5)).expect("small")];
            let byte = self.roll(256).to_le_bytes()[0];
            let lease = [0, 0, 7, -3][usize::try_from(self.roll(4)).expect("small")];
            return Op::Put(self.key(), alloc::vec![byte; length], lease);
        }
        let end = if self.roll(3) > 0 { Vec::new() } else { self.end() };
        Op::Delete(self.key(), end)
    }
}
