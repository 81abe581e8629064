//! What must be true of a cluster, whatever happens to it (figure 3.2, §4, §6.4).

use std::collections::BTreeMap;

use consensus::suite::{Cluster, Image, Member, Seen};
use consensus::{Body, Effect, Message, Role, Status};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Term};

/// An entry that a leader said is committed, and the term in which one first said so.
struct Committed {
    entry: Entry,
    in_term: Term,
}

/// How much has happened, so that it shows when a world has become too quiet to prove anything.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) elections: usize,
    pub(crate) entries: usize,
    pub(crate) truncations: usize,
    pub(crate) changes: usize,
    pub(crate) joint: usize,
    pub(crate) snapshots: usize,
    pub(crate) log_reads: usize,
    pub(crate) reads_answered: usize,
    pub(crate) reads_lost: usize,
    pub(crate) transfers: usize,
    pub(crate) crashes: usize,
    pub(crate) stuck: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.elections += other.elections;
        self.entries += other.entries;
        self.truncations += other.truncations;
        self.changes += other.changes;
        self.joint += other.joint;
        self.snapshots += other.snapshots;
        self.log_reads += other.log_reads;
        self.reads_answered += other.reads_answered;
        self.reads_lost += other.reads_lost;
        self.transfers += other.transfers;
        self.crashes += other.crashes;
        self.stuck += other.stuck;
    }
}

/// Watches everything that happens and remembers what may not be taken back.
#[derive(Default)]
pub(crate) struct Oracle {
    leaders: BTreeMap<Term, NodeId>,
    votes: BTreeMap<(NodeId, Term), NodeId>,
    committed: Vec<Committed>,
    confs: BTreeMap<Index, ConfState>,
    /// The newest term and commit index of each member since it started.
    progress: BTreeMap<NodeId, (Term, Index)>,
    /// The last entry that each member has given to its log.
    written: BTreeMap<NodeId, Index>,
    /// Up to where some state machine is: its clients have been answered.
    answered: Index,
    /// What a read must show at least.
    reads: BTreeMap<u64, Index>,
    pub(crate) tally: Tally,
}

impl Oracle {
    /// The last entry that is known to be committed.
    pub(crate) fn committed(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// A member goes down: what it knew in memory may go back.
    pub(crate) fn crashed(&mut self, id: NodeId) {
        self.progress.remove(&id);
        self.written.remove(&id);
        self.tally.crashes += 1;
    }

    /// A client asks for a linearizable read.
    pub(crate) fn asked(&mut self, ticket: u64) {
        self.reads.insert(ticket, self.answered);
    }

    /// Looks at what has happened since it looked last, and at the member it happened to.
    pub(crate) fn look(&mut self, cluster: &mut Cluster, id: NodeId) {
        let status = cluster.member(id).status();
        if let Some(status) = &status {
            self.status(cluster, status);
        }
        for seen in std::mem::take(&mut cluster.seen) {
            if let Seen::Effect(id, effect) = seen {
                self.effect(cluster, id, &effect);
            }
        }
    }

    fn status(&mut self, cluster: &mut Cluster, status: &Status) {
        let id = status.id;
        let now = (status.term, status.commit);
        let before = self.progress.insert(id, now).unwrap_or_default();
        assert!(
            before.0 <= now.0 && before.1 <= now.1,
            "{id} went back from {before:?} to {now:?}"
        );
        assert!(
            status.applied <= status.commit && status.commit <= status.last.index,
            "{status:?}"
        );
        assert_eq!(status.last, cluster.member(id).given.last(), "what is in memory was given out");
        if status.role == Role::Leader {
            self.leader_commits(cluster, status);
        }
    }

    /// What has become of a state machine.
    pub(crate) fn applied(&mut self, member: &Member) {
        let index = member.applied.index;
        let conf = member.conf_at(index);
        if !self.confs.contains_key(&index) {
            self.tally.joint += usize::from(conf.is_joint());
            self.confs.insert(index, conf.clone());
        }
        assert_eq!(self.confs[&index], conf, "configurations at {index}, at {}", member.id());
        self.answered = self.answered.max(index);
    }

    fn effect(&mut self, cluster: &Cluster, id: NodeId, effect: &Effect) {
        let member = &cluster.members[&id];
        match effect {
            Effect::Apply { entries } => entries.iter().for_each(|entry| self.apply(member, entry)),
            Effect::Append { entries, .. } => {
                if let Some((first, last)) = entries.first().zip(entries.last()) {
                    let before = self.written.insert(id, last.index).unwrap_or_default();
                    self.tally.truncations += usize::from(first.index <= before);
                }
            }
            Effect::Changed(now) if now.role == Role::Leader => self.elected(member, now.term),
            Effect::InstallSnapshot { .. } => self.tally.snapshots += 1,
            Effect::ReadLog { .. } => self.tally.log_reads += 1,
            Effect::ReadLost { .. } => self.tally.reads_lost += 1,
            Effect::ReadReady { ticket, index } => {
                let floor = self.reads[&ticket.0];
                assert!(*index >= floor, "read {} at {index}, but {floor} was answered", ticket.0);
                self.tally.reads_answered += 1;
            }
            Effect::Send(message) => self.send(member, message),
            _ => {}
        }
    }

    /// One leader in a term, and it holds everything that was committed in earlier ones.
    fn elected(&mut self, member: &Member, term: Term) {
        let id = *self.leaders.entry(term).or_insert(member.id());
        assert_eq!(id, member.id(), "two leaders in term {term}");
        self.tally.elections += 1;
        for committed in self.committed.iter().filter(|committed| committed.in_term < term) {
            let entry = &committed.entry;
            let held = entry.index <= member.given.head.index
                || member.given.term(entry.index) == Some(entry.term);
            assert!(held, "{id} leads term {term} without {entry:?}");
        }
    }

    /// What is sent is durable.
    fn send(&mut self, member: &Member, message: &Message) {
        let Message { from, to, term, body } = message;
        let state = member.disk.state;
        let term = term.unwrap_or_default();
        match body {
            // Nothing is accepted in an answer to a leader of an older term.
            Body::AppendAccepted { matched } if matched.0 > 0 => {
                let held =
                    member.disk.term(*matched).is_some() || *matched < member.disk.head.index;
                assert!(held && term <= state.term, "{message:?}, but its disk has {state:?}");
            }
            Body::Vote { .. } => self.vote(member, *from, term),
            Body::TimeoutNow => self.tally.transfers += 1,
            Body::VoteAnswer { granted: true, .. } => self.vote(member, *to, term),
            _ => {}
        }
    }

    fn vote(&mut self, member: &Member, candidate: NodeId, term: Term) {
        let state = member.disk.state;
        let durable = state.term > term || (state.term, state.vote) == (term, Some(candidate));
        assert!(durable, "{} votes for {candidate} in {term}, on disk: {state:?}", member.id());
        let vote = *self.votes.entry((member.id(), term)).or_insert(candidate);
        assert_eq!(vote, candidate, "{} voted twice in term {term}", member.id());
    }

    /// Whatever is committed is durable on a quorum, and is never replaced.
    fn leader_commits(&mut self, cluster: &Cluster, status: &Status) {
        let leader = &cluster.members[&status.id];
        while self.committed() < status.commit {
            let index = self.committed().next();
            let entry = leader.given.entry(index).expect("a leader holds what it commits first");
            let holds = |voter: &&NodeId| {
                cluster.members.get(voter).is_some_and(|member| durable(&member.disk, entry))
            };
            for voters in [&status.conf_state.voters, &status.conf_state.voters_outgoing] {
                let holders = voters.iter().filter(holds).count();
                assert!(
                    voters.is_empty() || holders * 2 > voters.len(),
                    "{entry:?} is committed, but only {holders} of {voters:?} hold it"
                );
            }
            self.tally.entries += 1;
            self.tally.changes += usize::from(entry.kind != EntryKind::Normal);
            self.committed.push(Committed { entry: entry.clone(), in_term: status.term });
        }
    }

    fn apply(&self, member: &Member, entry: &Entry) {
        let place = (entry.index.0 - 1) as usize;
        let committed = self.committed.get(place).map(|committed| &committed.entry);
        assert_eq!(committed, Some(entry), "applied at {}", member.id());
        assert!(durable(&member.disk, entry), "{} applies what it may forget", member.id());
    }

    /// Logs that agree on an entry agree on everything before it.
    pub(crate) fn logs_match(&self, cluster: &Cluster) {
        let logs: Vec<_> = cluster.members.values().map(|member| &member.given).collect();
        for (n, a) in logs.iter().enumerate() {
            for b in &logs[n + 1..] {
                let mut agreed = false;
                for entry in a.entries.iter().rev() {
                    let Some(other) = b.entry(entry.index) else { continue };
                    agreed |= entry.term == other.term;
                    assert!(!agreed || entry == other, "{entry:?} and {other:?} below a match");
                }
            }
        }
    }
}

fn durable(disk: &Image, entry: &Entry) -> bool {
    entry.index <= disk.head.index || disk.entry(entry.index) == Some(entry)
}
