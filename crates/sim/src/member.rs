//! One member: the real node, log and state machine, over disks that a crash can rob.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consensus::{Limits, Misfit, ReadPolicy, Role};
use node::{Effect, Event, Node, SpoolTicket, TrimPolicy, WriteTicket};
use raft::Raft;
use raftlog::{Identity, LogReader, Marker, RaftLog};
use state::Completion;
use units::{ClusterId, Entry, HardState, Index, NodeId, Position, Term, Time};

use crate::checks::{Checks, Violation, ensure};
use crate::disk::Disk;
use crate::machine::{Machine, Records};
use crate::parameters::Parameters;
use crate::random::Random;

/// The cluster that every member belongs to.
const CLUSTER: ClusterId = ClusterId(0xe7cd);

/// A member, running or not. Its disks outlive it.
pub(crate) struct Member {
    pub(crate) id: NodeId,
    disk: Disk,
    /// Counts starts, so that what was under way for an earlier one is known to be.
    pub(crate) incarnation: u64,
    pub(crate) running: Option<Running>,
    /// Whether it was told to leave the cluster, and did.
    pub(crate) removed: bool,
    /// What a crash now would leave for certain: the terms of the log's durable entries …
    durable: BTreeMap<Index, Term>,
    /// … and up to where the engine or an installed snapshot holds what entries did.
    covered: Index,
}

/// A member that runs.
pub(crate) struct Running {
    pub(crate) node: Node,
    log: Box<dyn RaftLog>,
    reader: Arc<dyn LogReader>,
    pub(crate) machine: Machine,
    /// Writes that wait for the log to be free.
    writes: VecDeque<Write>,
    /// The newest write given to the log, while that is being synced.
    syncing: Option<WriteTicket>,
    /// Entries that wait for the state machine.
    applying: VecDeque<Vec<Entry>>,
    /// Snapshots taken to be sent.
    taken: BTreeMap<NodeId, Records>,
    /// Snapshots received.
    spooled: BTreeMap<SpoolTicket, Records>,
    next_spool: u64,
}

struct Write {
    ticket: WriteTicket,
    entries: Vec<Entry>,
    hard_state: Option<HardState>,
    sync: bool,
}

/// A group of entries that was applied.
pub(crate) struct Done {
    pub(crate) entries: Vec<Entry>,
    /// What came of the commands in it.
    pub(crate) completions: Vec<Completion>,
}

/// What a member wants of the world.
pub(crate) enum Wish {
    /// Let it be told, after the time that takes, that the log was synced.
    Sync,
    /// Let it be told, after the time that takes, that a group of entries can be applied.
    Apply,
    /// Let it propose a command that is due, as the leader of this term alone.
    Propose { command: Box<state::Command>, term: Term },
    /// Carry a frame.
    Send { to: NodeId, frame: Bytes },
    /// Carry a snapshot.
    SendSnapshot { to: NodeId, header: Bytes, records: Records },
    /// Let it be told that a received snapshot can be installed.
    Install { spool: SpoolTicket, marker: Marker },
    /// A read may be answered.
    ReadDone(node::Ticket),
    /// A request is turned down.
    Refused(node::Ticket),
    /// It stops, as it is no longer part of the cluster.
    Stop,
}

impl Member {
    /// A member with empty disks.
    pub(crate) fn new(id: NodeId, disk: Disk) -> Self {
        Self {
            id,
            disk,
            incarnation: 0,
            running: None,
            removed: false,
            durable: BTreeMap::new(),
            covered: Index(0),
        }
    }

    /// Makes the log that every founder of a cluster begins with, as etcd does: it names them all.
    pub(crate) fn found(&mut self, founders: &[NodeId]) -> Result<(), Violation> {
        let identity = Identity { node: self.id, cluster: CLUSTER };
        let mut opened = self.disk.open_log(identity)?;
        let members: Vec<state::Member> = founders.iter().map(|id| described(*id)).collect();
        let (entries, term) = (state::bootstrap(&members), Term(1));
        let commit = Index(entries.len() as u64);
        fault(opened.log.append(&entries, Some(HardState { term, vote: None, commit })))?;
        fault(opened.log.sync())?;
        self.durable = entries.iter().map(|entry| (entry.index, entry.term)).collect();
        Ok(())
    }

    /// Starts from what the disks hold; a log that is not there is made first, empty, as by one who
    /// joins.
    pub(crate) fn start(
        &mut self,
        now: Time,
        seed: u64,
        parameters: &Parameters,
    ) -> Result<(), Violation> {
        assert!(self.running.is_none(), "a member runs once");
        self.incarnation += 1;
        let machine = Machine::open(self.id, &self.disk.engine)?;
        let identity = Identity { node: self.id, cluster: CLUSTER };
        let mut opened = self.disk.open_log(identity)?;
        let applied = machine.applied();
        if consensus::Start::of(&opened, &applied) == Err(Misfit::EngineAhead) {
            // The crash came between the engine and the log when a snapshot was installed.
            fault(opened.log.install(&applied))?;
            drop(opened);
            opened = self.disk.open_log(identity)?;
        }
        let start = consensus::Start::of(&opened, &applied)
            .map_err(|misfit| Violation(format!("{} cannot start: {misfit:?}", self.id)))?;
        self.covered = self.covered.max(opened.marker.position.index);
        self.durable = terms(&*opened.log.reader())?;
        let begin = node::Start { applied: applied.clone(), log: opened.marker.position };
        let consensus = Raft::new(now, config(self.id, seed, parameters), start);
        let config = node::Config {
            id: self.id,
            first_read: node::ReadTicket(self.id.0 << 48 | self.incarnation << 32),
            trim: trim_policy(parameters),
        };
        self.running = Some(Running {
            node: Node::new(config, begin, Box::new(consensus)),
            reader: opened.log.reader(),
            log: opened.log,
            machine,
            writes: VecDeque::new(),
            syncing: None,
            applying: VecDeque::new(),
            taken: BTreeMap::new(),
            spooled: BTreeMap::new(),
            next_spool: 0,
        });
        Ok(())
    }

    /// Ends it at once; of what was not synced, a random part is left.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        self.running = None;
        self.disk.crash(random);
    }

    /// Whether the entry would survive the loss of everything volatile here.
    pub(crate) fn holds_durably(&self, position: Position) -> bool {
        self.covered >= position.index || self.durable.get(&position.index) == Some(&position.term)
    }

    /// Tells the node something and carries out what follows from it.
    pub(crate) fn tell(
        &mut self,
        now: Time,
        event: Event,
        checks: &mut Checks,
    ) -> Result<Vec<Wish>, Violation> {
        let running = self.running.as_mut().expect("only who runs is told");
        running.node.handle(now, event);
        self.pump(now, checks)
    }

    /// When it wants to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let running = self.running.as_ref()?;
        [running.node.deadline(), running.machine.deadline()].into_iter().flatten().min()
    }

    /// Lets time pass for it.
    pub(crate) fn wake(&mut self, now: Time, checks: &mut Checks) -> Result<Vec<Wish>, Violation> {
        let running = self.running.as_mut().expect("only who runs is woken");
        let due = running.machine.due(now);
        running.node.handle_timeout(now);
        let mut wishes = self.pump(now, checks)?;
        let running = self.running.as_ref().expect("it still runs");
        let term = running.node.leadership().term;
        wishes.extend(
            due.into_iter().map(|command| Wish::Propose { command: Box::new(command), term }),
        );
        Ok(wishes)
    }

    /// Carries out what the node wants, and begins what can begin.
    pub(crate) fn pump(&mut self, now: Time, checks: &mut Checks) -> Result<Vec<Wish>, Violation> {
        let id = self.id;
        let running = self.running.as_mut().expect("only who runs is pumped");
        let mut wishes = Vec::new();
        while let Some(effect) = running.node.poll() {
            running.carry_out((now, id), effect, &mut wishes, checks)?;
        }
        if running.syncing.is_none() && running.writes.iter().any(|write| write.sync) {
            running.write(checks)?;
            wishes.push(Wish::Sync);
        }
        Ok(wishes)
    }

    /// The sync under way has come to its end.
    pub(crate) fn synced(
        &mut self,
        now: Time,
        checks: &mut Checks,
    ) -> Result<Vec<Wish>, Violation> {
        let running = self.running.as_mut().expect("only who runs syncs");
        fault(running.log.sync())?;
        self.durable = terms(&*running.reader)?;
        let ticket = running.syncing.take().expect("a sync ends once");
        self.tell(now, Event::Persisted { ticket }, checks)
    }

    /// The state machine has had the time it takes: it applies a group.
    pub(crate) fn applied(
        &mut self,
        now: Time,
        checks: &mut Checks,
    ) -> Result<(Done, Vec<Wish>), Violation> {
        let id = self.id;
        let running = self.running.as_mut().expect("only who runs applies");
        let entries = running.applying.pop_front().expect("a wish to apply comes with entries");
        let before = running.machine.revision();
        let (applied, changes) = running.machine.apply(now, &entries)?;
        checks.events(before, &applied.events, running.machine.revision())?;
        let index = running.machine.applied().position.index;
        checks.state(id, index, running.machine.fingerprint()?)?;
        running.machine.compact()?;
        let more = !running.applying.is_empty();
        let mut wishes = self.tell(now, Event::Applied { index, changes }, checks)?;
        let running = self.running.as_ref().expect("it still runs");
        let conf_state = running.machine.applied().conf_state;
        let known = running.node.conf_state();
        ensure!(*known == conf_state, "{id} takes {known:?} for {conf_state:?} after {index}");
        if more {
            wishes.push(Wish::Apply);
        }
        Ok((Done { entries, completions: applied.completions }, wishes))
    }

    /// Whether the log or the state machine has something before it.
    pub(crate) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| {
            let written = running.writes.iter().all(|write| !write.sync);
            !running.applying.is_empty() || !written || running.syncing.is_some()
        })
    }

    /// The engine makes durable what it holds.
    pub(crate) fn sync_engine(
        &mut self,
        now: Time,
        checks: &mut Checks,
    ) -> Result<Vec<Wish>, Violation> {
        let running = self.running.as_mut().expect("only who runs syncs");
        running.machine.sync()?;
        let index = running.machine.applied().position.index;
        self.covered = self.covered.max(index);
        self.tell(now, Event::Durable { index }, checks)
    }

    /// A snapshot has arrived whole.
    pub(crate) fn receive_snapshot(
        &mut self,
        now: Time,
        from: NodeId,
        header: Bytes,
        records: Records,
        checks: &mut Checks,
    ) -> Result<Vec<Wish>, Violation> {
        let running = self.running.as_mut().expect("only who runs receives");
        let spool = SpoolTicket(running.next_spool);
        running.next_spool += 1;
        running.spooled.insert(spool, records);
        self.tell(now, Event::SnapshotReceived { from, header, spool }, checks)
    }

    /// A received snapshot is installed: first the engine, then the log.
    pub(crate) fn install(
        &mut self,
        now: Time,
        spool: SpoolTicket,
        marker: Marker,
        checks: &mut Checks,
    ) -> Result<Vec<Wish>, Violation> {
        let running = self.running.as_mut().expect("only who runs installs");
        let records = running.spooled.remove(&spool).expect("what is installed was spooled");
        running.machine.replace(records)?;
        ensure!(running.machine.applied() == marker, "a snapshot is not what its header says");
        fault(running.log.install(&marker))?;
        checks.state(self.id, marker.position.index, running.machine.fingerprint()?)?;
        self.durable.clear();
        self.covered = self.covered.max(marker.position.index);
        self.tell(now, Event::SnapshotInstalled { marker }, checks)
    }
}

impl Running {
    fn carry_out(
        &mut self,
        (now, id): (Time, NodeId),
        effect: Effect,
        wishes: &mut Vec<Wish>,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        match effect {
            Effect::Append { ticket, entries, hard_state, sync } => {
                self.writes.push_back(Write { ticket, entries, hard_state, sync });
            }
            Effect::Apply { entries } => {
                if self.applying.is_empty() {
                    wishes.push(Wish::Apply);
                }
                self.applying.push_back(entries);
            }
            Effect::DiscardSnapshot { spool } => {
                self.spooled.remove(&spool);
            }
            Effect::ForgoSnapshot { to } => {
                self.taken.remove(&to);
            }
            Effect::InstallSnapshot { spool, marker } => {
                wishes.push(Wish::Install { spool, marker });
            }
            Effect::LeaderReady { .. } => self.machine.lead(now, true),
            Effect::Leadership(leadership) if leadership.role == Role::Leader => {
                checks.leads(id, leadership.term)?;
            }
            Effect::Leadership(_) => self.machine.lead(now, false),
            Effect::ReadDone { ticket } => wishes.push(Wish::ReadDone(ticket)),
            Effect::ReadLog { first, last, bytes_max } => {
                let entries = match self.reader.read(first, last, bytes_max) {
                    Ok(entries) => entries,
                    Err(raftlog::ReadError::Trimmed { .. }) => Vec::new(),
                    Err(error) => return Err(Violation(format!("{id} cannot read: {error}"))),
                };
                self.node.handle(now, Event::EntriesRead { first, entries });
            }
            Effect::Refused { ticket, .. } => wishes.push(Wish::Refused(ticket)),
            Effect::Removed => wishes.push(Wish::Stop),
            Effect::Send { to, frame, .. } => wishes.push(Wish::Send { to, frame }),
            Effect::SendSnapshot { to, header } => {
                let records = self.taken.remove(&to).expect("what is sent was taken");
                wishes.push(Wish::SendSnapshot { to, header, records });
            }
            Effect::SnapshotWanted { to } => {
                self.taken.insert(to, self.machine.records()?);
                let marker = self.machine.applied();
                self.node.handle(now, Event::SnapshotTaken { to, marker });
            }
            Effect::Trim { marker } => {
                fault(self.log.trim(&marker))?;
                self.node.handle(now, Event::Trimmed { marker });
            }
        }
        Ok(())
    }

    /// Gives everything that waits to the log, in one go.
    fn write(&mut self, checks: &mut Checks) -> Result<(), Violation> {
        for write in self.writes.drain(..) {
            if let Some(first) = write.entries.first() {
                let mut previous = term_before(&*self.reader, first.index)?;
                for entry in &write.entries {
                    if let Some(previous) = previous {
                        checks.written(previous, entry)?;
                    }
                    previous = Some(entry.term);
                }
            }
            fault(self.log.append(&write.entries, write.hard_state))?;
            self.syncing = Some(write.ticket);
        }
        Ok(())
    }
}

/// The term of the entry before, if it can still be read.
fn term_before(reader: &dyn LogReader, index: Index) -> Result<Option<Term>, Violation> {
    let (first, last) = reader.bounds();
    let previous = index.previous();
    if previous == Index(0) {
        return Ok(Some(Term(0)));
    }
    if previous < first || previous > last {
        return Ok(None);
    }
    Ok(read(reader, previous, previous)?.first().map(|entry| entry.term))
}

/// The terms of all entries.
fn terms(reader: &dyn LogReader) -> Result<BTreeMap<Index, Term>, Violation> {
    let (first, last) = reader.bounds();
    if first > last {
        return Ok(BTreeMap::new());
    }
    let entries = read(reader, first, last)?;
    Ok(entries.iter().map(|entry| (entry.index, entry.term)).collect())
}

fn read(reader: &dyn LogReader, first: Index, last: Index) -> Result<Vec<Entry>, Violation> {
    reader.read(first, last, usize::MAX).map_err(|error| Violation(format!("no entries: {error}")))
}

/// A disk does not fail by itself here: a fault is somebody's mistake.
pub(crate) fn fault<T, F: std::fmt::Display>(result: Result<T, F>) -> Result<T, Violation> {
    result.map_err(|fault| Violation(format!("a disk is at fault: {fault}")))
}

/// A member as the others know it.
pub(crate) fn described(id: NodeId) -> state::Member {
    state::Member {
        id: id.0,
        peer_urls: vec![format!("http://{id}")],
        is_learner: false,
        name: String::new(),
        client_urls: Vec::new(),
    }
}

fn config(id: NodeId, seed: u64, parameters: &Parameters) -> consensus::Config {
    consensus::Config {
        id,
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_secs(1),
        pre_vote: true,
        check_quorum: true,
        reads: ReadPolicy::Quorum,
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
