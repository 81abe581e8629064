//! The pace of work that can wait: a short step, then a rest that is long against it.
//!
//! Whoever does such work whenever there is nothing else to do finds that there mostly is nothing,
//! and takes whole cores from those who share them: the other threads, other members, clients. So
//! the pace is the same whether anybody waits or not.

use std::time::Duration;

use units::Time;

/// How many times as long as a step the rest after it is: the work takes a tenth of one core.
const REST_TO_STEP: u32 = 9;

/// The longest rest: a step that took long because the machine was busy must not bring the work
/// almost to a stop, as it would not catch up any more with those who make it.
const REST_MAX: Duration = Duration::from_millis(10);

/// When the next step is due.
#[derive(Debug)]
pub(crate) struct Pace {
    due: Time,
}

impl Pace {
    /// The first step may begin at once.
    pub(crate) fn new() -> Self {
        Self { due: Time::ZERO }
    }

    /// When the next step may begin.
    pub(crate) fn due(&self) -> Time {
        self.due
    }

    /// A step was done.
    pub(crate) fn stepped(&mut self, began: Time, ended: Time) {
        self.due = ended + (ended.since(began) * REST_TO_STEP).min(REST_MAX);
    }
}

#[cfg(test)]
mod tests;
