//! An engine whose sizes are looked at every so often.
//!
//! Every request that takes space asks how much the engine takes, by the quota's rules; and an
//! engine may have to look at all its files to say so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backend::{Backend, Batch, Fault, Records, Stats, View};

/// How long sizes are believed. What is written meanwhile may exceed the quota, as in etcd what is
/// under way may.
const BELIEVED: Duration = Duration::from_millis(100);

/// An engine, and what was last seen of its sizes.
pub(crate) struct Measured {
    engine: Arc<dyn Backend>,
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    stats: Stats,
    /// When somebody should look again.
    believed_until: Instant,
}

impl Seen {
    fn now(stats: Stats) -> Self {
        Self { stats, believed_until: Instant::now() + BELIEVED }
    }
}

impl Measured {
    pub(crate) fn new(engine: Arc<dyn Backend>) -> Self {
        Self { engine, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        // Whoever panicked with it has left no half.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next who asks looks again.
    fn outdate(&self) {
        if let Some(seen) = &mut *self.seen() {
            seen.believed_until = Instant::now();
        }
    }
}

impl Backend for Measured {
    fn view(&self) -> Arc<dyn View> {
        self.engine.view()
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.engine.write(batch)
    }

    fn sync(&self) -> Result<(), Fault> {
        let synced = self.engine.sync();
        self.outdate();
        synced
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        let replaced = self.engine.replace(records);
        self.outdate();
        replaced
    }

    fn stats(&self) -> Stats {
        let mut seen = self.seen();
        let Some(former) = &mut *seen else {
            // There is nothing yet that others could go on with.
            return seen.insert(Seen::now(self.engine.stats())).stats;
        };
        let now = Instant::now();
        if now < former.believed_until {
            return former.stats;
        }
        // One looks, and nobody waits for it.
        former.believed_until = now + BELIEVED;
        drop(seen);
        let stats = self.engine.stats();
        *self.seen() = Some(Seen::now(stats));
        stats
    }
}
