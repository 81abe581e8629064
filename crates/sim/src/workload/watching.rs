//! Clients that watch: they open streams, make and end watchers, are slow, and go elsewhere when
//! their member ends.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use units::{NodeId, Revision};
use watch::{Body, Create, Filters, Response, StreamId, WatchId};

use crate::checks::watching::{Source, Watched};
use crate::checks::{Violation, ensure};
use crate::random::Random;
use crate::world::{Coming, Mine, World};

/// Watchers that a client has at a time.
const WATCHERS_MAX: usize = 4;

/// How often a client does something about its watchers.
const EVERY: RangeInclusive<Duration> = Duration::from_millis(20)..=Duration::from_millis(800);

/// A client that watches.
pub(crate) struct WatchClient {
    random: Random,
    pub(crate) stream: Option<StreamId>,
    /// Watchers whose member has ended: they go on elsewhere.
    orphans: Vec<Create>,
    next_id: i64,
    /// How long it takes to take a response.
    pace: RangeInclusive<Duration>,
}

/// All streams.
#[derive(Default)]
pub(crate) struct Streams {
    open: BTreeMap<StreamId, Stream>,
    next: u64,
}

struct Stream {
    client: usize,
    node: NodeId,
    /// Delivered, and not yet taken.
    queue: VecDeque<Response>,
    watchers: BTreeMap<WatchId, Watched>,
}

impl WatchClient {
    pub(crate) fn new(mut random: Random) -> Self {
        let paces = [(0, 1), (1, 50), (100, 3_000)];
        let (low, high) = *random.pick(&paces);
        let pace = Duration::from_millis(low)..=Duration::from_millis(high);
        Self { random, stream: None, orphans: Vec::new(), next_id: 1, pace }
    }

    /// Something to watch: from the past, from now on, or from a revision to come.
    fn imagine(&mut self, keys: usize, revision: i64) -> Create {
        let random = &mut self.random;
        let nth = random.below(keys);
        let key: Bytes = format!("k{nth:02}").into();
        let (key, range_end) = match random.below(5) {
            0 => (Bytes::new(), Bytes::from_static(b"\0")),
            1 => (key, Bytes::from_static(b"\0")),
            2 => (key, format!("k{:02}", nth + 1 + random.below(keys)).into()),
            _ => (key, Bytes::new()),
        };
        let start = match random.below(6) {
            0 | 1 => 0,
            2 => revision + 1 + random.below(10) as i64,
            _ => (revision - random.below(30) as i64).max(1),
        };
        let puts = random.permille(100);
        let filters = Filters { puts, deletes: !puts && random.permille(150) };
        let (previous, progress) = (random.permille(400), random.permille(400));
        let (id, fragment) = (self.name(), self.random.permille(200));
        let start = Revision(start);
        Create { id, key, range_end, start, filters, previous, progress, fragment }
    }

    fn name(&mut self) -> WatchId {
        self.next_id += 1;
        WatchId(self.next_id)
    }
}

impl Streams {
    fn of(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.open.get_mut(&id)
    }
}

impl World {
    /// A client does something about its watchers.
    pub(crate) fn watch(&mut self, client: usize) -> Result<(), Violation> {
        let revision = self.checks.model.keyspace.at().newest;
        let keys = self.parameters.keys;
        let watcher = &mut self.watch_clients[client];
        let pause = watcher.random.duration(&EVERY);
        let (stream, way) = (watcher.stream, watcher.random.below(12));
        self.after(pause, Coming::Watches { client });
        let Some(id) = stream else { return self.open_stream(client) };
        let open = &self.streams.open[&id];
        let (node, watching) = (open.node, open.watchers.len());
        let names: Vec<WatchId> = open.watchers.keys().copied().collect();
        let watcher = &mut self.watch_clients[client];
        match way {
            _ if !self.troubled => Ok(()),
            0 => self.close_stream(id, End::Wanted),
            1 | 2 => self.tell_hub(node, watch::Event::Progress { stream: id }),
            3 | 4 if !names.is_empty() => {
                let name = *watcher.random.pick(&names);
                self.tell_hub(node, watch::Event::Cancel { stream: id, id: name })
            }
            5..=9 if watching < WATCHERS_MAX => {
                let create = watcher.imagine(keys, revision);
                self.make_watcher(id, node, create)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn open_stream(&mut self, client: usize) -> Result<(), Violation> {
        let running: Vec<NodeId> =
            self.ids().into_iter().filter(|id| self.running(*id).is_some()).collect();
        if running.is_empty() {
            return Ok(());
        }
        let watcher = &mut self.watch_clients[client];
        let node = *watcher.random.pick(&running);
        self.streams.next += 1;
        let id = StreamId(self.streams.next);
        watcher.stream = Some(id);
        let orphans = std::mem::take(&mut watcher.orphans);
        let stream = Stream { client, node, queue: VecDeque::new(), watchers: BTreeMap::new() };
        self.streams.open.insert(id, stream);
        self.tell_hub(node, watch::Event::Open { stream: id })?;
        for mut create in orphans {
            self.note("watch resumed elsewhere");
            create.id = self.watch_clients[client].name();
            self.make_watcher(id, node, create)?;
        }
        Ok(())
    }

    /// A client makes a watcher on its stream.
    pub(crate) fn make_watcher(
        &mut self,
        stream: StreamId,
        node: NodeId,
        create: Create,
    ) -> Result<(), Violation> {
        let newest = self.checks.model.keyspace.at().newest;
        self.note(match create.start.0 {
            0 => "watch from now",
            start if start > newest => "watch from the future",
            _ => "watch from the past",
        });
        let options = [
            (create.previous, "watch with prev_kv"),
            (create.progress, "watch with progress"),
            (create.fragment, "watch with fragments"),
            (create.filters.puts || create.filters.deletes, "watch with a filter"),
        ];
        options.iter().filter(|(on, _)| *on).for_each(|(_, name)| self.note(name));
        if let Some(open) = self.streams.of(stream) {
            open.watchers.insert(create.id, Watched::new(create.clone()));
        }
        self.tell_hub(node, watch::Event::Create { stream, create })
    }

    /// A stream is told something.
    pub(crate) fn is_told(&mut self, id: StreamId, response: Response) -> Result<(), Violation> {
        self.story.tell(self.now, || format!("{id:?} is told {response:?}"));
        let Some(stream) = self.streams.of(id) else { return Ok(()) };
        let running = self.members[&stream.node].running.as_ref();
        let running = running.expect("the streams of who has ended are gone");
        let compacted = running.machine.at().compacted;
        let source = Source { keyspace: &self.checks.model.keyspace, compacted };
        self.checks.compared += 1;
        self.checks.tally.note(match response.body {
            Body::Canceled => "watch cancelled",
            Body::Compacted { .. } => "watch compacted",
            Body::Created => "watch created",
            Body::Events(_) => "watch events",
            Body::Progress => "watch progress",
            Body::Refused(_) => "watch refused",
        });
        if response.id == WatchId(-1) && matches!(response.body, Body::Progress) {
            for watched in stream.watchers.values_mut().filter(|watched| watched.lives()) {
                let heard = watched.heard_up_to(source, response.revision.0);
                self.checks.by_model(heard)?;
            }
        } else {
            let watched = stream.watchers.get_mut(&response.id);
            ensure!(watched.is_some(), "nobody waits for {response:?}");
            let watched = watched.expect("that was just looked at");
            let heard = watched.hear(source, &response);
            self.checks.by_model(heard)?;
        }
        stream.queue.push_back(response);
        if stream.queue.len() == 1 {
            self.next_take(id);
        }
        Ok(())
    }

    /// A client takes the next response.
    pub(crate) fn take(&mut self, id: StreamId) -> Result<(), Violation> {
        let Some(stream) = self.streams.of(id) else { return Ok(()) };
        let Some(response) = stream.queue.pop_front() else { return Ok(()) };
        let (node, cost) = (stream.node, response.cost());
        let more = !stream.queue.is_empty();
        self.look_back(id, &response)?;
        if more {
            self.next_take(id);
        }
        self.tell_hub(node, watch::Event::Taken { stream: id, cost })
    }

    /// The values before the changes, for who wants to know.
    fn look_back(&mut self, id: StreamId, response: &Response) -> Result<(), Violation> {
        let Some(stream) = self.streams.open.get_mut(&id) else { return Ok(()) };
        let Some(watched) = stream.watchers.get(&response.id).cloned() else { return Ok(()) };
        let node = stream.node;
        if matches!(response.body, Body::Canceled) {
            stream.watchers.remove(&response.id);
        }
        let Body::Events(delivery) = &response.body else { return Ok(()) };
        if !delivery.previous {
            return Ok(());
        }
        self.happens_to(node, |running, around| {
            for picked in &delivery.picked {
                let revision = picked.changes.revision;
                for event in picked.events() {
                    let found = running.machine.previous(revision, event)?;
                    let compacted = running.machine.at().compacted;
                    let source = Source { keyspace: &around.checks.model.keyspace, compacted };
                    let said = watched.previous(source, (event, revision.0), found);
                    around.checks.by_model(said)?;
                }
            }
            Ok(())
        })
    }

    /// The streams of a member that has ended are gone; their clients go on elsewhere.
    pub(crate) fn streams_end(&mut self, node: NodeId) -> Result<(), Violation> {
        let of_node = self.streams.open.iter().filter(|(_, stream)| stream.node == node);
        let ids: Vec<StreamId> = of_node.map(|(id, _)| *id).collect();
        ids.into_iter().try_for_each(|id| self.close_stream(id, End::Lost))
    }

    fn close_stream(&mut self, id: StreamId, end: End) -> Result<(), Violation> {
        let Some(stream) = self.streams.open.remove(&id) else { return Ok(()) };
        let client = &mut self.watch_clients[stream.client];
        client.stream = None;
        let going_on = stream.watchers.into_values().filter(|watched| !watched.has_ended());
        client.orphans = going_on.map(|watched| watched.resumed()).collect();
        match end {
            End::Wanted => self.tell_hub(stream.node, watch::Event::Close { stream: id }),
            End::Lost => Ok(()),
        }
    }

    /// In the end everybody has heard of everything that the member knows.
    pub(crate) fn all_is_heard(&mut self) -> Result<(), Violation> {
        let ids: Vec<StreamId> = self.streams.open.keys().copied().collect();
        for id in ids {
            let node = self.streams.open[&id].node;
            let Some(running) = self.members[&node].running.as_ref() else { continue };
            let (revision, compacted) =
                (running.machine.revision().0, running.machine.at().compacted);
            let source = Source { keyspace: &self.checks.model.keyspace, compacted };
            let stream = self.streams.of(id).expect("it was just looked at");
            for watched in stream.watchers.values_mut().filter(|watched| watched.lives()) {
                let heard = watched.heard_up_to(source, revision);
                self.checks.by_model(heard)?;
            }
        }
        Ok(())
    }

    /// From now on everybody takes what there is at once, and wants nothing else.
    pub(crate) fn all_take(&mut self) {
        for client in &mut self.watch_clients {
            client.pace = Duration::ZERO..=Duration::from_millis(1);
        }
    }

    fn tell_hub(&mut self, node: NodeId, event: watch::Event) -> Result<(), Violation> {
        self.story.tell(self.now, || format!("{node} is told {event:?}"));
        if self.running(node).is_none() {
            return Ok(());
        }
        if let Some(until) = self.paused(node) {
            let (incarnation, what) = (self.members[&node].incarnation, Mine::Watch(event));
            self.at(until, Coming::Mine { node, incarnation, what });
            return Ok(());
        }
        self.happens_to(node, |running, around| running.watch(event, around))?;
        self.rest(node);
        Ok(())
    }

    /// Lets a member do what can wait.
    pub(crate) fn rest(&mut self, node: NodeId) {
        let member = self.members.get_mut(&node).expect("who rests exists");
        if member.running.is_some() && !member.resting {
            member.resting = true;
            let range = Duration::from_millis(0)..=Duration::from_millis(30);
            self.soon(node, range, Mine::Rest);
        }
    }

    fn next_take(&mut self, stream: StreamId) {
        // To look back may have met rot, which ended the member and all its streams.
        let Some(Stream { client, .. }) = self.streams.open.get(&stream) else { return };
        let client = *client;
        let watcher = &mut self.watch_clients[client];
        let pause = watcher.random.duration(&watcher.pace);
        self.after(pause, Coming::Takes { stream });
    }
}

/// Why a stream ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Lost,
    Wanted,
}
