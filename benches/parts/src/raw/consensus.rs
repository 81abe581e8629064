//! Consensus: members of the registry's `raft`, whose storage in memory is its own.

use raftrs::prelude::{Entry, Message};
use raftrs::storage::MemStorage;
use raftrs::{Config, RawNode, StateRole};
use slog::{Discard, Logger, o};

/// Entries after which the storage's head is given up.
const TRIM_EVERY: u64 = 10_000;

const SOUND: &str = "memory is sound";

/// Members that hear and keep everything at once.
pub struct Group {
    members: Vec<Member>,
}

struct Member {
    node: RawNode<MemStorage>,
    applied: u64,
    trimmed: u64,
}

impl Group {
    /// So many, of which the first leads; `None` where the consensus of this name is no library's.
    pub fn of(consensus: &str, members: u64) -> Option<Self> {
        if consensus != "raftrs" {
            return None;
        }
        let voters: Vec<u64> = (1..=members).collect();
        let mut group =
            Self { members: voters.iter().map(|id| Member::new(*id, &voters)).collect() };
        group.members[0].node.campaign().expect("it may");
        group.settle();
        assert_eq!(group.members[0].node.raft.state, StateRole::Leader);
        Some(group)
    }

    /// Proposes, and waits until all have applied it.
    pub fn order(&mut self, commands: &[impl AsRef<[u8]>]) {
        let wanted = self.members[0].applied + commands.len() as u64;
        for command in commands {
            let command = command.as_ref().to_vec();
            self.members[0].node.propose(Vec::new(), command).expect("it leads");
        }
        self.settle();
        while self.members.iter().any(|member| member.applied < wanted) {
            for member in &mut self.members {
                member.node.tick();
            }
            self.settle();
        }
    }

    fn settle(&mut self) {
        while let Some(at) = self.members.iter().position(|member| member.node.has_ready()) {
            for message in self.members[at].act() {
                let to = usize::try_from(message.to).expect("members are few") - 1;
                self.members[to].node.step(message).expect("it is understood");
            }
        }
    }
}

impl Member {
    fn new(id: u64, voters: &[u64]) -> Self {
        let config = Config {
            id,
            election_tick: 10,
            heartbeat_tick: 1,
            max_size_per_msg: 1 << 20,
            max_inflight_msgs: 512,
            pre_vote: true,
            check_quorum: true,
            ..Config::default()
        };
        let storage = MemStorage::new_with_conf_state((voters.to_vec(), Vec::new()));
        let node = RawNode::new(&config, storage, &Logger::root(Discard, o!()));
        Self { node: node.expect("it can begin"), applied: 0, trimmed: 0 }
    }

    /// Does what it wants; what it says to others.
    fn act(&mut self) -> Vec<Message> {
        let mut ready = self.node.ready();
        let mut messages = ready.take_messages();
        self.apply(&ready.take_committed_entries());
        let mut storage = self.node.mut_store().wl();
        storage.append(ready.entries()).expect(SOUND);
        if let Some(hard_state) = ready.hs() {
            storage.set_hardstate(hard_state.clone());
        }
        drop(storage);
        messages.extend(ready.take_persisted_messages());
        let mut light = self.node.advance(ready);
        if let Some(commit) = light.commit_index() {
            self.node.mut_store().wl().mut_hard_state().commit = commit;
        }
        messages.extend(light.take_messages());
        self.apply(&light.take_committed_entries());
        self.node.advance_apply();
        if self.applied >= self.trimmed + TRIM_EVERY {
            self.node.mut_store().wl().compact(self.applied).expect(SOUND);
            self.trimmed = self.applied;
        }
        messages
    }

    fn apply(&mut self, entries: &[Entry]) {
        self.applied = entries.last().map_or(self.applied, |entry| entry.index);
    }
}
