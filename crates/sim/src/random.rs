//! Randomness that depends on a seed alone.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A stream of random numbers (splitmix64). Consumers each draw from a stream of their own, so that
/// a new consumer does not shift what the others see.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for the consumer of this name.
    pub(crate) fn stream(&self, name: &str, number: u64) -> Self {
        let named = name.bytes().fold(self.0, |sum, byte| mix(sum ^ u64::from(byte)));
        Self(mix(named ^ number))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        assert!(low <= high, "a range holds something");
        low + self.next() % (high - low + 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "nothing is below 0");
        usize::try_from(self.next() % bound as u64).expect("a remainder is below its divisor")
    }

    /// True in so many of a thousand cases.
    pub(crate) fn permille(&mut self, permille: u64) -> bool {
        self.next() % 1000 < permille
    }

    pub(crate) fn duration(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let micros = |span: &Duration| u64::try_from(span.as_micros()).expect("spans are short");
        Duration::from_micros(self.within(micros(range.start())..=micros(range.end())))
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
