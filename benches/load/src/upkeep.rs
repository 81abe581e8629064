//! Puts at a steady rate while the server tidies up.

use std::mem;
use std::time::{Duration, Instant};

use fastrand::Rng;
use proto::etcdserverpb::{CompactionRequest, DefragmentRequest};

use crate::histogram::Histogram;
use crate::message::{Noise, Template, bytes_of, number_of};
use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::pool::Pool;
use crate::request::{PREFIX, PUT, RANGE, get_any, put_of};
use crate::wire::{Broken, Event, Failure, framed};

const COMPACT: &str = "/etcdserverpb.KV/Compact";
const DEFRAGMENT: &str = "/etcdserverpb.Maintenance/Defragment";

/// The token of what is asked besides puts.
const CHORE: u64 = u64::MAX;

/// How long a chore may take, and how long the last puts may.
const CHORE_MAX: Duration = Duration::from_secs(300);

/// More than that at once would measure the client's memory.
const OUTSTANDING_MAX: u64 = 50_000;

/// What a point of [`Upkeep::timeline`] stands for.
pub(crate) const SLOT: Duration = Duration::from_millis(100);

/// How much to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Steady {
    /// Puts per second.
    pub per_second: u32,
    /// Of how many keys each is drawn.
    pub keys: usize,
    /// How long the values are.
    pub value_bytes: usize,
    /// How long each phase takes at least.
    pub phase: Duration,
}

/// One phase: puts that were due in it, and what else was done.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// The puts that were due in it.
    pub outcome: Outcome,
    /// When it began, counted from the first.
    pub began: Duration,
    /// How long the chore took.
    pub chore: Duration,
}

/// What came of it: puts in calm, while history is compacted, and while the members, one after the
/// other, are defragmented.
#[derive(Clone, Debug, Default)]
pub struct Upkeep {
    /// Nothing else was done.
    pub calm: Phase,
    /// Everything but the newest was compacted.
    pub compaction: Phase,
    /// `Defragment` was asked of each member.
    pub defragment: Phase,
    /// The longest put due in each tenth of a second.
    pub timeline: Vec<Duration>,
}

/// Puts at a steady rate, and does the chores meanwhile. The first connections are to different
/// members, so many of them as there are members.
///
/// # Errors
///
/// When a connection breaks, or a chore fails.
pub fn upkeep(pool: &mut Pool, steady: Steady, members: usize) -> Result<Upkeep, Broken> {
    let mut writer = Writer::new(steady);
    // The first puts of all find cold caches, and are nobody's.
    writer.phase(pool, Vec::new())?;
    writer.phase(pool, Vec::new())?;
    let answer = pool_revision(pool, &mut writer)?;
    let compaction = CompactionRequest { revision: answer, physical: true };
    writer.phase(pool, vec![(0, COMPACT, framed(&compaction))])?;
    let defragment = |member| (member, DEFRAGMENT, framed(&DefragmentRequest {}));
    writer.phase(pool, (0..members).map(defragment).collect())?;
    writer.finish(pool)?;
    let mut phases = writer.phases.into_iter().skip(1);
    let mut next = || phases.next().expect("there were four phases");
    let (calm, compaction, defragment) = (next(), next(), next());
    let skipped = (calm.began.as_nanos() / SLOT.as_nanos()) as usize;
    let first = calm.began;
    let shifted = |phase: Phase| Phase { began: phase.began - first, ..phase };
    Ok(Upkeep {
        calm: shifted(calm),
        compaction: shifted(compaction),
        defragment: shifted(defragment),
        timeline: writer.timeline.split_off(skipped.min(writer.timeline.len())),
    })
}

/// The newest revision, asked for while puts go on.
fn pool_revision(pool: &mut Pool, writer: &mut Writer) -> Result<i64, Broken> {
    let answer = writer.ask(pool, (0, RANGE, get_any()))?;
    let revision = number_of(bytes_of(&answer, 1).unwrap_or_default(), 3);
    i64::try_from(revision).map_err(|_| Broken(format!("revision {revision}")))
}

/// What is asked besides puts: over which connection, which method, what.
type Chore = (usize, &'static str, Vec<u8>);

#[derive(Debug)]
struct Writer {
    steady: Steady,
    put: Template,
    noise: Noise,
    rng: Rng,
    start: Instant,
    pace: Pace,
    /// The next put, and how many have no answer yet.
    next: u64,
    outstanding: u64,
    phases: Vec<Phase>,
    timeline: Vec<Duration>,
    /// The answer to a chore.
    answer: Vec<u8>,
    chore_end: Option<Result<(), Failure>>,
}

impl Writer {
    fn new(steady: Steady) -> Self {
        let start = Instant::now();
        Self {
            steady,
            put: Template::new(PUT, &put_of(steady.value_bytes), PREFIX),
            noise: Noise::new(2),
            rng: Rng::with_seed(2),
            start,
            pace: Pace::new(start, steady.per_second),
            next: 0,
            outstanding: 0,
            phases: Vec::new(),
            timeline: Vec::new(),
            answer: Vec::new(),
            chore_end: None,
        }
    }

    /// Puts at least for as long as a phase takes, and until all chores are done.
    fn phase(&mut self, pool: &mut Pool, chores: Vec<Chore>) -> Result<(), Broken> {
        let began = Instant::now();
        let phase = Phase { began: began - self.start, ..Phase::default() };
        self.phases.push(phase);
        let number = self.phases.len() - 1;
        for chore in chores {
            self.ask(pool, chore)?;
            self.phases[number].chore = began.elapsed();
        }
        while began.elapsed() < self.steady.phase {
            self.turn(pool)?;
        }
        self.phases[number].outcome.measured = began.elapsed();
        Ok(())
    }

    /// Does one chore while puts go on.
    fn ask(&mut self, pool: &mut Pool, chore: Chore) -> Result<Vec<u8>, Broken> {
        let (connection, path, message) = chore;
        let deadline = Instant::now() + CHORE_MAX;
        pool.streams(connection).call(path, &message, CHORE);
        while Instant::now() < deadline {
            self.turn(pool)?;
            match self.chore_end.take() {
                None => {}
                Some(Ok(())) => return Ok(mem::take(&mut self.answer)),
                Some(Err(failure)) => return Err(Broken(format!("{path}: {failure}"))),
            }
        }
        Err(Broken(format!("{path}: no answer within {CHORE_MAX:?}")))
    }

    /// Sends what is due, and takes in what comes until the next is.
    fn turn(&mut self, pool: &mut Pool) -> Result<(), Broken> {
        while self.pace.due(self.next) <= Instant::now() && self.outstanding < OUTSTANDING_MAX {
            let key = self.rng.usize(..self.steady.keys);
            let message = self.put.fill([key], &mut self.noise);
            pool.streams(self.next as usize).call(PUT, message, self.next);
            self.next += 1;
            self.outstanding += 1;
        }
        let until = self.pace.due(self.next);
        pool.turn(until, &mut |_, event, _| self.on(event))
    }

    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Message { token: CHORE, body } => self.answer = body.to_vec(),
            Event::Ended { token: CHORE, result } => self.chore_end = Some(result),
            Event::Message { .. } => {}
            Event::Ended { token, result } => self.end(token, result),
        }
    }

    /// A put has been answered. It belongs to the phase in which it was due.
    fn end(&mut self, token: u64, result: Result<(), Failure>) {
        self.outstanding -= 1;
        let due = self.pace.due(token);
        let took = due.elapsed();
        let since_start = due - self.start;
        let phase = self.phases.partition_point(|phase| phase.began <= since_start);
        // Whatever was due before the first phase was pushed is of the first.
        let outcome = &mut self.phases[phase.saturating_sub(1)].outcome;
        match result {
            Ok(()) => outcome.note(took),
            Err(failure) => return outcome.fail(failure.to_string()),
        }
        let slot = (since_start.as_nanos() / SLOT.as_nanos()) as usize;
        if self.timeline.len() <= slot {
            self.timeline.resize(slot + 1, Duration::ZERO);
        }
        self.timeline[slot] = self.timeline[slot].max(took);
    }

    /// Takes in the last answers.
    fn finish(&mut self, pool: &mut Pool) -> Result<(), Broken> {
        let deadline = Instant::now() + CHORE_MAX;
        while self.outstanding > 0 {
            if Instant::now() > deadline {
                return Err(Broken(format!("{} puts are never answered", self.outstanding)));
            }
            pool.turn(deadline, &mut |_, event, _| self.on(event))?;
        }
        Ok(())
    }
}

impl Upkeep {
    /// How long all puts of all phases took.
    pub fn latencies(&self) -> Histogram {
        let mut all = Histogram::default();
        for phase in [&self.calm, &self.compaction, &self.defragment] {
            all.merge(&phase.outcome.latencies);
        }
        all
    }
}
