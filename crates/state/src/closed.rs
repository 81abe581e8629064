//! What there is to read once nobody holds the engine any more: nothing.

use alloc::format;
use alloc::sync::Arc;

use backend::{Bounds, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use mvcc::Snapshot;

use crate::Published;

/// A view of an engine that has been let go.
struct Closed;

impl Published {
    /// The state as it was, but for what only the engine knows: a view may be all that keeps an
    /// engine's files open.
    #[must_use]
    pub fn closed(&self) -> Self {
        let store = Arc::clone(self.snapshot.store());
        Self { snapshot: Snapshot::new(Arc::new(Closed), store), ..self.clone() }
    }
}

fn fault(table: Table) -> Fault {
    Fault::Io { doing: format!("reading {}", table.name), error: "the engine is closed".into() }
}

impl View for Closed {
    fn get(&self, table: Table, _key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Err(fault(table))
    }

    fn scan(
        &self,
        table: Table,
        _bounds: Bounds<'_>,
        _direction: Direction,
        _part: Part,
        _visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), Fault> {
        Err(fault(table))
    }
}
