//! What a start comes to.

use core::time::Duration;

use units::HardState;

use crate::{Config, ReadPolicy, Start};

/// The hard state that a member of several begins with.
///
/// # Panics
///
/// If the start or the configuration contradicts itself.
#[must_use]
pub fn first_state(config: &Config, start: &Start) -> HardState {
    let (head, last) = (start.marker.position, start.last);
    let commit = start.hard_state.commit.max(start.applied);
    assert!(
        head.index <= start.applied && commit <= last.index,
        "log from {head:?} to {last:?}, committed up to {commit}, applied up to {}",
        start.applied
    );
    assert!(
        Duration::ZERO < config.heartbeat && config.heartbeat < config.election_timeout,
        "a leader must be heard before an election timeout has passed"
    );
    let by_lease = config.reads == ReadPolicy::Lease;
    assert!(config.check_quorum || !by_lease, "leases are promises of a checked quorum");
    // A hard state older than the log is what a crash between the installation of a snapshot and
    // the next write leaves; nothing was promised in the newer term.
    match start.hard_state {
        old if old.term < last.term => HardState { term: last.term, vote: None, commit },
        state => HardState { commit, ..state },
    }
}
