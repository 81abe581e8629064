//! A member's own clock: what it says has little to do with what the world's says.

use std::time::Duration;

use units::Time;

/// The rate of a clock that runs as the world's does, in thousandths.
pub(crate) const TRUE_RATE: u64 = 1_000;

/// A clock that may run fast or slow, and be set forward or back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// What it said at some moment of the world; from then on it runs at its rate.
    said: Time,
    at: Time,
    /// In thousandths of the world's; 0 for one that stands still.
    rate: u64,
    /// The latest that it said before it was set back.
    furthest: Time,
}

impl Clock {
    /// A clock that says this at the world's beginning.
    pub(crate) fn new(said: Duration) -> Self {
        Self { said: Time(said), at: Time::ZERO, rate: TRUE_RATE, furthest: Time::ZERO }
    }

    /// What it says at a moment of the world.
    pub(crate) fn says(&self, world: Time) -> Time {
        let passed = nanos(world.since(self.at)) * u128::from(self.rate) / u128::from(TRUE_RATE);
        self.said + from_nanos(passed)
    }

    /// The first moment of the world at which it says this, or later; never if it stands still.
    pub(crate) fn when(&self, says: Time) -> Option<Time> {
        if says <= self.said {
            return Some(self.at);
        }
        if self.rate == 0 {
            return None;
        }
        let wait = nanos(says.since(self.said)) * u128::from(TRUE_RATE);
        Some(self.at + from_nanos(wait.div_ceil(u128::from(self.rate))))
    }

    /// From now on it runs at another rate.
    pub(crate) fn run(&mut self, world: Time, rate: u64) {
        *self = Self { said: self.says(world), at: world, rate, ..*self };
    }

    /// It is set forward.
    pub(crate) fn forward(&mut self, world: Time, span: Duration) {
        *self = Self { said: self.says(world) + span, at: world, ..*self };
    }

    /// It is set back.
    pub(crate) fn back(&mut self, world: Time, span: Duration) {
        let says = self.says(world);
        let furthest = self.furthest.max(says);
        *self = Self { said: says - span, at: world, furthest, ..*self };
    }

    /// It is set right: it runs as the world's does, and was never set back.
    pub(crate) fn mend(&mut self, world: Time) {
        let said = self.says(world).max(self.furthest);
        *self = Self { said, at: world, rate: TRUE_RATE, furthest: said };
    }
}

fn nanos(span: Duration) -> u128 {
    span.as_nanos()
}

fn from_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).expect("worlds do not last for centuries"))
}
