//! Members and the network between them. Nothing happens but what is asked for.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use units::{ConfState, NodeId, Time};

use super::{Make, Member};
use crate::{Body, Config, Consensus, Effect, Message, Role};

/// Rounds of [`Cluster::run`] after which members that still talk will never stop.
const ROUNDS_MAX: usize = 100_000;

/// Something that happened, in the order it did.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A member wanted this done.
    Effect(NodeId, Effect),
    /// This did not arrive.
    Lost(Message),
}

/// Members and what is between them.
pub struct Cluster {
    make: Make,
    /// All there are, running or not.
    pub members: BTreeMap<NodeId, Member>,
    /// Who took part before the first entry.
    pub initial: ConfState,
    /// What is on the way.
    pub network: VecDeque<Message>,
    /// Pairs (from, to) between which nothing passes.
    pub cut: BTreeSet<(NodeId, NodeId)>,
    /// What happened since this was taken last.
    pub seen: Vec<Seen>,
    /// Members whose disk waits to be told.
    pub held_disks: BTreeSet<NodeId>,
    /// Those whose state machine waits.
    pub held_appliers: BTreeSet<NodeId>,
    /// Whether snapshots wait.
    pub held_snapshots: bool,
}

impl Cluster {
    /// Nobody yet; `initial` take part before the first entry.
    #[must_use]
    pub fn new(make: Make, initial: ConfState) -> Self {
        Self {
            make,
            members: BTreeMap::new(),
            initial,
            network: VecDeque::new(),
            cut: BTreeSet::new(),
            seen: Vec::new(),
            held_disks: BTreeSet::new(),
            held_appliers: BTreeSet::new(),
            held_snapshots: false,
        }
    }

    /// Adds a member that never ran, and starts it.
    pub fn add(&mut self, config: Config) {
        let id = config.id;
        let mut member = Member::new(self.make, config, self.initial.clone());
        member.now = self.members.values().map(|member| member.now).max().unwrap_or_default();
        member.start();
        self.members.insert(id, member);
        self.drain(id);
    }

    /// The member, which must be there.
    pub fn member(&mut self, id: NodeId) -> &mut Member {
        self.members.get_mut(&id).unwrap_or_else(|| panic!("there is no member {id}"))
    }

    /// Calls a machine, if it runs, and carries its effects to where they wait.
    pub fn call<T>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut dyn Consensus, Time) -> T,
    ) -> Option<T> {
        let result = self.member(id).call(call);
        self.drain(id);
        result
    }

    /// Lets a member do something, and carries its effects to where they wait.
    pub fn with<T>(&mut self, id: NodeId, act: impl FnOnce(&mut Member) -> T) -> T {
        let result = act(self.member(id));
        self.drain(id);
        result
    }

    /// Carries the effects of a member to where they wait.
    pub fn drain(&mut self, id: NodeId) {
        loop {
            let member = self.member(id);
            let Some(effect) = member.machine.as_mut().and_then(|machine| machine.poll()) else {
                return;
            };
            member.take(&effect);
            self.seen.push(Seen::Effect(id, effect.clone()));
            match effect {
                Effect::Send(message) => self.network.push_back(message),
                Effect::SnapshotWanted { to } if !self.held_snapshots => {
                    self.start_snapshot(id, to)
                }
                _ => {}
            }
        }
    }

    /// Gives the machine the snapshot that it wants for a peer.
    pub fn start_snapshot(&mut self, id: NodeId, to: NodeId) {
        let marker = self.member(id).snapshot();
        self.call(id, |machine, _| machine.snapshot_started(to, &marker));
    }

    /// Tells the machine how the snapshot fared.
    pub fn end_snapshot(&mut self, id: NodeId, to: NodeId, arrived: bool) {
        self.call(id, |machine, now| machine.snapshot_ended(now, to, arrived));
    }

    /// The message arrives, if it can.
    pub fn deliver(&mut self, message: Message) {
        let (from, to) = (message.from, message.to);
        let up = self.members.get(&to).is_some_and(|member| member.machine.is_some());
        if !up || self.cut.contains(&(from, to)) {
            return self.lose(message);
        }
        let snapshot = matches!(message.body, Body::Snapshot { .. });
        self.call(to, |machine, now| machine.step(now, message));
        if snapshot && !self.held_snapshots && self.members.contains_key(&from) {
            self.end_snapshot(from, to, true);
        }
    }

    /// These arrive at once, before the machines are asked what is to be done.
    pub fn deliver_together(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.member(message.to).call(|machine, now| machine.step(now, message));
        }
        for id in self.ids() {
            self.drain(id);
        }
    }

    /// The message does not arrive.
    pub fn lose(&mut self, message: Message) {
        let (from, to) = (message.from, message.to);
        let snapshot = matches!(message.body, Body::Snapshot { .. });
        self.seen.push(Seen::Lost(message));
        if snapshot && !self.held_snapshots && self.members.contains_key(&from) {
            self.end_snapshot(from, to, false);
        }
    }

    /// Everything that can happen without time passing happens.
    pub fn run(&mut self) {
        for _ in 0..ROUNDS_MAX {
            if !self.run_once() {
                return;
            }
        }
        panic!("they never stop talking: {:?}", self.network.iter().take(4).collect::<Vec<_>>());
    }

    fn run_once(&mut self) -> bool {
        let mut busy = false;
        for message in core::mem::take(&mut self.network) {
            self.deliver(message);
            busy = true;
        }
        for id in self.ids() {
            let free = !self.held_disks.contains(&id);
            let member = self.member(id);
            if free && member.writes() > 0 {
                self.with(id, |member| member.sync(usize::MAX));
                busy = true;
            }
            if self.member(id).log_reads() > 0 {
                self.with(id, Member::read_log);
                busy = true;
            }
            if self.member(id).applies() > 0 && !self.held_appliers.contains(&id) {
                self.with(id, Member::apply);
                busy = true;
            }
        }
        busy
    }

    /// All members.
    pub fn ids(&self) -> Vec<NodeId> {
        self.members.keys().copied().collect()
    }

    /// The member's clock goes to its deadline, if it has one.
    pub fn time_out(&mut self, id: NodeId) {
        let member = self.member(id);
        let Some(deadline) = member.deadline() else { return };
        member.now = member.now.max(deadline);
        self.call(id, |machine, now| machine.handle_timeout(now));
    }

    /// Time passes for these, and nobody notices.
    pub fn skip(&mut self, ids: &[NodeId], span: Duration) {
        for id in ids {
            let member = self.member(*id);
            member.now = member.now + span;
        }
    }

    /// Time passes for all of these alike; whoever's timer is first goes first, and everything runs
    /// after each.
    pub fn elapse(&mut self, ids: &[NodeId], span: Duration) {
        let ends: Vec<_> = ids.iter().map(|id| (*id, self.member(*id).now + span)).collect();
        loop {
            let mut due: Option<(Duration, NodeId)> = None;
            for (id, end) in &ends {
                let member = self.member(*id);
                let Some(at) = member.deadline().filter(|at| at <= end) else { continue };
                let left = end.since(at.max(member.now));
                if due.is_none_or(|(most, _)| left > most) {
                    due = Some((left, *id));
                }
            }
            let Some((left, id)) = due else { break };
            for (each, end) in &ends {
                let member = self.member(*each);
                member.now = member.now.max(*end - left);
            }
            self.call(id, |machine, now| machine.handle_timeout(now));
            self.run();
        }
        for (id, end) in ends {
            self.member(id).now = end;
        }
    }

    /// Who leads, in the newest term in which somebody does.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let statuses = self.members.values().filter_map(Member::status);
        let leaders = statuses.filter(|status| status.role == Role::Leader);
        leaders.max_by_key(|status| status.term).map(|status| status.id)
    }
}
