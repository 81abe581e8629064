//! What comes of what was agreed on: the same everywhere, and what the model says.

use std::sync::Arc;

use mvcc::Changes;
use proto::etcdserverpb::HashKvResponse;
use state::{Completion, Refusal};
use units::{Index, NodeId, Revision};

use super::{Checks, Violation, ensure};
use crate::model::At;
use crate::workload::{Answer, Query};

impl Checks {
    /// Equal state at equal place.
    pub(crate) fn state(&mut self, node: NodeId, at: Index, hash: u64) -> Result<(), Violation> {
        self.compared += 1;
        let known = *self.states.entry(at).or_insert(hash);
        ensure!(known == hash, "{node} differs from another member after {at}");
        Ok(())
    }

    /// What a member shows after an entry is what the model showed there.
    pub(crate) fn shows(&mut self, node: NodeId, index: Index, shown: At) -> Result<(), Violation> {
        self.compared += 1;
        let at = self.model.at(index);
        ensure!(
            self.is_blind || at == Some(shown),
            "{node} shows {shown:?} after {index}, not {at:?}"
        );
        Ok(())
    }

    /// A member has moved from one revision to another: nothing is left out or used again, and what
    /// happened in each is what the model says.
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
            let expected = self.model.keyspace.changes(revision.0).iter().map(|one| &one.event);
            let told = changes.events.iter().map(|event| &event.encoded);
            let is_told = self.is_blind || told.eq(expected);
            ensure!(is_told, "revision {revision} is not what the model makes of it");
        }
        ensure!(revision == after, "the store is at {after}, but {revision} was told of");
        Ok(())
    }

    /// What came of a command is what the model says.
    pub(crate) fn completed(
        &mut self,
        node: NodeId,
        completion: &Completion,
    ) -> Result<(), Violation> {
        self.compared += 1;
        let Completion { index, request, result } = completion;
        let Some((expected_request, expected)) = self.model.end(*index) else {
            let done = result.is_ok();
            let known = *self.changes.entry(*index).or_insert(done);
            ensure!(known == done, "{node} alone says of the change at {index}: {result:?}");
            return Ok(());
        };
        ensure!(
            self.is_blind || request == expected_request && result == expected,
            "{node} answers {request} at {index} with {result:?}, not {expected:?}"
        );
        Ok(())
    }

    /// What was read of a state is what the model shows.
    pub(crate) fn read(
        &mut self,
        node: NodeId,
        (query, at): (&Query, At),
        found: &Result<Answer, Refusal>,
    ) -> Result<(), Violation> {
        if self.is_blind {
            return Ok(());
        }
        self.compared += 1;
        let expected = match query {
            Query::Range(request) => self.model.range(request, at).map(Answer::Range),
            Query::Txn(request) => self.model.read(request, at).map(Answer::Txn),
        };
        ensure!(
            *found == expected,
            "{node} answers {query:?} at {at:?} with {found:?}, not {expected:?}"
        );
        Ok(())
    }

    /// Equal hash of an equal part of history.
    pub(crate) fn hash(&mut self, node: NodeId, hashed: &HashKvResponse) -> Result<(), Violation> {
        self.compared += 1;
        let of = (hashed.hash_revision, hashed.compact_revision);
        let known = *self.hashes.entry(of).or_insert(hashed.hash);
        ensure!(known == hashed.hash, "{node} hashes {of:?} otherwise than another member");
        Ok(())
    }
}
