//! The language of the scripts.
//!
//! ```text
//! start applied=10 log=0 step=4 kept=8     a node, member 1 of 1, 2, 3, unlike the default one
//! propose 1 2 [urgent] [bytes=n]           proposals with tickets 1 and 2, between two polls
//! propose 1..9000                          many of them
//! propose 1 by-leader-of=2                 only while this member leads in that term
//! change 7 add=2                           add, learner, update, remove
//! read 1 2 | withdraw 1 | transfer 9 to=2
//! receive from=2 [term=9] body [closed]    a leader may take no commands
//! persisted 3 | unreachable 2 | entries 5 | hasten 800
//! applied 5 4=accepted | durable 5 | trimmed
//! intake closed | intake open
//! snapshot from=2 at=9 spool=1 [wanted] | taken to=2 at=9 | sent to=2 arrived | installed
//! time 500                                 milliseconds pass
//! status
//!
//! leader 2 term=3                          consensus: who leads; `nobody` too
//! hands-out 7 term=3 [bytes=n] [7=add-4]   consensus: entries up to 7 are committed
//! answers NoLeader | answers Ok            consensus: to every request from now on
//! takes 3                                  consensus: at most so many commands at once
//! lags 6000                                consensus: so many entries behind the commit index
//! matches 2=5 3=9                          consensus: the peers' logs match up to these
//! reads-ready q1 at=7 | reads-lost q1
//! appends w3 [entries=n] | sends to=2 body | wants-snapshot 2 | reads-log 5
//! ```

use std::error::Error;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use consensus::{Body, Message, PeerState, PeerStatus, Refused};
use goldenscript::{ArgumentConsumer, Command, Context, Runner};
use node::{
    Config, Effect, Event, Intake, Leadership, Marker, Node, ReadTicket, Role, SpoolTicket, Start,
    Ticket, TrimPolicy, Urgency, Verdict, WriteTicket, frame,
};
use units::{
    ConfChange, ConfChangeKind, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position,
    Term, Time,
};

use crate::scripted::{Script, Scripted};

const SELF: NodeId = NodeId(1);

pub(crate) struct Driver {
    now: Time,
    node: Node,
    script: Arc<Mutex<Script>>,
    trims: Vec<Marker>,
    installs: Vec<Marker>,
}

type Answer<T> = Result<T, Box<dyn Error>>;

impl Driver {
    pub(crate) fn new() -> Self {
        let policy = TrimPolicy {
            kept_entries_max: 8,
            kept_bytes_max: 1000,
            step_entries: 4,
            step_bytes: 500,
        };
        Self::start(marker(0), Position::default(), policy)
    }

    fn start(applied: Marker, log: Position, trim: TrimPolicy) -> Self {
        let scripted = Scripted::new(SELF, &applied);
        let script = Arc::clone(&scripted.0);
        let config = Config { id: SELF, first_read: ReadTicket(1), trim };
        let node = Node::new(config, Start { applied, log }, Box::new(scripted));
        Self { now: Time::ZERO, node, script, trims: Vec::new(), installs: Vec::new() }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("nothing panics while it holds the script")
    }

    /// Consensus wants this done; it says so when it is called next, which is at once.
    fn consensus_wants(&mut self, effect: consensus::Effect) {
        self.script().effects.push_back(effect);
        self.node.handle_timeout(self.now);
    }

    fn handle(&mut self, event: Event) {
        self.node.handle(self.now, event);
    }

    /// Polls to the end; what was called on consensus, and what came out, in this order.
    fn poll(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            let effect = self.node.poll();
            for call in self.script().calls.drain(..) {
                lines.push(format!("        consensus: {call}\n"));
            }
            let Some(effect) = effect else { break };
            match &effect {
                Effect::Trim { marker } => self.trims.push(marker.clone()),
                Effect::InstallSnapshot { marker, .. } => self.installs.push(marker.clone()),
                _ => {}
            }
            lines.push(format!("{}\n", show(&effect)));
        }
        fold_refusals(&lines)
    }

    fn run_event(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Answer<bool> {
        match name {
            "propose" => self.propose(args)?,
            "change" => {
                let ticket = Ticket(position(args)?);
                let (kind, node) = args.next_key().ok_or("what, and who?")?;
                let change = change(kind, node.parse()?)?;
                self.handle(Event::ProposeChange { ticket, change });
            }
            "read" => {
                for ticket in tickets(args)? {
                    self.handle(Event::Read { ticket });
                }
            }
            "withdraw" => {
                for ticket in tickets(args)? {
                    self.handle(Event::Withdraw { ticket });
                }
            }
            "transfer" => {
                let ticket = Ticket(position(args)?);
                self.handle(Event::Transfer { ticket, to: NodeId(key(args, "to")?) });
            }
            "receive" => {
                let from = NodeId(key(args, "from")?);
                let term = Some(Term(optional_key(args, "term")?.unwrap_or(9)));
                let message = Message { from, to: SELF, term, body: body(args)? };
                let intake = intake(args.next_pos().unwrap_or("open"))?;
                self.handle(Event::Receive { from, frame: frame::encode(&message, intake) });
            }
            "receive-raw" => {
                let from = NodeId(key(args, "from")?);
                let frame = Bytes::copy_from_slice(args.next_pos().ok_or("what?")?.as_bytes());
                self.handle(Event::Receive { from, frame });
            }
            "persisted" => {
                self.handle(Event::Persisted { ticket: WriteTicket(position(args)?) });
            }
            "intake" => {
                self.handle(Event::Intake(intake(args.next_pos().ok_or("which?")?)?));
            }
            "hasten" => {
                let by = Duration::from_millis(position(args)?);
                self.handle(Event::HastenElection { by });
            }
            "unreachable" => self.handle(Event::Unreachable { peer: NodeId(position(args)?) }),
            "entries" => {
                let first = Index(position(args)?);
                let entries = vec![entry(first.0, 1, 0)];
                self.handle(Event::EntriesRead { first, entries });
            }
            "applied" => self.applied(args)?,
            "durable" => self.handle(Event::Durable { index: Index(position(args)?) }),
            "trimmed" => {
                let marker = self.trims.pop().ok_or("no trim was asked for")?;
                self.handle(Event::Trimmed { marker });
            }
            "time" => {
                self.now = self.now + Duration::from_millis(position(args)?);
                self.node.handle_timeout(self.now);
            }
            _ => return self.run_snapshot_event(name, args),
        }
        Ok(true)
    }

    fn run_snapshot_event(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Answer<bool> {
        match name {
            "snapshot" => {
                let from = NodeId(key(args, "from")?);
                let marker = marker(key(args, "at")?);
                let body = Body::Snapshot { marker };
                let message = Message { from, to: SELF, term: Some(Term(9)), body };
                let spool = SpoolTicket(key(args, "spool")?);
                let wanted = args.next_pos() == Some("wanted");
                if wanted && let Body::Snapshot { marker } = message.body.clone() {
                    self.script().effects.push_back(consensus::Effect::InstallSnapshot { marker });
                }
                let header = match args.take_key("header") {
                    Some(other) => Bytes::copy_from_slice(other.as_bytes()),
                    None => frame::encode(&message, Intake::Open),
                };
                self.handle(Event::SnapshotReceived { from, header, spool });
            }
            "taken" => {
                let to = NodeId(key(args, "to")?);
                self.handle(Event::SnapshotTaken { to, marker: marker(key(args, "at")?) });
            }
            "sent" => {
                let to = NodeId(key(args, "to")?);
                let arrived = args.next_pos() == Some("arrived");
                self.handle(Event::SnapshotSent { to, arrived });
            }
            "installed" => {
                let marker = self.installs.pop().ok_or("no install was asked for")?;
                self.handle(Event::SnapshotInstalled { marker });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn applied(&mut self, args: &mut ArgumentConsumer<'_>) -> Answer<()> {
        let index = Index(position(args)?);
        let mut changes = Vec::new();
        while let Some((at, verdict)) = args.next_key() {
            let verdict = match verdict {
                "accepted" => Verdict::Accepted,
                "rejected" => Verdict::Rejected,
                other => return Err(format!("what is {other}?").into()),
            };
            changes.push((Index(at.parse()?), verdict));
        }
        self.handle(Event::Applied { index, changes });
        Ok(())
    }

    fn propose(&mut self, args: &mut ArgumentConsumer<'_>) -> Answer<()> {
        let bytes: usize = optional_key(args, "bytes")?.unwrap_or(0);
        let by_leader_of = optional_key(args, "by-leader-of")?.map(Term);
        let mut urgency = Urgency::Ordinary;
        let mut tickets = Vec::new();
        while let Some(word) = args.next_pos() {
            match word.split_once("..") {
                _ if word == "urgent" => urgency = Urgency::Urgent,
                Some((first, last)) => tickets.extend(first.parse::<u64>()?..=last.parse()?),
                None => tickets.push(word.parse()?),
            }
        }
        for ticket in tickets {
            let mut command = format!("c{ticket}").into_bytes();
            command.resize(command.len().max(bytes), b'.');
            let command = command.into();
            let ticket = Ticket(ticket);
            self.handle(Event::Propose { ticket, command, urgency, by_leader_of });
        }
        Ok(())
    }

    /// What consensus is like from now on.
    fn set_consensus(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Answer<bool> {
        match name {
            "answers" => {
                self.script().answer = answer(args.next_pos().ok_or("what?")?)?;
            }
            "takes" => self.script().commands_max = position(args)?,
            "lags" => {
                let lag: u64 = position(args)?;
                let mut script = self.script();
                script.status.commit = Index(script.status.applied.0 + lag);
            }
            "matches" => {
                let mut peers = Vec::new();
                while let Some((id, matched)) = args.next_key() {
                    peers.push(peer(NodeId(id.parse()?), Index(matched.parse()?)));
                }
                self.script().status.peers = peers;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What consensus wants done.
    fn run_consensus(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Answer<bool> {
        match name {
            "leader" => {
                let term = Term(key(args, "term")?);
                let leader = match args.next_pos().ok_or("who?")? {
                    "nobody" => None,
                    id => Some(NodeId(id.parse()?)),
                };
                let leads = leader == Some(SELF);
                let role = if leads { Role::Leader } else { Role::Follower };
                let leadership = Leadership { term, leader, role };
                {
                    let mut script = self.script();
                    (script.status.leader, script.status.role) = (leader, role);
                    script.status.term = term;
                }
                self.consensus_wants(consensus::Effect::Changed(leadership));
            }
            "hands-out" => self.hand_out(args)?,
            "reads-ready" => {
                let ticket = question(args)?;
                let index = Index(key(args, "at")?);
                self.consensus_wants(consensus::Effect::ReadReady { ticket, index });
            }
            "reads-lost" => {
                let ticket = question(args)?;
                self.consensus_wants(consensus::Effect::ReadLost { ticket });
            }
            "appends" => {
                let word = args.next_pos().ok_or("which write?")?;
                let ticket = WriteTicket(word.trim_start_matches('w').parse()?);
                let count: u64 = optional_key(args, "entries")?.unwrap_or(0);
                let entries = (1..=count).map(|index| entry(index, 1, 0)).collect();
                let hard_state = Some(HardState::default());
                self.consensus_wants(consensus::Effect::Append {
                    ticket,
                    entries,
                    hard_state,
                    sync: true,
                });
            }
            "sends" => {
                let to = NodeId(key(args, "to")?);
                let message = Message { from: SELF, to, term: Some(Term(9)), body: body(args)? };
                self.consensus_wants(consensus::Effect::Send(message));
            }
            "wants-snapshot" => {
                while let Some(to) = args.next_pos() {
                    let to = NodeId(to.parse()?);
                    self.consensus_wants(consensus::Effect::SnapshotWanted { to });
                }
            }
            "reads-log" => {
                let first = Index(position(args)?);
                let effect = consensus::Effect::ReadLog { first, last: first, bytes_max: 100 };
                self.consensus_wants(effect);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn hand_out(&mut self, args: &mut ArgumentConsumer<'_>) -> Answer<()> {
        let last: u64 = position(args)?;
        let term = key(args, "term")?;
        let bytes: usize = optional_key(args, "bytes")?.unwrap_or(0);
        let first = self.script().handed_out.0 + 1;
        let mut entries: Vec<_> = (first..=last).map(|at| entry(at, term, bytes)).collect();
        while let Some((at, what)) = args.next_key() {
            let place = usize::try_from(at.parse::<u64>()? - first)?;
            let entry = entries.get_mut(place).ok_or("no such entry")?;
            if what == "garbage" {
                entry.kind = EntryKind::ConfChange;
                entry.data = Bytes::from_static(b"\xff");
            } else if what == "leave" {
                entry.kind = EntryKind::ConfChangeV2;
                entry.data = Bytes::new();
            } else {
                let (kind, node) = what.split_once('-').ok_or("what-who")?;
                entry.kind = EntryKind::ConfChange;
                entry.data = node::encode_change(&change(kind, node.parse()?)?);
            }
        }
        {
            let mut script = self.script();
            script.handed_out = Index(last);
            script.status.commit = script.status.commit.max(Index(last));
        }
        self.consensus_wants(consensus::Effect::Apply { entries });
        Ok(())
    }
}

impl Runner for Driver {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Answer<String> {
        let mut args = command.consume_args();
        let name = &*command.name;
        if name == "start" {
            let applied = marker(key(&mut args, "applied")?);
            let log: u64 = optional_key(&mut args, "log")?.unwrap_or(0);
            let step: u64 = optional_key(&mut args, "step")?.unwrap_or(4);
            let kept: u64 = optional_key(&mut args, "kept")?.unwrap_or(8);
            let log = Position { term: Term(u64::from(log > 0)), index: Index(log) };
            let policy = TrimPolicy {
                kept_entries_max: kept,
                kept_bytes_max: kept * 100,
                step_entries: step,
                step_bytes: step * 100,
            };
            *self = Self::start(applied, log, policy);
        } else if name == "status" {
            let status = self.node.status();
            return Ok(format!(
                "waiting={} reads={} snapshots={} refused_frames={} members={:?} deadline={:?}\n",
                status.proposals_waiting,
                status.reads,
                status.snapshots,
                status.frames_refused,
                self.node.conf_state().voters.iter().map(|voter| voter.0).collect::<Vec<_>>(),
                self.node.deadline().map(|deadline| deadline.0),
            ));
        } else if !self.run_event(name, &mut args)?
            && !self.set_consensus(name, &mut args)?
            && !self.run_consensus(name, &mut args)?
        {
            return Err(format!("unknown command {name}").into());
        }
        args.reject_next()?;
        Ok(self.poll())
    }
}

/// Long runs of refusals are told by their ends.
fn fold_refusals(lines: &[String]) -> String {
    let mut text = String::new();
    for run in lines.chunk_by(|a, b| a.starts_with("Refused") && b.starts_with("Refused")) {
        match run {
            [first, .., last] if run.len() > 4 => {
                text += &format!("{first}… {} in all …\n{last}", run.len());
            }
            run => text.extend(run.iter().map(String::as_str)),
        }
    }
    text
}

fn show(effect: &Effect) -> String {
    match effect {
        Effect::Append { ticket, entries, .. } => {
            format!("Append w{} ({} entries)", ticket.0, entries.len())
        }
        Effect::Apply { entries } => match &**entries {
            [first, .., last] => format!("Apply {}..{}", first.index, last.index),
            entries => format!("Apply {}", entries[0].index),
        },
        Effect::InstallSnapshot { spool, marker } => {
            format!("InstallSnapshot spool={} at {}", spool.0, marker.position.index)
        }
        Effect::Leadership(Leadership { term, leader, role }) => {
            let leader = leader.map_or("nobody".into(), |leader| leader.to_string());
            format!("Leadership of {leader} in term {term}, here a {role:?}")
        }
        Effect::ReadDone { ticket } => format!("ReadDone {}", ticket.0),
        Effect::Refused { ticket, why } => format!("Refused {}: {why}", ticket.0),
        Effect::Send { to, lane, frame } => {
            let (message, intake) = frame::decode(SELF, *to, frame).expect("it can be read back");
            let closed = if intake == Some(Intake::Closed) { ", takes no commands" } else { "" };
            format!("Send to {to} on {lane:?}: {:?}{closed}", message.body)
        }
        Effect::SendSnapshot { to, header } => {
            let (message, _) = frame::decode(SELF, *to, header).expect("it can be read back");
            match message.body {
                Body::Snapshot { marker } => {
                    format!("SendSnapshot to {to} at {}", marker.position.index)
                }
                body => format!("SendSnapshot to {to} with {body:?}"),
            }
        }
        Effect::Trim { marker } => {
            let voters: Vec<_> = marker.conf_state.voters.iter().map(|voter| voter.0).collect();
            let Position { term, index } = marker.position;
            format!("Trim to {index} (term {term}, voters {voters:?})")
        }
        effect => format!("{effect:?}"),
    }
}

fn answer(name: &str) -> Answer<Result<(), Refused>> {
    Ok(match name {
        "Ok" => Ok(()),
        "NoLeader" => Err(Refused::NoLeader),
        "Removed" => Err(Refused::Removed),
        "TooMuchUncommitted" => Err(Refused::TooMuchUncommitted),
        "Transferring" => Err(Refused::Transferring),
        other => return Err(format!("what is {other}?").into()),
    })
}

/// A marker of members 1, 2 and 3, in term 1.
fn marker(index: u64) -> Marker {
    let voters = [1, 2, 3].map(NodeId).to_vec();
    Marker {
        position: Position { term: Term(u64::from(index > 0)), index: Index(index) },
        conf_state: ConfState { voters, ..ConfState::default() },
    }
}

fn entry(index: u64, term: u64, bytes: usize) -> Entry {
    let data = Bytes::from(vec![b'.'; bytes]);
    Entry { kind: EntryKind::Normal, term: Term(term), index: Index(index), data }
}

fn intake(word: &str) -> Answer<Intake> {
    match word {
        "closed" => Ok(Intake::Closed),
        "open" => Ok(Intake::Open),
        other => Err(format!("what is {other}?").into()),
    }
}

fn peer(id: NodeId, matched: Index) -> PeerStatus {
    let (next, state) = (matched.next(), PeerState::Replicate);
    PeerStatus { id, matched, next, state, active: true, learner: false }
}

fn change(kind: &str, node: u64) -> Answer<ConfChange> {
    let kind = match kind {
        "add" => ConfChangeKind::AddNode,
        "learner" => ConfChangeKind::AddLearnerNode,
        "update" => ConfChangeKind::UpdateNode,
        "remove" => ConfChangeKind::RemoveNode,
        other => return Err(format!("what is {other}?").into()),
    };
    Ok(ConfChange { id: 0, kind, node: Some(NodeId(node)), context: Bytes::new() })
}

fn body(args: &mut ArgumentConsumer<'_>) -> Answer<Body> {
    let last = Position { term: Term(1), index: Index(1) };
    Ok(match args.next_pos().ok_or("what?")? {
        "append" => {
            Body::Append { previous: last, entries: vec![entry(2, 2, 3)], commit: Index(1) }
        }
        // Of the sender's own term.
        "append-new" => {
            Body::Append { previous: last, entries: vec![entry(2, 9, 3)], commit: Index(1) }
        }
        "append-nothing" => Body::Append { previous: last, entries: vec![], commit: Index(1) },
        // Entries of the sender's term, an empty and a full one, behind one of a term before.
        "append-opening" => {
            let entries = vec![entry(2, 2, 3), entry(3, 9, 0), entry(4, 9, 3)];
            Body::Append { previous: last, entries, commit: Index(1) }
        }
        "accepted" => Body::AppendAccepted { matched: Index(2) },
        "rejected" => Body::AppendRejected { refused: Index(2), hint: last },
        "heartbeat" => Body::Heartbeat { commit: Index(1), context: Bytes::new() },
        "heartbeat-answer" => Body::HeartbeatAnswer { context: Bytes::new() },
        "pre-vote" => Body::PreVote { last, transfer: false, committed: Position::default() },
        "pre-vote-answer" => Body::PreVoteAnswer { granted: true, committed: Position::default() },
        "propose" => Body::Propose { entries: vec![(EntryKind::Normal, "c1".into())] },
        "propose-change" => {
            let change = node::encode_change(&change("remove", 3)?);
            Body::Propose { entries: vec![(EntryKind::ConfChange, change)] }
        }
        "garbled-change" => Body::Propose { entries: vec![(EntryKind::ConfChange, "x".into())] },
        "read-index" => Body::ReadIndex { ticket: ReadTicket(5) },
        "read-index-answer" => Body::ReadIndexAnswer { ticket: ReadTicket(5), index: Index(1) },
        "snapshot" => Body::Snapshot { marker: marker(9) },
        "timeout-now" => Body::TimeoutNow,
        "transfer-leader" => Body::TransferLeader { transferee: NodeId(3) },
        "vote" => Body::Vote { last, transfer: true, committed: Position::default() },
        "vote-answer" => Body::VoteAnswer { granted: false, committed: Position::default() },
        other => return Err(format!("what is {other}?").into()),
    })
}

fn position<T: FromStr<Err: Error + 'static>>(args: &mut ArgumentConsumer<'_>) -> Answer<T> {
    Ok(args.next_pos().ok_or("a number is missing")?.parse()?)
}

fn key<T: FromStr<Err: Error + 'static>>(args: &mut ArgumentConsumer<'_>, name: &str) -> Answer<T> {
    optional_key(args, name)?.ok_or_else(|| format!("{name}= is missing").into())
}

fn optional_key<T: FromStr<Err: Error + 'static>>(
    args: &mut ArgumentConsumer<'_>,
    name: &str,
) -> Answer<Option<T>> {
    Ok(args.take_key(name).map(str::parse).transpose()?)
}

fn tickets(args: &mut ArgumentConsumer<'_>) -> Answer<Vec<Ticket>> {
    let mut tickets = Vec::new();
    while let Some(ticket) = args.next_pos() {
        tickets.push(Ticket(ticket.parse()?));
    }
    Ok(tickets)
}

fn question(args: &mut ArgumentConsumer<'_>) -> Answer<ReadTicket> {
    let word = args.next_pos().ok_or("which question?")?;
    Ok(ReadTicket(word.trim_start_matches('q').parse()?))
}
