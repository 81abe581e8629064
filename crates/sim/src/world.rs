//! Many members in one world, driven by one seed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use node::{Event, SpoolTicket, Ticket, Urgency};
use prost::Message;
use proto::etcdserverpb::RequestHeader;
use raftlog::Marker;
use units::{ConfState, NodeId, Position, Time};

use crate::checks::{Checks, Violation, ensure};
use crate::clients::{Clients, Request};
use crate::disk::Disk;
use crate::machine::Records;
use crate::member::{Done, Member, Wish};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::random::Random;
use crate::trace::Trace;

/// In how much simulated time a healed cluster must do all that it owes.
const LIVENESS: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it began with.
    pub seed: u64,
    /// Things that happened.
    pub events: u64,
    /// Crashes, cuts and the like among them.
    pub faults: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Facts that were compared with what was known.
    pub compared: u64,
    /// How long it took in the world.
    pub simulated: Duration,
    /// A fingerprint of everything: the same for the same seed.
    pub trace: u64,
}

/// Something that will happen.
pub(crate) enum Coming {
    Arrives { from: NodeId, to: NodeId, frame: Bytes },
    SnapshotArrives { from: NodeId, to: NodeId, header: Bytes, records: Records },
    SnapshotLost { from: NodeId, to: NodeId },
    Mine { node: NodeId, incarnation: u64, what: Mine },
    Restart { node: NodeId },
    Trouble,
    Client { client: usize },
    GivesUp { ticket: Ticket },
}

/// Something that will happen to a member, if it is still the same by then.
pub(crate) enum Mine {
    Synced,
    Applied,
    EngineSync,
    Installed { spool: SpoolTicket, marker: Marker },
    Stops,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) parameters: Parameters,
    pub(crate) random: Random,
    pub(crate) now: Time,
    pub(crate) coming: BTreeMap<(Time, u64), Coming>,
    pub(crate) counter: u64,
    pub(crate) members: BTreeMap<NodeId, Member>,
    /// Configurations by where they took effect.
    pub(crate) configurations: Vec<ConfState>,
    pub(crate) network: Network,
    pub(crate) clients: Clients,
    pub(crate) checks: Checks,
    pub(crate) trace: Trace,
    pub(crate) events: u64,
    pub(crate) faults: u64,
}

/// Runs the world of a seed for so many events, then lets it heal and do what it owes.
///
/// # Errors
///
/// What must never be, and was.
pub fn run(seed: u64, events: u64) -> Result<Report, Violation> {
    let mut world = World::new(seed);
    world.begin()?;
    while world.events < events {
        world.step()?;
    }
    world.heal()?;
    Ok(world.report())
}

impl World {
    fn new(seed: u64) -> Self {
        let root = Random::new(seed);
        let parameters = Parameters::draw(&mut root.stream("parameters", 0));
        let founders: Vec<NodeId> = (1..=parameters.members as u64).map(NodeId).collect();
        let founders = ConfState { voters: founders, ..ConfState::default() };
        Self {
            seed,
            random: root.stream("world", 0),
            now: Time::ZERO,
            coming: BTreeMap::new(),
            counter: 0,
            members: BTreeMap::new(),
            configurations: vec![founders],
            network: Network::new(parameters.network.clone(), root.stream("network", 0)),
            clients: Clients::new(parameters.keys, root.stream("clients", 0)),
            checks: Checks::default(),
            trace: Trace::new(),
            events: 0,
            faults: 0,
            parameters,
        }
    }

    fn begin(&mut self) -> Result<(), Violation> {
        let founders = self.configurations[0].voters.clone();
        for id in &founders {
            self.make(*id).found(&founders)?;
            self.start(*id)?;
        }
        for client in 0..self.parameters.clients {
            self.after(Duration::from_millis(client as u64), Coming::Client { client });
        }
        self.next_trouble();
        Ok(())
    }

    /// Lets the next thing happen.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        let wakes = self
            .members
            .values()
            .filter_map(|member| Some((member.deadline()?.max(self.now), member.id)));
        let wake = wakes.min();
        let coming = self.coming.first_key_value().map(|((at, _), _)| *at);
        self.events += 1;
        match (wake, coming) {
            (Some((at, id)), coming) if coming.is_none_or(|coming| at < coming) => {
                self.now = at;
                self.trace.number(at.0.as_micros() as u64 ^ id.0);
                let member = self.members.get_mut(&id).expect("who wakes exists");
                let wishes = member.wake(at, &mut self.checks)?;
                self.grant(id, wishes)
            }
            (_, Some(_)) => {
                let ((at, _), coming) = self.coming.pop_first().expect("there is something");
                self.now = at;
                self.happen(coming)
            }
            (_, None) => Err(Violation("nothing will ever happen again".into())),
        }
    }

    fn happen(&mut self, coming: Coming) -> Result<(), Violation> {
        self.trace.number(self.now.0.as_micros() as u64);
        match coming {
            Coming::Arrives { from, to, frame } => {
                self.trace.add(&frame);
                self.tell(to, Event::Receive { from, frame })
            }
            Coming::SnapshotArrives { from, to, header, records } => {
                self.trace.add(&header);
                let now = self.now;
                let Some(member) = self.running(to) else {
                    return self.tell(from, Event::SnapshotSent { to, arrived: false });
                };
                let checks = &mut self.checks;
                let member = self.members.get_mut(&member).expect("who runs exists");
                let wishes = member.receive_snapshot(now, from, header, records, checks)?;
                self.grant(to, wishes)?;
                self.tell(from, Event::SnapshotSent { to, arrived: true })
            }
            Coming::SnapshotLost { from, to } => {
                self.tell(from, Event::SnapshotSent { to, arrived: false })
            }
            Coming::Mine { node, incarnation, what } => {
                let member = self.members.get(&node).expect("members are never forgotten");
                if member.running.is_none() || member.incarnation != incarnation {
                    return Ok(());
                }
                self.mine(node, what)
            }
            Coming::Restart { node } => self.start(node),
            Coming::Trouble => self.trouble(),
            Coming::Client { client } => self.client(client),
            Coming::GivesUp { ticket } => {
                if let Some((node, client)) = self.clients.gives_up(ticket) {
                    self.tell(node, Event::Withdraw { ticket })?;
                    self.next_request(client);
                }
                Ok(())
            }
        }
    }

    fn mine(&mut self, id: NodeId, what: Mine) -> Result<(), Violation> {
        let now = self.now;
        let checks = &mut self.checks;
        let member = self.members.get_mut(&id).expect("members are never forgotten");
        let wishes = match what {
            Mine::Synced => member.synced(now, checks)?,
            Mine::Applied => {
                let (done, wishes) = member.applied(now, checks)?;
                self.were_applied(id, &done)?;
                wishes
            }
            Mine::EngineSync => {
                let wishes = member.sync_engine(now, checks)?;
                self.next_engine_sync(id);
                wishes
            }
            // What goes to the log or the state machine goes there in order.
            Mine::Installed { .. } if member.is_busy() => {
                self.soon(id, self.parameters.apply.clone(), what);
                return Ok(());
            }
            Mine::Installed { spool, marker } => member.install(now, spool, marker, checks)?,
            Mine::Stops => {
                self.stop(id);
                return Ok(());
            }
        };
        self.grant(id, wishes)
    }

    /// A member that was removed stops once those who stay know of it, as a careful operator would
    /// see to: of two, the one that stays could not go on without having heard it.
    fn stop(&mut self, id: NodeId) {
        let (index, stay) = (self.applied(id), self.conf_state(id).voters);
        let known = |id: &NodeId| self.running(*id).is_some_and(|id| self.applied(id) >= index);
        if stay.iter().all(known) {
            let member = self.members.get_mut(&id).expect("members are never forgotten");
            member.removed = true;
            member.crash(&mut self.random);
        } else {
            self.soon(id, Duration::from_secs(1)..=Duration::from_secs(2), Mine::Stops);
        }
    }

    /// Tells a member something, if it runs.
    pub(crate) fn tell(&mut self, id: NodeId, event: Event) -> Result<(), Violation> {
        let Some(id) = self.running(id) else {
            return Ok(());
        };
        let member = self.members.get_mut(&id).expect("who runs exists");
        let wishes = member.tell(self.now, event, &mut self.checks)?;
        self.grant(id, wishes)
    }

    /// Gives a member what it wants of the world.
    fn grant(&mut self, id: NodeId, wishes: Vec<Wish>) -> Result<(), Violation> {
        for wish in wishes {
            match wish {
                Wish::Sync => self.soon(id, self.parameters.sync.clone(), Mine::Synced),
                Wish::Apply => self.soon(id, self.parameters.apply.clone(), Mine::Applied),
                Wish::Propose { mut command, term } => {
                    let ticket = self.clients.ticket();
                    command.header =
                        Some(RequestHeader { id: ticket.0, ..RequestHeader::default() });
                    let command = command.encode_to_vec().into();
                    let urgency = Urgency::Urgent;
                    self.tell(
                        id,
                        Event::Propose { ticket, command, urgency, by_leader_of: Some(term) },
                    )?;
                }
                Wish::Send { to, frame } => {
                    for delay in self.network.carry(id, to) {
                        let frame = frame.clone();
                        self.after(delay, Coming::Arrives { from: id, to, frame });
                    }
                }
                Wish::SendSnapshot { to, header, records } => {
                    let delay = self.network.delay() * 3;
                    if self.network.reaches(id, to) {
                        let coming = Coming::SnapshotArrives { from: id, to, header, records };
                        self.after(delay, coming);
                    } else {
                        self.after(delay, Coming::SnapshotLost { from: id, to });
                    }
                }
                Wish::Install { spool, marker } => {
                    let what = Mine::Installed { spool, marker };
                    self.soon(id, self.parameters.sync.clone(), what);
                }
                Wish::ReadDone(ticket) => {
                    let running = self.members[&id].running.as_ref().expect("who reads runs");
                    let revision = running.machine.revision();
                    if let Some(client) = self.clients.read(ticket, revision)? {
                        self.next_request(client);
                    }
                }
                Wish::Refused(ticket) => {
                    if let Some(client) = self.clients.refused(ticket) {
                        self.next_request(client);
                    }
                }
                Wish::Stop => self.soon(id, self.parameters.sync.clone(), Mine::Stops),
            }
        }
        Ok(())
    }

    /// A member's state machine has applied entries: they are committed, whatever happens.
    fn were_applied(&mut self, id: NodeId, done: &Done) -> Result<(), Violation> {
        let conf_state = self.conf_state(id);
        if self.configurations.last() != Some(&conf_state) {
            let newest = self.members.values().filter(|member| member.running.is_some());
            let newest = newest.map(|member| self.applied(member.id)).max();
            if newest == Some(self.applied(id)) {
                self.configurations.push(conf_state);
            }
        }
        for entry in &done.entries {
            let position = Position { term: entry.term, index: entry.index };
            if self.checks.handed_out(entry)? {
                self.check_quorum(position)?;
            }
        }
        for completion in &done.completions {
            if let Some(client) = self.clients.applied(id, completion)? {
                self.next_request(client);
            }
        }
        Ok(())
    }

    /// What is committed would survive the loss of everything volatile: a majority of one of the
    /// last configurations holds it durably. (Which of them decided is the leader's to know.)
    fn check_quorum(&mut self, position: Position) -> Result<(), Violation> {
        self.checks.compared += 1;
        let holds =
            |id: &NodeId| self.members.get(id).is_some_and(|member| member.holds_durably(position));
        let decided = self.configurations.iter().rev().take(3).any(|configuration| {
            let held = configuration.voters.iter().filter(|id| holds(id)).count();
            held > configuration.voters.len() / 2
        });
        ensure!(decided, "{position:?} is committed but not durable on a majority");
        Ok(())
    }

    fn client(&mut self, client: usize) -> Result<(), Violation> {
        let running: Vec<NodeId> =
            self.newest().voters.into_iter().filter(|id| self.running(*id).is_some()).collect();
        if running.is_empty() {
            self.next_request(client);
            return Ok(());
        }
        let node = *self.random.pick(&running);
        let (ticket, request) = self.clients.request(client, node);
        self.after(Duration::from_secs(7), Coming::GivesUp { ticket });
        match request {
            Request::Write(command) => self.tell(
                node,
                Event::Propose { ticket, command, urgency: Urgency::Ordinary, by_leader_of: None },
            ),
            Request::Read => self.tell(node, Event::Read { ticket }),
        }
    }

    /// A member that was never there.
    pub(crate) fn make(&mut self, id: NodeId) -> &mut Member {
        let random = Random::new(self.seed).stream("disk", id.0);
        let disk = Disk::new(self.parameters.segment_bytes, random);
        self.members.entry(id).or_insert_with(|| Member::new(id, disk))
    }

    pub(crate) fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        let member = self.members.get_mut(&id).expect("who starts exists");
        if member.running.is_some() || member.removed {
            return Ok(());
        }
        member.start(self.now, self.seed, &self.parameters)?;
        let wishes = member.pump(self.now, &mut self.checks)?;
        self.next_engine_sync(id);
        self.grant(id, wishes)
    }

    /// No trouble from now on: everybody comes back, every link carries, and within bounded time
    /// all is done that is owed.
    fn heal(&mut self) -> Result<(), Violation> {
        self.parameters.trouble = None;
        self.network.calm();
        for id in self.ids() {
            self.start(id)?;
        }
        let deadline = self.now + LIVENESS;
        let answered = self.clients.answered;
        let owed = self.checks.committed().index;
        loop {
            self.step()?;
            let voters = self.newest().voters;
            let even =
                voters.iter().all(|id| self.running(*id).is_some() && self.applied(*id) >= owed);
            if even && self.clients.answered > answered {
                return Ok(());
            }
            ensure!(self.now < deadline, "a healed cluster does not get anywhere");
        }
    }

    /// The configuration of whoever has applied the most.
    fn newest(&self) -> ConfState {
        let running = self.members.values().filter_map(|member| member.running.as_ref());
        let applied = running.map(|running| running.machine.applied());
        let newest = applied.max_by_key(|marker| marker.position.index);
        newest.map(|marker| marker.conf_state).unwrap_or_default()
    }

    fn report(&self) -> Report {
        Report {
            seed: self.seed,
            events: self.events,
            faults: self.faults,
            answered: self.clients.answered,
            compared: self.checks.compared,
            simulated: self.now.since(Time::ZERO),
            trace: self.trace.hash(),
        }
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.members.values().filter(|member| !member.removed).map(|member| member.id).collect()
    }

    pub(crate) fn running(&self, id: NodeId) -> Option<NodeId> {
        let member = self.members.get(&id)?;
        member.running.is_some().then_some(id)
    }

    fn applied(&self, id: NodeId) -> units::Index {
        let running = self.members[&id].running.as_ref().expect("only who runs is asked");
        running.machine.applied().position.index
    }

    pub(crate) fn conf_state(&self, id: NodeId) -> ConfState {
        let running = self.members[&id].running.as_ref().expect("only who runs is asked");
        running.machine.applied().conf_state
    }

    pub(crate) fn after(&mut self, delay: Duration, coming: Coming) {
        self.counter += 1;
        self.coming.insert((self.now + delay, self.counter), coming);
    }

    fn soon(&mut self, id: NodeId, range: std::ops::RangeInclusive<Duration>, what: Mine) {
        let delay = self.random.duration(&range);
        let incarnation = self.members[&id].incarnation;
        self.after(delay, Coming::Mine { node: id, incarnation, what });
    }

    fn next_engine_sync(&mut self, id: NodeId) {
        self.soon(id, self.parameters.engine_sync.clone(), Mine::EngineSync);
    }

    fn next_request(&mut self, client: usize) {
        let pause = self.random.duration(&(Duration::ZERO..=Duration::from_millis(200)));
        self.after(pause, Coming::Client { client });
    }
}
