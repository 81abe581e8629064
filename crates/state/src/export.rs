//! Everything there is, for a peer that needs it all.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::ops::Bound;

use backend::{Direction, Fault, Part, Records, Step, Table, View};
use bytes::Bytes;
use mvcc::{Arena, KEY_TABLES};
use units::planted;

use crate::published::Published;
use crate::tables::{LEASE_KEYS, STATE_TABLES};

/// All tables, in the order of an export: that of their ids.
pub const TABLES: [Table; KEY_TABLES.len() + STATE_TABLES.len()] = {
    let mut tables = [KEY_TABLES[0]; KEY_TABLES.len() + STATE_TABLES.len()];
    let mut at = 0;
    while at < tables.len() {
        tables[at] = if at < KEY_TABLES.len() {
            KEY_TABLES[at]
        } else {
            STATE_TABLES[at - KEY_TABLES.len()]
        };
        let mut to = at;
        while to > 0 && tables[to - 1].id > tables[to].id {
            (tables[to - 1], tables[to]) = (tables[to], tables[to - 1]);
            to -= 1;
        }
        at += 1;
    }
    tables
};

/// Bytes that are read ahead; small enough to keep many exports in memory at once.
const AHEAD_BYTES: usize = 256 << 10;

/// All records of all tables as of one moment, table by table and in ascending order of keys: what
/// [`Backend::replace`](backend::Backend::replace) takes on the other side.
pub struct Export {
    view: Arc<dyn View>,
    /// What is read and not yet given out.
    ahead: VecDeque<(Table, Bytes, Bytes)>,
    /// The tables still to be read, the first one from behind the key on.
    tables: &'static [Table],
    after: Option<Bytes>,
}

impl Export {
    /// Of what is published. The view is held until the export is dropped.
    #[must_use]
    pub fn new(published: &Published) -> Self {
        let view = published.snapshot.view().clone();
        Self { view, ahead: VecDeque::new(), tables: &TABLES, after: None }
    }

    /// Reads on; nothing if the table has ended.
    fn read_ahead(&mut self, table: Table) -> Result<(), Fault> {
        let mut arena = Arena::new();
        let mut bytes = 0;
        let start = self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let bounds = (start, Bound::Unbounded);
        let ahead = &mut self.ahead;
        self.view.scan(table, bounds, Direction::Ascending, Part::Records, &mut |key, value| {
            ahead.push_back((table, arena.keep(key), arena.keep(value)));
            bytes += key.len() + value.len();
            if bytes < AHEAD_BYTES { Step::Next } else { Step::Stop }
        })?;
        self.after = self.ahead.back().map(|(_, key, _)| key.clone());
        Ok(())
    }
}

impl Records for Export {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        while self.ahead.is_empty() {
            let Some((table, rest)) = self.tables.split_first() else {
                return Ok(None);
            };
            if !(planted!(SnapshotIncomplete) && *table == LEASE_KEYS) {
                self.read_ahead(*table)?;
            }
            if self.ahead.is_empty() {
                (self.tables, self.after) = (rest, None);
            }
        }
        Ok(self.ahead.pop_front())
    }
}
