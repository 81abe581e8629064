//! Time as an argument.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point on one member's monotonic clock: the time since an origin that means nothing to anybody
/// else. Machines are told it and never ask for it; members never compare theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

impl Time {
    /// Where the clock starts.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates: a deadline of "practically never" must not wrap around.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    /// Saturates at the origin.
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}
