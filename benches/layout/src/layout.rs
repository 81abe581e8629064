//! The layouts under test.

use crate::engine::{Batch, Engine};

/// `(key, revision descending) → record`.
const HISTORY: u8 = 1;
/// `key → newest`.
const HEAD: u8 = 2;
/// `revision → record` (in A: `revision → key`).
const REVISION: u8 = 3;
/// Values up to here are also kept in C's head.
const INLINE_BYTES: usize = 1024;
/// Steps over old versions before it is cheaper to seek the next key.
const STEPS_MAX: u32 = 8;

/// What a record says besides its key and value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) create: u64,
    pub(crate) modified: u64,
    pub(crate) version: u64,
    /// The revision that this one took the place of, or 0.
    pub(crate) previous: u64,
}

pub(crate) fn encode(meta: Meta, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(34 + key.len() + value.len());
    for word in [meta.create, meta.modified, meta.version, meta.previous] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    let length = u16::try_from(key.len()).expect("keys are short here");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(value);
    bytes
}

pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

pub(crate) fn meta(bytes: &[u8]) -> Meta {
    Meta {
        create: word(bytes, 0),
        modified: word(bytes, 8),
        version: word(bytes, 16),
        previous: word(bytes, 24),
    }
}

pub(crate) fn key_of(record: &[u8]) -> &[u8] {
    let length = usize::from(u16::from_be_bytes([record[32], record[33]]));
    &record[34..34 + length]
}

/// Whether a head is all there is to know.
fn has_value(head: &[u8]) -> bool {
    head.len() > 34 + key_of(head).len()
}

/// Keys here have no zero byte, so that one ends them in order.
fn history_key(key: &[u8], revision: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 9);
    bytes.extend_from_slice(key);
    bytes.push(0);
    bytes.extend_from_slice(&(!revision).to_be_bytes());
    bytes
}

fn split_history(bytes: &[u8]) -> (&[u8], u64) {
    let (key, revision) = bytes.split_at(bytes.len() - 8);
    (&key[..key.len() - 1], !word(revision, 0))
}

/// Called with each record of a range, in the order of keys.
pub(crate) type Records<'a> = &'a mut dyn FnMut(&[u8]);

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Layout {
    A,
    B,
    C,
}

impl Layout {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "a" => Self::A,
            "b" => Self::B,
            "c" => Self::C,
            _ => panic!("no layout {name}"),
        }
    }

    /// The newest version's meta, as a put needs it.
    fn newest(self, engine: &dyn Engine, key: &[u8]) -> Option<Meta> {
        match self {
            Self::A => {
                let mut found = None;
                engine.scan(HISTORY, &history_key(key, u64::MAX), &mut |at, record| {
                    found = (split_history(at).0 == key).then(|| meta(record));
                    false
                });
                found
            }
            Self::B | Self::C => engine.get(HEAD, key).map(|head| meta(&head)),
        }
    }

    pub(crate) fn put(
        self,
        engine: &dyn Engine,
        batch: &mut Batch,
        (revision, key, value): (u64, &[u8], &[u8]),
    ) {
        let former = self.newest(engine, key);
        let meta = Meta {
            create: former.map_or(revision, |meta| meta.create),
            modified: revision,
            version: former.map_or(1, |meta| meta.version + 1),
            previous: former.map_or(0, |meta| meta.modified),
        };
        let record = encode(meta, key, value);
        let at = revision.to_be_bytes().to_vec();
        if self == Self::A {
            batch.put(HISTORY, history_key(key, revision), record);
            batch.put(REVISION, at, key.to_vec());
            return;
        }
        if let Some(former) = former {
            batch.put(HISTORY, history_key(key, former.modified), Vec::new());
        }
        let inline = self == Self::C && value.len() <= INLINE_BYTES;
        let head = if inline { record.clone() } else { encode(meta, key, &[]) };
        batch.put(HEAD, key.to_vec(), head);
        batch.put(REVISION, at, record);
    }

    pub(crate) fn get(self, engine: &dyn Engine, key: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::A => {
                let mut found = None;
                engine.scan(HISTORY, &history_key(key, u64::MAX), &mut |at, record| {
                    found = (split_history(at).0 == key).then(|| record.to_vec());
                    false
                });
                found
            }
            Self::B | Self::C => {
                let head = engine.get(HEAD, key)?;
                if has_value(&head) {
                    return Some(head);
                }
                engine.get(REVISION, &meta(&head).modified.to_be_bytes())
            }
        }
    }

    /// Up to `limit` records as of `revision`, from the key `from` on.
    pub(crate) fn range(
        self,
        engine: &dyn Engine,
        (from, limit, revision): (&[u8], usize, u64),
        visit: Records<'_>,
    ) {
        if self == Self::A {
            return range_of_history(engine, (from, limit, revision), visit);
        }
        let mut left = limit;
        engine.scan(HEAD, from, &mut |key, head| {
            let newest = meta(head).modified;
            let record = if newest > revision {
                let mut at = None;
                engine.scan(HISTORY, &history_key(key, revision), &mut |found, _| {
                    let (owner, revision) = split_history(found);
                    at = (owner == key).then_some(revision);
                    false
                });
                at.and_then(|at| engine.get(REVISION, &at.to_be_bytes()))
            } else if has_value(head) {
                visit(head);
                left -= 1;
                return left > 0;
            } else {
                engine.get(REVISION, &newest.to_be_bytes())
            };
            if let Some(record) = record {
                visit(&record);
                left -= 1;
            }
            left > 0
        });
    }

    /// Every record from a revision on, in the order of revisions: what watchers and hashes read.
    pub(crate) fn since(
        self,
        engine: &dyn Engine,
        (revision, limit): (u64, usize),
        visit: Records<'_>,
    ) {
        let mut left = limit;
        engine.scan(REVISION, &revision.to_be_bytes(), &mut |at, record| {
            if self == Self::A {
                let at = history_key(record, word(at, 0));
                visit(&engine.get(HISTORY, &at).expect("every revision has a record"));
            } else {
                visit(record);
            }
            left -= 1;
            left > 0
        });
    }

    /// Drops what the revisions `from..=to` have taken the place of.
    pub(crate) fn compact(self, engine: &dyn Engine, batch: &mut Batch, (from, to): (u64, u64)) {
        let limit = usize::try_from(to - from + 1).expect("a step of a compaction is small");
        self.since(engine, (from, limit), &mut |record| {
            let previous = meta(record).previous;
            if previous > 0 {
                batch.delete(HISTORY, history_key(key_of(record), previous));
                batch.delete(REVISION, previous.to_be_bytes().to_vec());
            }
        });
    }
}

fn range_of_history(
    engine: &dyn Engine,
    (from, limit, revision): (&[u8], usize, u64),
    visit: Records<'_>,
) {
    let mut left = limit;
    let mut start = from.to_vec();
    let mut done: Option<Vec<u8>> = None;
    loop {
        let (mut steps, mut seek) = (0, false);
        let first = std::mem::take(&mut start);
        engine.scan(HISTORY, &first, &mut |at, record| {
            let (key, modified) = split_history(at);
            if done.as_deref() == Some(key) || modified > revision {
                steps += 1;
                if steps > STEPS_MAX {
                    start = if done.as_deref() == Some(key) {
                        history_key(key, 0)
                    } else {
                        history_key(key, revision)
                    };
                    seek = true;
                }
                return !seek;
            }
            steps = 0;
            visit(record);
            done = Some(key.to_vec());
            left -= 1;
            left > 0
        });
        if !seek {
            return;
        }
    }
}
