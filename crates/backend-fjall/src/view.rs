//! What views read.

use std::ops::Bound;
use std::sync::Arc;

use backend::flat::is_beyond;
use backend::{Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use fjall::{Guard, Readable, Snapshot};
use home::guarded;

use crate::content::Content;
use crate::fault;
use crate::keys::FLAT;

/// The tree up to a sequence number.
pub(crate) struct FjallView {
    snapshot: Snapshot,
    /// Dropped last, when nobody reads any more.
    content: Arc<Content>,
}

impl FjallView {
    pub(crate) fn of(snapshot: Snapshot, content: Arc<Content>) -> Self {
        Self { snapshot, content }
    }

    fn reading<T>(&self, read: impl FnOnce() -> fjall::Result<T>) -> Result<T, Fault> {
        let files = &self.content.files;
        guarded(files, || Ok(read().map_err(|error| fault::of_fjall("reading", files, &error))?))
    }

    /// A record's key and value; the latter only where it is asked for.
    fn record(&self, record: Guard, part: Part) -> Result<(fjall::Slice, fjall::Slice), Fault> {
        self.reading(|| match part {
            Part::Keys => Ok((record.key()?, fjall::Slice::empty())),
            Part::Records => record.into_inner(),
        })
    }
}

impl View for FjallView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let keyspace = self.content.keyspace();
        let found = self.reading(|| self.snapshot.get(keyspace, FLAT.target(table, key)));
        Ok(found?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let mut left = FLAT.within(table, bounds);
        while let Some(within) = left.take() {
            let keyspace = self.content.keyspace();
            let mut range =
                self.reading(|| Ok(self.snapshot.range::<&[u8], _>(keyspace, within.range())))?;
            loop {
                let next = self.reading(|| {
                    Ok(match direction {
                        Direction::Ascending => range.next(),
                        Direction::Descending => range.next_back(),
                    })
                });
                let Some(record) = next? else { return Ok(()) };
                let (key, value) = self.record(record, part)?;
                let key = &key[FLAT.prefix_bytes()..];
                match visit(key, &value) {
                    Step::Seek(sought) if is_beyond(&sought, key, direction) => {
                        let sought = Bound::Included(FLAT.target(table, &sought));
                        left = within.from(sought, direction);
                        break;
                    }
                    Step::Next | Step::Seek(_) => {}
                    Step::Stop => return Ok(()),
                }
            }
        }
        Ok(())
    }
}
