//! Watchers, and how long it takes until each has heard.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{PutRequest, WatchCreateRequest, WatchRequest};

use crate::message::{Field, Noise, Template, blank, bytes_of, fields, key, number_in};
use crate::outcome::{Meter, Outcome};
use crate::pace::Pace;
use crate::pool::Pool;
use crate::request::PUT;
use crate::wire::{Broken, Event, Failure, Streams, framed};

const WATCH: &str = "/etcdserverpb.Watch/Watch";

/// The keys that are watched, up to a word of the run's own: what a server still has to do for an
/// earlier run is nobody's business in this one. A key's number is its put's.
fn prefix() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("watched/{}/", now.as_nanos())
}

/// The first key behind those with this prefix.
fn behind(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut().expect("a prefix is not empty") += 1;
    end
}

/// Tokens of watch streams; those of puts are their numbers.
const STREAM: u64 = 1 << 63;

/// How long it may take until all watches are there, and until all have heard of the last put.
const TAIL_MAX: Duration = Duration::from_secs(60);

/// How much to watch and write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Watching {
    /// How many watches there are, all of the same keys.
    pub watchers: usize,
    /// How many streams they share.
    pub streams: usize,
    /// Puts per second; `None` to put again as soon as everybody has heard of the last.
    pub per_second: Option<u32>,
    /// How long the values are.
    pub value_bytes: usize,
    /// How long to write before measuring.
    pub warmup: Duration,
    /// How long to measure.
    pub measured: Duration,
}

/// Watches, writes, and measures how long after a put was due each watcher has heard of it. The
/// outcome's answers are events that were heard.
///
/// # Errors
///
/// When a connection breaks, or a watch does not come to be.
pub fn watch(pool: &mut Pool, watching: Watching, pids: &[u32]) -> Result<Outcome, Broken> {
    let mut watch = Watch::new(watching);
    watch.create(pool)?;
    let begin = Instant::now() + watching.warmup;
    let end = begin + watching.measured;
    (watch.begin, watch.end) = (begin, end);
    watch.pace = watching.per_second.map(|rate| Pace::new(Instant::now(), rate));
    watch.write_until(pool, begin)?;
    let meter = Meter::start(pids)?;
    watch.write_until(pool, end)?;
    meter.stop(&mut watch.outcome)?;
    watch.hear_the_rest(pool)?;
    Ok(watch.outcome)
}

/// A put and who has heard of it.
#[derive(Debug)]
struct Put {
    due: Instant,
    /// How many watchers have not.
    unheard: u32,
    failed: bool,
}

#[derive(Debug)]
struct Watch {
    watching: Watching,
    prefix: String,
    put: Template,
    noise: Noise,
    pace: Option<Pace>,
    puts: Vec<Put>,
    created: usize,
    answered: usize,
    /// How many events are still to be heard of puts that have not failed.
    unheard_all: usize,
    begin: Instant,
    end: Instant,
    outcome: Outcome,
    broken: Option<Broken>,
}

impl Watch {
    fn new(watching: Watching) -> Self {
        assert!(watching.watchers.is_multiple_of(watching.streams), "streams have the same share");
        let prefix = prefix();
        let put = PutRequest {
            key: key(&prefix, 0).into(),
            value: blank(watching.value_bytes).into(),
            ..PutRequest::default()
        };
        let now = Instant::now();
        Self {
            watching,
            put: Template::new(PUT, &put, &prefix),
            prefix,
            noise: Noise::new(3),
            pace: None,
            puts: Vec::new(),
            created: 0,
            answered: 0,
            unheard_all: 0,
            begin: now,
            end: now,
            outcome: Outcome::default(),
            broken: None,
        }
    }

    fn create(&mut self, pool: &mut Pool) -> Result<(), Broken> {
        let create = WatchCreateRequest {
            key: self.prefix.clone().into(),
            range_end: behind(&self.prefix).into(),
            ..WatchCreateRequest::default()
        };
        let request =
            framed(&WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) });
        let deadline = Instant::now() + TAIL_MAX;
        for n in 0..self.watching.streams {
            // The first connection is the writer's, if there is another.
            let others = pool.connections().saturating_sub(1).max(1);
            let streams = pool.streams(1 + n % others);
            let stream = streams.open(WATCH, &request, STREAM | n as u64);
            for _ in 1..self.watching.watchers / self.watching.streams {
                streams.send(stream, &request);
            }
        }
        while self.created < self.watching.watchers {
            if Instant::now() > deadline {
                let Self { created, watching, .. } = self;
                return Err(Broken(format!("{created} of {} watches", watching.watchers)));
            }
            self.turn(pool, deadline)?;
        }
        Ok(())
    }

    fn write_until(&mut self, pool: &mut Pool, end: Instant) -> Result<(), Broken> {
        while Instant::now() < end {
            let next = match self.pace {
                Some(pace) => {
                    let due = pace.due(self.puts.len() as u64);
                    if due <= Instant::now() {
                        self.write(pool, due);
                        continue;
                    }
                    due.min(end)
                }
                None => {
                    if self.unheard_all == 0 && self.answered == self.puts.len() {
                        self.write(pool, Instant::now());
                    }
                    end
                }
            };
            self.turn(pool, next)?;
        }
        Ok(())
    }

    fn write(&mut self, pool: &mut Pool, due: Instant) {
        let number = self.puts.len();
        let unheard = self.watching.watchers as u32;
        self.puts.push(Put { due, unheard, failed: false });
        self.unheard_all += self.watching.watchers;
        let message = self.put.fill([number], &mut self.noise);
        pool.streams(0).call(PUT, message, number as u64);
    }

    /// Watchers that have not heard by the deadline have waited at least until then.
    fn hear_the_rest(&mut self, pool: &mut Pool) -> Result<(), Broken> {
        let deadline = Instant::now() + TAIL_MAX;
        let waits = |watch: &Self| watch.unheard_all > 0 || watch.answered < watch.puts.len();
        while waits(self) && Instant::now() < deadline {
            self.turn(pool, deadline)?;
        }
        for put in self.puts.iter().filter(|put| !put.failed) {
            for _ in 0..put.unheard {
                self.outcome.latencies.note(put.due.elapsed());
                self.outcome.fail(format!("an event was not heard within {TAIL_MAX:?}"));
            }
        }
        Ok(())
    }

    fn turn(&mut self, pool: &mut Pool, until: Instant) -> Result<(), Broken> {
        pool.turn(until, &mut |_, event, streams| self.on(event, streams))?;
        self.broken.take().map_or(Ok(()), Err)
    }

    fn on(&mut self, event: Event<'_>, _: &mut Streams) {
        match event {
            Event::Message { token, body } if token & STREAM != 0 => self.hear(body),
            Event::Message { .. } => {}
            Event::Ended { token, result } if token & STREAM != 0 => {
                self.broken = Some(Broken(format!("a watch ends: {result:?}")));
            }
            Event::Ended { token, result } => self.end_put(token as usize, result),
        }
    }

    /// A put that fails may yet be heard of: a server that gives up waiting for its turn does not
    /// take it back. So it is not waited for, and not unexpected either.
    fn end_put(&mut self, number: usize, result: Result<(), Failure>) {
        self.answered += 1;
        if let Err(failure) = result {
            let put = &mut self.puts[number];
            self.unheard_all -= put.unheard as usize;
            put.failed = true;
            self.outcome.fail(failure.to_string());
        }
    }

    /// A watch's answer: it was created, it was cancelled, or something has happened.
    fn hear(&mut self, answer: &[u8]) {
        let now = Instant::now();
        for (number, field) in fields(answer) {
            match (number, field) {
                (3, Field::Number(1)) => self.created += 1,
                (4, Field::Number(1)) => {
                    self.broken = Some(Broken("a watch is cancelled".to_owned()));
                }
                (11, Field::Bytes(event)) => {
                    let kv = bytes_of(event, 2).unwrap_or_default();
                    let number = number_in(bytes_of(kv, 1).unwrap_or_default());
                    self.note(number, now);
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, number: Option<usize>, now: Instant) {
        let put = number.and_then(|number| self.puts.get_mut(number));
        let Some(put) = put.filter(|put| put.unheard > 0) else {
            return self.outcome.fail("an event that was not expected".to_owned());
        };
        put.unheard -= 1;
        if !put.failed {
            self.unheard_all -= 1;
        }
        if now >= self.begin && now <= self.end {
            self.outcome.answered += 1;
        }
        if put.due >= self.begin && put.due <= self.end {
            self.outcome.latencies.note(now - put.due);
        }
    }
}

#[cfg(test)]
mod tests;
