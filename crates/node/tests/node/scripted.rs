//! A consensus that does what a script says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use consensus::{
    Body, Change, Consensus, Effect, Marker, Message, ReadTicket, Refused, Role, Status,
    WriteTicket,
};
use units::{ConfChangeKind, ConfState, Entry, EntryKind, Index, NodeId, Position, Term, Time};

/// What the script and the machine share.
pub(crate) struct Script {
    /// What was called, one line each.
    pub(crate) calls: Vec<String>,
    /// What the machine wants done next.
    pub(crate) effects: VecDeque<Effect>,
    /// What every request is answered.
    pub(crate) answer: Result<(), Refused>,
    /// Proposals of more commands than this are too much.
    pub(crate) commands_max: usize,
    /// What the machine says of itself.
    pub(crate) status: Status,
    /// The last index handed out.
    pub(crate) handed_out: Index,
}

/// The machine.
pub(crate) struct Scripted(pub(crate) Arc<Mutex<Script>>);

impl Scripted {
    /// Member `id`, which has applied what the marker says.
    pub(crate) fn new(id: NodeId, applied: &Marker) -> Self {
        let status = Status {
            id,
            term: Term(1),
            vote: None,
            leader: None,
            role: Role::Follower,
            commit: applied.position.index,
            applied: applied.position.index,
            last: Position::default(),
            persisted: Index(0),
            conf_state: applied.conf_state.clone(),
            transferee: None,
            peers: Vec::new(),
        };
        Self(Arc::new(Mutex::new(Script {
            calls: Vec::new(),
            effects: VecDeque::new(),
            answer: Ok(()),
            commands_max: usize::MAX,
            handed_out: status.applied,
            status,
        })))
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().expect("nothing panics while it holds the script")
    }

    fn call(&self, line: String) {
        self.script().calls.push(line);
    }

    fn request(&self, line: String) -> Result<(), Refused> {
        let mut script = self.script();
        let answer = script.answer;
        script.calls.push(match answer {
            Ok(()) => line,
            Err(why) => format!("{line} → {why:?}"),
        });
        answer
    }
}

impl Consensus for Scripted {
    fn step(&mut self, _: Time, message: Message) {
        self.call(format!("step {message:?}"));
    }

    fn propose(&mut self, _: Time, commands: Vec<Bytes>) -> Result<(), Refused> {
        let name = |command: &Bytes| command[..command.len().min(8)].escape_ascii().to_string();
        let names: Vec<_> = commands.iter().map(name).collect();
        let line = match &*names {
            [first, .., last] if names.len() > 4 => {
                format!("propose {first} to {last} ({})", names.len())
            }
            names => format!("propose {}", names.join(" ")),
        };
        if commands.len() > self.script().commands_max {
            self.call(format!("{line} → {:?}", Refused::TooMuchUncommitted));
            return Err(Refused::TooMuchUncommitted);
        }
        self.request(line)
    }

    fn propose_change(&mut self, _: Time, kind: EntryKind, data: Bytes) -> Result<(), Refused> {
        let change = node::decode_change(kind, &data).expect("the node encodes changes");
        self.request(format!("propose_change {}", show(&change)))
    }

    fn apply_change(&mut self, _: Time, change: &Change) -> ConfState {
        self.call(format!("apply_change {}", show(change)));
        let mut script = self.script();
        let conf_state = &mut script.status.conf_state;
        for step in &change.steps {
            conf_state.voters.retain(|voter| *voter != step.node);
            conf_state.learners.retain(|learner| *learner != step.node);
            match step.kind {
                ConfChangeKind::AddNode | ConfChangeKind::UpdateNode => {
                    conf_state.voters.push(step.node);
                }
                ConfChangeKind::AddLearnerNode => conf_state.learners.push(step.node),
                ConfChangeKind::RemoveNode => {}
            }
            conf_state.voters.sort();
            conf_state.learners.sort();
        }
        conf_state.clone()
    }

    fn read_index(&mut self, _: Time, ticket: ReadTicket) -> Result<(), Refused> {
        self.request(format!("read_index q{}", ticket.0))
    }

    fn transfer(&mut self, _: Time, to: NodeId) -> Result<(), Refused> {
        self.request(format!("transfer to {to}"))
    }

    fn persisted(&mut self, _: Time, ticket: WriteTicket) {
        self.call(format!("persisted w{}", ticket.0));
    }

    fn entries_read(&mut self, _: Time, first: Index, entries: Vec<Entry>) {
        self.call(format!("entries_read {first} ({})", entries.len()));
    }

    fn applied(&mut self, _: Time, index: Index) {
        self.call(format!("applied {index}"));
        let mut script = self.script();
        script.status.applied = index;
        script.status.commit = script.status.commit.max(index);
    }

    fn trimmed(&mut self, marker: &Marker) {
        self.call(format!("trimmed {}", marker.position.index));
    }

    fn snapshot_started(&mut self, to: NodeId, marker: &Marker) {
        self.call(format!("snapshot_started to {to} at {}", marker.position.index));
        let mut script = self.script();
        let Status { id: from, term, leader, .. } = script.status;
        if leader == Some(from) {
            let body = Body::Snapshot { marker: marker.clone() };
            let message = Message { from, to, term: Some(term), body };
            script.effects.push_back(Effect::Send(message));
        }
    }

    fn snapshot_ended(&mut self, _: Time, to: NodeId, arrived: bool) {
        self.call(format!("snapshot_ended to {to} arrived={arrived}"));
    }

    fn snapshot_installed(&mut self, _: Time, marker: &Marker) {
        self.call(format!("snapshot_installed {}", marker.position.index));
        let mut script = self.script();
        script.status.applied = marker.position.index;
        script.status.commit = marker.position.index;
        script.handed_out = marker.position.index;
        script.status.conf_state = marker.conf_state.clone();
    }

    fn unreachable(&mut self, peer: NodeId) {
        self.call(format!("unreachable {peer}"));
    }

    fn hasten_election(&mut self, _: Time, by: Duration) {
        self.call(format!("hasten_election by {by:?}"));
    }

    /// It has something to do whenever the script says so.
    fn deadline(&self) -> Option<Time> {
        (!self.script().effects.is_empty()).then_some(Time::ZERO)
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn poll(&mut self) -> Option<Effect> {
        self.script().effects.pop_front()
    }

    fn status(&self) -> Status {
        self.script().status.clone()
    }
}

fn show(change: &Change) -> String {
    if change.steps.is_empty() {
        return "nothing".into();
    }
    let steps: Vec<_> =
        change.steps.iter().map(|step| format!("{:?} {}", step.kind, step.node)).collect();
    steps.join(", ")
}
