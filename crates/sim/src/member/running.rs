//! A member that runs: one loop pumps all that a host's threads own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consensus::{Limits, Role, Status};
use node::{Effect, Event, Node, SpoolTicket, TrimPolicy, WriteTicket};
use raftlog::{LogReader, Marker, Opened, RaftLog, ReadError};
use state::Renewal;
use units::{Entry, HardState, Index, NodeId, Position, Term, Time};
use watch::Hub;

use super::{Done, Wish};
use crate::checks::held::Held;
use crate::checks::leases::Lives;
use crate::checks::{Checks, ensure};
use crate::ending::{Ending, fault};
use crate::machine::{Machine, Records};
use crate::parameters::Parameters;
use crate::random::Random;

/// A member that runs.
pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) machine: Machine,
    pub(crate) hub: Hub,
    log: Box<dyn RaftLog>,
    reader: Arc<dyn LogReader>,
    /// The last entry that the node wanted written.
    last: Position,
    /// Writes that wait for the log to be free.
    writes: VecDeque<Write>,
    /// The newest write given to the log, while that is being synced.
    syncing: Option<WriteTicket>,
    /// Where the log is to be trimmed to, once that is free.
    trims: VecDeque<Marker>,
    /// Entries that wait for the state machine.
    applying: VecDeque<Vec<Entry>>,
    /// Snapshots taken to be sent.
    taken: BTreeMap<NodeId, Records>,
    /// Snapshots received.
    spooled: BTreeMap<SpoolTicket, Records>,
    /// Those of them that cannot be read again.
    rotten: BTreeSet<SpoolTicket>,
    next_spool: u64,
    /// Until when leases must live, while this member leads.
    lives: Lives,
}

struct Write {
    ticket: WriteTicket,
    entries: Vec<Entry>,
    hard_state: Option<HardState>,
    sync: bool,
}

/// What is around a member while something happens to it.
pub(crate) struct Around<'a> {
    /// By its own clock.
    pub(crate) now: Time,
    pub(crate) id: NodeId,
    pub(crate) held: &'a mut Held,
    pub(super) installing: &'a mut Option<Index>,
    pub(crate) checks: &'a mut Checks,
    pub(crate) wishes: Vec<Wish>,
}

/// How a member runs.
pub(super) struct Options<'a> {
    /// Who it is, and for the how-manieth time.
    pub(super) name: (NodeId, u64),
    pub(super) seed: u64,
    pub(super) parameters: &'a Parameters,
}

impl Running {
    pub(super) fn new(
        now: Time,
        (opened, machine): (Opened, Machine),
        (start, begin): (consensus::Start, node::Start),
        options: &Options<'_>,
    ) -> Self {
        let (id, incarnation) = options.name;
        let last = opened.last;
        let seed = Random::new(options.seed).stream("node", id.0 << 16 | incarnation).next();
        let config = consensus_config(id, seed, options.parameters);
        let consensus = options.parameters.part.make(now, config, start);
        let config = node::Config {
            id,
            first_read: node::ReadTicket(id.0 << 48 | incarnation << 32),
            trim: trim_policy(options.parameters),
        };
        let watching = watch::Config {
            ring_bytes_max: options.parameters.ring_bytes,
            progress_every: Duration::from_secs(1),
            seed,
        };
        let hub = Hub::new(watching, machine.revision(), machine.published().snapshot.compacted());
        Self {
            node: Node::new(config, begin, consensus),
            reader: opened.log.reader(),
            log: opened.log,
            machine,
            hub,
            last,
            writes: VecDeque::new(),
            syncing: None,
            trims: VecDeque::new(),
            applying: VecDeque::new(),
            taken: BTreeMap::new(),
            spooled: BTreeMap::new(),
            rotten: BTreeSet::new(),
            next_spool: 0,
            lives: Lives::default(),
        }
    }

    /// When it wants to be woken, by its own clock.
    pub(super) fn deadline(&self) -> Option<Time> {
        let deadlines = [self.node.deadline(), self.machine.deadline(), self.hub.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Carries out what the node wants, and begins what can begin. It hears of the time first, as
    /// in the real world, whatever else it has just heard of.
    pub(crate) fn pump(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        // What a leader has committed counts, also if time ends its leadership at once.
        let decided = self.tell_commit(around.checks.decided().index, around);
        self.node.handle_timeout(around.now);
        while let Some(effect) = self.node.poll() {
            self.carry_out(effect, around)?;
        }
        if self.syncing.is_none() {
            self.trim(around)?;
        }
        if self.syncing.is_none() && self.writes.iter().any(|write| write.sync) {
            self.write(around)?;
            around.wishes.push(Wish::Sync);
        }
        self.deliver(around);
        self.tell_commit(decided, around);
        Ok(())
    }

    /// Tells of what this member has committed beyond an index, if it leads; how far that is told.
    fn tell_commit(&self, told: Index, around: &mut Around<'_>) -> Index {
        if !self.leads() {
            return told;
        }
        let Status { commit: index, term, conf_state, role, .. } = self.node.status().consensus;
        if role != Role::Leader || index <= told {
            return told;
        }
        around.wishes.push(Wish::Commit { index, term, conf_state });
        index
    }

    pub(crate) fn leads(&self) -> bool {
        self.node.leadership().role == Role::Leader
    }

    /// Lets time pass for it.
    pub(crate) fn wake(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        let now = around.now;
        let due = self.machine.due(now);
        for command in &due {
            if let Some(revoke) = &command.lease_revoke {
                self.lives.expired(around.id, now, revoke.id)?;
                around.checks.tally.note("lease expired");
            }
        }
        if self.hub.deadline().is_some_and(|deadline| deadline <= now) {
            self.hub.handle_timeout(now);
        }
        self.pump(around)?;
        let term = self.node.leadership().term;
        let propose = |command| Wish::Propose { command: Box::new(command), term };
        around.wishes.extend(due.into_iter().map(propose));
        Ok(())
    }

    /// The sync under way has come to its end.
    pub(crate) fn synced(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        fault(self.log.sync())?;
        around.held.synced();
        let ticket = self.syncing.take().expect("a sync ends once");
        self.node.handle(around.now, Event::Persisted { ticket });
        self.pump(around)
    }

    /// The state machine has had the time it takes: it applies a group.
    pub(crate) fn applied(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        let (id, now) = (around.id, around.now);
        let entries = self.applying.pop_front().expect("a wish to apply comes with entries");
        for entry in &entries {
            around.checks.handed_out(entry)?;
        }
        let before = self.machine.revision();
        let (applied, changes) = self.machine.apply(now, &entries)?;
        let checks = &mut *around.checks;
        checks.events(before, &applied.events, self.machine.revision())?;
        for completion in &applied.completions {
            checks.completed(id, completion)?;
            if let Ok(state::Outcome::LeaseGrant(granted)) = &completion.result {
                self.lives.renewed(now, granted.id, granted.ttl);
            }
        }
        let index = self.machine.index();
        checks.shows(id, index, self.machine.at())?;
        if !applied.events.is_empty() {
            self.hub.handle(now, watch::Event::Changed { changes: applied.events });
        }
        if let Some(revision) = applied.compacted {
            self.hub.handle(now, watch::Event::Compacted { revision });
        }
        self.machine.compact()?;
        checks.state(id, index, self.machine.fingerprint()?)?;
        self.node.handle(now, Event::Applied { index, changes });
        let conf_state = self.machine.applied().conf_state;
        let known = self.node.conf_state();
        ensure!(*known == conf_state, "{id} takes {known:?} for {conf_state:?} after {index}");
        let done = Done { completions: applied.completions, conf_state };
        around.wishes.push(Wish::Done(done));
        if !self.applying.is_empty() {
            around.wishes.push(Wish::Apply);
        }
        self.pump(around)
    }

    /// Whether the log or the state machine has something before it.
    pub(crate) fn is_busy(&self) -> bool {
        let written = self.writes.iter().all(|write| !write.sync);
        !self.applying.is_empty() || !written || self.syncing.is_some()
    }

    /// The engine makes durable what it holds.
    pub(crate) fn sync_engine(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        if let Some(index) = self.machine.sync()? {
            around.held.covers(index);
            self.node.handle(around.now, Event::Durable { index });
        }
        self.pump(around)
    }

    /// A snapshot has arrived whole.
    pub(crate) fn receive_snapshot(
        &mut self,
        (from, header, records): (NodeId, Bytes, Records),
        around: &mut Around<'_>,
    ) -> Result<(), Ending> {
        let spool = SpoolTicket(self.next_spool);
        self.next_spool += 1;
        self.spooled.insert(spool, records);
        self.node.handle(around.now, Event::SnapshotReceived { from, header, spool });
        self.pump(around)
    }

    /// A received snapshot is installed: first the engine, then the log.
    pub(crate) fn install(
        &mut self,
        (spool, marker): (SpoolTicket, Marker),
        around: &mut Around<'_>,
    ) -> Result<(), Ending> {
        let index = marker.position.index;
        let records = self.spooled.remove(&spool).expect("what is installed was spooled");
        if self.rotten.remove(&spool) {
            around.checks.tally.note("rot of a snapshot found");
            return Err(Ending::Fault("the checksum of a received snapshot does not match".into()));
        }
        *around.installing = Some(index);
        self.machine.replace(&records)?;
        ensure!(self.machine.applied() == marker, "a snapshot is not what its header says");
        around.checks.shows(around.id, index, self.machine.at())?;
        around.checks.state(around.id, index, self.machine.fingerprint()?)?;
        let at = self.machine.at();
        let (revision, compacted) = (self.machine.revision(), units::Revision(at.compacted));
        self.hub.handle(around.now, watch::Event::Restored { revision, compacted });
        fault(self.log.install(&marker))?;
        *around.installing = None;
        around.held.installed(index);
        self.last = marker.position;
        self.node.handle(around.now, Event::SnapshotInstalled { marker });
        self.pump(around)
    }

    /// Somebody wants a lease renewed. A checkpointed one cannot be yet; what must be proposed
    /// first is.
    pub(crate) fn keep_alive(&mut self, lease: i64, around: &mut Around<'_>) -> Result<(), Ending> {
        match self.machine.keep_alive(around.now, lease) {
            Renewal::Renewed { ttl_s } => {
                around.checks.tally.note("lease renewed");
                self.lives.renewed(around.now, lease, ttl_s);
            }
            Renewal::NeedsCheckpoint => {
                let command = state::Machine::clear_checkpoint(units::LeaseId(lease));
                let term = self.node.leadership().term;
                around.wishes.push(Wish::Propose { command: Box::new(command), term });
            }
            Renewal::Expired | Renewal::NotPrimary | Renewal::Unknown => {}
        }
        Ok(())
    }

    /// Something that concerns watchers.
    pub(crate) fn watch(
        &mut self,
        event: watch::Event,
        around: &mut Around<'_>,
    ) -> Result<(), Ending> {
        self.hub.handle(around.now, event);
        self.deliver(around);
        Ok(())
    }

    /// Brings a watcher that is behind a step further.
    pub(crate) fn catch_up(&mut self, around: &mut Around<'_>) -> bool {
        let behind = self.hub.catch_up();
        self.deliver(around);
        behind
    }

    fn deliver(&mut self, around: &mut Around<'_>) {
        while let Some(effect) = self.hub.poll() {
            around.wishes.push(match effect {
                watch::Effect::Deliver { stream, response } => Wish::Tell { stream, response },
                watch::Effect::Read(request) => Wish::ReadChanges(request),
            });
        }
    }

    fn carry_out(&mut self, effect: Effect, around: &mut Around<'_>) -> Result<(), Ending> {
        let now = around.now;
        match effect {
            Effect::Append { ticket, entries, hard_state, sync } => {
                for entry in &entries {
                    around.checks.made(around.id, entry)?;
                }
                if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
                    let (id, end) = (around.id, self.last.index);
                    let appends = !self.leads() || first.index == end.next();
                    if first.index <= end {
                        around.checks.tally.note("entries replaced");
                    }
                    ensure!(appends, "{id} leads, and writes {} behind {end}", first.index);
                    self.last = Position { term: last.term, index: last.index };
                }
                self.writes.push_back(Write { ticket, entries, hard_state, sync });
            }
            Effect::Apply { entries } => {
                if self.applying.is_empty() {
                    around.wishes.push(Wish::Apply);
                }
                self.applying.push_back(entries);
            }
            Effect::DiscardSnapshot { spool } => drop(self.spooled.remove(&spool)),
            Effect::ForgoSnapshot { to } => drop(self.taken.remove(&to)),
            Effect::InstallSnapshot { spool, marker } => {
                around.wishes.push(Wish::Install { spool, marker });
            }
            Effect::LeaderReady { .. } => self.begin_to_lead(around),
            Effect::Leadership(leadership) if leadership.role == Role::Leader => {
                let (id, term, held) = (around.id, leadership.term, &*around.held);
                around.checks.leads(id, term)?;
                around.wishes.push(Wish::Leads(term));
                around.checks.is_complete(id, term, |position| held.holds(position))?;
            }
            Effect::Leadership(_) => {
                self.machine.lead(now, false);
                self.lives.demoted();
            }
            Effect::ReadDone { ticket } => around.wishes.push(Wish::ReadDone(ticket)),
            Effect::ReadLog { first, last, bytes_max } => {
                let entries = self.read(first, last, bytes_max)?;
                self.node.handle(now, Event::EntriesRead { first, entries });
            }
            Effect::Refused { ticket, .. } => around.wishes.push(Wish::Refused(ticket)),
            Effect::Removed => around.wishes.push(Wish::Stop),
            Effect::Send { to, lane, frame } => around.wishes.push(Wish::Send { to, lane, frame }),
            Effect::SendSnapshot { to, header } => {
                let records = self.taken.remove(&to).expect("what is sent was taken");
                around.wishes.push(Wish::SendSnapshot { to, header, records });
            }
            Effect::SnapshotWanted { to } => {
                self.taken.insert(to, self.machine.records()?);
                let marker = self.machine.applied();
                self.node.handle(now, Event::SnapshotTaken { to, marker });
            }
            Effect::Trim { marker } => self.trims.push_back(marker),
        }
        Ok(())
    }

    /// From now on this member's deadlines are the ones that count: each lease has all that is left
    /// of it.
    fn begin_to_lead(&mut self, around: &mut Around<'_>) {
        self.machine.lead(around.now, true);
        for (lease, ttl_s) in self.machine.leases() {
            let known = around.checks.model.leases.get(&lease);
            let left = known.and_then(|known| known.least_s).unwrap_or(ttl_s).min(ttl_s);
            self.lives.renewed(around.now, lease, left);
        }
    }

    /// Trims the log, which makes durable what was given to it: not beside a sync, but after it.
    fn trim(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        while let Some(marker) = self.trims.pop_front() {
            around.checks.tally.note("log trimmed");
            fault(self.log.trim(&marker))?;
            self.node.handle(around.now, Event::Trimmed { marker });
            while let Some(effect) = self.node.poll() {
                self.carry_out(effect, around)?;
            }
        }
        Ok(())
    }

    /// It is told to stop: what it wanted written is, and all is made durable.
    pub(crate) fn stop(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        self.write(around)?;
        fault(self.log.sync())?;
        around.held.synced();
        if let Some(index) = self.machine.sync()? {
            around.held.covers(index);
        }
        Ok(())
    }

    /// A received snapshot cannot be read again, if there is one.
    pub(crate) fn rot_snapshot(&mut self) -> bool {
        self.rotten.extend(self.spooled.keys());
        !self.spooled.is_empty()
    }

    /// Gives everything that waits to the log, in one go.
    fn write(&mut self, around: &mut Around<'_>) -> Result<(), Ending> {
        for write in std::mem::take(&mut self.writes) {
            if let Some(first) = write.entries.first() {
                let mut previous = self.term_before(first.index)?;
                for entry in &write.entries {
                    around.checks.written(previous, entry)?;
                    previous = Some(entry.term);
                }
            }
            fault(self.log.append(&write.entries, write.hard_state))?;
            around.held.given(&write.entries, write.hard_state);
            self.syncing = Some(write.ticket);
        }
        Ok(())
    }

    /// The term of the entry before, if it can still be read.
    fn term_before(&self, index: Index) -> Result<Option<Term>, Ending> {
        let previous = index.previous();
        if previous == Index(0) {
            return Ok(Some(Term(0)));
        }
        let (first, last) = self.reader.bounds();
        if previous < first || previous > last {
            return Ok(None);
        }
        Ok(self.read(previous, previous, 0)?.first().map(|entry| entry.term))
    }

    /// Entries that are gone by now, from either end, are none.
    fn read(&self, first: Index, last: Index, bytes_max: usize) -> Result<Vec<Entry>, Ending> {
        match self.reader.read(first, last, bytes_max) {
            Ok(entries) => Ok(entries),
            Err(ReadError::Trimmed { .. } | ReadError::Missing { .. }) => Ok(Vec::new()),
            Err(ReadError::Fault(error)) => fault(Err(error)),
        }
    }
}

fn consensus_config(id: NodeId, seed: u64, parameters: &Parameters) -> consensus::Config {
    consensus::Config {
        id,
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_secs(1),
        pre_vote: true,
        check_quorum: true,
        reads: parameters.reads,
        limits: Limits {
            message_bytes_max: parameters.message_bytes,
            inflight_messages_max: parameters.inflight_messages,
            inflight_bytes_max: 16 << 20,
            uncommitted_bytes_max: 64 << 20,
            cached_bytes_max: parameters.cached_bytes,
            apply_bytes_max: 1 << 10,
        },
        seed,
    }
}

fn trim_policy(parameters: &Parameters) -> TrimPolicy {
    TrimPolicy {
        kept_entries_max: parameters.kept_entries,
        kept_bytes_max: 1 << 20,
        step_entries: 8,
        step_bytes: 1 << 16,
    }
}
