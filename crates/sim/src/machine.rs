//! The real state machine over an engine in memory, and how it is looked at.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Direction, Fault, MemBackend, MemDisk, Part, Step, Table, View};
use bytes::Bytes;
use mvcc::Budget;
use node::Verdict;
use raftlog::Marker;
use state::{Applied, Export, TABLES};
use units::{Entry, Index, NodeId, Revision, Time};

use crate::checks::Violation;
use crate::member::fault;
use crate::trace::Trace;

/// Everything an engine holds, as it travels to a peer.
pub(crate) type Records = Vec<(Table, Bytes, Bytes)>;

/// The state machine of one member, and its engine.
pub(crate) struct Machine {
    id: NodeId,
    backend: Arc<MemBackend>,
    machine: state::Machine,
}

impl Machine {
    pub(crate) fn open(id: NodeId, disk: &MemDisk) -> Result<Self, Violation> {
        let backend = Arc::new(fault(MemBackend::open(disk))?);
        let machine = fault(state::Machine::open(backend.clone(), config(id)))?;
        Ok(Self { id, backend, machine })
    }

    /// What it holds, and who took part there.
    pub(crate) fn applied(&self) -> Marker {
        let published = self.machine.published();
        let conf_state = published.conf_state.as_ref().clone();
        Marker { position: published.applied, conf_state }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.machine.published().snapshot.revision()
    }

    pub(crate) fn apply(
        &mut self,
        now: Time,
        entries: &[Entry],
    ) -> Result<(Applied, Vec<(Index, Verdict)>), Violation> {
        let applied = fault(self.machine.apply(now, entries))?;
        let verdicts = applied.changes.iter().map(|(index, accepted)| {
            (*index, if *accepted { Verdict::Accepted } else { Verdict::Rejected })
        });
        let verdicts = verdicts.collect();
        Ok((applied, verdicts))
    }

    /// Does some of a compaction that is due; small steps, so that crashes find it half done.
    pub(crate) fn compact(&mut self) -> Result<(), Violation> {
        let budget = Budget { versions_max: 3, bytes_max: 1 << 10 };
        fault(self.machine.compaction_step(budget))?;
        Ok(())
    }

    /// Leases count here from now on, or no longer.
    pub(crate) fn lead(&mut self, now: Time, leads: bool) {
        if leads { self.machine.promote(now) } else { self.machine.demote() }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.machine.deadline()
    }

    /// Commands that are due by now: leases have expired.
    pub(crate) fn due(&mut self, now: Time) -> Vec<state::Command> {
        self.machine.handle_timeout(now)
    }

    pub(crate) fn sync(&self) -> Result<(), Violation> {
        fault(self.backend.sync())
    }

    /// Everything, for a peer.
    pub(crate) fn records(&self) -> Result<Records, Violation> {
        let mut export = Export::new(self.machine.published());
        let mut records = Records::new();
        while let Some(record) = fault(backend::Records::next(&mut export))? {
            records.push(record);
        }
        Ok(records)
    }

    /// Everything is replaced by what a peer sent.
    pub(crate) fn replace(&mut self, records: Records) -> Result<(), Violation> {
        fault(self.backend.replace(&mut Sent(records.into_iter())))?;
        self.machine = fault(state::Machine::open(self.backend.clone(), config(self.id)))?;
        Ok(())
    }

    /// A hash of all that members must agree on: what can be read of keys now, in the past, and as
    /// far back as possible, and every other table. How far a compaction has come is each one's
    /// own.
    pub(crate) fn fingerprint(&self) -> Result<u64, Violation> {
        let published = self.machine.published();
        let reader = published.snapshot.reader();
        let (newest, oldest) = (reader.newest(), reader.compacted().max(Revision(1)));
        let mut trace = Trace::new();
        for at in [newest, Revision(newest.0 - 3).max(oldest), oldest] {
            trace.add(&at.0.to_le_bytes());
            let how = (Direction::Ascending, Part::Records);
            fault(reader.scan(&mvcc::Interval::all(), at, how, &mut |found| {
                trace.add(found.bytes());
                ControlFlow::Continue(())
            }))?;
        }
        let view = published.snapshot.view();
        for table in TABLES.iter().filter(|table| !mvcc::KEY_TABLES.contains(table)) {
            add_table(&mut trace, &**view, *table)?;
        }
        Ok(trace.hash())
    }
}

fn add_table(trace: &mut Trace, view: &dyn View, table: Table) -> Result<(), Violation> {
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    fault(view.scan(table, all, Direction::Ascending, Part::Records, &mut |key, value| {
        trace.add(&[table.id]);
        trace.add(key);
        trace.add(value);
        Step::Next
    }))
}

/// Records that have arrived.
struct Sent(std::vec::IntoIter<(Table, Bytes, Bytes)>);

impl backend::Records for Sent {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(self.0.next())
    }
}

fn config(node: NodeId) -> state::Config {
    state::Config {
        node,
        lease: lease::Config {
            ttl_min_s: 2,
            election_timeout: Duration::from_secs(1),
            retry: Duration::from_secs(7),
            checkpoint_every: None,
        },
        quota_bytes: None,
        learners_max: 2,
        store_checkpoints: true,
    }
}
