//! What keys hold, of those that were written lately.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::crc::Crc32c;
use crate::tables::Head;

/// Buckets, a power of two. Small in tests, so that forgetting is common there.
const BUCKETS: usize = if cfg!(test) { 2 } else { 32 << 10 };

/// Heads in a bucket; as many as are looked through in no time. Of as many keys as half of all
/// buckets have room for one in a hundred is forgotten, as its bucket is full.
const BUCKET_HEADS_MAX: usize = if cfg!(test) { 3 } else { 6 };

/// The longest key that is remembered. With the two numbers above it bounds all of it to 46 MiB,
/// and with keys of 40 bytes to 22, for some 150,000 keys that were written last: what a large
/// cluster has. To ask the engine costs as much as all else that applying a put does.
const REMEMBERED_KEY_BYTES_MAX: usize = if cfg!(test) { 3 } else { 160 };

/// The heads of the keys that were written last, so that a write need not ask the engine what is
/// there. For the one owner who writes: a [`Group`](crate::Group) takes it along, notes in it what
/// it writes, and gives it back with the batch. Whoever cannot write the batch drops it; so does
/// whoever puts another engine's content in place of this one's.
///
/// A key's place is fixed, and in its bucket it takes that of the key that was written longest ago.
/// So keys that are chosen to collide forget each other sooner, and cost nothing else.
///
/// # Invariants
///
/// - What is remembered of a key is what the engine will say once the group's batch is written.
/// - Nothing is remembered of keys that are not there: of them the engine must be asked.
#[derive(Debug, Default)]
pub struct Heads {
    /// None at all before the first head.
    buckets: Vec<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    /// A checksum of the key: tells others in the bucket from it at a glance.
    tag: u32,
    key: Box<[u8]>,
    head: Head,
}

impl Heads {
    /// Remembers nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key's head, if it is remembered.
    pub(crate) fn find(&self, key: &[u8]) -> Option<Head> {
        let (bucket, tag) = place(key);
        let known = self.buckets.get(bucket)?.iter().find(|known| known.is(key, tag))?;
        Some(known.head)
    }

    /// This is the key's head from now on.
    pub(crate) fn note(&mut self, key: &[u8], head: Head) {
        if key.len() > REMEMBERED_KEY_BYTES_MAX {
            return;
        }
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, Vec::new);
        }
        let (bucket, tag) = place(key);
        let bucket = &mut self.buckets[bucket];
        if let Some(known) = bucket.iter_mut().find(|known| known.is(key, tag)) {
            assert!(known.head.at < head.at, "{:?} is before {:?}", head.at, known.head.at);
            known.head = head;
            return;
        }
        let known = Known { tag, key: key.into(), head };
        if bucket.len() < BUCKET_HEADS_MAX {
            bucket.push(known);
            return;
        }
        let oldest = bucket.iter_mut().min_by_key(|known| known.head.at);
        *oldest.expect("a full bucket is not empty") = known;
    }

    /// Everything that is remembered.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = (&[u8], Head)> {
        self.buckets.iter().flatten().map(|known| (&known.key[..], known.head))
    }

    /// The key has no head any more.
    pub(crate) fn forget(&mut self, key: &[u8]) {
        let (bucket, tag) = place(key);
        if let Some(bucket) = self.buckets.get_mut(bucket)
            && let Some(at) = bucket.iter().position(|known| known.is(key, tag))
        {
            bucket.swap_remove(at);
        }
    }
}

impl Known {
    fn is(&self, key: &[u8], tag: u32) -> bool {
        self.tag == tag && *self.key == *key
    }
}

/// The key's bucket, and its tag there.
fn place(key: &[u8]) -> (usize, u32) {
    let mut crc = Crc32c::new();
    crc.update(key);
    let tag = crc.finish();
    (tag as usize % BUCKETS, tag)
}
