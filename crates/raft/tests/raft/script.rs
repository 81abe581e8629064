//! The language of the scripts.
//!
//! | command | what happens |
//! |---|---|
//! | `cluster 3 learners="4,5" …` | new members 1 to 3 and learners; see `config` for the options |
//! | `join 4` | a member that knows nothing yet starts, with the options of the others |
//! | `run` | everything that can happen without time passing happens |
//! | `timeout 1` | member 1's clock goes to its next deadline |
//! | `elect 1` | `timeout 1` and `run`, until it leads |
//! | `hasten 1 500` | its next campaign comes so many ms earlier |
//! | `elapse 500 [1 2]` | the clocks (of these) move on by so many ms; all runs after each timer |
//! | `skip 500 [1 2]` | the clocks move on without anybody noticing |
//! | `deliver [from=1] [to=2] [max=1]` | these messages arrive, and nothing else happens |
//! | `deliver together=true …` | they arrive before effects are taken |
//! | `drop [from=1] [to=2]` | these messages are lost |
//! | `keep [from=1] [to=2]` | copies of these messages are kept for `replay` |
//! | `replay` | the kept messages are on the way again |
//! | `cut 1 2`, `isolate 1` | nothing passes between these two, to and from this one |
//! | `heal` | everything passes again |
//! | `hold disk\|apply 1`, `free disk\|apply 1` | writes, applications wait for `sync`, `apply` |
//! | `hold snapshots`, `free snapshots` | snapshots wait for `snapshot` and `ended` |
//! | `sync 1 [2]` | the oldest (2) writes of member 1 are durable |
//! | `apply 1` | the oldest group handed out at member 1 is applied |
//! | `propose 1 a b` | member 1's clients propose these |
//! | `fill 1 100 bytes=8` | they propose 100 commands of so many bytes, each by itself |
//! | `change 1 "add 4"`, `change2 1 "implicit: …"` | they propose a configuration change |
//! | `read 1 [7]` | they ask for a read index |
//! | `transfer 1 2` | they want member 2 to lead |
//! | `crash 1 [keep=1]`, `restart 1` | it loses what is not durable; it starts again |
//! | `trim 1 5` | its engine has everything, its log forgets its head |
//! | `snapshot 1 2`, `ended 1 2 arrived\|lost` | the snapshot wanted is started, and ends |
//! | `unreachable 1 2` | member 1's transport notices that a message to 2 was lost |
//! | `message from=1 to=2 …` | what nobody sent, see `forged`, arrives (with `by=3` at 3) |
//! | `status [1]`, `log 1` | how it is |

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use consensus::suite::{Cluster, Member, encode};
use consensus::{Body, Config, Limits, Marker, Message, ReadPolicy, ReadTicket, Refused, Role};
use goldenscript::{ArgumentConsumer, Command, Context, Runner};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Position, Term};

use crate::{make, show};

type Outcome = Result<String, Box<dyn Error>>;
type Done = Result<(), Box<dyn Error>>;

/// Runs every script of a topic.
pub(crate) fn run_topic(topic: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(topic);
    let mut scripts: Vec<_> = std::fs::read_dir(&folder)
        .expect("a topic is a folder")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "{topic} has no scripts");
    for script in scripts {
        let told = goldenscript::run(&mut Script::default(), &script);
        told.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    }
}

pub(crate) struct Script {
    cluster: Cluster,
    kept: Vec<Message>,
    next_ticket: u64,
}

impl Default for Script {
    fn default() -> Self {
        let cluster = Cluster::new(make, ConfState::default());
        Self { cluster, kept: Vec::new(), next_ticket: 0 }
    }
}

impl Runner for Script {
    type Command = Command;

    fn run(&mut self, command: &Command, _context: &Context) -> Outcome {
        let mut args = command.consume_args();
        let said = self.perform(&command.name, &mut args)?;
        args.reject_next()?;
        let mut output = String::new();
        for seen in std::mem::take(&mut self.cluster.seen) {
            writeln!(output, "{}", show::seen(&seen))?;
        }
        Ok(output + &said)
    }
}

impl Script {
    fn perform(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Outcome {
        match name {
            "cluster" | "join" | "crash" | "restart" => self.members(name, args)?,
            "run" => self.cluster.run(),
            "timeout" | "elect" | "hasten" | "elapse" | "skip" => self.time(name, args)?,
            "deliver" | "drop" | "keep" | "replay" | "message" => self.network(name, args)?,
            "cut" | "isolate" | "heal" => self.connect(name, args)?,
            "hold" | "free" => self.hold(name == "hold", args)?,
            "sync" | "apply" | "trim" => self.disk(name, args)?,
            "snapshot" | "ended" | "unreachable" => self.transport(name, args)?,
            "propose" | "fill" | "change" | "change2" | "read" | "transfer" => {
                return self.ask(name, args);
            }
            "status" => return self.status(args),
            "log" => {
                let member = self.cluster.member(node(args)?);
                let last = member.disk.last().index;
                return Ok(format!(
                    "after {}: {}; durable up to {last}",
                    show::position(&member.given.head),
                    show::list(&member.given.entries)
                ));
            }
            _ => return Err(format!("there is no command {name}").into()),
        }
        Ok(String::new())
    }

    fn members(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Done {
        if name == "cluster" {
            return self.make(args);
        }
        let id = node(args)?;
        match name {
            "join" => {
                let others = self.cluster.members.values().next().ok_or("join whom?")?;
                self.cluster.add(Config { id, ..others.config.clone() });
            }
            "crash" => {
                let keep = args.take_key("keep").map_or(Ok(0), str::parse)?;
                self.cluster.member(id).crash(keep);
            }
            _ => {
                let applied = args.take_key("applied").map(str::parse).transpose()?;
                let member = self.cluster.member(id);
                member.engine_durable = applied.map_or(member.applied.index, Index);
                self.cluster.with(id, Member::start);
            }
        }
        Ok(())
    }

    fn time(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Done {
        match name {
            "timeout" => self.cluster.time_out(node(args)?),
            "elect" => return self.elect(node(args)?),
            "hasten" => {
                let (id, by) = (node(args)?, Duration::from_millis(number(args)?));
                self.cluster.call(id, |machine, now| machine.hasten_election(now, by));
            }
            _ => {
                let span = Duration::from_millis(number(args)?);
                let ids = self.nodes(args)?;
                if name == "elapse" {
                    self.cluster.elapse(&ids, span);
                } else {
                    self.cluster.skip(&ids, span);
                }
            }
        }
        Ok(())
    }

    fn network(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Done {
        match name {
            "deliver" => return self.deliver(args),
            "drop" => {
                let taken = self.taken(args)?;
                taken.into_iter().for_each(|message| self.cluster.lose(message));
            }
            "keep" => {
                let taken = self.taken(args)?;
                self.kept.extend(taken.iter().cloned());
                self.cluster.network.extend(taken);
            }
            "replay" => self.cluster.network.extend(self.kept.drain(..)),
            _ => {
                let by = args.take_key("by").map(id).transpose()?;
                let message = forged(args)?;
                if let Some(by) = by {
                    self.cluster.call(by, |machine, now| machine.step(now, message));
                } else {
                    self.cluster.deliver(message);
                }
            }
        }
        Ok(())
    }

    fn disk(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Done {
        let id = node(args)?;
        match name {
            "sync" => {
                let writes = args.next_pos().map_or(Ok(usize::MAX), str::parse)?;
                self.cluster.with(id, |member| member.sync(writes));
            }
            "apply" => {
                self.cluster.with(id, Member::apply);
            }
            _ => {
                let index = Index(number(args)?);
                self.cluster.member(id).flush_engine();
                self.cluster.with(id, |member| member.trim(index));
            }
        }
        Ok(())
    }

    fn transport(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Done {
        let (id, to) = (node(args)?, node(args)?);
        match name {
            "snapshot" => self.cluster.start_snapshot(id, to),
            "ended" => {
                let arrived = args.next_pos() == Some("arrived");
                self.cluster.end_snapshot(id, to, arrived);
            }
            _ => {
                self.cluster.call(id, |machine, _| machine.unreachable(to));
            }
        }
        Ok(())
    }

    fn make(&mut self, args: &mut ArgumentConsumer<'_>) -> Done {
        *self = Self::default();
        let voters: Vec<_> = (1..=number(args)?).map(NodeId).collect();
        let learners = args.take_key("learners").map_or(Ok(Vec::new()), ids)?;
        let conf = ConfState { voters, learners, ..ConfState::default() };
        let config = config(args)?;
        self.cluster.initial = conf.clone();
        for id in conf.voters.iter().chain(&conf.learners) {
            self.cluster.add(Config { id: *id, ..config.clone() });
        }
        Ok(())
    }

    fn elect(&mut self, id: NodeId) -> Done {
        for _ in 0..4 {
            self.cluster.time_out(id);
            self.cluster.run();
            let status = self.cluster.call(id, |machine, _| machine.status());
            if status.is_some_and(|status| status.role == Role::Leader) {
                return Ok(());
            }
        }
        Err(format!("member {id} cannot be elected").into())
    }

    fn deliver(&mut self, args: &mut ArgumentConsumer<'_>) -> Done {
        let max = args.take_key("max").map_or(Ok(usize::MAX), str::parse)?;
        let mut taken = self.taken(args)?;
        let rest = taken.split_off(max.min(taken.len()));
        if args.take_key("together").is_some() {
            self.cluster.deliver_together(taken);
        } else {
            taken.into_iter().for_each(|message| self.cluster.deliver(message));
        }
        for message in rest.into_iter().rev() {
            self.cluster.network.push_front(message);
        }
        Ok(())
    }

    /// Takes the messages that match off the network.
    fn taken(&mut self, args: &mut ArgumentConsumer<'_>) -> Result<Vec<Message>, Box<dyn Error>> {
        let from = args.take_key("from").map(id).transpose()?;
        let to = args.take_key("to").map(id).transpose()?;
        let matching = |message: &Message| {
            from.is_none_or(|from| from == message.from) && to.is_none_or(|to| to == message.to)
        };
        let all = std::mem::take(&mut self.cluster.network);
        let (taken, left): (Vec<_>, Vec<_>) = all.into_iter().partition(matching);
        self.cluster.network = left.into();
        Ok(taken)
    }

    fn connect(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Done {
        let others = self.cluster.ids();
        let cut = &mut self.cluster.cut;
        match name {
            "heal" => cut.clear(),
            "cut" => {
                let (a, b) = (node(args)?, node(args)?);
                cut.extend([(a, b), (b, a)]);
            }
            _ => {
                while let Some(one) = args.next_pos() {
                    let one = id(one)?;
                    cut.extend(others.iter().flat_map(|other| [(one, *other), (*other, one)]));
                }
            }
        }
        Ok(())
    }

    fn hold(&mut self, hold: bool, args: &mut ArgumentConsumer<'_>) -> Done {
        let held: &mut BTreeSet<NodeId> = match args.next_pos().ok_or("what?")? {
            "disk" => &mut self.cluster.held_disks,
            "apply" => &mut self.cluster.held_appliers,
            _ => {
                self.cluster.held_snapshots = hold;
                return Ok(());
            }
        };
        while let Some(one) = args.next_pos() {
            if hold {
                held.insert(id(one)?);
            } else {
                held.remove(&id(one)?);
            }
        }
        Ok(())
    }

    fn ask(&mut self, name: &str, args: &mut ArgumentConsumer<'_>) -> Outcome {
        let id = node(args)?;
        let refused = match name {
            "propose" => {
                let mut commands = Vec::new();
                while let Some(command) = args.next_pos() {
                    commands.push(Bytes::copy_from_slice(command.as_bytes()));
                }
                self.cluster.call(id, |machine, now| machine.propose(now, commands))
            }
            "fill" => {
                let count = number(args)?;
                let bytes: usize = args.take_key("bytes").unwrap_or("8").parse()?;
                let mut result = None;
                for _ in 0..count {
                    let command = Bytes::from(vec![b'x'; bytes]);
                    let member = self.cluster.member(id);
                    result = member.call(|machine, now| machine.propose(now, vec![command]));
                }
                self.cluster.drain(id);
                result
            }
            "change" | "change2" => {
                let data = encode(args.next_pos().unwrap_or(""));
                let kind =
                    if name == "change" { EntryKind::ConfChange } else { EntryKind::ConfChangeV2 };
                self.cluster.call(id, |machine, now| machine.propose_change(now, kind, data))
            }
            "read" => {
                let mut result = None;
                let tickets = args.next_pos().map_or(Ok(1), str::parse)?;
                for _ in 0..tickets {
                    self.next_ticket += 1;
                    let ticket = ReadTicket(self.next_ticket);
                    let member = self.cluster.member(id);
                    result = member.call(|machine, now| machine.read_index(now, ticket));
                }
                self.cluster.drain(id);
                result
            }
            _ => {
                let to = node(args)?;
                self.cluster.call(id, |machine, now| machine.transfer(now, to))
            }
        };
        match refused {
            Some(Ok(())) => Ok(String::new()),
            Some(Err(refused)) => Ok(self::refused(id, refused)),
            None => Err(format!("member {id} is down").into()),
        }
    }

    fn status(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome {
        let mut shown = String::new();
        for id in self.nodes(args)? {
            let status = self.cluster.call(id, |machine, _| machine.status());
            shown += &status.map_or(format!("n{id} is down\n"), |status| show::status(&status));
        }
        Ok(shown)
    }

    /// The members named, or all.
    fn nodes(&self, args: &mut ArgumentConsumer<'_>) -> Result<Vec<NodeId>, Box<dyn Error>> {
        let mut named = Vec::new();
        while let Some(one) = args.next_pos() {
            named.push(id(one)?);
        }
        Ok(if named.is_empty() { self.cluster.ids() } else { named })
    }
}

fn refused(id: NodeId, refused: Refused) -> String {
    format!("n{id} refuses: {refused}\n")
}

/// Options: `pre_vote=false`, `check_quorum=false`, `reads=lease`, and the limits by name.
fn config(args: &mut ArgumentConsumer<'_>) -> Result<Config, Box<dyn Error>> {
    let mut limit = |name: &str, usual: usize| -> Result<usize, Box<dyn Error>> {
        Ok(args.take_key(name).map_or(Ok(usual), str::parse)?)
    };
    let limits = Limits {
        message_bytes_max: limit("message_bytes", 1 << 20)?,
        inflight_messages_max: limit("inflight_messages", 512)?,
        inflight_bytes_max: limit("inflight_bytes", 1 << 24)?,
        uncommitted_bytes_max: limit("uncommitted_bytes", 1 << 24)?,
        cached_bytes_max: limit("cached_bytes", 1 << 24)?,
        apply_bytes_max: limit("apply_bytes", 1 << 20)?,
    };
    let mut yes = |name: &str| -> Result<bool, Box<dyn Error>> {
        Ok(args.take_key(name).map_or(Ok(true), str::parse)?)
    };
    Ok(Config {
        id: NodeId(1),
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_millis(1000),
        pre_vote: yes("pre_vote")?,
        check_quorum: yes("check_quorum")?,
        reads: match args.take_key("reads") {
            Some("lease") => ReadPolicy::Lease,
            _ => ReadPolicy::Quorum,
        },
        limits,
        seed: 1,
    })
}

/// `append previous=1@1 entries="2@1,3@1" commit=1`, `accepted matched=3`, `rejected refused=3
/// hint=1@1`, `heartbeat commit=3`, `vote last=3@1`, `pre-vote last=3@1`, `granted`,
/// `pre-granted`, `timeout-now`, `snapshot at=5@2 voters="1,2,3"`, `echo round=3`.
fn forged(args: &mut ArgumentConsumer<'_>) -> Result<Message, Box<dyn Error>> {
    let mut key = |name: &str| args.take_key(name).ok_or(format!("{name}=… is missing"));
    let (from, to) = (id(key("from")?)?, id(key("to")?)?);
    let term = Some(Term(key("term")?.parse()?));
    let kind = args.next_pos().ok_or("what does it say?")?;
    let mut key = |name: &str| args.take_key(name).ok_or(format!("{name}=… is missing"));
    let body = match kind {
        "append" => Body::Append {
            previous: position(key("previous")?)?,
            entries: key("entries")?
                .split(',')
                .filter(|entry| !entry.is_empty())
                .map(|entry| {
                    let Position { term, index } = position(entry)?;
                    Ok(Entry { kind: EntryKind::Normal, term, index, data: Bytes::new() })
                })
                .collect::<Result<_, Box<dyn Error>>>()?,
            commit: Index(key("commit")?.parse()?),
        },
        "accepted" => Body::AppendAccepted { matched: Index(key("matched")?.parse()?) },
        "rejected" => Body::AppendRejected {
            refused: Index(key("refused")?.parse()?),
            hint: position(key("hint")?)?,
        },
        "heartbeat" => {
            Body::Heartbeat { commit: Index(key("commit")?.parse()?), context: Bytes::new() }
        }
        "vote" => Body::Vote {
            last: position(key("last")?)?,
            transfer: false,
            committed: Position::default(),
        },
        "pre-vote" => Body::PreVote {
            last: position(key("last")?)?,
            transfer: false,
            committed: Position::default(),
        },
        "granted" => Body::VoteAnswer { granted: true, committed: Position::default() },
        "pre-granted" => Body::PreVoteAnswer { granted: true, committed: Position::default() },
        "timeout-now" => Body::TimeoutNow,
        "echo" => {
            let round: u64 = key("round")?.parse()?;
            Body::HeartbeatAnswer { context: Bytes::copy_from_slice(&round.to_le_bytes()) }
        }
        "snapshot" => {
            let voters = ids(key("voters")?)?;
            let conf_state = ConfState { voters, ..ConfState::default() };
            Body::Snapshot { marker: Marker { position: position(key("at")?)?, conf_state } }
        }
        _ => return Err(format!("there is no message {kind}").into()),
    };
    Ok(Message { from, to, term, body })
}

fn position(words: &str) -> Result<Position, Box<dyn Error>> {
    let (index, term) = words.split_once('@').ok_or("a position is index@term")?;
    Ok(Position { term: Term(term.parse()?), index: Index(index.parse()?) })
}

fn ids(words: &str) -> Result<Vec<NodeId>, Box<dyn Error>> {
    words.split(',').map(id).collect()
}

fn id(word: &str) -> Result<NodeId, Box<dyn Error>> {
    Ok(NodeId(word.parse()?))
}

fn node(args: &mut ArgumentConsumer<'_>) -> Result<NodeId, Box<dyn Error>> {
    id(args.next_pos().ok_or("which member?")?)
}

fn number(args: &mut ArgumentConsumer<'_>) -> Result<u64, Box<dyn Error>> {
    Ok(args.next_pos().ok_or("how many?")?.parse()?)
}
