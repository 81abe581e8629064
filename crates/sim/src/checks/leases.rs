//! Until when each lease must live, by the clock of the member that leads.

use std::collections::BTreeMap;
use std::time::Duration;

use units::{NodeId, Time};

use super::{Violation, ensure};

/// The earliest moment at which a leader may find each lease expired; empty elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    until: BTreeMap<i64, Time>,
}

impl Lives {
    /// The lease has at least so much before it.
    pub(crate) fn renewed(&mut self, now: Time, lease: i64, ttl_s: i64) {
        let ttl = Duration::from_secs(ttl_s.unsigned_abs());
        self.until.insert(lease, now + ttl);
    }

    /// This member's clock does not count any more.
    pub(crate) fn demoted(&mut self) {
        self.until.clear();
    }

    /// The leader finds the lease expired.
    pub(crate) fn expired(&self, node: NodeId, now: Time, lease: i64) -> Result<(), Violation> {
        let until = self.until.get(&lease).copied().unwrap_or_default();
        ensure!(
            now >= until,
            "{node} ends lease {lease} at {:?} of its clock, but it lives until {:?}",
            now.0,
            until.0
        );
        Ok(())
    }
}
