//! What views read: the tree, but for what was written over since.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use backend::flat::{Within, is_beyond};
use backend::{Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use home::guarded;
use sled::IVec;
use store_sled::fault;

use crate::content::Content;
use crate::history::Value;
use crate::keys::FLAT;

/// Records that a scan looks at before it shows the first: few, as it may stop or seek soon.
const CHUNK_MIN: usize = 16;
/// And at most, later on: the writer waits meanwhile.
const CHUNK_MAX: usize = 256;
/// Bytes of values from which on a chunk ends.
const CHUNK_BYTES: usize = 1 << 20;

/// The tree as of a batch.
pub(crate) struct SledView {
    number: u64,
    content: Arc<Content>,
}

type Tree = Box<dyn Iterator<Item = sled::Result<(IVec, IVec)>>>;
type Former<'a> = Box<dyn Iterator<Item = (&'a IVec, &'a Value)> + 'a>;

/// The next records of a scan, and where the rest begins, if there is one.
struct Chunk {
    records: VecDeque<(IVec, IVec)>,
    rest: Option<Within>,
}

impl SledView {
    /// A view of that number, which is open.
    pub(crate) fn of(number: u64, content: Arc<Content>) -> Self {
        Self { number, content }
    }

    fn reading<T>(&self, read: impl FnOnce() -> sled::Result<T>) -> Result<T, Fault> {
        let path = self.content.store().path();
        guarded(path, || Ok(read().map_err(|error| fault("reading", path, &error))?))
    }

    /// The first so many records within the bounds, in the direction of the scan.
    fn chunk(&self, within: Within, direction: Direction, count: usize) -> Result<Chunk, Fault> {
        let history = self.content.history();
        self.reading(|| {
            let tree = self.content.store().tree().range::<&[u8], _>(within.range());
            let former = history.range(within.range(), self.number);
            let (tree, former): (Tree, Former<'_>) = match direction {
                Direction::Ascending => (Box::new(tree), Box::new(former)),
                Direction::Descending => (Box::new(tree.rev()), Box::new(former.rev())),
            };
            let (mut tree, mut former) = (tree.peekable(), former.peekable());
            let (mut records, mut bytes) = (VecDeque::new(), 0);
            while records.len() < count && bytes < CHUNK_BYTES {
                let order = match (tree.peek(), former.peek()) {
                    (None, None) => return Ok(Chunk { records, rest: None }),
                    (Some(Err(_)) | Some(Ok(_)), None) | (Some(Err(_)), _) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some(Ok((key, _))), Some((other, _))) => match direction {
                        Direction::Ascending => key.cmp(other),
                        Direction::Descending => other.cmp(&key),
                    },
                };
                // Where both have a key, what it was before is what is seen.
                let in_tree = if order.is_le() { tree.next().transpose()? } else { None };
                let before = if order.is_ge() { former.next() } else { None };
                let seen = match before {
                    Some((key, before)) => before.clone().map(|value| (key.clone(), value)),
                    None => in_tree,
                };
                bytes += seen.as_ref().map_or(0, |(_, value)| value.len());
                records.extend(seen);
            }
            drop((tree, former));
            let last = records.back().map(|(key, _)| Bound::Excluded(key.to_vec()));
            let rest = last.and_then(|last| within.from(last, direction));
            Ok(Chunk { records, rest })
        })
    }
}

impl Drop for SledView {
    fn drop(&mut self) {
        self.content.history_mut().close_view(self.number);
    }
}

impl View for SledView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let (key, history) = (FLAT.target(table, key), self.content.history());
        let value = match history.seen(&key, self.number) {
            Some(before) => before.clone(),
            None => self.reading(|| self.content.store().tree().get(&key))?,
        };
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let (mut left, mut count) = (FLAT.within(table, bounds), CHUNK_MIN);
        while let Some(within) = left.take() {
            let Chunk { mut records, rest } = self.chunk(within, direction, count)?;
            (left, count) = (rest, CHUNK_MAX.min(2 * count));
            while let Some((key, value)) = records.pop_front() {
                let key = &key[FLAT.prefix_bytes()..];
                let step = match part {
                    Part::Keys => visit(key, &[]),
                    Part::Records => visit(key, &value),
                };
                match step {
                    Step::Seek(sought) if is_beyond(&sought, key, direction) => {
                        let sought = FLAT.target(table, &sought);
                        let skipped =
                            |(next, _): &(IVec, IVec)| is_beyond(&sought, next, direction);
                        while records.front().is_some_and(skipped) {
                            records.pop_front();
                        }
                        if records.is_empty() {
                            let sought = Bound::Included(sought);
                            left = left.and_then(|left| left.from(sought, direction));
                        }
                    }
                    Step::Next | Step::Seek(_) => {}
                    Step::Stop => return Ok(()),
                }
            }
        }
        Ok(())
    }
}
