//! The machine.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::{fmt, mem};

use backend::{Backend, Fault, View};
use lease::Lessor;
use mvcc::{Budget, Changes, Compaction, Group, Heads, Snapshot};
use prost::Message;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{AlarmRequest, AlarmType};
use proto::raftpb;
use units::{Entry, EntryKind, Index, NodeId, Position, Revision, Time, planted};

use crate::Command;
use crate::alarm::Alarms;
use crate::command::Work;
use crate::leases;
use crate::members::{MemberChange, Members, apply_change};
use crate::outcome::{Completion, Outcome, Refusal};
use crate::published::Published;
use crate::tables::{
    APPLIED, CLUSTER, CLUSTER_VERSION, META, damaged, encode_position, read_conf_state,
    read_position,
};
use crate::version::Version;

/// How a machine behaves. But for `node` and `quota_bytes` the same on all members.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Which member this is: whose alarm it raises when its engine is full.
    pub node: NodeId,
    /// How leases behave.
    pub lease: lease::Config,
    /// Bytes on disk beyond which commands that take space are answered with a refusal; `None` for
    /// no bound.
    pub quota_bytes: Option<u64>,
    /// Members that may be learners at a time.
    pub learners_max: usize,
    /// Whether what is left of leases is stored even in clusters with members older than 3.6.
    pub store_checkpoints: bool,
}

/// The replicated state machine over an engine. One owner; readers hold what is
/// [published](Self::published).
pub struct Machine {
    backend: Arc<dyn Backend>,
    config: Config,
    pub(crate) lessor: Lessor,
    published: Arc<Published>,
    /// With a group while that is on its way; what a group that failed has noted is lost with it.
    heads: Heads,
    /// The compaction on its way.
    compaction: Option<Compaction>,
}

/// What came of a group of entries.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What came of each command that somebody may wait for, in the order of the log.
    pub completions: Vec<Completion>,
    /// For each change of members, in order, whether it takes effect.
    pub changes: Vec<(Index, bool)>,
    /// What watchers are to hear, one for each new revision, without gaps.
    pub events: Vec<Arc<Changes>>,
    /// The state after the group. What it holds is written, but not yet durable.
    pub published: Arc<Published>,
    /// The revision below which reads are refused from now on, if that has changed. There are
    /// compaction steps to be done then.
    pub compacted: Option<Revision>,
    /// What this member has to propose because of the group: an alarm, if its engine is full.
    pub proposals: Vec<Command>,
}

/// What came of a step of a compaction.
#[derive(Clone, Debug)]
pub struct Compacted {
    /// The state after the step. It reads as before.
    pub published: Arc<Published>,
    /// The revision up to which history is now gone, if the step was the last of a compaction.
    pub finished: Option<Revision>,
}

impl Machine {
    /// Takes up what the engine holds; an engine that holds nothing is at the beginning of the log.
    ///
    /// # Errors
    ///
    /// A fault of the engine, or a record that cannot be read.
    pub fn open(backend: Arc<dyn Backend>, config: Config) -> Result<Self, Fault> {
        let view = backend.view();
        let mut lessor = Lessor::new(config.lease);
        leases::restore(&mut lessor, &*view)?;
        let published = Arc::new(Published {
            applied: read_position(&*view)?,
            conf_state: Arc::new(read_conf_state(&*view)?),
            members: Arc::new(Members::open(&*view)?),
            alarms: Arc::new(Alarms::open(&*view)?),
            cluster_version: read_cluster_version(&*view)?,
            snapshot: Snapshot::open(view)?,
        });
        let compaction = Compaction::pending(published.snapshot.store());
        Ok(Self { backend, config, lessor, published, heads: Heads::new(), compaction })
    }

    /// What readers see now.
    #[must_use]
    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Applies committed entries, which follow those applied before without a gap; those that were
    /// applied before are passed over. All they do is written as one batch, with the position.
    ///
    /// # Errors
    ///
    /// A fault: the member stops.
    pub fn apply(&mut self, now: Time, entries: &[Entry]) -> Result<Applied, Fault> {
        let former = self.published.clone();
        let mut applied = former.applied;
        let mut work = Work {
            group: Group::new(&former.snapshot, mem::take(&mut self.heads)),
            lessor: &mut self.lessor,
            config: &self.config,
            now,
            disk_bytes: self.config.quota_bytes.map_or(0, |_| self.backend.stats().disk_bytes),
            members: former.members.clone(),
            conf_state: former.conf_state.clone(),
            alarms: former.alarms.clone(),
            cluster_version: former.cluster_version,
            events: Vec::new(),
            compacted: None,
            exceeded: false,
        };
        let (mut completions, mut changes) = (Vec::new(), Vec::new());
        for entry in entries.iter().filter(|entry| entry.index > former.applied.index) {
            assert_eq!(entry.index, applied.index.next(), "entries come without gaps");
            let end = work.entry(entry)?;
            if entry.kind != EntryKind::Normal {
                changes.push((entry.index, end.as_ref().is_some_and(|(_, end)| end.is_ok())));
            }
            if let Some((request, result)) = end.filter(|(request, _)| *request != 0) {
                completions.push(Completion { index: entry.index, request, result });
            }
            applied = Position { term: entry.term, index: entry.index };
        }
        let proposals = work.proposals();
        let Work { mut group, members, conf_state, alarms, cluster_version, .. } = work;
        let (events, compacted) = (work.events, work.compacted);
        if applied != former.applied {
            group.tables_mut().put(META, APPLIED, encode_position(applied));
            let (batch, store, heads) = group.finish();
            if planted!(EarlyAppliedIndex) {
                let mut early = backend::Batch::new();
                early.put(META, APPLIED, encode_position(applied));
                self.backend.write(early)?;
            }
            self.backend.write(batch)?;
            self.heads = heads;
            self.published = Arc::new(Published {
                snapshot: Snapshot::new(self.backend.view(), Arc::new(store)),
                applied,
                conf_state,
                members,
                alarms,
                cluster_version,
            });
        }
        let published = self.published.clone();
        Ok(Applied { completions, changes, events, published, compacted, proposals })
    }

    /// Does a small part of the compaction that is due, if one is; to be called again and again,
    /// whenever there is nothing better to do. A crash loses nothing: it is begun anew.
    ///
    /// # Errors
    ///
    /// A fault: the member stops.
    pub fn compaction_step(&mut self, budget: Budget) -> Result<Option<Compacted>, Fault> {
        let pending = self.compaction.take();
        let pending = pending.or_else(|| Compaction::pending(self.published.snapshot.store()));
        let Some(mut compaction) = pending else {
            return Ok(None);
        };
        let mut group = Group::new(&self.published.snapshot, mem::take(&mut self.heads));
        let done = compaction.step(&mut group, budget)?;
        let finished = done.then_some(compaction.to());
        self.compaction = (!done).then_some(compaction);
        let (batch, store, heads) = group.finish();
        self.backend.write(batch)?;
        self.heads = heads;
        let snapshot = Snapshot::new(self.backend.view(), Arc::new(store));
        self.published = Arc::new(Published { snapshot, ..Published::clone(&self.published) });
        Ok(Some(Compacted { published: self.published.clone(), finished }))
    }

    /// Whether a compaction is due.
    #[must_use]
    pub fn has_compaction(&self) -> bool {
        let store = self.published.snapshot.store();
        store.finished < store.compacted
    }
}

/// A request's number, 0 if it has none, and what came of it.
type End = (u64, Result<Outcome, Refusal>);

impl Work<'_> {
    /// Applies one entry; an empty one has no end.
    fn entry(&mut self, entry: &Entry) -> Result<Option<End>, Fault> {
        match entry.kind {
            EntryKind::Normal if entry.data.is_empty() => Ok(None),
            EntryKind::Normal => {
                let command = Command::decode(entry.data.clone())
                    .map_err(|error| unreadable(entry, &error))?;
                let header = command.header.as_ref().map_or(0, |header| header.id);
                let request = if header == 0 { command.id } else { header };
                Ok(Some((request, self.command(&command)?)))
            }
            EntryKind::ConfChange => {
                let change = raftpb::ConfChange::decode(entry.data.clone())
                    .map_err(|error| unreadable(entry, &error))?;
                Ok(Some((change.id(), self.change(&change))))
            }
            // Nobody proposes them: members change one at a time. On every member it is nothing.
            EntryKind::ConfChangeV2 => Ok(Some((0, Err(Refusal::Unsupported)))),
        }
    }

    fn change(&mut self, change: &raftpb::ConfChange) -> Result<Outcome, Refusal> {
        let change = MemberChange::read(change)?;
        let who = (&mut self.members, &mut self.conf_state);
        apply_change(change, who, self.group.tables_mut(), self.config.learners_max)?;
        Ok(Outcome::Members(self.members.clone()))
    }

    fn proposals(&self) -> Vec<Command> {
        if !self.exceeded || self.alarms.any(AlarmType::Nospace) {
            return Vec::new();
        }
        let alarm = Some(AlarmRequest {
            action: AlarmAction::Activate.into(),
            member_id: self.config.node.0,
            alarm: AlarmType::Nospace.into(),
        });
        alloc::vec![Command { alarm, ..Command::default() }]
    }
}

/// A committed entry that cannot be read: going on would make this member differ from the others.
fn unreadable(entry: &Entry, error: &prost::DecodeError) -> Fault {
    Fault::Corrupt { file: format!("the log's entry {}", entry.index), what: format!("{error}") }
}

fn read_cluster_version(view: &dyn View) -> Result<Option<Version>, Fault> {
    let Some(text) = view.get(CLUSTER, CLUSTER_VERSION)? else {
        return Ok(None);
    };
    let version = str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| damaged(CLUSTER, "the version cannot be read"))
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("published", &self.published).finish_non_exhaustive()
    }
}
