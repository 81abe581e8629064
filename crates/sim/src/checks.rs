//! What must hold, whatever happens: looked at after every event.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use mvcc::Changes;
use units::{Entry, EntryKind, Index, NodeId, Position, Revision, Term};

use crate::trace::Trace;

/// Something that must never be, and was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub(crate) String);

impl Violation {
    /// In words.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// What the world has seen so far; it outlives every member.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// Who led each term.
    leaders: BTreeMap<Term, NodeId>,
    /// Every entry that was ever written, by what names it, and the term of the one before it.
    entries: BTreeMap<(Index, Term), (Written, Term)>,
    /// Every entry that was ever handed to a state machine, by its place.
    committed: BTreeMap<Index, (Term, Written)>,
    /// The state's fingerprint after each place at which anybody stopped to look.
    states: BTreeMap<Index, u64>,
    /// What happened in each revision.
    revisions: BTreeMap<Revision, u64>,
    /// How many facts were compared with what was known.
    pub(crate) compared: u64,
}

type Written = (EntryKind, Bytes);

macro_rules! ensure {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(Violation(format!($($words)*)));
        }
    };
}
pub(crate) use ensure;

impl Checks {
    /// Election safety (Raft, figure 3): a term has one leader.
    pub(crate) fn leads(&mut self, node: NodeId, term: Term) -> Result<(), Violation> {
        self.compared += 1;
        let leader = *self.leaders.entry(term).or_insert(node);
        ensure!(leader == node, "{leader} and {node} both lead term {term}");
        Ok(())
    }

    /// Log matching: an index and a term name one entry, and one way there. If it holds for each
    /// entry and the one before it, it holds for whole logs.
    pub(crate) fn written(&mut self, previous: Term, entry: &Entry) -> Result<(), Violation> {
        self.compared += 1;
        let fact = ((entry.kind, entry.data.clone()), previous);
        let known = self.entries.entry((entry.index, entry.term)).or_insert_with(|| fact.clone());
        let place = (entry.index, entry.term);
        ensure!(*known == fact, "two entries or two ways to {} of term {}", place.0, place.1);
        // Leader completeness: a leader of a later term holds the entry, so it writes no other.
        let committed = self.committed_term(entry.index).unwrap_or(entry.term);
        ensure!(
            entry.term <= committed,
            "term {} writes over what term {committed} committed at {}",
            entry.term,
            entry.index
        );
        Ok(())
    }

    /// State machine safety: a place holds one entry, for ever. True if it is the first to be seen
    /// there.
    pub(crate) fn handed_out(&mut self, entry: &Entry) -> Result<bool, Violation> {
        self.compared += 1;
        let fact = (entry.term, (entry.kind, entry.data.clone()));
        let first = !self.committed.contains_key(&entry.index);
        let known = self.committed.entry(entry.index).or_insert_with(|| fact.clone());
        ensure!(*known == fact, "two entries were committed at {}", entry.index);
        Ok(first)
    }

    /// Equal state at equal place.
    pub(crate) fn state(&mut self, node: NodeId, at: Index, hash: u64) -> Result<(), Violation> {
        self.compared += 1;
        let known = *self.states.entry(at).or_insert(hash);
        ensure!(known == hash, "{node} differs from another member after {at}");
        Ok(())
    }

    /// A member has moved from one revision to another: nothing is left out, and what happened in a
    /// revision is the same everywhere.
    pub(crate) fn events(
        &mut self,
        before: Revision,
        events: &[Arc<Changes>],
        after: Revision,
    ) -> Result<(), Violation> {
        let mut revision = before;
        for changes in events {
            self.compared += 1;
            revision = revision.next();
            ensure!(changes.revision == revision, "{} follows {before}", changes.revision);
            let mut trace = Trace::new();
            changes.events.iter().for_each(|event| trace.add(&event.encoded));
            let known = *self.revisions.entry(revision).or_insert(trace.hash());
            ensure!(known == trace.hash(), "two things happened in revision {revision}");
        }
        ensure!(revision == after, "the store is at {after}, but {revision} was told of");
        Ok(())
    }

    /// The newest committed place and its term.
    pub(crate) fn committed(&self) -> Position {
        self.committed.last_key_value().map_or(Position::default(), |(index, (term, _))| Position {
            term: *term,
            index: *index,
        })
    }

    /// The term of the committed entry there.
    pub(crate) fn committed_term(&self, index: Index) -> Option<Term> {
        self.committed.get(&index).map(|(term, _)| *term)
    }
}

#[cfg(test)]
mod tests;
