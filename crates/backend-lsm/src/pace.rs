//! The pace of threads that write files: short stretches of work, and a rest after each.
//!
//! A thread that works on and on is in the way of requests, however low its priority is: on some
//! virtual machines a processor that is busy hears of the disk at the next tick of its clock only,
//! so that a sync of the log beside it takes two ticks, 8 ms, instead of 0.1 ms. A processor whose
//! thread rests, if only for a moment, hears of it then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a stretch is: about as long as a request takes anyhow.
const STRETCH: Duration = Duration::from_micros(200);
/// Bytes of records between two looks at the clock: some ten microseconds' work.
const LOOK_BYTES: usize = 4 << 10;
/// The shortest rest. Any is enough for a processor to look after others; this one leaves two
/// thirds of one to the work.
const REST_MIN: Duration = Duration::from_micros(50);
/// How many times as long as a stretch took the rest is of who has time. What makes a stretch long,
/// other work or a busy disk, makes the rest long, too.
const LEISURE_TIMES: u32 = 3;
/// The longest rest, as whoever wants the work to end waits for it.
const REST_MAX: Duration = Duration::from_millis(2);

/// Whether merges have time, as nobody waits for them.
#[derive(Clone, Default)]
pub(crate) struct Leisure(Arc<AtomicBool>);

impl Leisure {
    pub(crate) fn set(&self, is_leisurely: bool) {
        self.0.store(is_leisurely, Ordering::Relaxed);
    }
}

/// Work under way.
pub(crate) struct Pace {
    leisure: Leisure,
    /// Bytes since the last look at the clock.
    bytes: usize,
    /// When this stretch began.
    began: Instant,
}

impl Pace {
    /// The first stretch begins.
    pub(crate) fn new(leisure: Leisure) -> Self {
        Self { leisure, bytes: 0, began: Instant::now() }
    }

    /// A record of so many bytes was worked on. Rests when a stretch is over.
    pub(crate) fn worked(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes < LOOK_BYTES {
            return;
        }
        self.bytes = 0;
        let worked = self.began.elapsed();
        if worked >= STRETCH {
            std::thread::sleep(rest(worked, self.leisure.0.load(Ordering::Relaxed)));
            self.began = Instant::now();
        }
    }
}

fn rest(worked: Duration, is_leisurely: bool) -> Duration {
    let times = if is_leisurely { LEISURE_TIMES } else { 0 };
    (worked * times).clamp(REST_MIN, REST_MAX)
}

#[cfg(test)]
mod tests;
