//! Leases. None of them ends by itself while a script runs, and no two are due at the same time.

use proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseRevokeRequest,
    LeaseTimeToLiveRequest,
};

use super::{Audience, Generator};

/// Ids that scripts use.
const IDS: [i64; 6] = [1, 2, 3, 4, 5, 6];

/// Ids that are as good, but that 3.5 does not find again when it starts.
const NEGATIVE_IDS: [i64; 2] = [-3, i64::MIN];

/// How far the times of two leases lie apart, in seconds: much more than a script takes.
const TTL_STEP: i64 = 1_000;

/// The longest there is.
const TTL_MAX: i64 = 9_000_000_000;

impl Generator {
    pub(super) fn grant(&mut self) {
        self.grants += 1;
        let ttl = self.grants * TTL_STEP;
        let id = self.some_lease();
        match self.rng.u8(0..20) {
            0 => self.plan("Lease.LeaseGrant", &LeaseGrantRequest { id: 0, ttl }),
            1 => {
                let ttl = self.pick(&[TTL_MAX + 1, i64::MAX]);
                self.plan("Lease.LeaseGrant", &LeaseGrantRequest { id, ttl });
            }
            // What is due soon goes at once.
            2 => {
                let ttl = self.pick(&[0, -1, 1, i64::MIN]);
                let id = 7;
                self.plan("Lease.LeaseGrant", &LeaseGrantRequest { id, ttl });
                self.plan("Lease.LeaseRevoke", &LeaseRevokeRequest { id });
            }
            3 => {
                let (id, ttl) = (8, TTL_MAX);
                self.plan("Lease.LeaseGrant", &LeaseGrantRequest { id, ttl });
                self.plan("Lease.LeaseTimeToLive", &LeaseTimeToLiveRequest { id, keys: false });
                self.plan("Lease.LeaseRevoke", &LeaseRevokeRequest { id });
            }
            _ => self.plan("Lease.LeaseGrant", &LeaseGrantRequest { id, ttl }),
        }
    }

    pub(super) fn revoke(&mut self) {
        let id = if self.one_in(10) { 0 } else { self.some_lease() };
        self.plan("Lease.LeaseRevoke", &LeaseRevokeRequest { id });
    }

    pub(super) fn ask_of_lease(&mut self) {
        let id = if self.one_in(10) { 99 } else { self.some_lease() };
        match self.rng.u8(0..3) {
            0 => self.plan("Lease.LeaseLeases", &LeaseLeasesRequest::default()),
            1 => self.plan("Lease.LeaseKeepAlive", &LeaseKeepAliveRequest { id }),
            _ => {
                let request = LeaseTimeToLiveRequest { id, keys: self.rng.bool() };
                self.plan("Lease.LeaseTimeToLive", &request);
            }
        }
    }

    /// It may exist or not.
    pub(super) fn some_lease(&mut self) -> i64 {
        if self.audience == Audience::Newest && self.one_in(4) {
            return self.pick(&NEGATIVE_IDS);
        }
        self.pick(&IDS)
    }
}
