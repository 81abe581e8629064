//! What a run is like, drawn from its seed. Most faults are off in most runs, so that each meets
//! every kind of calm; limits are small, so that rare paths are common.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::random::Random;

/// How often each kind of trouble comes, and how large things are.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// Voters at the start.
    pub(crate) members: usize,
    /// Clients, each with one request at a time.
    pub(crate) clients: usize,
    /// Keys that they fight over.
    pub(crate) keys: usize,
    pub(crate) network: NetworkParameters,
    /// How long a sync of the log takes.
    pub(crate) sync: RangeInclusive<Duration>,
    /// How long it takes to apply a group of entries.
    pub(crate) apply: RangeInclusive<Duration>,
    /// How often the engine makes durable what it holds.
    pub(crate) engine_sync: RangeInclusive<Duration>,
    /// The time between two strokes of trouble; `None` for a run without.
    pub(crate) trouble: Option<RangeInclusive<Duration>>,
    /// How long a crashed member stays away.
    pub(crate) away: RangeInclusive<Duration>,
    /// How large a segment of the log is.
    pub(crate) segment_bytes: u64,
    /// Entries that the log keeps for those who lag.
    pub(crate) kept_entries: u64,
    /// Bytes of entries in a message.
    pub(crate) message_bytes: usize,
    /// Messages on the way to a peer.
    pub(crate) inflight_messages: usize,
    /// Bytes of entries in memory.
    pub(crate) cached_bytes: usize,
}

/// What the network does to frames.
#[derive(Clone, Debug)]
pub(crate) struct NetworkParameters {
    pub(crate) lost_permille: u64,
    pub(crate) doubled_permille: u64,
    pub(crate) spike_permille: u64,
    pub(crate) delay: RangeInclusive<Duration>,
    pub(crate) spike: RangeInclusive<Duration>,
}

const fn millis(low: u64, high: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(low)..=Duration::from_millis(high)
}

impl Parameters {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut sometimes =
            |most: u64| if random.permille(400) { random.within(1..=most) } else { 0 };
        let (lost_permille, doubled_permille, spike_permille) =
            (sometimes(200), sometimes(100), sometimes(50));
        let network = NetworkParameters {
            lost_permille,
            doubled_permille,
            spike_permille,
            delay: random.pick(&[millis(1, 2), millis(1, 20), millis(5, 80)]).clone(),
            spike: millis(200, 3_000),
        };
        let trouble = [None, Some(millis(100, 1_000)), Some(millis(500, 5_000))];
        Self {
            members: *random.pick(&[1, 2, 3, 3, 3, 3, 5, 5, 7]),
            clients: random.below(6) + 1,
            keys: random.below(12) + 1,
            network,
            sync: random.pick(&[millis(0, 1), millis(1, 20), millis(1, 300)]).clone(),
            apply: random.pick(&[millis(0, 1), millis(0, 10), millis(1, 200)]).clone(),
            engine_sync: random.pick(&[millis(10, 200), millis(500, 5_000)]).clone(),
            trouble: random.pick(&trouble).clone(),
            away: random.pick(&[millis(10, 500), millis(500, 10_000)]).clone(),
            segment_bytes: *random.pick(&[512, 4 << 10, 64 << 10]),
            kept_entries: *random.pick(&[0, 5, 20, 1_000]),
            message_bytes: *random.pick(&[64, 1 << 10, 1 << 20]),
            inflight_messages: *random.pick(&[1, 2, 8, 512]),
            cached_bytes: *random.pick(&[0, 256, 4 << 10, 1 << 20]),
        }
    }
}
