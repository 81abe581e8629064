//! What tests share that run members in one process.

use std::path::PathBuf;
use std::time::Duration;

use consensus::{Limits, ReadPolicy};
use node::TrimPolicy;
use state::{LeaseConfig, Version};
use tokio::time::timeout;
use units::NodeId;

use crate::{Config, Inline};

/// How long something that must happen may take, on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Short, so that leaders are lost and found quickly; long against what a busy machine may stall.
pub const HEARTBEAT: Duration = Duration::from_millis(50);

/// See [`HEARTBEAT`].
pub const ELECTION_TIMEOUT: Duration = Duration::from_millis(500);

/// So often that logs are trimmed while a test runs.
pub const SYNC_EVERY: Duration = Duration::from_millis(20);

/// How a member behaves that a test can bring to its limits.
#[must_use]
pub fn config(id: NodeId, spool: PathBuf) -> Config {
    Config {
        name: format!("member-{id}"),
        client_urls: vec![format!("client://{id}")],
        version: Version { major: 3, minor: 7, patch: 1 },
        consensus: consensus::Config {
            id,
            heartbeat: HEARTBEAT,
            election_timeout: ELECTION_TIMEOUT,
            pre_vote: true,
            check_quorum: true,
            reads: ReadPolicy::Quorum,
            limits: Limits {
                message_bytes_max: 1 << 20,
                inflight_messages_max: 512,
                inflight_bytes_max: 64 << 20,
                uncommitted_bytes_max: 64 << 20,
                cached_bytes_max: 1 << 20,
                apply_bytes_max: 1 << 20,
            },
            seed: 0,
        },
        state: state::Config {
            node: id,
            lease: LeaseConfig {
                ttl_min_s: 1,
                election_timeout: ELECTION_TIMEOUT,
                retry: Duration::from_secs(1),
                checkpoint_every: None,
            },
            quota_bytes: None,
            learners_max: 1,
            store_checkpoints: false,
        },
        watch: watch::Config {
            ring_bytes_max: 100_000,
            progress_every: Duration::from_secs(600),
            seed: 0,
        },
        trim: TrimPolicy {
            kept_entries_max: 50,
            kept_bytes_max: 1 << 20,
            step_entries: 20,
            step_bytes: 1 << 20,
        },
        request_timeout: Duration::from_secs(7),
        request_bytes_max: 1_500_000,
        slow_apply: Duration::from_millis(100),
        hasten_first_election: true,
        strict_changes: true,
        members_max: None,
        sync_every: SYNC_EVERY,
        spool,
        snapshot_bytes_max: 100 << 20,
        reads_max: 4,
        inline: Inline { apply: true, keep: true },
    }
}

/// Waits for something that must happen.
///
/// # Panics
///
/// If it does not.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
