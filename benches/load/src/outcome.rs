//! What came of a load, and what it cost.

use std::io;
use std::time::{Duration, Instant};

use crate::histogram::Histogram;
use crate::usage::{Usage, own_cpu};

/// What came of a load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// How many answers came in the measured time.
    pub answered: u64,
    /// How many answers came in all the time.
    pub answered_ever: u64,
    /// How long answers took.
    pub latencies: Histogram,
    /// Requests that failed, in all the time.
    pub failed: u64,
    /// The last failure.
    pub failure: Option<String>,
    /// The measured time.
    pub measured: Duration,
    /// What the servers used in the measured time.
    pub servers: Usage,
    /// CPU time of this process in the measured time.
    pub own_cpu: Duration,
}

impl Outcome {
    /// Answers per second.
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.measured.as_secs_f64()
    }

    /// The servers' CPU seconds per thousand answers.
    pub fn cpu_per_thousand(&self) -> f64 {
        self.servers.cpu_seconds * 1_000.0 / self.answered as f64
    }

    /// This process's CPU microseconds per answer.
    pub fn own_cpu_us(&self) -> f64 {
        self.own_cpu.as_secs_f64() * 1e6 / self.answered as f64
    }

    /// An answer in the measured time.
    pub(crate) fn note(&mut self, took: Duration) {
        self.answered += 1;
        self.answered_ever += 1;
        self.latencies.note(took);
    }

    pub(crate) fn fail(&mut self, reason: String) {
        self.failed += 1;
        self.failure = Some(reason);
    }
}

/// Reads the meters, twice.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    pids: &'a [u32],
    started: Instant,
    servers: Usage,
    own: Duration,
}

impl<'a> Meter<'a> {
    pub(crate) fn start(pids: &'a [u32]) -> io::Result<Self> {
        Ok(Self { pids, started: Instant::now(), servers: Usage::of(pids)?, own: own_cpu() })
    }

    /// Writes down what was used since the start.
    pub(crate) fn stop(self, outcome: &mut Outcome) -> io::Result<()> {
        outcome.measured = self.started.elapsed();
        outcome.servers = Usage::of(self.pids)? - self.servers;
        outcome.own_cpu = own_cpu() - self.own;
        Ok(())
    }
}
