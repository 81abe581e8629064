//! How many keys there are, without walking over them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use backend::{Direction, Fault, Part, Step, View};
use bytes::Bytes;

use crate::overlay::Overlay;
use crate::scan::scan;
use crate::tables::{FENCES, HEADS, Head, damaged};

/// Heads in a block from which on it is split. A count scans two blocks at most. Small in tests, so
/// that splits and merges are common there.
const BLOCK_HEADS_MAX: u32 = if cfg!(test) { 16 } else { 1024 };

/// Heads in a block below which it is merged into the one before, if the two fit into half a block:
/// so a split and a merge are never next to each other.
const BLOCK_HEADS_MIN: u32 = BLOCK_HEADS_MAX / 8;

/// Fences that are copied together when one of them changes.
const CHUNK_FENCES: usize = if cfg!(test) { 4 } else { 64 };

/// The number of keys in each block of neighbours. Cheap to clone: what a batch changes is copied,
/// the rest is shared with the views before.
#[derive(Clone, Debug)]
pub(crate) struct Fences {
    /// In order; none is empty. The first fence is the empty key.
    chunks: Vec<Arc<Chunk>>,
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    fences: Vec<Fence>,
    /// Living keys of all its fences.
    living: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fence {
    /// The first key that belongs to it.
    start: Bytes,
    /// Its keys that live.
    living: u32,
    /// Its keys that are deleted but not yet gone.
    dead: u32,
}

impl Fence {
    fn heads(&self) -> u32 {
        self.living + self.dead
    }
}

/// What happens to a key's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A key that was not there lives.
    Born,
    /// A deleted key is gone for good.
    Buried,
    /// A key that lived is deleted.
    Died,
    /// A deleted key lives again.
    Revived,
}

/// A block of neighbours.
#[derive(Clone, Debug)]
pub(crate) struct Block<'a> {
    /// Its first key; the block after begins where this one ends.
    pub(crate) start: &'a Bytes,
    /// Keys that live.
    pub(crate) living: u64,
    /// Whether all its heads are of keys that live.
    pub(crate) all_live: bool,
    /// Where it stands among the fences.
    place: (usize, usize),
}

impl Fences {
    /// As they lie in the engine.
    pub(crate) fn open(view: &dyn View) -> Result<Self, Fault> {
        let mut fences = Vec::new();
        let every = (Bound::Unbounded, Bound::Unbounded);
        let how = (Direction::Ascending, Part::Records);
        scan(view, FENCES, every, how, &mut |start, counts| {
            let counts = counts.split_first_chunk::<4>().and_then(|(living, dead)| {
                Some((u32::from_be_bytes(*living), u32::from_be_bytes(dead.try_into().ok()?)))
            });
            let (living, dead) = counts.ok_or_else(|| damaged(FENCES, "a count cannot be read"))?;
            fences.push(Fence { start: Bytes::copy_from_slice(start), living, dead });
            Ok(Step::Next)
        })?;
        if fences.first().is_none_or(|first| !first.start.is_empty()) {
            fences.insert(0, Fence { start: Bytes::new(), living: 0, dead: 0 });
        }
        let chunk = |fences: &[Fence]| Arc::new(Chunk::new(fences.to_vec()));
        Ok(Self { chunks: fences.chunks(CHUNK_FENCES).map(chunk).collect() })
    }

    /// The block that holds a key.
    pub(crate) fn block(&self, key: &[u8]) -> Block<'_> {
        self.block_at(self.find(key))
    }

    /// The block after this one, if there is one.
    pub(crate) fn after(&self, block: &Block<'_>) -> Option<Block<'_>> {
        let (chunk, fence) = block.place;
        let next = if fence + 1 < self.chunks[chunk].fences.len() {
            (chunk, fence + 1)
        } else {
            (chunk + 1, 0)
        };
        (next.0 < self.chunks.len()).then(|| self.block_at(next))
    }

    /// Living keys from the first block to the one before the last; without a last one, to the end.
    pub(crate) fn living(&self, first: &Block<'_>, last: Option<&Block<'_>>) -> u64 {
        let sum = |chunk: usize, from: usize, to: usize| {
            let fences = &self.chunks[chunk].fences[from..to];
            fences.iter().map(|fence| u64::from(fence.living)).sum::<u64>()
        };
        let (a, i) = first.place;
        let (b, j) = last.map_or((self.chunks.len(), 0), |last| last.place);
        if a == b {
            return sum(a, i, j.max(i));
        }
        let whole = self.chunks[a + 1..b].iter().map(|chunk| chunk.living).sum::<u64>();
        let begun = if b < self.chunks.len() { sum(b, 0, j) } else { 0 };
        sum(a, i, self.chunks[a].fences.len()) + whole + begun
    }

    fn block_at(&self, place: (usize, usize)) -> Block<'_> {
        let fence = &self.chunks[place.0].fences[place.1];
        let (start, living) = (&fence.start, u64::from(fence.living));
        Block { start, living, all_live: fence.dead == 0, place }
    }

    /// Notes what happened to a key's head. `heads` shows it already; a block that has grown too
    /// large is split, one that has become too small merged.
    pub(crate) fn turn(&mut self, heads: &Overlay, key: &[u8], turn: Turn) -> Result<(), Fault> {
        let at = self.find(key);
        let chunk = Arc::make_mut(&mut self.chunks[at.0]);
        let fence = &mut chunk.fences[at.1];
        match turn {
            Turn::Born => (fence.living, chunk.living) = (fence.living + 1, chunk.living + 1),
            Turn::Buried => fence.dead -= 1,
            Turn::Died => {
                (fence.living, chunk.living) = (fence.living - 1, chunk.living - 1);
                fence.dead += 1;
            }
            Turn::Revived => {
                (fence.living, chunk.living) = (fence.living + 1, chunk.living + 1);
                fence.dead -= 1;
            }
        }
        let count = fence.heads();
        if count > BLOCK_HEADS_MAX {
            return self.split(heads, at);
        }
        if count < BLOCK_HEADS_MIN && turn == Turn::Buried {
            self.merge(at);
        }
        Ok(())
    }

    /// What must be written so that the engine's fences become these.
    pub(crate) fn write(&self, former: &Self, overlay: &mut Overlay) {
        let mut old = former.changed(self).peekable();
        let mut new = self.changed(former).peekable();
        loop {
            let gone = match (old.peek(), new.peek()) {
                (None, None) => return,
                (Some(old), Some(new)) => old.start < new.start,
                (one, _) => one.is_some(),
            };
            if gone {
                let fence = old.next().expect("it was looked at");
                overlay.delete(FENCES, fence.start.clone());
                continue;
            }
            let fence = new.next().expect("it was looked at");
            let same = old.next_if(|old| old.start == fence.start);
            if same != Some(fence) {
                let counts = [fence.living.to_be_bytes(), fence.dead.to_be_bytes()].concat();
                overlay.put(FENCES, fence.start.clone(), counts);
            }
        }
    }

    /// The fences in chunks that the other does not share.
    fn changed<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Fence> {
        // Chunks that both share lie in the same order in both, but splits and merges of chunks
        // move them; looking one up by its first key finds it wherever it is.
        let shared = |chunk: &Arc<Chunk>| {
            let (at, _) = other.find(&chunk.fences[0].start);
            Arc::ptr_eq(chunk, &other.chunks[at])
        };
        self.chunks.iter().filter(move |chunk| !shared(chunk)).flat_map(|chunk| &chunk.fences)
    }

    /// The chunk and the fence that hold a key.
    fn find(&self, key: &[u8]) -> (usize, usize) {
        let chunk = self.chunks.partition_point(|chunk| chunk.fences[0].start <= key);
        let chunk = chunk.checked_sub(1).expect("the first fence is below every key");
        let fences = &self.chunks[chunk].fences;
        (chunk, fences.partition_point(|fence| fence.start <= key) - 1)
    }

    /// Cuts a block in half. The one scan that finds the middle counts both halves.
    fn split(&mut self, heads: &Overlay, at: (usize, usize)) -> Result<(), Fault> {
        let fence = self.chunks[at.0].fences[at.1].clone();
        let end = self.after(&self.block_at(at)).map(|next| next.start.clone());
        let bounds = (
            Bound::Included(&fence.start[..]),
            end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..])),
        );
        let how = (Direction::Ascending, Part::Records);
        let mut halves = [(0, 0); 2];
        let mut middle = Bytes::new();
        let mut seen = 0;
        scan(heads, HEADS, bounds, how, &mut |key, value| {
            if seen == fence.heads() / 2 {
                middle = Bytes::copy_from_slice(key);
            }
            let half = &mut halves[usize::from(seen >= fence.heads() / 2)];
            let count = if Head::read(value)?.lives() { &mut half.0 } else { &mut half.1 };
            (*count, seen) = (*count + 1, seen + 1);
            Ok(Step::Next)
        })?;
        if seen != fence.heads() {
            return Err(damaged(FENCES, "a block does not hold the keys that it counts"));
        }
        let chunk = Arc::make_mut(&mut self.chunks[at.0]);
        let [low, high] = halves;
        (chunk.fences[at.1].living, chunk.fences[at.1].dead) = low;
        chunk.fences.insert(at.1 + 1, Fence { start: middle, living: high.0, dead: high.1 });
        if chunk.fences.len() > CHUNK_FENCES {
            let upper = chunk.fences.split_off(CHUNK_FENCES / 2);
            *chunk = Chunk::new(core::mem::take(&mut chunk.fences));
            self.chunks.insert(at.0 + 1, Arc::new(Chunk::new(upper)));
        }
        Ok(())
    }

    /// Joins a block to the one before, if they are small together. Only within a chunk: what that
    /// leaves is one small block for each chunk at most.
    fn merge(&mut self, at: (usize, usize)) {
        let chunk = &self.chunks[at.0];
        if at.1 == 0 {
            self.drop_empty_chunk(at.0);
            return;
        }
        let heads = chunk.fences[at.1 - 1].heads() + chunk.fences[at.1].heads();
        if heads > BLOCK_HEADS_MAX / 2 {
            return;
        }
        let chunk = Arc::make_mut(&mut self.chunks[at.0]);
        let gone = chunk.fences.remove(at.1);
        let left = &mut chunk.fences[at.1 - 1];
        (left.living, left.dead) = (left.living + gone.living, left.dead + gone.dead);
    }

    /// A chunk of one block without keys goes too; the block before takes its keys over.
    fn drop_empty_chunk(&mut self, chunk: usize) {
        let fences = &self.chunks[chunk].fences;
        if chunk > 0 && fences.len() == 1 && fences[0].heads() == 0 {
            self.chunks.remove(chunk);
        }
    }
}

impl Chunk {
    fn new(fences: Vec<Fence>) -> Self {
        let living = fences.iter().map(|fence| u64::from(fence.living)).sum();
        Self { fences, living }
    }
}
