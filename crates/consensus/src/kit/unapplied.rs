//! Which configuration changes are on their way.

use alloc::collections::VecDeque;

use units::{Entry, EntryKind, Index};

/// Which entries of the log hold configuration changes that are not applied yet. A member that has
/// one committed and not applied does not know who its voters are, and must not campaign.
#[derive(Clone, Debug)]
pub struct Unapplied {
    /// Those that came by since the start.
    seen: VecDeque<Index>,
    /// Up to here the log was written before the start, and may hold any number of them.
    unseen: Index,
}

impl Unapplied {
    /// A log that ends here, of which nothing was read.
    pub fn new(last: Index) -> Self {
        Self { seen: VecDeque::new(), unseen: last }
    }

    /// An entry was added to the log.
    pub fn pushed(&mut self, entry: &Entry) {
        if entry.kind != EntryKind::Normal {
            self.seen.push_back(entry.index);
        }
    }

    /// Entries after `last` are gone.
    pub fn truncated(&mut self, last: Index) {
        self.unseen = self.unseen.min(last);
        while self.seen.back().is_some_and(|index| *index > last) {
            self.seen.pop_back();
        }
    }

    /// Everything up to here is applied.
    pub fn applied(&mut self, applied: Index) {
        while self.seen.front().is_some_and(|index| *index <= applied) {
            self.seen.pop_front();
        }
    }

    /// The first entry after this one that may hold a change.
    pub fn first_after(&self, index: Index) -> Option<Index> {
        if index < self.unseen {
            return Some(index.next());
        }
        self.seen.iter().copied().find(|change| *change > index)
    }

    /// Whether the entry is not applied and may hold one.
    #[must_use]
    pub fn holds(&self, index: Index) -> bool {
        index <= self.unseen || self.seen.contains(&index)
    }

    /// Whether there may be one after `applied` and not after `commit`.
    pub fn any(&self, applied: Index, commit: Index) -> bool {
        applied < self.unseen.min(commit) || self.seen.front().is_some_and(|index| *index <= commit)
    }
}

#[cfg(test)]
mod tests;
