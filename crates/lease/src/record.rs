//! What is known of a lease on every member.

use core::fmt;

use units::LeaseId;

/// The longest TTL that may be asked for, in seconds: etcd's limit, under which deadlines cannot
/// overflow its clock.
pub const TTL_MAX_S: i64 = 9_000_000_000;

/// What every member holds of a lease, and what is stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub id: LeaseId,
    /// The TTL granted, in seconds; not below the least TTL of the member that shows it.
    pub ttl_s: i64,
    /// What was left of it when last checkpointed, in seconds; 0 if it was not since the last
    /// renewal.
    pub remaining_s: i64,
}

/// Why a command about a lease is turned down; the same on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The id is taken.
    Exists,
    /// There is no such lease.
    NotFound,
    /// The TTL is above [`TTL_MAX_S`].
    TtlTooLarge,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "the lease already exists",
            Self::NotFound => "there is no such lease",
            Self::TtlTooLarge => "the TTL is too large",
        })
    }
}

impl core::error::Error for Refusal {}
