//! What views read.

use std::ops::Bound;
use std::sync::Arc;

use backend::flat::is_beyond;
use backend::{Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;

use crate::content::{Content, FLAT, Tree};
use crate::fault;

/// The tree at one moment.
pub(crate) struct RedbView {
    /// Or why it cannot be read.
    tree: Result<Tree, home::Fault>,
    /// Dropped last, when nobody reads any more.
    content: Arc<Content>,
}

impl RedbView {
    pub(crate) fn of(tree: Result<Tree, home::Fault>, content: Arc<Content>) -> Self {
        Self { tree, content }
    }

    fn tree(&self) -> Result<&Tree, home::Fault> {
        self.tree.as_ref().map_err(Clone::clone)
    }

    fn fault(&self, error: &redb::StorageError) -> home::Fault {
        fault::of_storage("reading", &self.content.file, error)
    }
}

impl View for RedbView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let found = self.tree()?.get(FLAT.target(table, key).as_slice());
        let found = found.map_err(|error| self.fault(&error))?;
        Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        let (tree, mut left) = (self.tree()?, FLAT.within(table, bounds));
        while let Some(within) = left.take() {
            let range = tree.range::<&[u8]>(within.range());
            let mut range = range.map_err(|error| self.fault(&error))?;
            loop {
                let next = match direction {
                    Direction::Ascending => range.next(),
                    Direction::Descending => range.next_back(),
                };
                let Some(record) = next else { return Ok(()) };
                let (key, value) = record.map_err(|error| self.fault(&error))?;
                let key = &key.value()[FLAT.prefix_bytes()..];
                let step = match part {
                    Part::Keys => visit(key, &[]),
                    Part::Records => visit(key, value.value()),
                };
                match step {
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
