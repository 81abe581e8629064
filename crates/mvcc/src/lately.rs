//! Which keys were born and which died lately.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use units::Revision;

/// Bytes of the newer or the older half, overhead counted: some forty thousand births and deaths of
/// keys of the usual length. Small in tests, so that forgetting is common there.
const HALF_BYTES_MAX: usize = if cfg!(test) { 1000 } else { 4 << 20 };

/// Bytes of a birth or a death besides its key.
const OVERHEAD_BYTES: usize = 64;

/// The births and deaths of keys since some revision, so that a count a little in the past is the
/// count now without what was born since and with what died. Pages after the first one of a long
/// list are read so.
///
/// Bounded: once the newer half is full, it becomes the older one, and what that held is forgotten.
/// Cheap to clone: what a batch adds is a link in front of what is shared with the views before.
#[derive(Clone, Debug)]
pub(crate) struct Lately {
    /// Of the group at hand.
    open: Vec<Life>,
    newer: Half,
    older: Half,
}

/// A key was born or died.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) revision: Revision,
    pub(crate) born: bool,
    pub(crate) key: Box<[u8]>,
}

#[derive(Clone, Debug)]
struct Half {
    newest: Option<Arc<Link>>,
    bytes: usize,
    /// Everything above is there.
    since: Revision,
}

#[derive(Debug)]
struct Link {
    lives: Vec<Life>,
    older: Option<Arc<Link>>,
}

impl Lately {
    /// Knows of nothing up to this revision.
    pub(crate) fn new(since: Revision) -> Self {
        let half = Half { newest: None, bytes: 0, since };
        Self { open: Vec::new(), newer: half.clone(), older: half }
    }

    /// A key was born or died in the revision, which is not below those before.
    pub(crate) fn push(&mut self, revision: Revision, born: bool, key: &[u8]) {
        self.open.push(Life { revision, born, key: key.into() });
    }

    /// The group at hand, which ends with this revision, is written.
    pub(crate) fn seal(&mut self, revision: Revision) {
        if self.open.is_empty() {
            return;
        }
        let lives = mem::take(&mut self.open);
        let older = self.newer.newest.take();
        self.newer.bytes += lives.iter().map(|life| OVERHEAD_BYTES + life.key.len()).sum::<usize>();
        self.newer.newest = Some(Arc::new(Link { lives, older }));
        if self.newer.bytes > HALF_BYTES_MAX {
            let empty = Half { newest: None, bytes: 0, since: revision };
            self.older = mem::replace(&mut self.newer, empty);
        }
    }

    /// What was born and died above a revision, the newest first; `None` if that is forgotten.
    pub(crate) fn above(&self, revision: Revision) -> Option<impl Iterator<Item = &Life>> {
        if revision < self.older.since {
            return None;
        }
        let sealed = self.newer.links().chain(self.older.links());
        let lives = self.open.iter().rev().chain(sealed.flat_map(|link| link.lives.iter().rev()));
        Some(lives.take_while(move |life| life.revision > revision))
    }
}

impl Half {
    fn links(&self) -> impl Iterator<Item = &Link> {
        core::iter::successors(self.newest.as_deref(), |link| link.older.as_deref())
    }
}

impl Drop for Link {
    /// One after the other: a chain of thousands must not be dropped by recursion.
    fn drop(&mut self) {
        let mut next = self.older.take();
        while let Some(mut link) = next.and_then(Arc::into_inner) {
            next = link.older.take();
        }
    }
}
