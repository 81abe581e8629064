//! The member's clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use units::Time;

/// Counts from the member's start. Copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// How late it is.
    pub(crate) fn now(self) -> Time {
        Time(self.origin.elapsed())
    }

    /// When it is so late; `None` for what is too far away to be told.
    pub(crate) fn instant(self, at: Time) -> Option<Instant> {
        self.origin.checked_add(at.0)
    }
}

/// Milliseconds since 1970 by the wall clock, which may be wrong: it only has to move on.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
