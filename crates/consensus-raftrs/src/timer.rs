//! When to act without being asked.

use std::time::Duration;

use consensus::kit::Random;
use units::Time;

/// The library counts ticks and rolls dice of its own; here is time, and randomness from a seed.
/// Followers' and candidates' elections are timed here alone; a leader is given a tick for each
/// heartbeat.
pub(crate) struct Timer {
    random: Random,
    election_timeout: Duration,
    /// From one to two election timeouts.
    span: Duration,
    /// When to campaign, unless something is heard of a leader.
    pub(crate) election_at: Time,
    /// When a leader lets itself be heard.
    pub(crate) beat_at: Time,
    /// Until when candidates are ignored (§4.2.3): an election timeout from the last message of a
    /// leader.
    pub(crate) loyal_until: Time,
}

impl Timer {
    pub(crate) fn new(now: Time, election_timeout: Duration, seed: u64) -> Self {
        let mut timer = Self {
            random: Random::new(seed),
            election_timeout,
            span: election_timeout,
            election_at: now,
            beat_at: now,
            loyal_until: now,
        };
        timer.draw(now);
        timer
    }

    /// Waits for a leader, for a time drawn anew.
    pub(crate) fn draw(&mut self, now: Time) {
        self.span = self.random.one_to_two(self.election_timeout);
        self.election_at = now + self.span;
    }

    /// A leader was heard.
    pub(crate) fn heard(&mut self, now: Time) {
        self.loyal_until = now + self.election_timeout;
    }

    /// Of the two timeouts that may have been drawn each is that much shorter.
    pub(crate) fn hasten(&mut self, now: Time, by: Duration) {
        let sooner = by.as_nanos() * self.span.as_nanos() / self.election_timeout.as_nanos();
        let sooner = u64::try_from(sooner).map_or(Duration::MAX, Duration::from_nanos);
        self.election_at = now.max(self.election_at - sooner);
    }
}
