//! What a member's disk must still hold, whatever befalls what is volatile.

use std::collections::BTreeMap;

use units::{Entry, HardState, Index, NodeId, Position, Term};

use super::{Violation, ensure};

/// What was made durable on a disk, by the word of those who did it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// The terms of the log's durable entries …
    entries: BTreeMap<Index, Term>,
    /// … and up to where the engine or an installed snapshot holds what entries did.
    covered: Index,
    /// The newest durable hard state.
    promised: HardState,
    /// What was given to the log and not synced yet.
    given: Vec<(Index, Term)>,
    given_state: Option<HardState>,
}

impl Held {
    /// Whether the entry would survive the loss of everything volatile here.
    pub(crate) fn holds(&self, position: Position) -> bool {
        self.covered >= position.index || self.entries.get(&position.index) == Some(&position.term)
    }

    /// The log was given this; nobody knows whether a crash leaves it.
    pub(crate) fn given(&mut self, entries: &[Entry], state: Option<HardState>) {
        self.given.extend(entries.iter().map(|entry| (entry.index, entry.term)));
        self.given_state = state.or(self.given_state);
    }

    /// All of that is durable.
    pub(crate) fn synced(&mut self) {
        for (index, term) in self.given.drain(..) {
            if self.entries.get(&index) != Some(&term) {
                self.entries.split_off(&index);
                self.entries.insert(index, term);
            }
        }
        if let Some(state) = self.given_state.take() {
            self.promised = state;
        }
    }

    /// The engine would still hold everything up to here.
    pub(crate) fn covers(&mut self, index: Index) {
        self.covered = self.covered.max(index);
    }

    /// A snapshot has taken the log's place.
    pub(crate) fn installed(&mut self, index: Index) {
        self.entries.clear();
        self.given.clear();
        self.covers(index);
    }

    /// What a start finds: nothing durable is missing, and what is there is durable from now on.
    pub(crate) fn found(
        &mut self,
        node: NodeId,
        (terms, head): (BTreeMap<Index, Term>, Index),
        state: HardState,
    ) -> Result<(), Violation> {
        // What replaces others may or may not have done so.
        let doubtful = self.given.iter().map(|(index, _)| *index).min();
        for (index, term) in self.entries.range(head.next()..) {
            let certain = doubtful.is_none_or(|doubtful| *index < doubtful);
            let found = terms.get(index);
            ensure!(
                !certain || found == Some(term),
                "{node} had made entry {index} of term {term} durable, and finds {found:?}"
            );
        }
        let HardState { term, vote, .. } = self.promised;
        ensure!(state.term >= term, "{node} was in term {term}, and finds {}", state.term);
        ensure!(
            state.term > term || vote.is_none() || state.vote == vote,
            "{node} had voted for {vote:?} in term {term}, and finds {:?}",
            state.vote
        );
        *self = Self { entries: terms, covered: self.covered.max(head), ..Self::default() };
        self.promised = state;
        Ok(())
    }
}
