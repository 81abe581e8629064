//! Runs worlds: one seed, or many on all cores.

use std::env;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sim::{Report, Violation, run};

const USAGE: &str = "sim [--seed N | --first N] [--runs N] [--events N]";

/// What a soak came to.
#[derive(Default)]
struct Total {
    reports: u64,
    events: u64,
    faults: u64,
    answered: u64,
    compared: u64,
    simulated: Duration,
    twice: u64,
    violations: Vec<(u64, Violation)>,
}

impl Total {
    fn add(&mut self, report: &Report) {
        self.reports += 1;
        self.events += report.events;
        self.faults += report.faults;
        self.answered += report.answered;
        self.compared += report.compared;
        self.simulated += report.simulated;
    }
}

fn main() -> ExitCode {
    let (mut first, mut runs, mut events) = (1_u64, 10_000_u64, 2_000_u64);
    let mut arguments = env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let Some(number) = arguments.next().and_then(|text| text.parse().ok()) else {
            eprintln!("usage: {USAGE}");
            return ExitCode::from(2);
        };
        match flag.as_str() {
            "--seed" => (first, runs) = (number, 1),
            "--first" => first = number,
            "--runs" => runs = number,
            "--events" => events = number,
            _ => {
                eprintln!("usage: {USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    soak(first, runs, events)
}

/// Runs so many seeds on all cores. One in a hundred is run twice, to see that it is the same
/// again.
fn soak(first: u64, runs: u64, events: u64) -> ExitCode {
    let begun = Instant::now();
    let (next, total) = (AtomicU64::new(0), Mutex::new(Total::default()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= runs {
                        return;
                    }
                    let seed = first + nth;
                    let result = run(seed, events);
                    let again = (nth % 100 == 0).then(|| run(seed, events));
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    if again.as_ref().is_some_and(|again| *again != result) {
                        let words = "the seed gives another world each time";
                        total.violations.push((seed, Violation::new(words)));
                    }
                    total.twice += u64::from(again.is_some());
                    match result {
                        Ok(report) => total.add(&report),
                        Err(violation) => total.violations.push((seed, violation)),
                    }
                    if (nth + 1) % 1_000 == 0 {
                        eprintln!("{} of {runs} seeds", nth + 1);
                    }
                }
            });
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (seed, violation) in &total.violations {
        println!("seed {seed}: {violation}");
    }
    println!(
        "{} seeds from {first}: {} events, {} faults, {} requests answered, {} facts compared, \
         {:.1} hours simulated, {} seeds run twice, {} violations, in {:.0?}",
        total.reports,
        total.events,
        total.faults,
        total.answered,
        total.compared,
        total.simulated.as_secs_f64() / 3600.0,
        total.twice,
        total.violations.len(),
        begun.elapsed(),
    );
    if total.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
