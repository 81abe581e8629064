//! One member: the real node, log and state machine, over disks that a crash can rob.

pub(crate) mod running;

use bytes::Bytes;
use consensus::Misfit;
use node::{Lane, SpoolTicket};
use raftlog::{Identity, LogReader, Marker, Opened};
use state::Completion;
use units::{ClusterId, ConfState, Entry, HardState, Index, NodeId, Position, Term, Time};
use watch::{ReadRequest, Response, StreamId};

use crate::checks::held::Held;
use crate::checks::{Checks, Violation};
use crate::clock::Clock;
use crate::disk::{Disk, LogDisk};
use crate::ending::{Ending, fault};
use crate::machine::{Machine, Records};
use crate::parameters::Parameters;
use crate::random::Random;

use running::Running;

/// The cluster that every member belongs to.
const CLUSTER: ClusterId = ClusterId(0xe7cd);

/// A member, running or not. Its disks outlive it.
pub(crate) struct Member {
    pub(crate) id: NodeId,
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// Counts starts, so that what was under way for an earlier one is known to be.
    pub(crate) incarnation: u64,
    pub(crate) running: Option<Running>,
    /// Until when it stands still.
    pub(crate) paused: Option<Time>,
    /// Whether it was told to leave the cluster, and did.
    pub(crate) removed: bool,
    /// Whether its disk is gone or found to be damaged: it never comes back.
    pub(crate) lost: bool,
    /// After how many calls to its disk the next start loses power.
    pub(crate) trips: Option<u64>,
    /// How many of its next syncs take seconds.
    pub(crate) stalls: u64,
    /// Whether what can wait is about to be done.
    pub(crate) resting: bool,
    /// What its disks must still hold.
    pub(crate) held: Held,
    /// The snapshot that is being installed; noted durably before that begins.
    installing: Option<Index>,
}

/// Entries that were applied, and what came of the commands in them.
pub(crate) struct Done {
    pub(crate) completions: Vec<Completion>,
    pub(crate) conf_state: ConfState,
}

/// What a member wants of the world.
pub(crate) enum Wish {
    /// Let it be told, after the time that takes, that a group of entries can be applied.
    Apply,
    /// As a leader it has committed up to here, in this configuration.
    Commit { index: Index, term: Term, conf_state: ConfState },
    /// A group of entries was applied.
    Done(Done),
    /// Let it be told that a received snapshot can be installed.
    Install { spool: SpoolTicket, marker: Marker },
    /// It leads the term.
    Leads(Term),
    /// Let it propose a command that is due, as the leader of this term alone.
    Propose { command: Box<state::Command>, term: Term },
    /// A read may be answered.
    ReadDone(node::Ticket),
    /// Let it read old changes for watchers.
    ReadChanges(ReadRequest),
    /// A request is turned down.
    Refused(node::Ticket),
    /// Carry a frame.
    Send { to: NodeId, lane: Lane, frame: Bytes },
    /// Carry a snapshot.
    SendSnapshot { to: NodeId, header: Bytes, records: Records },
    /// It stops, as it is no longer part of the cluster.
    Stop,
    /// Let it be told, after the time that takes, that the log was synced.
    Sync,
    /// A client's stream is told something.
    Tell { stream: StreamId, response: Response },
}

/// What a member wants of the world, unless it ended.
pub(crate) type Wishes = Result<Vec<Wish>, Ending>;

impl Member {
    /// A member with empty disks.
    pub(crate) fn new(id: NodeId, disk: Disk, mut random: Random) -> Self {
        let uptime = std::time::Duration::from_micros(random.within(0..=1_000_000_000));
        Self {
            id,
            disk,
            clock: Clock::new(uptime),
            random,
            incarnation: 0,
            running: None,
            paused: None,
            removed: false,
            lost: false,
            trips: None,
            stalls: 0,
            resting: false,
            held: Held::default(),
            installing: None,
        }
    }

    /// Makes the log that every founder of a cluster begins with, as etcd does: it names them all.
    pub(crate) fn found(&mut self, founders: &[NodeId], checks: &mut Checks) -> Result<(), Ending> {
        let mut opened = self.disk.open_log(self.identity())?;
        let members: Vec<state::Member> = founders.iter().map(|id| described(*id)).collect();
        let (entries, term) = (state::bootstrap(&members), Term(1));
        let commit = Index(entries.len() as u64);
        let state = HardState { term, vote: None, commit };
        fault(opened.log.append(&entries, Some(state)))?;
        fault(opened.log.sync())?;
        self.held.given(&entries, Some(state));
        self.held.synced();
        checks.founded(&entries);
        Ok(())
    }

    /// Starts from what the disks hold; a log that is not there is made first, empty, as by one who
    /// joins.
    pub(crate) fn start(
        &mut self,
        now: Time,
        (seed, parameters): (u64, &Parameters),
        checks: &mut Checks,
    ) -> Result<(), Ending> {
        assert!(self.running.is_none(), "a member runs once");
        self.incarnation += 1;
        let undamaged = self.disk.undamaged_log();
        let machine = Machine::open(self.id, &self.disk, parameters)?;
        let applied = machine.applied();
        let opened = self.disk.open_log(self.identity());
        let read = opened.map_err(Unread::Ending).and_then(|opened| {
            let entries = entries(&*opened.log.reader())?;
            entries.iter().try_for_each(|entry| checks.found(entry))?;
            Ok((self.recall(&opened, &entries, &applied)?, opened))
        });
        let ((held, start), mut opened) = match read {
            Ok(read) => read,
            Err(unread) => return Err(self.excuse(unread, undamaged, &applied, checks)),
        };
        self.held = held;
        if opened.repaired.is_some() {
            checks.tally.note("torn log repaired");
        }
        let start = match start {
            Some(start) => start,
            None => {
                checks.tally.note("installation finished by a start");
                fault(opened.log.install(&applied))?;
                self.held.installed(applied.position.index);
                drop(opened);
                opened = self.disk.open_log(self.identity())?;
                consensus::Start::of(&opened, &applied).map_err(|it| cannot_start(self.id, &it))?
            }
        };
        self.installing = None;
        let begin = node::Start { applied, log: opened.marker.position };
        let local = self.clock.says(now);
        let name = (self.id, self.incarnation);
        let options = running::Options { name, seed, parameters };
        self.running = Some(Running::new(local, (opened, machine), (start, begin), &options));
        Ok(())
    }

    /// Compares what a log and an engine hold with what was made durable: what they must still hold
    /// from now on, and what consensus starts from; without that if a crash came between the engine
    /// and the log when a snapshot was installed.
    fn recall(
        &self,
        opened: &Opened,
        entries: &[Entry],
        applied: &Marker,
    ) -> Result<(Held, Option<consensus::Start>), Unread> {
        let terms = entries.iter().map(|entry| (entry.index, entry.term)).collect();
        let head = opened.marker.position.index;
        let mut held = self.held.clone();
        if self.installing == Some(head) {
            // The log has the snapshot, and the crash came before anybody could say so.
            held.installed(head);
        }
        held.found(self.id, (terms, head), opened.hard_state).map_err(Unread::Forgotten)?;
        let index = applied.position.index;
        match consensus::Start::of(opened, applied) {
            Ok(start) => Ok((held, Some(start))),
            Err(Misfit::EngineAhead) if self.installing == Some(index) => Ok((held, None)),
            Err(misfit) => Err(Unread::Forgotten(cannot_start(self.id, &misfit))),
        }
    }

    /// A log could not be read, or has lost something. If its disk is damaged, its end may look as
    /// a crash leaves it, and nobody who has the log alone can tell: an operator has to learn of
    /// such a disk by other means. But without the damage all must be well.
    fn excuse(
        &mut self,
        unread: Unread,
        undamaged: Option<LogDisk>,
        applied: &Marker,
        checks: &mut Checks,
    ) -> Ending {
        let (why, ending) = match unread {
            Unread::Ending(Ending::Fault(why)) => (why.clone(), Ending::Fault(why)),
            Unread::Ending(violation) => return violation,
            Unread::Forgotten(what) => (what.to_string(), what.into()),
        };
        let Some(undamaged) = undamaged else { return ending };
        self.disk.condemn();
        let whole = undamaged.open(self.identity()).map_err(Unread::Ending).and_then(|opened| {
            let entries = entries(&*opened.log.reader())?;
            self.recall(&opened, &entries, applied)
        });
        if let Err(also) = whole {
            return Violation(format!("{why}; and if nothing were damaged: {also:?}")).into();
        }
        if let Ending::Violation(_) = ending {
            checks.tally.note("misdirected write taken for a crash");
        }
        Ending::Fault(why)
    }

    /// It loses power: of what was not synced, a random part is left.
    pub(crate) fn crash(&mut self) {
        self.vanish();
        self.disk.crash();
    }

    /// Its process dies; what it wrote is still in the cache.
    pub(crate) fn kill(&mut self) {
        self.vanish();
        self.disk.kill();
    }

    /// It has stopped in order; what nobody waited for is kept, too.
    pub(crate) fn close(&mut self) {
        (self.running, self.paused) = (None, None);
        self.disk.kill();
    }

    /// It ends in the middle of whatever it does, without a last word to its disk.
    fn vanish(&mut self) {
        self.disk.goes_dark();
        (self.running, self.paused) = (None, None);
    }

    /// Whether the entry would survive the loss of everything volatile here.
    pub(crate) fn holds_durably(&self, position: Position) -> bool {
        self.held.holds(position)
    }

    /// When it wants to be woken, by the world's clock.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let at = self.clock.when(self.running.as_ref()?.deadline()?)?;
        Some(self.paused.map_or(at, |paused| paused.max(at)))
    }

    /// Something happens to a member that runs.
    pub(crate) fn with(
        &mut self,
        now: Time,
        checks: &mut Checks,
        act: impl FnOnce(&mut Running, &mut running::Around<'_>) -> Result<(), Ending>,
    ) -> Wishes {
        let Self { id, clock, running, held, installing, .. } = self;
        let running = running.as_mut().expect("only to who runs something happens");
        let (now, wishes) = (clock.says(now), Vec::new());
        let mut around = running::Around { now, id: *id, held, installing, checks, wishes };
        act(running, &mut around)?;
        Ok(around.wishes)
    }

    fn identity(&self) -> Identity {
        Identity { node: self.id, cluster: CLUSTER }
    }
}

/// Why a member cannot start from its log.
#[derive(Debug)]
enum Unread {
    /// The log cannot be read, or shows what nobody wrote.
    Ending(Ending),
    /// Something that was durable is not there.
    Forgotten(Violation),
}

impl From<Ending> for Unread {
    fn from(ending: Ending) -> Self {
        Self::Ending(ending)
    }
}

impl From<Violation> for Unread {
    fn from(violation: Violation) -> Self {
        Self::Ending(violation.into())
    }
}

fn cannot_start(id: NodeId, misfit: &Misfit) -> Violation {
    Violation(format!("{id} cannot start: {misfit:?}"))
}

/// All entries.
fn entries(reader: &dyn LogReader) -> Result<Vec<Entry>, Ending> {
    let (first, last) = reader.bounds();
    if first > last { Ok(Vec::new()) } else { fault(reader.read(first, last, usize::MAX)) }
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
