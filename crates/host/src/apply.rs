//! The one who applies: the owner of the state machine, and of who watches it.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::{Event, Marker, SpoolTicket, Ticket, Verdict};
use prost::Message;
use state::{
    Applied, Budget, Command, Export, Fault, Machine, Published, Remaining, Renewal, TABLES,
    describe,
};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;
use units::{Entry, EntryKind, LeaseId, NodeId, Term};
use watch::{Hub, Response, StreamId};

use crate::clock::Clock;
use crate::desk::Owner;
use crate::order::Work as Report;
use crate::pace::Pace;
use crate::shared::Shared;
use crate::{Ending, content};

/// Bytes of commands that whoever orders applies, too: a fraction of a millisecond's work.
const SHORT_BYTES_MAX: usize = 64 << 10;

/// What one step of a compaction may cost: half a millisecond, so that what comes meanwhile waits
/// no longer than for another request; and even with the longest rests some twenty thousand small
/// versions a second, or 25 MB of large ones.
const COMPACTION_BUDGET: Budget = Budget { versions_max: 250, bytes_max: 256 << 10 };

/// Owns the state machine and the hub of its watchers, tells everybody what has changed, and uses
/// the time between for what can wait.
pub(crate) struct Applier {
    machine: Machine,
    hub: Hub,
    clock: Clock,
    /// The newest term in which this member led.
    term: Term,
    /// Where each stream's responses go; bounded by what the hub has under way for it.
    streams: HashMap<StreamId, mpsc::UnboundedSender<Response>>,
    /// Keep-alives that came too late, and wait until that is so everywhere.
    late: Vec<(LeaseId, oneshot::Sender<Renewal>)>,
    /// How compactions are gone about.
    compacting: Pace,
    /// Whether watchers are behind: there is something to do between other things.
    behind: bool,
}

/// What is brought to the state machine.
pub(crate) enum Work {
    /// This member leads no longer.
    Demote,
    /// Committed entries, to be applied.
    Entries(Vec<Entry>),
    /// Replace everything by a snapshot.
    Install { spool: SpoolTicket, marker: Marker },
    /// Renew a lease.
    KeepAlive { id: LeaseId, answer: oneshot::Sender<Renewal> },
    /// Name all leases.
    Leases { answer: oneshot::Sender<Vec<LeaseId>> },
    /// A client has a stream of watchers.
    Open { stream: StreamId, responses: mpsc::UnboundedSender<Response> },
    /// This member leads in this term, and may do what leaders do.
    Promote { term: Term },
    /// Take a snapshot for a peer.
    Take { to: NodeId },
    /// What is left of a lease; nothing if this member cannot know.
    TimeToLive { id: LeaseId, answer: oneshot::Sender<Option<Option<Remaining>>> },
    /// Something that concerns watchers.
    Watch(watch::Event),
}

impl Work {
    /// Whether it takes so little time that it may be done on the way.
    pub(crate) fn is_short(&self) -> bool {
        match self {
            Self::Entries(entries) => {
                let bytes: usize = entries.iter().map(|entry| entry.data.len()).sum();
                bytes <= SHORT_BYTES_MAX
            }
            Self::Take { .. } => true,
            _ => false,
        }
    }
}

impl Applier {
    /// The owner of a state machine that was just opened.
    pub(crate) fn new(machine: Machine, hub: Hub, clock: Clock) -> Self {
        Self {
            machine,
            hub,
            clock,
            term: Term(0),
            streams: HashMap::new(),
            late: Vec::new(),
            compacting: Pace::new(),
            behind: true,
        }
    }

    /// Does the work, entries that lie together as one group; what the node is to hear of it.
    ///
    /// # Errors
    ///
    /// When the member must stop.
    pub(crate) fn work(
        &mut self,
        shared: &Shared,
        work: impl Iterator<Item = Work>,
    ) -> Result<Vec<Report>, Ending> {
        let mut reports = Vec::new();
        let mut group = Vec::new();
        for one in work {
            if let Work::Entries(mut entries) = one {
                group.append(&mut entries);
                continue;
            }
            reports.extend(self.apply(shared, &mem::take(&mut group))?);
            reports.extend(self.take(shared, one)?);
        }
        reports.extend(self.apply(shared, &group)?);
        self.catch_up(shared);
        Ok(reports)
    }

    /// Does what its time has come for, and a little of what can wait.
    ///
    /// # Errors
    ///
    /// When the member must stop.
    pub(crate) fn rest(&mut self, shared: &Shared) -> Result<(), Ending> {
        let now = self.clock.now();
        if self.machine.deadline().is_some_and(|deadline| deadline <= now) {
            shared.propose_as_leader(self.term, self.machine.handle_timeout(now));
        }
        if self.hub.deadline().is_some_and(|deadline| deadline <= now) {
            self.hub.handle_timeout(now);
        }
        let began = self.clock.now();
        if began >= self.compacting.due()
            && let Some(compacted) = self.machine.compaction_step(COMPACTION_BUDGET)?
        {
            shared.publish(&compacted.published);
            self.compacting.stepped(began, self.clock.now());
        }
        self.catch_up(shared);
        Ok(())
    }

    /// Brings one watcher that is behind a step further.
    fn catch_up(&mut self, shared: &Shared) {
        self.behind = self.hub.catch_up();
        self.tell(shared);
    }

    fn take(&mut self, shared: &Shared, work: Work) -> Result<Option<Report>, Ending> {
        let now = self.clock.now();
        // Whoever asked may not wait any more, so answers may go nowhere.
        match work {
            Work::Demote => {
                // Told of every change of leaders, it matters to one alone.
                if self.machine.is_primary() {
                    self.machine.demote();
                    self.renew_late();
                }
            }
            Work::Entries(entries) => return self.apply(shared, &entries),
            Work::Install { spool, marker } => {
                return self.install(shared, spool, marker).map(Some);
            }
            Work::KeepAlive { id, answer } => match self.machine.keep_alive(now, id) {
                Renewal::Expired => self.late.push((id, answer)),
                renewal => drop(answer.send(renewal)),
            },
            Work::Leases { answer } => drop(answer.send(self.machine.leases())),
            Work::Open { stream, responses } => {
                self.streams.insert(stream, responses);
                self.watch(shared, watch::Event::Open { stream });
            }
            Work::Promote { term } => {
                self.term = term;
                self.machine.promote(now);
                self.renew_late();
            }
            Work::Take { to } => {
                let published = self.machine.published();
                let content = content::Export::new(Box::new(Export::new(published)));
                return Ok(Some(Report::Taken { to, marker: marker(published), content }));
            }
            Work::TimeToLive { id, answer } => {
                let known = self.machine.is_primary();
                _ = answer.send(known.then(|| self.machine.time_to_live(now, id)));
            }
            Work::Watch(event) => self.watch(shared, event),
        }
        Ok(None)
    }

    fn watch(&mut self, shared: &Shared, event: watch::Event) {
        if let watch::Event::Close { stream } = event {
            self.streams.remove(&stream);
        }
        self.hub.handle(self.clock.now(), event);
        self.tell(shared);
    }

    /// Applies a group. Watchers hear of it before anybody can read it, so that nobody reads what a
    /// watcher could still miss; who waits for it is answered when it can be read.
    fn apply(&mut self, shared: &Shared, entries: &[Entry]) -> Result<Option<Report>, Ending> {
        let Some(last) = entries.last() else { return Ok(None) };
        let now = self.clock.now();
        let Applied { completions, changes, events, published, compacted, proposals } =
            self.machine.apply(now, entries)?;
        remark_slow(entries, self.clock.now().since(now), shared.config.slow_apply);
        if !events.is_empty() {
            self.hub.handle(now, watch::Event::Changed { changes: events });
        }
        if let Some(revision) = compacted {
            self.hub.handle(now, watch::Event::Compacted { revision });
        }
        let questions = self.deliver();
        shared.publish(&published);
        questions.into_iter().for_each(|question| shared.read_for_watchers(question));
        for completion in completions {
            let outcome = completion.result.map(Some).map_err(Into::into);
            shared.answer(Ticket(completion.request), outcome);
        }
        shared.raise_alarms(proposals);
        self.renew_late();
        let verdict = |accepted| if accepted { Verdict::Accepted } else { Verdict::Rejected };
        let changes = changes.into_iter().map(|(at, accepted)| (at, verdict(accepted)));
        assert_eq!(published.applied.index, last.index, "the state machine applies everything");
        Ok(Some(Report::Event(Event::Applied { index: last.index, changes: changes.collect() })))
    }

    /// Puts a snapshot in the place of everything, durably, and goes on from there.
    fn install(
        &mut self,
        shared: &Shared,
        spool: SpoolTicket,
        wanted: Marker,
    ) -> Result<Report, Ending> {
        let index = wanted.position.index;
        let records = shared.spool.install(spool, index, &TABLES);
        let mut records = records.map_err(|error| {
            let (doing, error) = ("opening a received snapshot".into(), error.to_string());
            Fault::Io { doing, error }
        })?;
        shared.replace_engine(&mut records)?;
        self.machine = shared.open_machine()?;
        let published = Arc::clone(self.machine.published());
        if marker(&published) != wanted {
            let (file, what) = ("a received snapshot".into(), "it is not what it said".into());
            return Err(Ending::Engine(Fault::Corrupt { file, what }));
        }
        let (revision, compacted) = (published.snapshot.revision(), published.snapshot.compacted());
        self.hub.handle(self.clock.now(), watch::Event::Restored { revision, compacted });
        let questions = self.deliver();
        shared.publish(&published);
        questions.into_iter().for_each(|question| shared.read_for_watchers(question));
        self.renew_late();
        Ok(Report::Installed { marker: wanted })
    }

    /// Asks again for the leases of keep-alives that came too late: by now the lease may be gone,
    /// or this member's word may not count any more.
    fn renew_late(&mut self) {
        let now = self.clock.now();
        for (id, answer) in mem::take(&mut self.late) {
            match self.machine.keep_alive(now, id) {
                Renewal::Expired if !answer.is_closed() => self.late.push((id, answer)),
                renewal => drop(answer.send(renewal)),
            }
        }
    }

    /// Hands out what the hub wants told, and has read what it wants read.
    fn tell(&mut self, shared: &Shared) {
        self.deliver().into_iter().for_each(|question| shared.read_for_watchers(question));
    }

    fn deliver(&mut self) -> Vec<watch::ReadRequest> {
        let mut questions = Vec::new();
        while let Some(effect) = self.hub.poll() {
            match effect {
                watch::Effect::Deliver { stream, response } => {
                    if let Some(responses) = self.streams.get(&stream) {
                        // A client that is gone closes its stream, which is on its way here.
                        drop(responses.send(response));
                    }
                }
                watch::Effect::Read(question) => questions.push(question),
            }
        }
        questions
    }
}

impl Owner for Applier {
    type Work = Work;

    fn deadline(&self) -> Option<Instant> {
        if self.behind {
            return Some(Instant::now());
        }
        let compaction = self.machine.has_compaction().then(|| self.compacting.due());
        let deadlines = [self.machine.deadline(), self.hub.deadline(), compaction];
        deadlines.into_iter().flatten().min().and_then(|at| self.clock.instant(at))
    }
}

/// Says so, in etcd's words, if entries took longer to apply than expected. They are applied as
/// one, so it is the largest command that is named.
fn remark_slow(entries: &[Entry], took: Duration, expected: Duration) {
    if took <= expected {
        return;
    }
    let commands = entries.iter().filter(|entry| entry.kind == EntryKind::Normal);
    let largest = commands.max_by_key(|entry| entry.data.len());
    let largest = largest.and_then(|entry| Command::decode(entry.data.clone()).ok());
    warn!(
        "took" = ?took,
        "expected-duration" = ?expected,
        "prefix" = "",
        "request" = largest.as_ref().map(describe::command),
        "entries" = entries.len(),
        "apply request took too long"
    );
}

/// Where the log may begin for whoever holds this state.
pub(crate) fn marker(published: &Published) -> Marker {
    Marker { position: published.applied, conf_state: (*published.conf_state).clone() }
}
