//! Members and the network between them. Nothing happens but what is asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use consensus::{Body, Config, Consensus, Effect, Message};
use raft::Raft;
use units::{ConfState, NodeId, Time};

use crate::member::Member;

/// Something that happened, in the order it did.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Effect(NodeId, Effect),
    Lost(Message),
}

#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) members: BTreeMap<NodeId, Member>,
    /// Who took part before the first entry.
    pub(crate) initial: ConfState,
    /// What is on the way.
    pub(crate) network: VecDeque<Message>,
    /// Pairs (from, to) between which nothing passes.
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    /// What happened since this was taken last.
    pub(crate) seen: Vec<Seen>,
    /// Members whose disk, state machine or snapshots wait to be told.
    pub(crate) held_disks: BTreeSet<NodeId>,
    pub(crate) held_appliers: BTreeSet<NodeId>,
    pub(crate) held_snapshots: bool,
}

impl Cluster {
    /// Adds a member that never ran, and starts it.
    pub(crate) fn add(&mut self, config: Config) {
        let id = config.id;
        let mut member = Member::new(config, self.initial.clone());
        member.now = self.members.values().map(|member| member.now).max().unwrap_or_default();
        member.start();
        self.members.insert(id, member);
        self.drain(id);
    }

    pub(crate) fn member(&mut self, id: NodeId) -> &mut Member {
        self.members.get_mut(&id).unwrap_or_else(|| panic!("there is no member {id}"))
    }

    /// Calls a machine, if it runs, and carries its effects to where they wait.
    pub(crate) fn call<T>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut Raft, Time) -> T,
    ) -> Option<T> {
        let result = self.member(id).call(call);
        self.drain(id);
        result
    }

    /// Lets a member do something, and carries its effects to where they wait.
    pub(crate) fn with<T>(&mut self, id: NodeId, act: impl FnOnce(&mut Member) -> T) -> T {
        let result = act(self.member(id));
        self.drain(id);
        result
    }

    pub(crate) fn drain(&mut self, id: NodeId) {
        loop {
            let member = self.member(id);
            let Some(effect) = member.machine.as_mut().and_then(Raft::poll) else { return };
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

    pub(crate) fn start_snapshot(&mut self, id: NodeId, to: NodeId) {
        let marker = self.member(id).snapshot();
        self.call(id, |machine, _| machine.snapshot_started(to, &marker));
    }

    pub(crate) fn end_snapshot(&mut self, id: NodeId, to: NodeId, arrived: bool) {
        self.call(id, |machine, now| machine.snapshot_ended(now, to, arrived));
    }

    /// The message arrives, if it can.
    pub(crate) fn deliver(&mut self, message: Message) {
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
    pub(crate) fn deliver_together(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.member(message.to).call(|machine, now| machine.step(now, message));
        }
        for id in self.ids() {
            self.drain(id);
        }
    }

    /// The message does not arrive.
    pub(crate) fn lose(&mut self, message: Message) {
        let (from, to) = (message.from, message.to);
        let snapshot = matches!(message.body, Body::Snapshot { .. });
        self.seen.push(Seen::Lost(message));
        if snapshot && !self.held_snapshots && self.members.contains_key(&from) {
            self.end_snapshot(from, to, false);
        }
    }

    /// Everything that can happen without time passing happens.
    pub(crate) fn run(&mut self) {
        for _ in 0..100_000 {
            if !self.run_once() {
                return;
            }
        }
        panic!("they never stop talking: {:?}", self.network.iter().take(4).collect::<Vec<_>>());
    }

    fn run_once(&mut self) -> bool {
        let mut busy = false;
        for message in std::mem::take(&mut self.network) {
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

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.members.keys().copied().collect()
    }

    /// The member's clock goes to its deadline, if it has one.
    pub(crate) fn time_out(&mut self, id: NodeId) {
        let member = self.member(id);
        let deadline = member.machine.as_ref().and_then(Consensus::deadline);
        let Some(deadline) = deadline else { return };
        member.now = member.now.max(deadline);
        self.call(id, Raft::handle_timeout);
    }
}
