//! Things that are due at a steady rate, whether or not the last one has been answered.
//!
//! How long one took is counted from when it was due, not from when it could be sent: a server that
//! stops for a second has kept a thousand requests a second waiting, not one.

use std::time::{Duration, Instant};

/// When each of a row of things is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start: Instant,
    per_second: u32,
}

impl Pace {
    pub(crate) fn new(start: Instant, per_second: u32) -> Self {
        assert!(per_second > 0, "nothing would ever be due");
        Self { start, per_second }
    }

    /// When the n-th is due.
    pub(crate) fn due(self, n: u64) -> Instant {
        let per_second = u64::from(self.per_second);
        let part = Duration::from_nanos(n % per_second * 1_000_000_000 / per_second);
        self.start + Duration::from_secs(n / per_second) + part
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;

    #[test]
    fn the_rate_is_kept_without_drift() {
        let start = Instant::now();
        let pace = Pace::new(start, 300);
        assert_eq!(pace.due(0), start);
        assert_eq!(pace.due(1), start + Duration::from_nanos(3_333_333));
        assert_eq!(pace.due(300 * 3_600), start + Duration::from_secs(3_600));
        assert!((1..1_000).all(|n| pace.due(n) > pace.due(n - 1)));
    }
}
