//! Many members in one world, driven by one seed.

mod granting;
mod happening;
mod healing;
mod run;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use node::{Event, SpoolTicket, Ticket};
use raftlog::Marker;
use units::{ConfState, Index, NodeId, Time};
use watch::{ReadRequest, StreamId};

use crate::checks::{Checks, Violation};
use crate::kinds::{Kind, Kinds};
use crate::machine::Records;
use crate::member::Member;
use crate::nemesis::Operation;
use crate::network::Network;
use crate::parameters::Parameters;
use crate::random::Random;
use crate::story::Story;
use crate::trace::Trace;
use crate::workload::{Clients, Streams, WatchClient};

pub use run::{Failure, Judge, Options, Report, run};

/// Something that will happen.
pub(crate) enum Coming {
    Arrives {
        from: NodeId,
        to: NodeId,
        frame: Bytes,
    },
    Client {
        client: usize,
    },
    /// A member loses power.
    Crashes {
        node: NodeId,
    },
    GivesUp {
        ticket: Ticket,
    },
    /// A member is asked for what it knows by itself.
    Local {
        node: NodeId,
        ticket: Ticket,
    },
    Mine {
        node: NodeId,
        incarnation: u64,
        what: Mine,
    },
    /// A member hears that what it sent was lost.
    Lost {
        from: NodeId,
        to: NodeId,
    },
    /// A disk has room again.
    Room {
        node: NodeId,
    },
    /// Somebody sees to members that are lost.
    Operator,
    Restart {
        node: NodeId,
    },
    /// A snapshot arrives; its sender hears of it, or thinks it lost.
    SnapshotArrives {
        from: (NodeId, u64),
        to: NodeId,
        heard: bool,
        header: Bytes,
        records: Records,
    },
    SnapshotLost {
        from: NodeId,
        to: NodeId,
    },
    /// A member is told to stop.
    Stops {
        node: NodeId,
        incarnation: u64,
    },
    Takes {
        stream: StreamId,
    },
    Trouble,
    Watches {
        client: usize,
    },
}

/// Something that will happen to a member, if it is still the same by then.
pub(crate) enum Mine {
    Applied,
    EngineSync,
    Hears(Box<Event>),
    Installed { spool: SpoolTicket, marker: Marker },
    ReadChanges(ReadRequest),
    Rest,
    Stops,
    Synced,
    Watch(watch::Event),
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) root: Random,
    pub(crate) parameters: Parameters,
    /// Decides what goes wrong.
    pub(crate) nemesis: Random,
    /// What is not to go wrong, though it is drawn.
    pub(crate) without: Kinds,
    pub(crate) now: Time,
    coming: BTreeMap<(Time, u64), Coming>,
    counter: u64,
    pub(crate) members: BTreeMap<NodeId, Member>,
    /// Who takes part, as of the newest place that anybody has applied.
    pub(crate) configuration: (Index, ConfState),
    pub(crate) network: Network,
    pub(crate) clients: Clients,
    /// How many of them there are.
    clients_on: usize,
    pub(crate) watch_clients: Vec<WatchClient>,
    pub(crate) streams: Streams,
    pub(crate) checks: Checks,
    pub(crate) operation: Option<Operation>,
    /// Whether things go wrong.
    pub(crate) troubled: bool,
    /// Whether clients want nothing.
    pub(crate) quiet: bool,
    pub(crate) story: Story,
    trace: Trace,
    pub(crate) events: u64,
    pub(crate) faults: BTreeMap<Kind, u64>,
}

impl World {
    pub(crate) fn new(seed: u64, options: &Options) -> Self {
        let drawn = Parameters::draw(&mut Random::new(seed).stream("parameters", 0));
        Self::of(Parameters { part: options.part, ..drawn }, seed, options)
    }

    /// A world that is like this.
    pub(crate) fn of(parameters: Parameters, seed: u64, options: &Options) -> Self {
        let root = Random::new(seed);
        let founders: Vec<NodeId> = (1..=parameters.members as u64).map(NodeId).collect();
        let founders = ConfState { voters: founders, ..ConfState::default() };
        let watching = |nth| WatchClient::new(root.stream("watcher", nth));
        Self {
            seed,
            nemesis: root.stream("nemesis", 0),
            without: options.without,
            now: Time::ZERO,
            coming: BTreeMap::new(),
            counter: 0,
            members: BTreeMap::new(),
            configuration: (Index(0), founders),
            network: Network::new(parameters.network.clone(), root.stream("network", 0)),
            clients: Clients::new(parameters.clients, parameters.keys, &root),
            clients_on: options.clients_max.min(parameters.clients),
            watch_clients: (0..parameters.watchers as u64).map(watching).collect(),
            streams: Streams::default(),
            checks: Checks::new(options.judge),
            operation: None,
            troubled: true,
            quiet: false,
            story: Story::new(options.story),
            trace: Trace::new(),
            events: 0,
            faults: BTreeMap::new(),
            root,
            parameters,
        }
    }

    pub(crate) fn begin(&mut self) -> Result<(), Violation> {
        let founders = self.configuration.1.voters.clone();
        self.story.tell(self.now, || format!("{:?}", self.parameters));
        for id in &founders {
            self.make(*id);
            let member = self.members.get_mut(id).expect("it was just made");
            let founded = member.found(&founders, &mut self.checks);
            self.settle(*id, founded.map(|()| Vec::new()))?;
            self.start(*id)?;
        }
        for client in 0..self.clients_on {
            self.after(Duration::from_millis(client as u64), Coming::Client { client });
        }
        for client in 0..self.watch_clients.len() {
            self.after(Duration::from_millis(client as u64), Coming::Watches { client });
        }
        self.next_trouble();
        Ok(())
    }

    /// Something went wrong.
    pub(crate) fn befell(&mut self, kind: Kind) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Takes out of what is coming all that this chooses.
    pub(crate) fn withdraw(&mut self, chosen: impl Fn(&Coming) -> bool) -> Vec<Coming> {
        self.coming.extract_if(.., |_, coming| chosen(coming)).map(|(_, coming)| coming).collect()
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        self.checks.tally.note(what);
    }

    /// A member that was never there.
    pub(crate) fn make(&mut self, id: NodeId) {
        let disk = self.root.stream("disk", id.0);
        let disk = crate::disk::Disk::new(self.parameters.segment_bytes, disk);
        let member = Member::new(id, disk, self.root.stream("member", id.0));
        let former = self.members.insert(id, member);
        assert!(former.is_none(), "{id} is made once");
    }

    /// A name that nobody ever had.
    pub(crate) fn fresh_name(&self) -> NodeId {
        NodeId(self.members.len() as u64 + 1)
    }

    /// Who takes part.
    pub(crate) fn newest(&self) -> ConfState {
        self.configuration.1.clone()
    }

    /// Those who may ever do something again.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        let there = |member: &&Member| !member.removed && !member.lost;
        self.members.values().filter(there).map(|member| member.id).collect()
    }

    pub(crate) fn running(&self, id: NodeId) -> Option<NodeId> {
        let member = self.members.get(&id)?;
        member.running.is_some().then_some(id)
    }

    /// Up to where a member that runs has applied.
    pub(crate) fn applied(&self, id: NodeId) -> Option<Index> {
        Some(self.members.get(&id)?.running.as_ref()?.machine.index())
    }

    pub(crate) fn after(&mut self, delay: Duration, coming: Coming) {
        self.at(self.now + delay, coming);
    }

    pub(crate) fn at(&mut self, at: Time, coming: Coming) {
        self.counter += 1;
        self.coming.insert((at, self.counter), coming);
    }

    pub(crate) fn soon(&mut self, id: NodeId, range: RangeInclusive<Duration>, what: Mine) {
        let member = self.members.get_mut(&id).expect("members are never forgotten");
        let (delay, incarnation) = (member.random.duration(&range), member.incarnation);
        self.after(delay, Coming::Mine { node: id, incarnation, what });
    }
}
