//! All streams and watchers.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Bound;
use core::time::Duration;

use bytes::Bytes;
use mvcc::{Changes, Interval};
use units::{Revision, Time, planted};

use crate::matching::Matching;
use crate::ring::Ring;
use crate::stream::Stream;
use crate::watcher::{Phase, Watcher, WatcherKey};
use crate::{
    Body, Create, Effect, Event, Picked, ReadOutcome, ReadRequest, Refusal, Response, StreamId,
    WatchId,
};

/// Revisions in one catch-up response, as in etcd.
const CATCH_UP_REVISIONS_MAX: usize = 1_000;

/// Bytes of events after which a catch-up response ends, at the end of a revision: large enough to
/// be efficient, small enough that many may wait.
pub(crate) const CATCH_UP_BYTES_MAX: usize = 1 << 20;

/// Revisions looked at in one step of catching up, whether they matter to the watcher or not: what
/// a step may hold up the next change.
const STEP_REVISIONS_MAX: usize = 4_096;

/// The watcher of a response that belongs to none, or to all of a stream.
const NOBODY: WatchId = WatchId(-1);

/// How the hub behaves.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes of recent changes kept for those who are a little behind.
    pub ring_bytes_max: usize,
    /// How often a watcher that wants it is told of progress; up to a tenth is added at random, so
    /// that streams do not all speak at once.
    pub progress_every: Duration,
    /// Where the randomness comes from.
    pub seed: u64,
}

/// All streams and watchers. See the crate's documentation for what holds.
///
/// After each call, [`poll`](Self::poll) until it returns `None`; between two calls, when there is
/// time, [`catch_up`](Self::catch_up) until it returns `false`.
#[derive(Debug)]
pub struct Hub {
    config: Config,
    /// The newest revision that was told of.
    revision: Revision,
    /// The lowest that can be read.
    compacted: Revision,
    ring: Ring,
    streams: BTreeMap<StreamId, Stream>,
    watchers: BTreeMap<WatcherKey, Watcher>,
    /// Every watcher that has not ended, by what it watches.
    matching: Matching,
    /// Watchers that are behind and can be served; some may have gone or caught up meanwhile.
    behind: VecDeque<WatcherKey>,
    /// Questions to the engine.
    reads: BTreeMap<u64, WatcherKey>,
    next_token: u64,
    /// Streams by when progress is told on them.
    ticks: BTreeSet<(Time, StreamId)>,
    random: u64,
    effects: VecDeque<Effect>,
}

impl Hub {
    /// Nobody watches a store at this revision, of which `compacted` is the lowest that can be
    /// read.
    #[must_use]
    pub fn new(config: Config, revision: Revision, compacted: Revision) -> Self {
        Self {
            config,
            revision,
            compacted,
            ring: Ring::new(config.ring_bytes_max),
            streams: BTreeMap::new(),
            watchers: BTreeMap::new(),
            matching: Matching::default(),
            behind: VecDeque::new(),
            reads: BTreeMap::new(),
            next_token: 0,
            ticks: BTreeSet::new(),
            random: config.seed | 1,
            effects: VecDeque::new(),
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Time, event: Event) {
        match event {
            Event::Cancel { stream, id } => self.cancel(stream, id),
            Event::Changed { changes } => changes.into_iter().for_each(|one| self.changed(one)),
            Event::Close { stream } => self.close(stream),
            Event::Compacted { revision } => self.compacted = self.compacted.max(revision),
            Event::Create { stream, create } => self.create(now, stream, create),
            Event::Open { stream } => {
                let former = self.streams.insert(stream, Stream::default());
                assert!(former.is_none(), "a stream's name is used once");
            }
            Event::Progress { stream } => self.progress(stream),
            Event::ReadDone { token, outcome } => self.read_done(token, outcome),
            Event::Restored { revision, compacted } => self.restored(revision, compacted),
            Event::Taken { stream, cost } => self.taken(stream, cost),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.ticks.first().map(|(at, _)| *at)
    }

    /// Time has passed: tells progress where nothing else was told.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((_, id)) = self.ticks.first().copied().filter(|(at, _)| *at <= now) {
            self.ticks.pop_first();
            let names: Vec<WatchId> = match self.streams.get_mut(&id) {
                Some(stream) => {
                    stream.progress_at = None;
                    stream.watchers.iter().copied().collect()
                }
                None => continue,
            };
            self.arm(now, id);
            names.into_iter().for_each(|name| self.tick((id, name)));
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Brings one watcher that is behind a step further; `false` if there is none that can be
    /// helped now. A step is bounded, so that it may run between two changes.
    pub fn catch_up(&mut self) -> bool {
        while let Some(key) = self.behind.pop_front() {
            let Some(Watcher { phase: Phase::Behind { next }, .. }) = self.watchers.get(&key)
            else {
                continue;
            };
            let next = *next;
            let stream = self.streams.get_mut(&key.0).expect("a watcher's stream is open");
            if !stream.has_room() {
                stream.waiting.insert(key.1);
                continue;
            }
            self.step(key, next);
            return true;
        }
        false
    }

    /// Watchers that exist, for the curious.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.watchers.len()
    }

    /// Streams that are open, for the curious.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    fn create(&mut self, now: Time, id: StreamId, create: Create) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let refuse = |refusal| Body::Refused(refusal);
        if create.start < Revision(0) {
            return self.deliver(id, NOBODY, refuse(Refusal::NegativeStart));
        }
        let Some(interval) = interval(&create) else {
            return self.deliver(id, NOBODY, refuse(Refusal::EmptyRange));
        };
        let Some(name) = stream.name(create.id) else {
            return self.deliver(id, NOBODY, refuse(Refusal::DuplicateId));
        };
        stream.watchers.insert(name);
        self.matching.insert(&interval, (id, name));
        let phase = match create.start {
            Revision(0) => Phase::Live { from: self.revision.next() },
            start if start > self.revision => Phase::Live { from: start },
            start => Phase::Behind { next: start },
        };
        let watcher = Watcher {
            interval,
            filters: create.filters,
            previous: create.previous,
            progress: create.progress,
            fragment: create.fragment,
            start: create.start,
            phase,
            quiet: true,
        };
        self.watchers.insert((id, name), watcher);
        self.deliver(id, name, Body::Created);
        if create.progress {
            self.arm(now, id);
        }
        if matches!(phase, Phase::Behind { .. }) {
            self.behind.push_back((id, name));
        }
    }

    fn cancel(&mut self, id: StreamId, name: WatchId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if !stream.watchers.remove(&name) {
            return;
        }
        stream.waiting.remove(&name);
        let watcher = self.watchers.remove(&(id, name)).expect("a name in use has a watcher");
        self.matching.remove(&watcher.interval, (id, name));
        self.deliver(id, name, Body::Canceled);
    }

    fn close(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        if let Some(at) = stream.progress_at {
            self.ticks.remove(&(at, id));
        }
        for name in stream.watchers {
            let watcher = self.watchers.remove(&(id, name)).expect("a name in use has a watcher");
            self.matching.remove(&watcher.interval, (id, name));
        }
    }

    fn taken(&mut self, id: StreamId, cost: usize) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.taken(cost);
        if stream.has_room() {
            let waiting = mem::take(&mut stream.waiting);
            self.behind.extend(waiting.into_iter().map(|name| (id, name)));
        }
    }

    /// Matches a revision's changes against everybody who is live.
    fn changed(&mut self, changes: Arc<Changes>) {
        assert!(changes.revision > self.revision, "changes come in order");
        self.revision = changes.revision;
        self.ring.push(changes.clone());
        let mut concerned: Vec<WatcherKey> = Vec::new();
        for event in &changes.events {
            self.matching.visit(&event.key, &mut |watcher| concerned.push(watcher));
        }
        concerned.sort_unstable();
        concerned.dedup();
        for key in concerned {
            self.tell(key, &changes);
        }
    }

    /// Tells a watcher of the newest revision, if it is live and wants to hear of it. If its stream
    /// has no room it is behind from here on.
    fn tell(&mut self, key: WatcherKey, changes: &Arc<Changes>) {
        let watcher = self.watchers.get_mut(&key).expect("who is matched exists");
        if !matches!(watcher.phase, Phase::Live { from } if from <= changes.revision) {
            return;
        }
        let Some(picked) = watcher.pick(changes) else {
            return;
        };
        let stream = self.streams.get_mut(&key.0).expect("a watcher's stream is open");
        if !stream.has_room() {
            watcher.phase = Phase::Behind { next: changes.revision };
            stream.waiting.insert(key.1);
            return;
        }
        self.deliver_events(key, [picked].to_vec());
    }

    /// Brings a watcher that is behind, and whose stream has room, a step further.
    fn step(&mut self, key: WatcherKey, next: Revision) {
        if next > self.revision {
            self.set(key, Phase::Live { from: next });
        } else if next < self.compacted {
            self.end(key);
        } else if self.ring.reaches(next) {
            self.step_in_ring(key, next);
        } else {
            self.read(key, next);
        }
    }

    fn step_in_ring(&mut self, key: WatcherKey, next: Revision) {
        let watcher = &self.watchers[&key];
        let (mut picked, mut bytes, mut through) = (Vec::new(), 0, next);
        for changes in self.ring.from(next).take(STEP_REVISIONS_MAX) {
            through = changes.revision;
            if let Some(one) = watcher.pick(changes) {
                bytes += one.events().map(|event| event.encoded.len()).sum::<usize>();
                picked.push(one);
            }
            if picked.len() == CATCH_UP_REVISIONS_MAX || bytes >= CATCH_UP_BYTES_MAX {
                break;
            }
        }
        self.caught_up(key, picked, through);
    }

    fn read(&mut self, key: WatcherKey, next: Revision) {
        let token = self.next_token;
        self.next_token += 1;
        self.reads.insert(token, key);
        self.set(key, Phase::Reading { next, token });
        self.effects.push_back(Effect::Read(ReadRequest {
            token,
            interval: self.watchers[&key].interval.clone(),
            from: next,
            to: self.revision,
            revisions_max: CATCH_UP_REVISIONS_MAX,
            bytes_max: CATCH_UP_BYTES_MAX,
        }));
    }

    fn read_done(&mut self, token: u64, outcome: ReadOutcome) {
        let key = self.reads.remove(&token).expect("an answer has a question");
        // The watcher may have gone meanwhile, and another one may have its name.
        let Some(watcher) = self.watchers.get(&key) else {
            return;
        };
        let Phase::Reading { next, token: current } = watcher.phase else {
            return;
        };
        if current != token {
            return;
        }
        match outcome {
            ReadOutcome::Compacted { revision } => {
                assert!(next < revision, "what can be read is not compacted");
                self.compacted = self.compacted.max(revision);
                self.end(key);
            }
            ReadOutcome::Changes { changes, through } => {
                assert!(through >= next, "an answer is of use");
                let picked = changes.iter().filter_map(|one| watcher.pick(one)).collect();
                self.caught_up(key, picked, through);
            }
        }
    }

    /// The watcher has heard of everything up to `through` once it has got what was picked for it.
    fn caught_up(&mut self, key: WatcherKey, picked: Vec<Picked>, through: Revision) {
        if !picked.is_empty() {
            self.deliver_events(key, picked);
        }
        if through >= self.revision {
            let from = through.next();
            let from = if planted!(LostWatchEvent) { from.next() } else { from };
            self.set(key, Phase::Live { from });
        } else {
            self.set(key, Phase::Behind { next: through.next() });
            self.behind.push_back(key);
        }
    }

    /// The watcher cannot go on: what it needs is compacted. Its name stays taken until the client
    /// cancels it.
    fn end(&mut self, key: WatcherKey) {
        let watcher = self.watchers.get_mut(&key).expect("who ends exists");
        watcher.phase = Phase::Ended;
        self.matching.remove(&watcher.interval, key);
        self.deliver(key.0, key.1, Body::Compacted { revision: self.compacted });
    }

    /// The store has leapt forward: what the ring holds does not lead there.
    fn restored(&mut self, revision: Revision, compacted: Revision) {
        assert!(revision >= self.revision, "a snapshot does not lead back");
        let next = self.revision.next();
        (self.revision, self.compacted) = (revision, self.compacted.max(compacted));
        self.ring.clear();
        for (key, watcher) in &mut self.watchers {
            let Phase::Live { from } = watcher.phase else {
                continue;
            };
            let next = from.max(next);
            if next <= revision {
                watcher.phase = Phase::Behind { next };
                self.behind.push_back(*key);
            }
        }
    }

    /// Answers only if every watcher of the stream has heard of everything, and dropped like in
    /// etcd if there is no room: the client asks again.
    fn progress(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else {
            return;
        };
        let synced = |name: &WatchId| self.watchers[&(id, *name)].is_synced(self.revision);
        if stream.has_room() && !stream.watchers.is_empty() && stream.watchers.iter().all(synced) {
            self.deliver(id, NOBODY, Body::Progress);
        }
    }

    fn tick(&mut self, key: WatcherKey) {
        let revision = self.revision;
        let watcher = self.watchers.get_mut(&key).expect("a name in use has a watcher");
        let quiet = mem::replace(&mut watcher.quiet, true);
        let told = quiet && watcher.progress && watcher.is_synced(revision);
        if told && self.streams[&key.0].has_room() {
            self.deliver(key.0, key.1, Body::Progress);
        }
    }

    /// Sets the time of the stream's next progress, unless it is set.
    fn arm(&mut self, now: Time, id: StreamId) {
        let every = self.config.progress_every;
        // Marsaglia's xorshift: it only has to keep streams apart.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let stream = self.streams.get_mut(&id).expect("progress is for open streams");
        if stream.progress_at.is_none() {
            let permille = u32::try_from(self.random % 100).expect("a remainder below 100");
            let at = now + every + every * permille / 1_000;
            stream.progress_at = Some(at);
            self.ticks.insert((at, id));
        }
    }

    fn set(&mut self, key: WatcherKey, phase: Phase) {
        self.watchers.get_mut(&key).expect("only watchers that exist move on").phase = phase;
    }

    /// Events of the newest revision alone carry it; what is caught up carries the store's, which
    /// is the same number.
    fn deliver_events(&mut self, key: WatcherKey, picked: Vec<Picked>) {
        let watcher = self.watchers.get_mut(&key).expect("who is told exists");
        watcher.quiet = false;
        let delivery = watcher.delivery(picked);
        self.deliver(key.0, key.1, Body::Events(delivery));
    }

    fn deliver(&mut self, id: StreamId, name: WatchId, body: Body) {
        let revision = match body {
            Body::Compacted { .. } => Revision(0),
            _ => self.revision,
        };
        let response = Response { id: name, revision, body };
        let stream = self.streams.get_mut(&id).expect("responses are for open streams");
        stream.delivered(response.cost());
        self.effects.push_back(Effect::Deliver { stream: id, response });
    }
}

/// What the request wants watched: as in a range request, but that an empty key stands for the
/// lowest there can be. `None` if no key can lie in it.
fn interval(create: &Create) -> Option<Interval> {
    let lowest = || Bytes::from_static(b"\0");
    let key = if create.key.is_empty() { lowest() } else { create.key.clone() };
    let interval = Interval::new(key, create.range_end.clone());
    match interval.bounds() {
        (Bound::Included(start), Bound::Excluded(end)) if end <= start => None,
        _ => Some(interval),
    }
}
