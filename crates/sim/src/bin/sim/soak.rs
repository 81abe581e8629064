//! Many seeds on all cores.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sim::{Failure, Kind, Options, Report, Tally, Violation, run};

use crate::ledger;

/// One seed in so many is run twice, to see that it is the same again.
const TWICE_EVERY: u64 = 100;

/// How often it is said how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_secs(15);

/// When a soak ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Runs(u64),
    Time(Duration),
}

/// A soak.
pub(crate) struct Soak {
    pub(crate) first: u64,
    pub(crate) until: Until,
    pub(crate) ledger: bool,
    pub(crate) options: Options,
}

/// What it came to.
#[derive(Default)]
pub(crate) struct Total {
    pub(crate) seeds: u64,
    pub(crate) events: u64,
    pub(crate) faults: BTreeMap<Kind, u64>,
    /// What befell frames.
    pub(crate) disturbed: u64,
    pub(crate) tally: Tally,
    pub(crate) answered: u64,
    pub(crate) compared: u64,
    /// Calls that an order was found for, and histories that were too hard.
    pub(crate) ordered: u64,
    pub(crate) too_hard: u64,
    pub(crate) simulated: Duration,
    pub(crate) twice: u64,
    pub(crate) violations: Vec<(u64, Box<Failure>)>,
}

impl Total {
    fn add(&mut self, report: &Report) {
        self.events += report.events;
        for (kind, count) in &report.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        self.disturbed += report.disturbed;
        self.tally.join(&report.tally);
        self.answered += report.answered;
        self.compared += report.compared;
        self.ordered += report.ordered;
        self.too_hard += report.too_hard;
        self.simulated += report.simulated;
    }

    /// Everything that went wrong.
    pub(crate) fn all_faults(&self) -> u64 {
        self.faults.values().sum::<u64>() + self.disturbed
    }

    pub(crate) fn hours(&self) -> f64 {
        self.simulated.as_secs_f64() / 3600.0
    }
}

impl Soak {
    /// Runs them all, and says what it came to.
    pub(crate) fn run(&self) -> ExitCode {
        let (begun, cpu_begun) = (Instant::now(), cpu_time());
        let version = ledger::version().unwrap_or_else(|| "unknown".into());
        let (next, total) = (AtomicU64::new(0), Mutex::new(Total::default()));
        let told = Mutex::new(begun);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        let ends = match self.until {
                            Until::Runs(runs) => nth >= runs,
                            Until::Time(span) => begun.elapsed() >= span,
                        };
                        if ends {
                            return;
                        }
                        self.one(nth, &total);
                        self.tell(&told, &total, begun.elapsed());
                    }
                });
            }
        });
        let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
        let cpu = cpu_begun.and_then(|begun| Some(cpu_time()?.saturating_sub(begun)));
        let minutes = cpu.unwrap_or(begun.elapsed()).as_secs_f64() / 60.0;
        self.conclude((&total, &version), begun.elapsed(), minutes)
    }

    fn one(&self, nth: u64, total: &Mutex<Total>) {
        let seed = self.first.wrapping_add(nth);
        let result = run(seed, &self.options);
        let twice = nth.is_multiple_of(TWICE_EVERY);
        let other = twice && run(seed, &self.options) != result;
        let mut total = locked(total);
        total.seeds += 1;
        total.twice += u64::from(twice);
        let result = if other {
            let violation = Violation::new("the seed gives another world each time");
            Err(Box::new(Failure { violation, events: 0, story: Vec::new() }))
        } else {
            result
        };
        match result {
            Ok(report) => total.add(&report),
            Err(failure) => {
                println!("seed {seed}, after {} events: {}", failure.events, failure.violation);
                total.violations.push((seed, failure));
            }
        }
    }

    /// Says now and then how far it has come, and when it will have come to its end.
    fn tell(&self, told: &Mutex<Instant>, total: &Mutex<Total>, gone: Duration) {
        let mut told = locked(told);
        if told.elapsed() < PROGRESS_EVERY {
            return;
        }
        *told = Instant::now();
        let total = locked(total);
        let (seeds, violations) = (total.seeds, total.violations.len());
        let whole = match self.until {
            Until::Runs(runs) => gone.mul_f64(runs as f64 / seeds.max(1) as f64),
            Until::Time(span) => span,
        };
        eprintln!(
            "{seeds} seeds, {:.1} hours simulated, {violations} violations, {:.0?} to go",
            total.hours(),
            whole.saturating_sub(gone)
        );
    }

    fn conclude(&self, (total, version): (&Total, &str), wall: Duration, minutes: f64) -> ExitCode {
        println!(
            "{} seeds from {}: {} events, {:.1} hours simulated, {} faults, {} requests answered, \
             {} facts compared, {} calls put in order, {} histories too hard for that, {} seeds \
             run twice, {} violations, in {wall:.0?}",
            total.seeds,
            self.first,
            total.events,
            total.hours(),
            total.all_faults(),
            total.answered,
            total.compared,
            total.ordered,
            total.too_hard,
            total.twice,
            total.violations.len(),
        );
        println!(
            "a CPU minute: {:.1} hours simulated, {:.0} events, {:.0} faults",
            total.hours() / minutes,
            total.events as f64 / minutes,
            total.all_faults() as f64 / minutes,
        );
        let kinds: Vec<String> =
            total.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("faults: {}, frames disturbed {}", kinds.join(", "), total.disturbed);
        let counts: Vec<String> =
            total.tally.iter().map(|(what, times)| format!("{what} {times}")).collect();
        println!("what happened: {}", counts.join(", "));
        if self.ledger
            && let Err(error) = ledger::append(self, (total, version), minutes)
        {
            eprintln!("the ledger cannot be written: {error}");
            return ExitCode::FAILURE;
        }
        if total.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked has added a whole report or nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A seed that nobody has run before, most likely.
pub(crate) fn random_seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish() >> 16
}

/// How long all threads together were at work; nothing where that cannot be found out.
pub(crate) fn cpu_time() -> Option<Duration> {
    /// What the kernel counts in.
    const TICKS_PER_SECOND: u32 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the program's name, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |nth: usize| fields.get(nth)?.parse::<u64>().ok();
    let all = ticks(11)? + ticks(12)?;
    Some(Duration::from_secs(all) / TICKS_PER_SECOND)
}
