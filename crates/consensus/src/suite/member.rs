//! One member: a machine, a log on a disk that forgets what was not synced, and a state machine.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;
use units::{
    ConfChangeKind, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term, Time,
};

use super::Make;
use crate::{
    Change, ChangeStep, Config, Consensus, Effect, Marker, Start, Status, TermRun, Transition,
    WriteTicket,
};

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The entry before the first.
    pub head: Position,
    /// Those after it.
    pub entries: Vec<Entry>,
    /// The newest hard state.
    pub state: HardState,
}

impl Image {
    /// The end of the log.
    pub fn last(&self) -> Position {
        let last = self.entries.last();
        last.map_or(self.head, |entry| Position { term: entry.term, index: entry.index })
    }

    /// The entry at the index, if it is there.
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        let place = index.0.checked_sub(self.head.index.0 + 1)?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    /// The term at the index, if it is there or the head.
    pub fn term(&self, index: Index) -> Option<Term> {
        if index == self.head.index {
            return Some(self.head.term);
        }
        self.entry(index).map(|entry| entry.term)
    }

    fn append(&mut self, entries: &[Entry], state: Option<HardState>) {
        if let Some(first) = entries.first() {
            assert!(
                self.head.index < first.index && first.index <= self.last().index.next(),
                "a log from {:?} to {:?} cannot take {:?}",
                self.head,
                self.last(),
                first.index
            );
            self.entries.truncate((first.index.0 - self.head.index.0 - 1) as usize);
            self.entries.extend_from_slice(entries);
        }
        self.state = state.unwrap_or(self.state);
    }

    fn install(&mut self, head: Position) {
        self.head = head;
        self.entries.clear();
    }

    fn trim(&mut self, index: Index) {
        let term = self.term(index).expect("a log is trimmed where it has entries");
        self.entries.retain(|entry| entry.index > index);
        self.head = Position { term, index };
    }

    fn runs(&self) -> Vec<TermRun> {
        let mut runs: Vec<TermRun> = Vec::new();
        for entry in &self.entries {
            if runs.last().is_none_or(|run| run.term < entry.term) {
                runs.push(TermRun { first: entry.index, term: entry.term });
            }
        }
        runs
    }
}

/// What the disk has to do, in order.
#[derive(Clone, Debug)]
enum Work {
    Append { ticket: WriteTicket, entries: Vec<Entry>, state: Option<HardState> },
    Install(Marker),
}

/// One member and everything around it.
pub struct Member {
    /// How it takes part.
    pub config: Config,
    /// `None` while it is down.
    pub machine: Option<Box<dyn Consensus>>,
    make: Make,
    /// Its own clock.
    pub now: Time,
    /// What survives a crash.
    pub disk: Image,
    /// What was given to the log, durable or not: what the machine holds in memory.
    pub given: Image,
    work: VecDeque<Work>,
    applies: VecDeque<Vec<Entry>>,
    log_reads: VecDeque<(Index, Index, usize)>,
    /// What the state machine has applied since its last snapshot, in order.
    pub history: Vec<Entry>,
    /// Up to where the state machine is.
    pub applied: Position,
    /// Up to where it would be after a crash.
    pub engine_durable: Index,
    /// Who takes part, from each index on.
    confs: BTreeMap<Index, ConfState>,
}

impl Member {
    /// A member that never ran, of a cluster that begins with this configuration.
    #[must_use]
    pub fn new(make: Make, config: Config, conf: ConfState) -> Self {
        Self {
            make,
            config,
            machine: None,
            now: Time::ZERO,
            disk: Image::default(),
            given: Image::default(),
            work: VecDeque::new(),
            applies: VecDeque::new(),
            log_reads: VecDeque::new(),
            history: Vec::new(),
            applied: Position::default(),
            engine_durable: Index(0),
            confs: BTreeMap::from([(Index(0), conf)]),
        }
    }

    /// Who it is.
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// Who took part once this entry was applied, as far as this member knows.
    pub fn conf_at(&self, index: Index) -> ConfState {
        let (_, conf) = self.confs.range(..=index).next_back().expect("index 0 has one");
        conf.clone()
    }

    /// Starts the machine from what is durable.
    pub fn start(&mut self) {
        assert!(self.machine.is_none(), "it runs already");
        let applied = self.engine_durable;
        let conf_state = self.conf_at(applied);
        self.confs.retain(|index, _| *index <= applied);
        self.history.retain(|entry| entry.index <= applied);
        let term = self.disk.term(applied).expect("the log reaches what the engine has applied");
        self.applied = Position { term, index: applied };
        self.given = self.disk.clone();
        let start = Start {
            marker: Marker { position: self.disk.head, conf_state },
            hard_state: self.disk.state,
            runs: self.disk.runs(),
            last: self.disk.last(),
            applied,
        };
        self.machine = Some((self.make)(self.now, self.config.clone(), start));
    }

    /// Loses what is not durable; of the writes on their way the first ones may have become so.
    pub fn crash(&mut self, writes_kept: usize) {
        self.machine = None;
        for _ in 0..writes_kept.min(self.work.len()) {
            self.finish_write();
        }
        self.work.clear();
        self.applies.clear();
        self.log_reads.clear();
    }

    /// Calls the machine, if it runs, with its own time.
    pub fn call<T>(&mut self, call: impl FnOnce(&mut dyn Consensus, Time) -> T) -> Option<T> {
        let now = self.now;
        self.machine.as_deref_mut().map(|machine| call(machine, now))
    }

    /// When the machine wants to be called, if it runs.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.machine.as_ref().and_then(|machine| machine.deadline())
    }

    /// What there is to know about the machine, if it runs.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.machine.as_ref().map(|machine| machine.status())
    }

    /// Begins what the effect asks of disk and state machine.
    pub fn take(&mut self, effect: &Effect) {
        match effect.clone() {
            Effect::Append { ticket, entries, hard_state, .. } => {
                self.given.append(&entries, hard_state);
                self.work.push_back(Work::Append { ticket, entries, state: hard_state });
            }
            Effect::Apply { entries } => self.applies.push_back(entries),
            Effect::InstallSnapshot { marker } => self.work.push_back(Work::Install(marker)),
            Effect::ReadLog { first, last, bytes_max } => {
                self.log_reads.push_back((first, last, bytes_max));
            }
            _ => {}
        }
    }

    /// How many writes are on their way.
    pub fn writes(&self) -> usize {
        self.work.len()
    }

    /// How many groups wait to be applied.
    pub fn applies(&self) -> usize {
        self.applies.len()
    }

    /// How many reads of the log wait.
    pub fn log_reads(&self) -> usize {
        self.log_reads.len()
    }

    /// The oldest writes become durable, and the machine hears of it once.
    pub fn sync(&mut self, writes: usize) {
        let mut newest = None;
        for _ in 0..writes.min(self.work.len()) {
            match self.finish_write() {
                Work::Append { ticket, .. } => newest = Some(ticket),
                Work::Install(marker) => {
                    if let Some(ticket) = newest.take() {
                        self.call(|machine, now| machine.persisted(now, ticket));
                    }
                    self.call(|machine, now| machine.snapshot_installed(now, &marker));
                }
            }
        }
        if let Some(ticket) = newest {
            self.call(|machine, now| machine.persisted(now, ticket));
        }
    }

    fn finish_write(&mut self) -> Work {
        let work = self.work.pop_front().expect("there is work");
        match &work {
            Work::Append { entries, state, .. } => self.disk.append(entries, *state),
            Work::Install(marker) => {
                let index = marker.position.index;
                self.applies.clear();
                self.history.clear();
                self.applied = marker.position;
                self.engine_durable = index;
                self.confs.insert(index, marker.conf_state.clone());
                self.disk.install(marker.position);
                self.given.install(marker.position);
            }
        }
        work
    }

    /// The state machine takes the oldest group that was handed out.
    pub fn apply(&mut self) -> Vec<Entry> {
        let Some(entries) = self.applies.pop_front() else { return Vec::new() };
        for entry in &entries {
            assert_eq!(entry.index, self.applied.index.next(), "applied without a gap");
            self.applied = Position { term: entry.term, index: entry.index };
            if entry.kind != EntryKind::Normal {
                let change = decode(&entry.data);
                let conf = self.call(|machine, now| machine.apply_change(now, &change));
                self.confs.insert(entry.index, conf.expect("it runs"));
            }
        }
        self.history.extend_from_slice(&entries);
        let index = self.applied.index;
        self.call(|machine, now| machine.applied(now, index));
        entries
    }

    /// The engine has everything it has applied on disk.
    pub fn flush_engine(&mut self) {
        self.engine_durable = self.applied.index;
    }

    /// The log forgets its head, as far as the engine needs it no more.
    pub fn trim(&mut self, index: Index) {
        assert!(index <= self.engine_durable, "the engine may need it again");
        if index <= self.disk.head.index || self.work.iter().any(|w| matches!(w, Work::Install(_)))
        {
            return;
        }
        self.disk.trim(index);
        self.given.trim(index);
        let marker = Marker { position: self.disk.head, conf_state: self.conf_at(index) };
        self.call(|machine, _| machine.trimmed(&marker));
    }

    /// The log answers the oldest read.
    pub fn read_log(&mut self) {
        let Some((first, last, bytes_max)) = self.log_reads.pop_front() else { return };
        let mut bytes = 0;
        let mut entries = Vec::new();
        for index in first.0..=last.0 {
            let Some(entry) = self.disk.entry(Index(index)) else { break };
            if !entries.is_empty() && bytes + entry.data.len() > bytes_max {
                break;
            }
            bytes += entry.data.len();
            entries.push(entry.clone());
        }
        self.call(|machine, now| machine.entries_read(now, first, entries));
    }

    /// A snapshot of what is applied.
    pub fn snapshot(&self) -> Marker {
        Marker { position: self.applied, conf_state: self.conf_at(self.applied.index) }
    }
}

/// A change in words, such as `add 4` or `explicit: remove 1, learn 5`. Nothing says no steps.
pub fn encode(words: &str) -> Bytes {
    Bytes::copy_from_slice(words.as_bytes())
}

fn decode(data: &Bytes) -> Change {
    let words = core::str::from_utf8(data).expect("changes are words");
    let (transition, steps) = match words.split_once(':') {
        None => (Transition::Auto, words),
        Some(("auto", steps)) => (Transition::Auto, steps),
        Some(("implicit", steps)) => (Transition::JointImplicit, steps),
        Some(("explicit", steps)) => (Transition::JointExplicit, steps),
        Some((other, _)) => panic!("there is no transition {other}"),
    };
    let steps = steps.split(',').map(str::trim).filter(|step| !step.is_empty());
    Change { transition, steps: steps.map(step).collect() }
}

fn step(words: &str) -> ChangeStep {
    let (kind, node) = words.split_once(' ').expect("a step names a member");
    let kind = match kind {
        "add" => ConfChangeKind::AddNode,
        "learn" => ConfChangeKind::AddLearnerNode,
        "remove" => ConfChangeKind::RemoveNode,
        "update" => ConfChangeKind::UpdateNode,
        _ => panic!("there is no step {kind}"),
    };
    ChangeStep { kind, node: NodeId(node.parse().expect("a member is a number")) }
}
