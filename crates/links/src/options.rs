//! What can be chosen.

use std::num::NonZeroU64;
use std::time::Duration;

use units::{ClusterId, NodeId};

/// How long an answer to a call is waited for, if nothing else is chosen: etcd's request timeout
/// with its default election timeout.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(7);

/// How long connecting may take, if nothing else is chosen: a second and etcd's default election
/// timeout.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How fast a snapshot is sent, if nothing else is chosen: half of what a gigabit link carries, so
/// that entries and heartbeats get through beside it.
pub const SNAPSHOT_BYTES_PER_SECOND: NonZeroU64 = NonZeroU64::new(64 << 20).expect("not zero");

/// Who this member is and how it treats its peers.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster; peers of others are refused.
    pub cluster: ClusterId,
    /// This member.
    pub id: NodeId,
    /// Where this member listens for members: told to those who have not heard of it yet.
    pub urls: Vec<String>,
    /// The largest frame, sent or received.
    pub frame_bytes_max: usize,
    /// How long an answer to a call is waited for.
    pub call_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How fast a snapshot is sent.
    pub snapshot_bytes_per_second: NonZeroU64,
}
