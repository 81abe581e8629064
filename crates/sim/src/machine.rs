//! The real state machine over an engine in memory, and how it is looked at.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use mvcc::Budget;
use node::Verdict;
use raftlog::Marker;
use state::{Applied, Export, Published, Refusal, Renewal, TABLES};
use units::{Entry, Index, LeaseId, NodeId, Revision, Time};
use watch::{ReadOutcome, ReadRequest};

use crate::checks::history::Told;
use crate::disk::Disk;
use crate::ending::{Ending, fault};
use crate::engine::Engine;
use crate::model::{At, TTL_MIN_S};
use crate::parameters::Parameters;
use crate::trace::Trace;
use crate::workload::{Answer, Query};

/// Everything an engine holds, as it travels to a peer.
pub(crate) type Records = Arc<Vec<(Table, Bytes, Bytes)>>;

/// The state machine of one member, and its engine.
pub(crate) struct Machine {
    config: state::Config,
    engine: Arc<Engine>,
    machine: state::Machine,
}

impl Machine {
    pub(crate) fn open(id: NodeId, disk: &Disk, parameters: &Parameters) -> Result<Self, Ending> {
        let engine = Arc::new(disk.open_engine()?);
        let config = config(id, parameters);
        let machine = fault(state::Machine::open(engine.clone(), config))?;
        Ok(Self { config, engine, machine })
    }

    pub(crate) fn published(&self) -> &Arc<Published> {
        self.machine.published()
    }

    /// What it holds, and who took part there.
    pub(crate) fn applied(&self) -> Marker {
        let published = self.published();
        let conf_state = published.conf_state.as_ref().clone();
        Marker { position: published.applied, conf_state }
    }

    pub(crate) fn index(&self) -> Index {
        self.published().applied.index
    }

    pub(crate) fn revision(&self) -> Revision {
        self.published().snapshot.revision()
    }

    /// What can be read of it.
    pub(crate) fn at(&self) -> At {
        let snapshot = &self.published().snapshot;
        At { newest: snapshot.revision().0, compacted: snapshot.compacted().0 }
    }

    /// Where it is in the order of all that happens.
    pub(crate) fn told(&self) -> Told {
        Told { index: self.index(), revision: self.revision() }
    }

    pub(crate) fn apply(
        &mut self,
        now: Time,
        entries: &[Entry],
    ) -> Result<(Applied, Vec<(Index, Verdict)>), Ending> {
        let applied = fault(self.machine.apply(now, entries))?;
        let verdicts = applied.changes.iter().map(|(index, accepted)| {
            (*index, if *accepted { Verdict::Accepted } else { Verdict::Rejected })
        });
        let verdicts = verdicts.collect();
        Ok((applied, verdicts))
    }

    /// Does some of a compaction that is due; small steps, so that crashes find it half done.
    pub(crate) fn compact(&mut self) -> Result<(), Ending> {
        let budget = Budget { versions_max: 3, bytes_max: 1 << 10 };
        fault(self.machine.compaction_step(budget))?;
        Ok(())
    }

    /// Answers a query from what is published.
    pub(crate) fn read(&self, query: &Query) -> Result<Result<Answer, Refusal>, Ending> {
        let published = self.published();
        Ok(match query {
            Query::Range(request) => {
                fault(state::read::range(published, request))?.map(Answer::Range)
            }
            Query::Txn(request) => fault(state::read::txn(published, request))?.map(Answer::Txn),
        })
    }

    /// Leases count here from now on, or no longer.
    pub(crate) fn lead(&mut self, now: Time, leads: bool) {
        if leads { self.machine.promote(now) } else { self.machine.demote() }
    }

    /// All leases, with the TTL that was granted.
    pub(crate) fn leases(&self) -> Vec<(i64, i64)> {
        let ttl = |id: LeaseId| self.machine.time_to_live(Time::ZERO, id).map(|left| left.ttl_s);
        self.machine.leases().into_iter().map(|id| (id.0, ttl(id).unwrap_or_default())).collect()
    }

    pub(crate) fn keep_alive(&mut self, now: Time, id: i64) -> Renewal {
        self.machine.keep_alive(now, LeaseId(id))
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.machine.deadline()
    }

    /// Commands that are due by now: leases have expired.
    pub(crate) fn due(&mut self, now: Time) -> Vec<state::Command> {
        self.machine.handle_timeout(now)
    }

    /// Makes everything durable, if there is room for it; up to where.
    pub(crate) fn sync(&self) -> Result<Option<Index>, Ending> {
        match self.engine.sync() {
            Ok(()) => Ok(Some(self.index())),
            // The log keeps it until there is some.
            Err(Fault::Full { .. }) => Ok(None),
            Err(other) => fault(Err(other)),
        }
    }

    /// A record of the engine rots, if there is one.
    pub(crate) fn rot(&self, nth: usize) -> bool {
        self.engine.rot(nth)
    }

    /// Reads all of the engine, to see that it can be read.
    pub(crate) fn scrub(&self) -> Result<(), Ending> {
        self.engine.scrub()
    }

    /// Everything, for a peer.
    pub(crate) fn records(&self) -> Result<Records, Ending> {
        let mut export = Export::new(self.published());
        let mut records = Vec::new();
        while let Some(record) = fault(backend::Records::next(&mut export))? {
            records.push(record);
        }
        Ok(Arc::new(records))
    }

    /// Everything is replaced by what a peer sent.
    pub(crate) fn replace(&mut self, records: &Records) -> Result<(), Ending> {
        fault(self.engine.replace(&mut Sent(records.iter())))?;
        self.machine = fault(state::Machine::open(self.engine.clone(), self.config))?;
        Ok(())
    }

    /// Reads old changes for a watcher, as the real world does beside everything else.
    pub(crate) fn changes(&self, request: &ReadRequest) -> Result<ReadOutcome, Ending> {
        let snapshot = &self.published().snapshot;
        if request.from < snapshot.compacted() {
            return Ok(ReadOutcome::Compacted { revision: snapshot.compacted() });
        }
        let to = request.to.min(snapshot.revision());
        let bytes_max = request.bytes_max.min(1 << 10);
        let all = fault(snapshot.changes(request.from, to, bytes_max))?;
        let through = all.last().map_or(to, |last| last.revision);
        let matches = |key: &[u8]| request.interval.contains(key);
        let matching = all.into_iter().filter(|one| one.events.iter().any(|it| matches(&it.key)));
        Ok(ReadOutcome::Changes { changes: matching.collect(), through })
    }

    /// What an event's key held before, for watchers that want to know.
    pub(crate) fn previous(
        &self,
        revision: Revision,
        event: &mvcc::Event,
    ) -> Result<Option<Bytes>, Ending> {
        fault(self.published().snapshot.previous(revision, event))
    }

    /// A hash of all that members must agree on: what can be read of keys now, in the past, and as
    /// far back as possible, and every other table. How far a compaction has come is each one's
    /// own.
    pub(crate) fn fingerprint(&self) -> Result<u64, Ending> {
        let published = self.published();
        let reader = published.snapshot.reader();
        let (newest, oldest) = (reader.newest(), reader.compacted().max(Revision(1)));
        let mut trace = Trace::new();
        for at in [newest, Revision(newest.0 - 3).max(oldest), oldest] {
            trace.add(&at.0.to_le_bytes());
            let (order, part) = (Direction::Ascending, Part::Records);
            let walk = mvcc::Walk { order, part, ahead: usize::MAX };
            fault(reader.scan(&mvcc::Interval::all(), at, walk, &mut |found| {
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

fn add_table(trace: &mut Trace, view: &dyn View, table: Table) -> Result<(), Ending> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    fault(view.scan(table, all, Direction::Ascending, Part::Records, &mut |key, value| {
        trace.add(&[table.id]);
        trace.add(key);
        trace.add(value);
        Step::Next
    }))
}

/// Records that have arrived.
struct Sent<'a>(std::slice::Iter<'a, (Table, Bytes, Bytes)>);

impl backend::Records for Sent<'_> {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(self.0.next().cloned())
    }
}

fn config(node: NodeId, parameters: &Parameters) -> state::Config {
    state::Config {
        node,
        lease: lease::Config {
            ttl_min_s: TTL_MIN_S,
            election_timeout: Duration::from_secs(1),
            retry: Duration::from_secs(7),
            checkpoint_every: parameters.checkpoint_every,
        },
        quota_bytes: None,
        learners_max: 2,
        store_checkpoints: true,
    }
}
