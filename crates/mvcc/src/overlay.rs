//! Changes that are not written yet, over a view.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::ops::Bound;

use backend::{Batch, Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;

/// A view with changes on top: what is read is what will be there once they are written. So a
/// command sees those before it in its group by the same code that reads an engine.
///
/// A key that changes several times is written once, with what it held in the end.
pub struct Overlay {
    view: Arc<dyn View>,
    /// A handful of tables; those without changes are not there.
    tables: Vec<(Table, Changes)>,
}

/// What keys hold; `None` when they are gone.
type Changes = BTreeMap<Bytes, Option<Bytes>>;

impl Overlay {
    /// No changes yet.
    #[must_use]
    pub fn new(view: Arc<dyn View>) -> Self {
        Self { view, tables: Vec::new() }
    }

    /// The key has this value from now on.
    pub fn put(&mut self, table: Table, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.changes_mut(table).insert(key.into(), Some(value.into()));
    }

    /// The key is gone.
    pub fn delete(&mut self, table: Table, key: impl Into<Bytes>) {
        self.changes_mut(table).insert(key.into(), None);
    }

    /// The changes, to be written.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        let mut batch = Batch::new();
        for (table, changes) in self.tables {
            for (key, value) in changes {
                match value {
                    Some(value) => batch.put(table, key, value),
                    None => batch.delete(table, key),
                }
            }
        }
        batch
    }

    fn changes(&self, table: Table) -> Option<&Changes> {
        self.tables.iter().find(|(one, _)| *one == table).map(|(_, changes)| changes)
    }

    fn changes_mut(&mut self, table: Table) -> &mut Changes {
        let place = self.tables.iter().position(|(one, _)| *one == table);
        let place = place.unwrap_or_else(|| {
            self.tables.push((table, Changes::new()));
            self.tables.len() - 1
        });
        &mut self.tables[place].1
    }
}

impl View for Overlay {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match self.changes(table).and_then(|changes| changes.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.view.get(table, key),
        }
    }

    fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        direction: Direction,
        part: Part,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        if is_empty(bounds) {
            return Ok(());
        }
        let Some(changes) = self.changes(table) else {
            return self.view.scan(table, bounds, direction, part, visit);
        };
        let mut merge = Merge {
            changes,
            bounds,
            direction,
            part,
            mine: between(changes, bounds, direction).peekable(),
            target: None,
            stopped: false,
            visit,
        };
        if merge.mine.peek().is_none() {
            return self.view.scan(table, bounds, direction, part, merge.visit);
        }
        self.view
            .scan(table, bounds, direction, part, &mut |key, value| merge.theirs(key, value))?;
        merge.rest();
        Ok(())
    }
}

type Mine<'a> = Box<dyn Iterator<Item = (&'a Bytes, &'a Option<Bytes>)> + 'a>;

/// A scan of changes and view at once.
struct Merge<'a, 'v> {
    changes: &'a Changes,
    bounds: Bounds<'a>,
    direction: Direction,
    part: Part,
    /// The changes still to come.
    mine: Peekable<Mine<'a>>,
    /// The key that the visitor wants to go on with.
    target: Option<Vec<u8>>,
    stopped: bool,
    visit: &'v mut dyn FnMut(&[u8], &[u8]) -> Step,
}

impl Merge<'_, '_> {
    /// The view's next record: first the changes that come before it.
    fn theirs(&mut self, key: &[u8], value: &[u8]) -> Step {
        loop {
            if self.stopped {
                return Step::Stop;
            }
            if let Some(target) =
                self.target.take_if(|target| is_before(self.direction, key, target))
            {
                self.target = Some(target.clone());
                return Step::Seek(target);
            }
            let Some((mine, _)) = self.mine.peek() else {
                break;
            };
            if *mine == key {
                self.step_mine();
                return self.next();
            }
            if is_before(self.direction, key, mine) {
                break;
            }
            self.step_mine();
        }
        self.show(key, value);
        self.next()
    }

    /// The view has no more: the changes behind its last record.
    fn rest(&mut self) {
        while !self.stopped && self.mine.peek().is_some() {
            self.step_mine();
        }
    }

    fn step_mine(&mut self) {
        let Some((key, value)) = self.mine.next() else {
            return;
        };
        if let Some(value) = value {
            let value = if self.part == Part::Keys { &[] } else { &value[..] };
            self.show(key, value);
        }
    }

    fn show(&mut self, key: &[u8], value: &[u8]) {
        match (self.visit)(key, value) {
            Step::Next => self.target = None,
            Step::Seek(target) if is_before(self.direction, key, &target) => {
                let bounds = match self.direction {
                    Direction::Ascending => (Bound::Included(&target[..]), self.bounds.1),
                    Direction::Descending => (self.bounds.0, Bound::Included(&target[..])),
                };
                self.mine = if is_empty(bounds) {
                    (Box::new(core::iter::empty()) as Mine<'_>).peekable()
                } else {
                    between(self.changes, bounds, self.direction).peekable()
                };
                self.target = Some(target);
            }
            Step::Seek(_) => self.target = None,
            Step::Stop => self.stopped = true,
        }
    }

    fn next(&self) -> Step {
        match &self.target {
            _ if self.stopped => Step::Stop,
            Some(target) => Step::Seek(target.clone()),
            None => Step::Next,
        }
    }
}

fn between<'a>(changes: &'a Changes, bounds: Bounds<'_>, direction: Direction) -> Mine<'a> {
    let range = changes.range::<[u8], _>(bounds);
    match direction {
        Direction::Ascending => Box::new(range),
        Direction::Descending => Box::new(range.rev()),
    }
}

/// Whether a scan in this direction meets `one` before `other`.
fn is_before(direction: Direction, one: &[u8], other: &[u8]) -> bool {
    match direction {
        Direction::Ascending => one < other,
        Direction::Descending => one > other,
    }
}

/// Whether no key can lie within the bounds. Maps do not like such bounds.
fn is_empty((start, end): Bounds<'_>) -> bool {
    match (start, end) {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
