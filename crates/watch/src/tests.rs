//! Each test names the statement of etcd's watch behaviour that it holds us to.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

use bytes::Bytes;
use mvcc::{Changes, EventKind, Interval, Previous};
use units::{Revision, Time};

use crate::{
    Body, Config, Create, Effect, Event, Filters, Hub, ReadOutcome, ReadRequest, Response,
    StreamId, WatchId,
};

const STREAM: StreamId = StreamId(7);
const EVERY: Duration = Duration::from_secs(600);

/// A hub, the history it was told, and what it said, in words.
struct World {
    hub: Hub,
    history: Vec<Arc<Changes>>,
    compacted: Revision,
    said: Vec<(StreamId, String)>,
    costs: Vec<(StreamId, usize)>,
    reads: Vec<ReadRequest>,
}

fn event(key: &str, kind: EventKind) -> mvcc::Event {
    let (key, encoded) = (Bytes::from(String::from(key)), Bytes::from(format!("{kind:?} {key}")));
    mvcc::Event { key, kind, create: false, encoded, previous: Previous::None }
}

fn create(key: &str, range_end: &str, start: i64) -> Create {
    Create {
        id: WatchId(0),
        key: Bytes::from(String::from(key)),
        range_end: Bytes::from(String::from(range_end)),
        start: Revision(start),
        filters: Filters::default(),
        previous: false,
        progress: false,
        fragment: false,
    }
}

/// A response in words: `3 put a@5 delete b@5 (6)` is watcher 3 hearing of two events of revision 5
/// under a header of revision 6.
fn words(response: &Response) -> String {
    let what = match &response.body {
        Body::Canceled => "canceled".into(),
        Body::Compacted { revision } => format!("compacted {revision}"),
        Body::Created => "created".into(),
        Body::Events(delivery) => {
            let mut parts = Vec::new();
            for picked in &delivery.picked {
                for event in picked.events() {
                    let kind = if event.kind == EventKind::Put { "put" } else { "delete" };
                    let key = core::str::from_utf8(&event.key).unwrap();
                    parts.push(format!("{kind} {key}@{}", picked.changes.revision));
                }
            }
            parts.join(" ")
        }
        Body::Progress => "progress".into(),
        Body::Refused(refusal) => format!("refused {refusal:?}"),
    };
    format!("{} {what} ({})", response.id.0, response.revision)
}

impl World {
    fn new() -> Self {
        Self::with_ring(1 << 20)
    }

    fn with_ring(ring_bytes_max: usize) -> Self {
        let config = Config { ring_bytes_max, progress_every: EVERY, seed: 1 };
        let mut world = Self {
            hub: Hub::new(config, Revision(1), Revision(-1)),
            history: Vec::new(),
            compacted: Revision(-1),
            said: Vec::new(),
            costs: Vec::new(),
            reads: Vec::new(),
        };
        world.handle(Event::Open { stream: STREAM });
        world
    }

    fn handle(&mut self, event: Event) {
        self.hub.handle(Time::ZERO, event);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.hub.poll() {
            match effect {
                Effect::Deliver { stream, response } => {
                    self.said.push((stream, words(&response)));
                    self.costs.push((stream, response.cost()));
                }
                Effect::Read(request) => self.reads.push(request),
            }
        }
    }

    /// Writes one revision.
    fn write(&mut self, events: &[(&str, EventKind)]) {
        let revision = Revision(2 + i64::try_from(self.history.len()).unwrap());
        let events = events.iter().map(|(key, kind)| event(key, *kind)).collect();
        let changes = Arc::new(Changes { revision, events });
        self.history.push(changes.clone());
        self.handle(Event::Changed { changes: vec![changes] });
    }

    fn put(&mut self, key: &str) {
        self.write(&[(key, EventKind::Put)]);
    }

    fn create(&mut self, create: Create) {
        self.handle(Event::Create { stream: STREAM, create });
    }

    fn cancel(&mut self, id: i64) {
        self.handle(Event::Cancel { stream: STREAM, id: WatchId(id) });
    }

    fn compact(&mut self, revision: i64) {
        self.compacted = Revision(revision);
        self.handle(Event::Compacted { revision: Revision(revision) });
    }

    /// Answers what was asked of the engine, from the history.
    fn answer(&mut self) {
        for request in core::mem::take(&mut self.reads) {
            let outcome = if request.from < self.compacted {
                ReadOutcome::Compacted { revision: self.compacted }
            } else {
                let in_range = |one: &&Arc<Changes>| {
                    (request.from..=request.to).contains(&one.revision)
                        && one.events.iter().any(|event| request.interval.contains(&event.key))
                };
                let changes: Vec<_> = self
                    .history
                    .iter()
                    .filter(in_range)
                    .take(request.revisions_max)
                    .cloned()
                    .collect();
                let whole = changes.len() < request.revisions_max;
                let through = if whole { request.to } else { changes.last().unwrap().revision };
                ReadOutcome::Changes { changes, through }
            };
            self.handle(Event::ReadDone { token: request.token, outcome });
        }
    }

    /// Lets everybody catch up, as far as there is room.
    fn catch_up(&mut self) {
        loop {
            let worked = self.hub.catch_up();
            self.drain();
            if !worked && self.reads.is_empty() {
                return;
            }
            self.answer();
        }
    }

    /// The client takes everything that waits for it.
    fn take(&mut self) {
        for (stream, cost) in core::mem::take(&mut self.costs) {
            self.handle(Event::Taken { stream, cost });
        }
    }

    /// What was said since asked last.
    fn said(&mut self) -> Vec<String> {
        core::mem::take(&mut self.said).into_iter().map(|(_, words)| words).collect()
    }
}

#[test]
fn a_watcher_from_now_hears_what_comes_next() {
    let mut world = World::new();
    world.put("a");
    world.create(create("a", "", 0));
    world.put("b");
    world.put("a");
    assert_eq!(world.said(), ["0 created (2)", "0 put a@4 (4)"]);
}

#[test]
fn a_watcher_from_the_past_hears_it_and_then_goes_on_live() {
    let mut world = World::new();
    world.put("a");
    world.put("b");
    world.put("a");
    world.create(create("a", "", 2));
    assert_eq!(world.said(), ["0 created (4)"]);
    world.catch_up();
    world.put("a");
    assert_eq!(world.said(), ["0 put a@2 put a@4 (4)", "0 put a@5 (5)"]);
}

#[test]
fn a_watcher_from_the_future_hears_nothing_before_it() {
    let mut world = World::new();
    world.create(create("a", "", 4));
    world.put("a");
    world.put("a");
    world.put("a");
    assert_eq!(world.said(), ["0 created (1)", "0 put a@4 (4)"]);
}

#[test]
fn a_revisions_events_come_together_in_the_order_of_their_making() {
    let mut world = World::new();
    world.create(create("w", "x", 0));
    world.write(&[
        ("wb", EventKind::Put),
        ("v", EventKind::Put),
        ("wa", EventKind::Put),
        ("w", EventKind::Delete),
    ]);
    assert_eq!(world.said(), ["0 created (1)", "0 put wb@2 put wa@2 delete w@2 (2)"]);
}

#[test]
fn ranges_end_where_they_say() {
    let mut world = World::new();
    world.create(create("b", "d", 0));
    world.create(create("c", "\0", 0));
    world.create(create("", "\0", 0));
    world.create(create("c", "", 0));
    world.said();
    for key in ["a", "b", "c", "d"] {
        world.put(key);
    }
    assert_eq!(
        world.said(),
        [
            "2 put a@2 (2)",
            "0 put b@3 (3)",
            "2 put b@3 (3)",
            "0 put c@4 (4)",
            "1 put c@4 (4)",
            "2 put c@4 (4)",
            "3 put c@4 (4)",
            "1 put d@5 (5)",
            "2 put d@5 (5)",
        ]
    );
}

#[test]
fn what_cannot_be_watched_is_refused_and_the_stream_goes_on() {
    let mut world = World::new();
    world.create(create("a", "", -1));
    world.create(create("b", "a", 0));
    world.create(create("b", "b", 0));
    world.create(Create { id: WatchId(5), ..create("a", "", 0) });
    world.create(Create { id: WatchId(5), ..create("a", "", 0) });
    assert_eq!(
        world.said(),
        [
            "-1 refused NegativeStart (1)",
            "-1 refused EmptyRange (1)",
            "-1 refused EmptyRange (1)",
            "5 created (1)",
            "-1 refused DuplicateId (1)",
        ]
    );
}

#[test]
fn chosen_ids_skip_those_in_use_and_canceled_ones_are_free_again() {
    let mut world = World::new();
    world.create(Create { id: WatchId(1), ..create("a", "", 0) });
    world.create(create("a", "", 0));
    world.create(create("a", "", 0));
    world.cancel(1);
    world.cancel(1);
    world.cancel(99);
    world.create(Create { id: WatchId(1), ..create("a", "", 0) });
    assert_eq!(
        world.said(),
        ["1 created (1)", "0 created (1)", "2 created (1)", "1 canceled (1)", "1 created (1)"]
    );
}

#[test]
fn a_canceled_watcher_hears_nothing_more() {
    let mut world = World::new();
    world.create(create("a", "", 0));
    world.create(create("a", "", 0));
    world.cancel(0);
    world.put("a");
    let said = world.said();
    assert_eq!(said, ["0 created (1)", "1 created (1)", "0 canceled (1)", "1 put a@2 (2)"]);
}

#[test]
fn filters_drop_kinds_and_a_response_that_is_left_empty() {
    let mut world = World::new();
    world.create(Create { filters: Filters { puts: true, deletes: false }, ..create("a", "z", 0) });
    world.create(Create { filters: Filters { puts: false, deletes: true }, ..create("a", "z", 0) });
    world.create(Create { filters: Filters { puts: true, deletes: true }, ..create("a", "z", 0) });
    world.said();
    world.put("a");
    world.write(&[("b", EventKind::Put), ("a", EventKind::Delete)]);
    assert_eq!(world.said(), ["1 put a@2 (2)", "0 delete a@3 (3)", "1 put b@3 (3)"]);
}

#[test]
fn catching_up_comes_in_batches_that_split_no_revision() {
    for ring in [1 << 30, 0] {
        let mut world = World::with_ring(ring);
        for _ in 0..1_204 {
            world.write(&[("a", EventKind::Put), ("b", EventKind::Put)]);
        }
        world.create(create("a", "c", 2));
        world.said();
        world.catch_up();
        let counts: Vec<usize> =
            world.said().iter().map(|words| words.matches("put").count()).collect();
        assert_eq!(counts, [2_000, 408]);
    }
}

#[test]
fn a_start_below_the_compaction_is_created_and_then_ended() {
    let mut world = World::with_ring(0);
    for _ in 0..5 {
        world.put("a");
    }
    world.compact(4);
    world.create(create("a", "", 3));
    world.create(create("a", "", 4));
    world.catch_up();
    let said = world.said();
    assert_eq!(
        said,
        ["0 created (6)", "1 created (6)", "0 compacted 4 (0)", "1 put a@4 put a@5 put a@6 (6)"]
    );
    // The name stays taken until it is given back.
    world.create(Create { id: WatchId(0), ..create("a", "", 0) });
    world.cancel(0);
    assert_eq!(world.said(), ["2 created (6)", "0 canceled (6)"]);
}

#[test]
fn a_stuck_stream_costs_its_bound_and_then_hears_everything() {
    let mut world = World::with_ring(0);
    world.create(create("a", "", 0));
    for _ in 0..5_000 {
        world.put("a");
    }
    world.catch_up();
    assert_eq!(world.said.len(), 128, "the creation and what fits behind it");
    let mut heard = 0;
    while !world.costs.is_empty() {
        heard += world.said().iter().map(|words| words.matches("put").count()).sum::<usize>();
        world.take();
        world.catch_up();
    }
    assert_eq!(heard, 5_000);
}

#[test]
fn a_stuck_stream_that_is_overtaken_by_a_compaction_is_ended() {
    let mut world = World::with_ring(0);
    world.create(create("a", "", 0));
    for _ in 0..500 {
        world.put("a");
    }
    world.compact(400);
    world.said();
    world.take();
    world.catch_up();
    assert_eq!(world.said(), ["0 compacted 400 (0)"]);
    world.put("a");
    assert_eq!(world.said(), [""; 0]);
}

#[test]
fn one_stuck_stream_holds_up_no_other() {
    let mut world = World::with_ring(0);
    let other = StreamId(8);
    world.handle(Event::Open { stream: other });
    world.handle(Event::Create { stream: other, create: create("a", "", 0) });
    world.create(create("a", "", 0));
    for _ in 0..300 {
        world.put("a");
        let (stuck, taken): (Vec<_>, Vec<_>) = core::mem::take(&mut world.costs)
            .into_iter()
            .partition(|(stream, _)| *stream == STREAM);
        world.costs = stuck;
        for (stream, cost) in taken {
            world.handle(Event::Taken { stream, cost });
        }
    }
    let heard = world.said.iter().filter(|(stream, _)| *stream == other).count();
    assert_eq!(heard, 301);
}

#[test]
fn progress_on_demand_is_for_the_whole_stream_and_after_its_events() {
    let mut world = World::with_ring(0);
    world.handle(Event::Progress { stream: STREAM });
    assert_eq!(world.said(), [""; 0], "nobody watches");
    world.put("a");
    world.create(create("b", "", 0));
    world.create(create("a", "", 2));
    world.handle(Event::Progress { stream: STREAM });
    assert_eq!(world.said(), ["0 created (2)", "1 created (2)"], "one is behind");
    world.catch_up();
    world.handle(Event::Progress { stream: STREAM });
    assert_eq!(world.said(), ["1 put a@2 (2)", "-1 progress (2)"]);
    world.create(create("a", "", 4));
    world.handle(Event::Progress { stream: STREAM });
    assert_eq!(world.said(), ["2 created (2)"], "one waits for the future");
    world.put("x");
    world.put("x");
    world.handle(Event::Progress { stream: STREAM });
    assert_eq!(world.said(), ["-1 progress (4)"]);
}

#[test]
fn progress_now_and_then_is_for_who_wants_it_and_heard_nothing() {
    let mut world = World::new();
    world.create(Create { progress: true, ..create("a", "", 0) });
    world.create(Create { progress: true, ..create("b", "", 0) });
    world.create(create("c", "", 0));
    world.said();
    let tick = |world: &mut World| {
        let at = world.hub.deadline().unwrap();
        world.hub.handle_timeout(at);
        world.drain();
        (at, world.said())
    };
    world.put("a");
    world.said();
    let (first, said) = tick(&mut world);
    assert!(first.since(Time::ZERO) >= EVERY && first.since(Time::ZERO) <= EVERY * 11 / 10);
    assert_eq!(said, ["1 progress (2)"]);
    let (second, said) = tick(&mut world);
    assert!(second.since(first) >= EVERY);
    assert_eq!(said, ["0 progress (2)", "1 progress (2)"]);
}

#[test]
fn a_snapshot_sends_everybody_to_the_engine_for_what_they_missed() {
    let mut world = World::new();
    world.create(create("a", "", 0));
    world.create(create("a", "", 9));
    world.put("a");
    world.said();
    // Revisions 3 to 6 come by a snapshot.
    for revision in 3..=6 {
        let events = vec![event("a", EventKind::Put)];
        world.history.push(Arc::new(Changes { revision: Revision(revision), events }));
    }
    world.handle(Event::Restored { revision: Revision(6), compacted: Revision(-1) });
    world.catch_up();
    world.put("a");
    assert_eq!(world.said(), ["0 put a@3 put a@4 put a@5 put a@6 (6)", "0 put a@7 (7)"]);
}

#[test]
fn an_answer_for_a_watcher_that_went_is_dropped() {
    let mut world = World::with_ring(0);
    world.put("a");
    world.create(create("a", "", 2));
    assert!(world.hub.catch_up());
    world.drain();
    world.cancel(0);
    world.create(Create { id: WatchId(5), ..create("a", "", 2) });
    world.said();
    world.answer();
    assert_eq!(world.said(), [""; 0]);
    world.catch_up();
    assert_eq!(world.said(), ["5 put a@2 (2)"]);
}

#[test]
fn a_closed_stream_leaves_nothing_behind() {
    let mut world = World::new();
    world.create(Create { progress: true, ..create("a", "z", 0) });
    world.create(create("a", "", 0));
    world.handle(Event::Close { stream: STREAM });
    world.put("a");
    assert_eq!((world.hub.watchers(), world.hub.streams(), world.hub.deadline()), (0, 0, None));
    assert_eq!(world.said(), ["0 created (1)", "1 created (1)"]);
}

/// Many random streams, watchers, writes and stalls: everybody hears what a naive reading of the
/// history says.
#[test]
fn random_watchers_hear_exactly_their_history() {
    for seed in 1..=60 {
        let mut random = Random(seed);
        let mut world = World::with_ring([0, 2_000, 1 << 20][random.below(3)]);
        let mut wanted: Vec<(WatchId, Interval, i64)> = Vec::new();
        for _ in 0..400 {
            match random.below(10) {
                0 => {
                    let (start, end) = (random.key(), random.key());
                    let range_end = ["", "\0", end.as_str()][random.below(3)];
                    let from = random.below(world.history.len() + 8) as i64;
                    let create = create(&start, range_end, from);
                    if ![&b""[..], &b"\0"[..]].contains(&range_end.as_bytes()) && end <= start {
                        continue;
                    }
                    let interval = Interval::new(create.key.clone(), create.range_end.clone());
                    let from = if from == 0 { world.history.len() as i64 + 2 } else { from };
                    wanted.push((WatchId(wanted.len() as i64), interval, from));
                    world.create(create);
                }
                1 => world.take(),
                2 => world.catch_up(),
                _ => {
                    let key = random.key();
                    world.put(&key);
                }
            }
        }
        world.catch_up();
        while !world.costs.is_empty() {
            world.take();
            world.catch_up();
        }
        for (id, interval, from) in wanted {
            let expected: Vec<String> = world
                .history
                .iter()
                .filter(|one| one.revision.0 >= from && interval.contains(&one.events[0].key))
                .map(|one| {
                    let key = core::str::from_utf8(&one.events[0].key).unwrap();
                    format!("{key}@{}", one.revision)
                })
                .collect();
            let prefix = format!("{} put ", id.0);
            let heard: Vec<String> = world
                .said
                .iter()
                .filter(|(_, words)| words.starts_with(&prefix))
                .flat_map(|(_, words)| words.split(' '))
                .filter(|word| word.contains('@'))
                .map(String::from)
                .collect();
            assert_eq!(heard, expected, "seed {seed}, watcher {}", id.0);
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % bound
    }

    fn key(&mut self) -> String {
        String::from(["a", "b", "ba", "c", "d", "e"][self.below(6)])
    }
}
