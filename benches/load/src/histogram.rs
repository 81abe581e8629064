//! Times by their frequency: as many as there are, in little room, each known to one part in a
//! hundred.

use std::time::Duration;

/// Bits of a time's number that are kept, below the highest: one part in 128.
const KEPT_BITS: u32 = 7;

/// Buckets of one power of two.
const STEP: usize = 1 << KEPT_BITS;

/// Buckets up to 2⁴¹ ns, more than half an hour.
const BUCKETS: usize = (41 - KEPT_BITS as usize) * STEP;

/// How often each time was seen. Times are in nanoseconds: those below `2 * STEP` have buckets of
/// their own, above there are `STEP` buckets for each power of two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Histogram {
    counts: Vec<u64>,
    len: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], len: 0, longest: Duration::ZERO }
    }
}

impl Histogram {
    /// Notes a time.
    pub fn note(&mut self, time: Duration) {
        self.counts[bucket(time.as_nanos() as u64)] += 1;
        self.len += 1;
        self.longest = self.longest.max(time);
    }

    /// How many were noted.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The longest of all, exactly.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The time that this share of them is within; zero of none.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.len as f64 * share).ceil() as u64).clamp(1, self.len.max(1));
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(highest(at)).min(self.longest);
            }
        }
        self.longest
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.len += other.len;
        self.longest = self.longest.max(other.longest);
    }
}

fn bucket(ns: u64) -> usize {
    let shift = ns.checked_ilog2().unwrap_or(0).saturating_sub(KEPT_BITS);
    (shift as usize * STEP + (ns >> shift) as usize).min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn highest(bucket: usize) -> u64 {
    let shift = (bucket / STEP).saturating_sub(1);
    let kept = (bucket - shift * STEP) as u64;
    ((kept + 1) << shift) - 1
}

#[cfg(test)]
mod tests;
