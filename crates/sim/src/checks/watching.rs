//! What a watcher has heard: every matching event once, in order, a revision's events together.

use bytes::Bytes;
use proto::mvccpb::KeyValue;
use units::Revision;
use watch::{Body, Create, Delivery, Response};

use super::{Violation, ensure};
use crate::model::{Happened, Keyspace, within};

/// What a watcher hears is of: all that ever happened, and up to where the member that tells it has
/// compacted. Others may have come further, but that excuses nothing here.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) keyspace: &'a Keyspace,
    pub(crate) compacted: i64,
}

/// A watcher, and the first revision that it has not heard of.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) create: Create,
    /// Nothing as long as it was not made, if it begins with what comes next.
    next: Option<i64>,
    is_made: bool,
    has_ended: bool,
}

impl Watched {
    pub(crate) fn new(create: Create) -> Self {
        let next = (create.start > Revision(0)).then_some(create.start.0);
        Self { create, next, is_made: false, has_ended: false }
    }

    /// What to ask for so that nothing is missed, somewhere else.
    pub(crate) fn resumed(&self) -> Create {
        Create { start: Revision(self.next.unwrap_or(0)), ..self.create.clone() }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether it is there: made, and not ended.
    pub(crate) fn lives(&self) -> bool {
        self.is_made && !self.has_ended
    }

    /// A response for it.
    pub(crate) fn hear(
        &mut self,
        source: Source<'_>,
        response: &Response,
    ) -> Result<(), Violation> {
        let revision = response.revision.0;
        let goes = matches!(response.body, Body::Canceled);
        ensure!(!self.has_ended || goes, "a watcher that has ended hears {response:?}");
        ensure!(
            self.is_made != matches!(response.body, Body::Created),
            "a watcher is told {response:?}, made: {}",
            self.is_made
        );
        match &response.body {
            Body::Created => {
                self.is_made = true;
                self.next.get_or_insert(revision + 1);
            }
            Body::Canceled => self.has_ended = true,
            Body::Compacted { revision } => {
                let next = self.next.unwrap_or_default();
                ensure!(next < revision.0, "{next} was to come, and {revision} can be read");
                let Source { compacted, .. } = source;
                ensure!(
                    revision.0 <= compacted,
                    "a watcher is told that {revision} was compacted, by a member that is at \
                     {compacted}"
                );
                self.has_ended = true;
                self.next = Some(revision.0);
            }
            Body::Events(delivery) => self.hear_events(source, delivery, revision)?,
            Body::Progress => self.heard_up_to(source, revision)?,
            Body::Refused(refusal) => {
                return Err(Violation(format!("{:?} was refused: {refusal:?}", self.create)));
            }
        }
        Ok(())
    }

    /// Nothing up to the revision, it included, is still to come.
    pub(crate) fn heard_up_to(
        &mut self,
        source: Source<'_>,
        revision: i64,
    ) -> Result<(), Violation> {
        let Some(next) = self.next else { return Ok(()) };
        for unheard in next..=revision {
            let expected: Vec<&Happened> = self.matching(source, unheard).collect();
            ensure!(
                expected.is_empty() || source.has_compacted(unheard, &[], &expected),
                "a watcher of {:?} has not heard of revision {unheard} by {revision}",
                self.create
            );
        }
        self.next = Some(next.max(revision + 1));
        Ok(())
    }

    /// The values before a change are what they were.
    pub(crate) fn previous(
        &self,
        source: Source<'_>,
        (event, revision): (&mvcc::Event, i64),
        found: Option<Bytes>,
    ) -> Result<(), Violation> {
        use prost::Message;
        let mut happened = source.keyspace.changes(revision).iter();
        let expected = happened.find(|one| one.key == event.key);
        let expected = expected.and_then(|one| one.before.as_ref()).map(KeyValue::encode_to_vec);
        let gone = found.is_none() && revision - 1 < source.compacted;
        ensure!(
            gone || found.as_deref() == expected.as_deref(),
            "before revision {revision} {:?} held {expected:?}, not {found:?}",
            event.key
        );
        Ok(())
    }

    fn hear_events(
        &mut self,
        source: Source<'_>,
        delivery: &Delivery,
        newest: i64,
    ) -> Result<(), Violation> {
        ensure!(!delivery.picked.is_empty(), "a watcher is told of nothing");
        for picked in &delivery.picked {
            let revision = picked.changes.revision.0;
            let next = self.next.unwrap_or(i64::MAX);
            ensure!(revision >= next, "a watcher hears of {revision} when {next} is to come");
            ensure!(revision <= newest, "a watcher hears of {revision}, before {newest}");
            self.heard_up_to(source, revision - 1)?;
            let told: Vec<&Bytes> = picked.events().map(|event| &event.encoded).collect();
            let expected: Vec<&Happened> = self.matching(source, revision).collect();
            ensure!(
                is_all(&told, &expected) || source.has_compacted(revision, &told, &expected),
                "a watcher of {:?} is not told of all of revision {revision}",
                self.create
            );
            self.next = Some(revision + 1);
        }
        Ok(())
    }

    fn matching<'a>(
        &self,
        source: Source<'a>,
        revision: i64,
    ) -> impl Iterator<Item = &'a Happened> {
        let Create { key, range_end, filters, .. } = self.create.clone();
        let key = if key.is_empty() { Bytes::from_static(b"\0") } else { key };
        source.keyspace.changes(revision).iter().filter(move |one| {
            let unwanted = if one.is_delete { filters.deletes } else { filters.puts };
            !unwanted && within(&one.key, &key, &range_end)
        })
    }
}

fn is_all(told: &[&Bytes], expected: &[&Happened]) -> bool {
    told.iter().copied().eq(expected.iter().map(|one| &one.event))
}

impl Source<'_> {
    /// Whether this is what the member's compaction has left of a revision, which may be nothing.
    fn has_compacted(self, revision: i64, told: &[&Bytes], expected: &[&Happened]) -> bool {
        let compacted = revision <= self.compacted;
        compacted && is_left(told, expected, self.keyspace.changes(revision))
    }
}

/// Whether this is what a compaction to that very revision leaves of it: of a key that was changed
/// more than once the last change at least, as in etcd, also where only the others are asked for.
fn is_left(told: &[&Bytes], expected: &[&Happened], all: &[Happened]) -> bool {
    let mut rest = told.iter().peekable();
    for one in expected {
        let last = all.iter().rfind(|other| other.key == one.key);
        let is_last = last.is_some_and(|last| std::ptr::eq(last, *one));
        if rest.next_if(|event| ***event == one.event).is_none() && is_last {
            return false;
        }
    }
    rest.next().is_none()
}
