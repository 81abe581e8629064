//! Waiting for what must become true.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that is expected to happen soon. Elections and starts take a second
/// or two; the rest is room for a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How long to wait between two looks. Short against an election, long against a status request.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Looks until the condition holds and returns what it yields.
///
/// # Panics
///
/// When the deadline has passed, with the last reason why the condition did not hold.
#[track_caller]
pub fn eventually<T, E: Display>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(found) => return found,
            Err(reason) if Instant::now() >= deadline => {
                panic!("{what}: not within {within:?}: {reason}")
            }
            Err(_) => thread::sleep(LOOK_INTERVAL),
        }
    }
}
